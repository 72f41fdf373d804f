//! JSON objects, and nothing else: serde takes an array for a structure as well, member by member, which no schema does.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A structure that is written as an object.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Deserialize)]
    struct Pair<'a> {
        #[serde(borrow)]
        a: &'a RawValue,
        b: Option<u8>,
    }

    #[test]
    fn an_object_is_one_and_an_array_is_none() {
        let pair = |text| serde_json::from_str::<Object<Pair<'_>>>(text).ok().map(|Object(Pair { a, b })| (a.get(), b));
        assert_eq!(pair(r#"{"b":7,"a":1.50,"c":[]}"#), Some(("1.50", Some(7))));
        assert_eq!(pair(r#"{"a":{}}"#), Some(("{}", None)));
        for text in ["[1,7]", "7", "null", r#"{"b":7}"#, r#"{"a":1,"a":2}"#] {
            assert_eq!(pair(text), None, "{text}");
        }
    }
}
