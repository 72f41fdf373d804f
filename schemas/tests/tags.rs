//! No two documents share a tag, and no two kinds of signed message a label: the digest or signature of one is never that of
//! another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

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

/// The source files below a folder.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The labels that the product declares, with what each is of: of statements, and of what the ledger signs.
fn labels() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in ["schemas/src", "ledger/src", "services"] {
        sources(&root.join(folder), &mut files);
    }
    let mut labels = Vec::new();
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let statement = line.strip_prefix("statement!(").and_then(|line| line.split_once(", \""));
            let constant = line.strip_prefix("pub const ").and_then(|line| line.split_once(": Label = Label::new(\""));
            if let Some((name, rest)) = statement.or(constant) {
                let label = rest.split_once('"').unwrap().0;
                labels.push((label.replace("\\n", "\n"), name.to_owned()));
            }
        }
    }
    labels
}

#[test]
fn each_kind_of_signed_message_has_a_label_of_its_own() {
    let labels = labels();
    assert_eq!(labels.len(), 21, "{labels:?}");
    for (position, (label, name)) in labels.iter().enumerate() {
        assert!(label.find('\n') == Some(label.len() - 1) && label.is_ascii(), "{name}: {label:?}");
        for (other, whose) in &labels[position + 1..] {
            assert!(!label.starts_with(other) && !other.starts_with(label), "{name}, {whose}: {label:?}");
        }
    }
}
