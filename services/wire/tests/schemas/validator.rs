//! As much of JSON Schema 2020-12 as the documents use: a keyword that is not known here ends the test. It is written here
//! because the libraries that do it would have half of the workspace built twice, with other features.

use std::{cell::RefCell, collections::HashMap};

use regex::Regex;
use serde_json::Value;

/// Keywords that say something to people.
const NOTES: &[&str] = &["$schema", "components", "$defs", "title", "description", "examples", "format", "default"];

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// Whether a value fits a schema, which is part of that root.
pub(crate) fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return schema.as_bool().unwrap() };
    keywords.iter().all(|(keyword, argument)| holds(value, keyword, argument, schema, root))
}

fn holds(value: &Value, keyword: &str, argument: &Value, schema: &Value, root: &Value) -> bool {
    let count = |schemas: &Value| schemas.as_array().unwrap().iter().filter(|one| fits(value, one, root)).count();
    match keyword {
        "$ref" => fits(value, root.pointer(argument.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), root),
        "oneOf" => count(argument) == 1,
        "anyOf" => count(argument) > 0,
        "allOf" => count(argument) == argument.as_array().unwrap().len(),
        "const" => value == argument,
        "enum" => argument.as_array().unwrap().contains(value),
        "type" => match argument {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of_kind(value, kind.as_str().unwrap())),
            kind => is_of_kind(value, kind.as_str().unwrap()),
        },
        "minimum" => value.as_i128().is_none_or(|number| number >= argument.as_i128().unwrap()),
        "maximum" => value.as_i128().is_none_or(|number| number <= argument.as_i128().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= argument.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| matches(argument.as_str().unwrap(), text)),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= argument.as_u64().unwrap()),
        "items" => {
            let behind = schema["prefixItems"].as_array().map_or(0, Vec::len);
            value.as_array().is_none_or(|items| items.iter().skip(behind).all(|item| fits(item, argument, root)))
        }
        "prefixItems" => value.as_array().is_none_or(|items| {
            items.iter().zip(argument.as_array().unwrap()).all(|(item, schema)| fits(item, schema, root))
        }),
        "required" => value.as_object().is_none_or(|members| {
            argument.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|members| {
            let known = members.iter().filter_map(|(name, member)| Some((member, argument.get(name)?)));
            known.into_iter().all(|(member, schema)| fits(member, schema, root))
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            let more = members.iter().filter(|(name, _)| schema["properties"].get(name.as_str()).is_none());
            more.into_iter().all(|(_, member)| fits(member, argument, root))
        }),
        note => {
            assert!(NOTES.contains(&note), "the keyword {note} is not known here");
            true
        }
    }
}

fn is_of_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    PATTERNS.with_borrow_mut(|patterns| {
        patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
    })
}

/// Integers of JSON, all of which fit.
trait AsI128 {
    fn as_i128(&self) -> Option<i128>;
}

impl AsI128 for Value {
    fn as_i128(&self) -> Option<i128> {
        self.as_i64().map(i128::from).or(self.as_u64().map(i128::from))
    }
}
