//! Schemas are true: what fits a schema the type's parser takes, and what does not fit it the parser refuses.
//!
//! For each body that is JSON a value is made from its schema, and changed in every place. What JSON Schema cannot say is left out:
//! a number such as `1.0` is an integer there and none for the parser, and an array can stand for a structure for the parser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod validator;

use std::collections::BTreeSet;

use nacre_schemas::{
    Blob, Digest, Point, Signature, Signed, SigningPublicKey, anchor, answer, cell,
    cohort::{AgeBand, Period, Sex},
    confirmation, cross,
    decimal::Decimal,
    dossier, entry, equivocation, erasure, evidence, grant,
    id::{ChainId, JurisdictionId, MemberId, Text},
    log,
    measure::MeasureRef,
    membership, preview, problem, pseudonym, query, receipt,
    region::Region,
    summand, trust,
};
use nacre_wire::{
    body::{Body, Json},
    gateway, openapi, operation,
    parameters::{ChainSlug, TileName},
    server, token,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The schema of a type, with all that it refers to.
fn whole_schema<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// The schemas of all documents: a name stands for one schema in all of them.
fn components() -> Value {
    let mut all = serde_json::Map::new();
    for server in server::ALL {
        for (name, schema) in openapi::document(server)["components"]["schemas"].as_object().unwrap() {
            let known = all.insert(name.clone(), schema.clone());
            assert!(known.is_none_or(|known| known == *schema), "{}: {name} is another elsewhere", server.name);
        }
    }
    json!({ "schemas": all })
}

/// A value that fits a schema.
fn sample(schema: &Value, root: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return sample(root.pointer(reference.strip_prefix('#').unwrap()).unwrap(), root);
    }
    if let Some(value) = schema.get("const").or(schema["enum"].get(0)).or(schema["examples"].get(0)) {
        return value.clone();
    }
    if let Some(first) = schema["oneOf"].get(0).or(schema["anyOf"].get(0)) {
        return sample(first, root);
    }
    let kind = schema["type"].as_str().or(schema["type"][0].as_str());
    match kind.unwrap_or_else(|| panic!("{schema}")) {
        "object" => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, member)| (name.clone(), sample(member, root))).collect::<serde_json::Map<_, _>>().into()
        }
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => items.iter().map(|item| sample(item, root)).collect(),
            None => {
                let count = schema["minItems"].as_u64().unwrap_or(1) as usize;
                vec![sample(&schema["items"], root); count].into()
            }
        },
        "string" => "5a".into(),
        "integer" => schema["minimum"].clone(),
        "boolean" => true.into(),
        other => panic!("{other}"),
    }
}

/// Every change of one place of a value.
fn changes(value: &Value, into: &mut Vec<Value>, rebuild: &dyn Fn(Value) -> Value) {
    for other in [
        json!(null),
        json!(7),
        json!(-1),
        json!("x"),
        json!("5A"),
        json!("\u{7}"),
        json!({}),
        json!(true),
        json!(u64::MAX),
    ] {
        into.push(rebuild(other));
    }
    match value {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("unknown".to_owned(), json!(1));
            into.push(rebuild(more.into()));
            for (name, member) in members {
                let mut fewer = members.clone();
                fewer.remove(name);
                into.push(rebuild(fewer.into()));
                changes(member, into, &|changed| {
                    let mut members = members.clone();
                    members.insert(name.clone(), changed);
                    rebuild(members.into())
                });
            }
        }
        Value::Array(items) => {
            into.push(rebuild(items[..items.len().saturating_sub(1)].into()));
            into.push(rebuild([&items[..], &items[..]].concat().into()));
            if let Some((first, rest)) = items.split_first() {
                changes(first, into, &|changed| rebuild([&[changed], rest].concat().into()));
            }
        }
        Value::String(text) => into.extend([rebuild(json!(format!("{text}5a"))), rebuild(json!({ text: null }))]),
        _ => {}
    }
}

/// Whether parser and schema agree on a value and all its changes.
fn check<B: Body>(name: &str, schema: &Value) {
    let whole = sample(schema, schema);
    let parsed = |value: &Value| B::decode(serde_json::to_vec(value).unwrap().into());
    let value = parsed(&whole).unwrap_or_else(|error| panic!("{name}: {error}: {whole}"));
    let again: Value = serde_json::from_slice(&B::encode(&value).unwrap()).unwrap();
    assert!(validator::fits(&again, schema, schema), "{name}: {again}");
    let mut changed = Vec::new();
    changes(&whole, &mut changed, &|value| value);
    for value in changed {
        let (fits, taken) = (validator::fits(&value, schema, schema), parsed(&value));
        let error = taken.as_ref().err().map(ToString::to_string);
        // serde passes over what stands beside the tag of a variant without members. No server takes these.
        let is_lenient = ["CrossJob", "TokenResponse", "TokenRefusal"].contains(&name);
        assert!(fits == taken.is_ok() || is_lenient && !fits, "{name}: {error:?}: {value}");
    }
}

macro_rules! check_all {
    ($($type:ty,)*) => {{
        let (mut names, components) = (BTreeSet::new(), components());
        $(
            let name = <$type as JsonSchema>::schema_name().into_owned();
            let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": &components });
            check::<Json<$type>>(&name, &schema);
            names.insert(name);
        )*
        names
    }};
}

