//! Path and query parameters as types: clients write them into an address, servers read them from one.
//!
//! Kept true: what is written reads back to the same; a value stays within its segment of the path, so no name that a stranger
//! chose leads to another route; a parameter that the route does not have is refused, and so is one that comes twice, but for
//! routes that have none in the query: those pass a query over.
//!
//! Errors: [`ParameterError`]. Cost: one pass over the address.

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use schemars::{Schema, SchemaGenerator};

/// What is encoded in a segment or a query: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest piece of an address that an error repeats, in characters.
const MAX_SHOWN_CHARACTERS: usize = 64;

/// Why an address cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The path is another route's.
    #[error("the path is not of the form {0}")]
    OtherPath(&'static str),
    /// A value is not of its parameter's type.
    #[error("{name}: {reason}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// The route has no such parameter.
    #[error("there is no parameter {0} here")]
    Unknown(String),
    /// A parameter comes twice.
    #[error("the parameter {0} comes twice")]
    Twice(String),
    /// A value cannot stand in a path: it is empty, or means a step up (RFC 3986 §5.2.4).
    #[error("{name}: {value:?} cannot stand in a path")]
    Unwritable {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: String,
    },
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// What is known of a parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Its JSON Schema.
    pub schema: Schema,
}

/// The parameters of a route.
pub trait Parameters: Sized + 'static {
    /// Whether any of them stands in the query. Of a route of which none does, the query is passed over.
    const HAS_QUERY: bool;

    /// What is known of them, in order.
    fn described(generator: &mut SchemaGenerator) -> Vec<Parameter>;
    /// Their values by name; absent ones are left out.
    fn values(&self) -> Vec<(&'static str, String)>;
    /// Takes them from what was given.
    fn read(given: &mut Given) -> Result<Self, ParameterError>;
}

impl Parameters for () {
    const HAS_QUERY: bool = false;

    fn described(_: &mut SchemaGenerator) -> Vec<Parameter> {
        Vec::new()
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn read(_: &mut Given) -> Result<(), ParameterError> {
        Ok(())
    }
}

/// The values of an address, decoded.
#[derive(Debug, Default)]
pub struct Given {
    values: Vec<(Place, String, String)>,
}

impl Given {
    fn add(&mut self, place: Place, name: &str, value: String) -> Result<(), ParameterError> {
        if self.values.iter().any(|(known, other, _)| *known == place && other == name) {
            return Err(ParameterError::Twice(shown(name)));
        }
        self.values.push((place, name.to_owned(), value));
        Ok(())
    }

    /// The value of that name, if there is one.
    pub fn optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        place: Place,
        name: &'static str,
    ) -> Result<Option<T>, ParameterError> {
        let found = self.values.iter().position(|(known, other, _)| *known == place && other == name);
        let Some((_, _, value)) = found.map(|position| self.values.swap_remove(position)) else { return Ok(None) };
        let parsed =
            value.parse().map_err(|reason: T::Err| ParameterError::Invalid { name, reason: reason.to_string() });
        parsed.map(Some)
    }

    /// The value of that name.
    pub fn required<T: FromStr<Err: fmt::Display>>(
        &mut self,
        place: Place,
        name: &'static str,
    ) -> Result<T, ParameterError> {
        self.optional(place, name)?.ok_or(ParameterError::Missing(name))
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARACTERS).collect()
}

