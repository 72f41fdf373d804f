//! No two documents share a tag: the digest or signature of one is never that of another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{collections::BTreeMap, fs, path::Path};

/// The documents that the sources declare, by tag.
fn declared() -> BTreeMap<String, Vec<String>> {
    let mut by_tag: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((name, rest)) = line.strip_prefix("document!(").and_then(|line| line.split_once(", b\"")) else {
                continue;
            };
            by_tag.entry(rest[..4].to_owned()).or_default().push(name.to_owned());
        }
    }
    by_tag
}

#[test]
fn each_document_has_a_tag_of_its_own() {
    let declared = declared();
    assert!(declared.len() > 50, "only {} documents were found", declared.len());
    let shared: Vec<_> = declared.iter().filter(|(_, names)| names.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?}");
}
