//! The crate graph is the one that `docs/layers.toml` lists: arrows point down only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The edges between the workspace's crates, test dependencies left out.
fn actual() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let edges = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
        normal.map(name).filter(|name| members.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), edges(package))).collect()
}

#[test]
fn dependencies_are_those_of_the_layers_file() {
    let allowed: Graph = toml::from_str(&std::fs::read_to_string(root().join("docs/layers.toml")).unwrap()).unwrap();
    for (package, dependencies) in actual() {
        let listed = allowed.get(&package).unwrap_or_else(|| panic!("{package} is not in docs/layers.toml"));
        let extra: Vec<_> = dependencies.difference(listed).collect();
        assert!(extra.is_empty(), "{package} depends on {extra:?}, which docs/layers.toml does not list");
    }
}

#[test]
fn no_arrow_points_up() {
    let allowed: Graph = toml::from_str(&std::fs::read_to_string(root().join("docs/layers.toml")).unwrap()).unwrap();
    let mut placed = BTreeSet::new();
    while placed.len() < allowed.len() {
        let next: Vec<_> =
            allowed.iter().filter(|(name, below)| !placed.contains(*name) && below.is_subset(&placed)).collect();
        assert!(!next.is_empty(), "docs/layers.toml has a cycle among what is not in {placed:?}");
        placed.extend(next.into_iter().map(|(name, _)| name.clone()));
    }
}

/// Packages with their features, as they are built with these kinds of dependencies.
fn built(kinds: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--offline", "--prefix", "none", "--format", "{p} [{f}]", "--edges", kinds])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// Else whoever runs the README's two commands builds half of it twice. What is to be done: `benches/Cargo.toml` says.
#[test]
fn running_and_testing_want_one_build() {
    let tested = built("normal,build,dev");
    assert!(tested.len() > 300, "{}", tested.len());
    let apart: Vec<String> = built("normal,build").difference(&tested).cloned().collect();
    assert!(apart.is_empty(), "built once more for the tests, with more features: {apart:#?}");
}

#[test]
fn what_must_not_have_sockets_or_files_has_none() {
    let manifest = |path: &str| std::fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap();
    for path in ["schemas", "zk", "services/verifier", "services/reading"] {
        let text = manifest(path);
        let own = text.split("[dev-dependencies]").next().unwrap();
        for forbidden in ["axum", "reqwest", "sqlx", "tokio"] {
            assert!(!own.contains(forbidden), "{path} depends on {forbidden}");
        }
    }
}
