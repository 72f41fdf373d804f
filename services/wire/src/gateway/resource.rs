//! FHIR resources as the gateway looks at them and answers with them. The bytes of a resource are for the gateway to read.
//!
//! Kept true: a schema here asks for what the gateway asks for, so that what fits it is refused for its contents alone.

use std::{borrow::Cow, marker::PhantomData};

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    body::{Body, BodyError},
    media,
};

/// A FHIR resource as JSON, in its bytes.
pub struct Fhir<R>(PhantomData<fn() -> R>);

impl<R: JsonSchema + 'static> Body for Fhir<R> {
    type Value = Bytes;
    const MEDIA_TYPES: &'static [&'static str] = media::FHIR_JSON_ACCEPTED;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<R>())
    }

    fn encode(value: &Bytes) -> Result<Bytes, BodyError> {
        Ok(value.clone())
    }

    fn decode(bytes: Bytes) -> Result<Bytes, BodyError> {
        Ok(bytes)
    }
}

macro_rules! resources {
    ($($(#[$meta:meta])* $name:ident = $schema:tt;)*) => {$(
        $(#[$meta])*
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

resources! {
    /// What a server can do.
    CapabilityStatement = {
        "type": "object",
        "description": "A FHIR R4 CapabilityStatement.",
        "required": ["resourceType", "status", "date", "kind", "fhirVersion", "format", "rest"],
        "properties": {
            "resourceType": { "const": "CapabilityStatement" },
            "fhirVersion": { "const": "4.0.1" }
        }
    };
    /// A Bundle that comes in.
    Bundle = {
        "type": "object",
        "description": "A FHIR R4 Bundle. Of its entries POST to a type and PUT to a type and id are taken.",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": { "const": "Bundle" },
            "type": { "enum": ["transaction", "batch"] },
            "entry": { "type": ["array", "null"], "maxItems": 10_000, "items": { "type": "object" } }
        }
    };
    /// The answer to a Bundle.
    BundleAnswer = {
        "type": "object",
        "description": "A FHIR R4 Bundle with a response for each entry.",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": { "const": "Bundle" },
            "type": { "enum": ["transaction-response", "batch-response"] },
            "entry": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["response"],
                    "properties": {
                        "response": {
                            "type": "object",
                            "required": ["status"],
                            "properties": {
                                "status": { "type": "string", "pattern": "^[1-5][0-9]{2}$" },
                                "location": { "type": "string" },
                                "etag": { "type": "string" },
                                "outcome": { "type": "object" }
                            }
                        }
                    }
                }
            }
        }
    };
    /// A patient. Of one that is kept its id is given back alone.
    Patient = {
        "type": "object",
        "description": "A FHIR R4 Patient. Of one that is kept its id is given back, and nothing of the person.",
        "required": ["resourceType"],
        "properties": { "resourceType": { "const": "Patient" }, "id": { "type": ["string", "null"] } }
    };
    /// An observation. Of one that is kept the value is masked.
    Observation = {
        "type": "object",
        "description": "A FHIR R4 Observation. Of one that is kept the value is masked, and a tag of `urn:nacre:state` says where it stands.",
        "required": ["resourceType"],
        "properties": { "resourceType": { "const": "Observation" }, "id": { "type": ["string", "null"] } }
    };
    /// The answer to a search.
    SearchSet = {
        "type": "object",
        "description": "A FHIR R4 Bundle of what was found.",
        "required": ["resourceType", "type", "total"],
        "properties": {
            "resourceType": { "const": "Bundle" },
            "type": { "const": "searchset" },
            "total": { "type": "integer", "minimum": 0 },
            "entry": { "type": "array", "minItems": 1, "items": { "type": "object", "required": ["resource"] } }
        }
    };
    /// What went wrong.
    OperationOutcome = {
        "type": "object",
        "description": "A FHIR R4 OperationOutcome. The extension `urn:nacre:retry` says whether to send again: `no`, `later`, or `after-referenced`.",
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": { "const": "OperationOutcome" },
            "issue": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["severity", "code", "details", "expression", "extension"],
                    "properties": {
                        "severity": { "enum": ["fatal", "error", "warning", "information"] },
                        "code": { "type": "string" },
                        "details": {
                            "type": "object",
                            "required": ["coding", "text"],
                            "properties": {
                                "coding": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["system", "code"],
                                        "properties": {
                                            "system": { "const": "urn:nacre:reason" },
                                            "code": { "type": "string" }
                                        }
                                    }
                                },
                                "text": { "type": "string" }
                            }
                        },
                        "expression": { "type": "array", "items": { "type": "string" } },
                        "diagnostics": { "type": "string" },
                        "extension": { "type": "array", "items": { "type": "object" } }
                    }
                }
            }
        }
    };
    /// The files to import.
    ImportManifest = {
        "type": "object",
        "description": "FHIR Parameters with `input` of `type` and `url`, as the bulk-import operation has them; or the manifest that a bulk export answers with, with `output`.",
        "properties": {
            "parameter": { "type": "array", "items": { "type": "object" } },
            "output": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "url"],
                    "properties": { "type": { "type": "string" }, "url": { "type": "string" } }
                }
            }
        },
        "anyOf": [{ "required": ["parameter"] }, { "required": ["output"] }]
    };
}

/// How an import went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Import {
    /// Whether it has ended.
    pub done: bool,
    /// Why it ended early, if it did.
    pub problem: Option<String>,
    /// Resources that are kept.
    pub kept: u64,
    /// Resources that are none of ours.
    pub passed_over: u64,
    /// Resources that were refused.
    pub refused: u64,
    /// The first refusals: file, line, why.
    pub refusals: Vec<(String, u64, String)>,
}
