//! JSON Schemas (2020-12) of the types whose JSON is a text.
//!
//! Kept true: a schema takes what the type's parser takes, and nothing else. Two exceptions are said in the schemas: JSON Schema
//! counts the characters of a text, where the parser counts bytes, and it does not know the largest decimal.
//!
//! No errors. Cost: none at run time, as schemas are made for documents alone.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    Blob, Digest, Point, Scalar, Signature, SigningPublicKey,
    cohort::{AgeBand, Period},
    decimal::Decimal,
    id::{ChainId, JurisdictionId, MAX_NAME_BYTES, MeasureId, MemberId, NetworkId, NoteText, Text},
    limits,
    measure::MeasureRef,
    query::Quantity,
    region::Region,
};

/// A text of that pattern, with an example.
fn pattern(description: &str, pattern: &str, example: &str) -> Schema {
    json_schema!({ "type": "string", "description": description, "pattern": pattern, "examples": [example] })
}

/// One of these texts.
fn choice(description: &str, words: impl Iterator<Item = impl ToString>) -> Schema {
    let words: Vec<String> = words.map(|word| word.to_string()).collect();
    json_schema!({ "type": "string", "description": description, "enum": words })
}

macro_rules! schema {
    ($($name:ident: $schema:expr;)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

fn hex(description: &str, bytes: usize) -> Schema {
    pattern(description, &format!("^[0-9a-f]{{{}}}$", 2 * bytes), &"5a".repeat(bytes))
}

fn name(description: &str, further: &str, example: &str) -> Schema {
    pattern(description, &format!("^[a-z0-9{further}-]{{1,{MAX_NAME_BYTES}}}$"), example)
}

/// A number from 1 to 65,535, without leading zeros.
const VERSION: &str = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

schema! {
    Digest: hex("An SM3 digest (GB/T 32905), a Merkle root, a record id or a pseudonym: 32 bytes in lower-case hex.", Self::SIZE);
    Point: hex("An encoded ristretto255 element: 32 bytes in lower-case hex.", Self::SIZE);
    Scalar: hex("A scalar modulo ℓ, little-endian: 32 bytes in lower-case hex.", Self::SIZE);
    Signature: hex("An SM2 signature (GB/T 32918.2), r‖s: 64 bytes in lower-case hex.", Self::SIZE);
    SigningPublicKey: hex("An SM2 public key, 04‖x‖y: 65 bytes in lower-case hex.", Self::SIZE);
    MemberId: name("The name that a member was admitted under.", ".", "hospital-440100");
    NetworkId: name("The name of a network.", ".", "gba.nacre.example");
    JurisdictionId: name("The name of a jurisdiction.", "", "guangdong");
    ChainId: name("The name of a chain.", "/", "region/440100");
    MeasureId: name("The name of a measure, without its version.", "", "systolic-bp");
    MeasureRef: pattern(
        "A measure by name and version.",
        &format!("^[a-z0-9-]{{1,{MAX_NAME_BYTES}}}@{VERSION}$"),
        "systolic-bp@1"
    );
    Period: pattern("A calendar month of the years 1900 to 2199.", "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$", "2026-01");
    Decimal: pattern(
        "An exact decimal; its digits without the point are a number below 2⁶⁴.",
        &format!("^(0|[1-9][0-9]{{0,19}})(\\.[0-9]{{1,{}}})?$", Self::MAX_PLACES),
        "18.016"
    );
    AgeBand: choice("A five-year age band.", (0..=17).map(|band| Self::of_age(5 * band)));
    Region: choice("A region by its GB/T 2260 code.", Self::all());
    Quantity: choice(
        "A quantity that is decrypted for a group.",
        [Self::Count, Self::Sum, Self::Squares].into_iter().chain((0..limits::MAX_BANDS as u8).map(Self::Band))
    );
    NoteText: json_schema!({
        "type": "string",
        "description": format!("A signed note, in the bytes that were signed; at most {} of UTF-8.", limits::MAX_NOTE_BYTES),
        "maxLength": limits::MAX_NOTE_BYTES
    });
}

impl<const MAX: usize> JsonSchema for Blob<MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Blob{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": format!("At most {MAX} bytes in hex."),
            "pattern": "^([0-9A-Fa-f]{2})*$",
            "maxLength": 2 * MAX
        })
    }
}

impl<const MAX: usize> JsonSchema for Text<MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": format!("At most {MAX} bytes of UTF-8, without control characters."),
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
            "maxLength": MAX
        })
    }
}
