//! The documents that are checked in are those of the routes; `NACRE_BLESS=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use nacre_wire::{openapi, server};
use serde_json::Value;

#[test]
fn every_document_is_that_of_its_routes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    for server in server::ALL {
        let (path, text) = (folder.join(format!("{}.json", server.name)), openapi::text(server));
        if std::env::var_os("NACRE_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{} is another: NACRE_BLESS=1 cargo test -p nacre-wire writes it", path.display());
    }
}

/// Every `$ref` in a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    for server in server::ALL {
        let document = openapi::document(server);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{}: {reference}", server.name);
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let reference = format!("#/components/schemas/{name}");
            assert!(found.contains(&reference), "{}: {name} is not referred to", server.name);
        }
    }
}

#[test]
fn every_answer_that_is_refused_says_how() {
    for server in server::ALL {
        let document = openapi::document(server);
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
                    let refused = status.starts_with(['4', '5']);
                    assert!(!refused || answer["content"].is_object(), "{method} {path} {status}");
                    let challenged = answer["headers"]["WWW-Authenticate"].is_object();
                    assert!(status != "401" || challenged, "{method} {path} {status}");
                }
            }
        }
    }
}
