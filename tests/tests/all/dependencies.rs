//! What others wrote that we build on: under licences that `docs/licences.toml` lists, and from crates.io alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde::Deserialize;
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// `docs/licences.toml`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Allowed {
    everywhere: BTreeSet<String>,
    only_in: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/licences.toml");
        toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn holds(&self, package: &str, licence: &str) -> bool {
        self.everywhere.contains(licence)
            || self.only_in.get(licence).is_some_and(|packages| packages.contains(package))
    }
}

/// The packages of others that a build for this machine takes: test and bench dependencies too.
fn packages() -> Vec<Value> {
    let compiler = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(compiler.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    let others: Vec<Value> = packages.into_iter().filter(|package| !package["source"].is_null()).collect();
    assert!(others.len() > 300, "{}", others.len());
    others
}

#[test]
fn every_dependency_is_from_crates_io_and_under_a_licence_that_is_allowed() {
    let allowed = Allowed::read();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        if package["source"] != CRATES_IO {
            wrong.push(format!("{name}: from {}", package["source"]));
        }
        let said = package["license"].as_str().unwrap_or_default();
        let may = |required: &LicenseReq| {
            let licence = required.license.id().map_or_else(String::new, |id| id.name.to_owned());
            let holds = allowed.holds(name, &licence);
            if holds {
                used.insert(licence);
            }
            holds
        };
        match Expression::parse_mode(said, ParseMode::LAX) {
            Ok(expression) if expression.evaluate(may) => {}
            _ => wrong.push(format!("{name}: {said:?} is not in docs/licences.toml")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let listed: BTreeSet<String> = allowed.everywhere.iter().chain(allowed.only_in.keys()).cloned().collect();
    assert_eq!(listed, used, "a licence that nothing is under is not listed");
}