/// A segment of a template.
enum Segment {
    Fixed(&'static str),
    /// One segment of the path.
    One(&'static str),
    /// All segments that are left.
    Rest(&'static str),
}

fn segments(template: &'static str) -> impl Iterator<Item = Segment> {
    template.trim_start_matches('/').split('/').map(|text| match text.strip_prefix('{') {
        None => Segment::Fixed(text),
        Some(inner) => match inner.trim_end_matches('}') {
            name if name.starts_with('*') => Segment::Rest(&name[1..]),
            name => Segment::One(name),
        },
    })
}

fn is_writable(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

/// Writes the address of a template: path, and query if a parameter stands there.
pub(crate) fn write<P: Parameters>(template: &'static str, parameters: &P) -> Result<String, ParameterError> {
    let mut values = parameters.values();
    let mut take = |name: &'static str| match values.iter().position(|(known, _)| *known == name) {
        Some(position) => Ok(values.remove(position).1),
        None => Err(ParameterError::Missing(name)),
    };
    let mut address = String::new();
    for segment in segments(template) {
        address.push('/');
        match segment {
            Segment::Fixed(text) => address.push_str(text),
            Segment::One(name) => {
                let value = take(name)?;
                if !is_writable(&value) {
                    return Err(ParameterError::Unwritable { name, value });
                }
                address.extend(utf8_percent_encode(&value, RESERVED));
            }
            Segment::Rest(name) => {
                let value = take(name)?;
                if !value.split('/').all(is_writable) {
                    return Err(ParameterError::Unwritable { name, value });
                }
                let parts: Vec<String> =
                    value.split('/').map(|part| utf8_percent_encode(part, RESERVED).to_string()).collect();
                address.push_str(&parts.join("/"));
            }
        }
    }
    for (position, (name, value)) in values.into_iter().enumerate() {
        address.push(if position == 0 { '?' } else { '&' });
        address.extend(utf8_percent_encode(name, RESERVED).chain(["="]).chain(utf8_percent_encode(&value, RESERVED)));
    }
    Ok(address)
}

/// Reads the parameters of a template from a path, as it stands in the request's line, and a query.
pub(crate) fn read<P: Parameters>(
    template: &'static str,
    path: &str,
    query: Option<&str>,
) -> Result<P, ParameterError> {
    let mut given = Given::default();
    let other = || ParameterError::OtherPath(template);
    let decoded = |name, text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(value) => Ok(Cow::into_owned(value)),
        Err(_) => Err(ParameterError::Invalid { name, reason: "this is not UTF-8".to_owned() }),
    };
    let mut rest = path.strip_prefix('/');
    for segment in segments(template) {
        let text = rest.ok_or_else(other)?;
        let (first, behind) = text.split_once('/').map_or((text, None), |(first, behind)| (first, Some(behind)));
        rest = behind;
        match segment {
            Segment::Fixed(fixed) if fixed == first => {}
            Segment::Fixed(_) => return Err(other()),
            Segment::One(name) => given.add(Place::Path, name, decoded(name, first)?)?,
            Segment::Rest(name) => {
                given.add(Place::Path, name, decoded(name, text)?)?;
                rest = None;
            }
        }
    }
    if rest.is_some() {
        return Err(other());
    }
    let query = query.filter(|_| P::HAS_QUERY).unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        given.add(Place::Query, &name, value.into_owned())?;
    }
    let parameters = P::read(&mut given)?;
    match given.values.first() {
        None => Ok(parameters),
        Some((_, name, _)) => Err(ParameterError::Unknown(shown(name))),
    }
}

/// Declares the parameters of routes: `path` stands in the path, `query` and `optional` in the query, and what is optional may
/// be absent. Each has its name on the wire behind its own.
macro_rules! parameters {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $(#[doc = $doc:literal] $place:ident $field:ident as $wire:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name { $(#[doc = $doc] pub $field: $crate::parameters::parameters!(@type $place $type),)* }

        impl $crate::parameters::Parameters for $name {
            const HAS_QUERY: bool = $(
                matches!($crate::parameters::parameters!(@place $place), $crate::parameters::Place::Query)
            )||*;

            fn described(generator: &mut ::schemars::SchemaGenerator) -> Vec<$crate::parameters::Parameter> {
                vec![$($crate::parameters::Parameter {
                    name: $wire,
                    place: $crate::parameters::parameters!(@place $place),
                    is_required: $crate::parameters::parameters!(@required $place),
                    description: $doc.trim_ascii(),
                    schema: generator.subschema_for::<$type>(),
                },)*]
            }

            fn values(&self) -> Vec<(&'static str, String)> {
                let values = [$($crate::parameters::parameters!(@value $place $wire, self.$field),)*];
                values.into_iter().flatten().collect()
            }

            fn read(given: &mut $crate::parameters::Given) -> Result<Self, $crate::parameters::ParameterError> {
                Ok(Self { $($field: $crate::parameters::parameters!(@read $place given, $wire),)* })
            }
        }
    };
    (@type optional $type:ty) => { Option<$type> };
    (@type $place:ident $type:ty) => { $type };
    (@place path) => { $crate::parameters::Place::Path };
    (@place $place:ident) => { $crate::parameters::Place::Query };
    (@required optional) => { false };
    (@required $place:ident) => { true };
    (@value optional $wire:literal, $value:expr) => { $value.as_ref().map(|value| ($wire, value.to_string())) };
    (@value $place:ident $wire:literal, $value:expr) => { Some(($wire, $value.to_string())) };
    (@read optional $given:ident, $wire:literal) => { $given.optional($crate::parameters::Place::Query, $wire)? };
    (@read $place:ident $given:ident, $wire:literal) => {
        $given.required($crate::parameters::parameters!(@place $place), $wire)?
    };
}
pub(crate) use parameters;

/// Declares a text that stands in a path and has a form of its own.
macro_rules! path_text {
    ($(#[$meta:meta])* pub struct $name:ident: $max:literal $pattern:literal like $example:literal, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.bytes().all(allowed) {
                    return Err(format!("this is not of the form {}", $pattern));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}
pub(crate) use path_text;

path_text! {
    /// A chain's name in one segment: `region-440100`.
    pub struct ChainSlug: 64 "^[a-z0-9-]{1,64}$" like "region-440100",
    |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

impl From<&nacre_schemas::id::ChainId> for ChainSlug {
    fn from(chain: &nacre_schemas::id::ChainId) -> Self {
        Self(chain.slug())
    }
}

path_text! {
    /// A tile or bundle, in the layout of <https://c2sp.org/tlog-tiles>: `0/x001/234.p/5`, `entries/000`.
    pub struct TileName: 64 "^[a-z0-9./]{1,64}$" like "0/000",
    |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests;