#[test]
fn every_body_is_taken_as_its_schema_says() {
    let checked = check_all!(
        log::HostedChain,
        dossier::Inclusion,
        log::ConsistencyProof,
        query::SealProof,
        receipt::BatchReceipt,
        entry::SealEntry,
        query::SignedRequest<query::Request>,
        dossier::LoggedRequest<query::Request>,
        log::Logged,
        dossier::ChainAnswer,
        cell::ChainDetails,
        dossier::NumbersRequest,
        dossier::ChainNumbers,
        anchor::Anchored,
        evidence::Evidence,
        Signed<evidence::Dispute>,
        query::SignedRequest<cross::CrossRequest>,
        dossier::LoggedRequest<cross::CrossRequest>,
        trust::SignedTrustRoot,
        Signed<membership::Membership>,
        grant::NewGrant,
        grant::GrantsPage,
        Signed<grant::Revocation>,
        Signed<grant::Access>,
        grant::Delivery,
        log::LogPage,
        Signed<erasure::Erasure>,
        dossier::Submission,
        confirmation::Finding,
        answer::Verdict<answer::Answer>,
        cross::CrossSubmission,
        answer::Verdict<cross::CrossAnswer>,
        summand::SummandDispute,
        summand::SummandProof,
        Signed<preview::Preview>,
        pseudonym::EvaluationRequest,
        Signed<pseudonym::Evaluation>,
        cross::CrossJob,
        cross::CrossArithmetic,
        equivocation::Equivocation,
        operation::Readiness,
        operation::Version,
        gateway::Import,
        token::TokenResponse,
        token::TokenRefusal,
    );
    // None of the documents is forgotten.
    for server in server::ALL {
        for (path, item) in openapi::document(server)["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let answers = operation["responses"].as_object().unwrap().values();
                for body in answers.chain(operation.get("requestBody")) {
                    let schema = &body["content"]["application/json"]["schema"];
                    let Some(reference) = schema["$ref"].as_str() else { continue };
                    let name = reference.rsplit('/').next().unwrap();
                    let other = matches!(name, "Bundle" | "Patient" | "Observation" | "ImportManifest");
                    assert!(other || checked.contains(name), "{path}: {name}");
                }
            }
        }
    }
}

fn check_texts<T: JsonSchema + DeserializeOwned>(texts: &[&str]) {
    let schema = whole_schema::<T>();
    let mut taken = 0;
    for text in texts {
        let value = json!(text);
        let parsed = serde_json::from_value::<T>(value.clone());
        assert_eq!(validator::fits(&value, &schema, &schema), parsed.is_ok(), "{}: {text:?}", T::schema_name());
        taken += usize::from(parsed.is_ok());
    }
    assert!(taken > 0, "{}: nothing is taken", T::schema_name());
}

#[test]
fn every_text_is_taken_as_its_schema_says() {
    let (hex32, hex64, hex65) = ("0f".repeat(32), "a0".repeat(64), "04".repeat(65));
    let (name, long) = ("a".repeat(64), "a".repeat(65));
    let digits = format!("{}.{}", "1".repeat(8), "2".repeat(12));
    let texts: Vec<&str> = [
        "",
        " ",
        "a",
        "A",
        "a-b.c",
        "a/b",
        "..",
        "a_b",
        "a\n",
        "\n",
        "0",
        "00",
        "01",
        "1",
        "-1",
        "+1",
        "1.",
        ".5",
        "0.10",
        "1e3",
        "0.000000000001",
        "0.0000000000001",
        "1.2.3",
        "18.016",
        "99999999999999999999",
        "440100",
        "810000",
        "999999",
        "2026-01",
        "2026-13",
        "2026-00",
        "1899-12",
        "1900-01",
        "2199-12",
        "2200-01",
        "2026-1",
        "female",
        "FEMALE",
        "0-4",
        "85+",
        "80-84",
        "85-89",
        "systolic-bp@1",
        "systolic-bp@0",
        "systolic-bp@01",
        "systolic-bp@65535",
        "systolic-bp@65536",
        "@1",
        "a@b@1",
        "count",
        "band-0",
        "band-7",
        "band-8",
        "band-01",
        "5a",
        "5A",
        "5",
        "5g",
        "健康",
        "a\u{7}b",
        "a\u{85}b",
    ]
    .into_iter()
    .chain([&hex32, &hex64, &hex65, &name, &long, &digits].map(|text| text.as_str()))
    .collect();
    check_texts::<Digest>(&texts);
    check_texts::<Point>(&texts);
    check_texts::<Signature>(&texts);
    check_texts::<SigningPublicKey>(&texts);
    check_texts::<MemberId>(&texts);
    check_texts::<JurisdictionId>(&texts);
    check_texts::<ChainId>(&texts);
    check_texts::<MeasureRef>(&texts);
    check_texts::<Period>(&texts);
    check_texts::<AgeBand>(&texts);
    check_texts::<Region>(&texts);
    check_texts::<Sex>(&texts);
    check_texts::<query::Quantity>(&texts);
    check_texts::<Blob<2>>(&texts);
    check_texts::<Text<70>>(&texts);
    check_texts::<problem::Retry>(&[&texts[..], &["no", "later", "with-new-token"]].concat());
    // The largest decimal is not said.
    check_texts::<Decimal>(&texts.iter().copied().filter(|text| *text != "99999999999999999999").collect::<Vec<_>>());
}

#[test]
fn every_text_of_a_path_is_read_as_its_schema_says() {
    let long = "a".repeat(65);
    for text in ["", "region-440100", "Region", "region/440100", "0/000", "0/x001/234.p/5", "a\n", "..", &long] {
        let fits = |schema: &Value| validator::fits(&json!(text), schema, schema);
        let slug = fits(&whole_schema::<ChainSlug>());
        assert_eq!(slug, text.parse::<ChainSlug>().is_ok(), "{text:?}");
        let tile = fits(&whole_schema::<TileName>());
        assert_eq!(tile, text.parse::<TileName>().is_ok(), "{text:?}");
    }
}
