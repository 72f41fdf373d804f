//! JSON Schemas of a document's types, each once, and made readable: numbers have their largest value, and texts no links of
//! rustdoc.

use nacre_schemas::problem::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{problem::ProblemType, server::Complaint};

/// The schemas of a document.
pub(super) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    pub(super) fn generator(&mut self) -> &mut SchemaGenerator {
        &mut self.0
    }

    /// The schema of a type: a reference, unless the type is a simple one.
    pub(super) fn of<T: JsonSchema>(&mut self) -> Value {
        let schema = self.0.subschema_for::<T>();
        self.plain(schema)
    }

    /// A schema as the document has it.
    pub(super) fn plain(&self, schema: Schema) -> Value {
        let mut value = schema.to_value();
        tidy(&mut value);
        value
    }

    /// Problems of one of these types.
    pub(super) fn problem(&mut self, status: u16, problems: &[ProblemType]) -> Value {
        let uris: Vec<String> = problems.iter().map(ProblemType::uri).collect();
        let these = json!({ "properties": { "type": { "enum": uris }, "status": { "const": status } } });
        json!({ "allOf": [self.of::<Problem>(), these] })
    }

    /// All schemas that were referred to.
    pub(super) fn finish(mut self, complaint: Complaint) -> Map<String, Value> {
        if complaint == Complaint::Problem {
            self.of::<Problem>();
        }
        let mut definitions = self.0.take_definitions(true);
        definitions.values_mut().for_each(tidy);
        definitions
    }
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let most = match members.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint64") => Some(u64::MAX),
                _ => None,
            };
            if let Some(most) = most {
                members.entry("maximum").or_insert_with(|| most.into());
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = without_links(text);
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// A text of rustdoc without its links: of ``[`crate::query::Request`]`` there is `Request` left.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("[`") {
        let Some((path, after)) = behind.split_once("`]") else { break };
        plain.push_str(before);
        let name = path.rsplit("::").next().unwrap_or(path);
        plain.push_str(&format!("`{name}`"));
        rest = after;
    }
    plain.push_str(rest);
    plain.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rustdoc_become_names() {
        assert_eq!(
            without_links("Digest of the [`crate::query::Request`], or [`X`]."),
            "Digest of the `Request`, or `X`."
        );
        assert_eq!(without_links("A [range] and `code`."), "A [range] and `code`.");
    }

    #[test]
    fn a_number_of_64_bits_has_its_largest_value() {
        let mut schema = json!({ "items": { "type": "integer", "format": "uint64", "minimum": 0 } });
        tidy(&mut schema);
        assert_eq!(schema["items"]["maximum"], u64::MAX);
    }
}
