//! Within a crate, too, arrows point down: no module needs another that needs it. What does is in `docs/circles.toml`, by crate; the
//! test wants that list to be exact, so that a circle that was opened stays open.
//!
//! A module is a file of `src` with the files below its name. It needs another if it names it by a path from the crate's root, or a
//! type that the root exports from it. Tests do not count, nor does the root.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemMod, UseTree,
    visit::{self, Visit},
};

/// By module: those that it needs.
type Needs = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folders of the library crates.
fn crates() -> Vec<PathBuf> {
    let manifest: toml::Value = toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| root().join(member.as_str().unwrap()))
        .filter(|path| path.join("src/lib.rs").is_file())
        .collect()
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The paths of a file.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn of(file: &Path) -> Self {
        let parsed = syn::parse_file(&fs::read_to_string(file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut paths = Self::default();
        paths.visit_file(&parsed);
        paths
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.0.push(with(&name.ident)),
            UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            UseTree::Glob(_) => self.0.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_of_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, used: &'ast syn::ItemUse) {
        if !is_of_tests(&used.attrs) {
            self.add_tree(&[], &used.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The files of a module, tests left out.
fn files_of(path: &Path, found: &mut Vec<PathBuf>) {
    let name = path.file_stem().unwrap();
    if name == "tests" {
        return;
    }
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| files_of(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// What the root exports, by name: of which module it is.
fn exports(library: &Path) -> BTreeMap<String, String> {
    let parsed = syn::parse_file(&fs::read_to_string(library).unwrap()).unwrap();
    let mut paths = Paths::default();
    let uses = parsed.items.iter().filter_map(|item| match item {
        Item::Use(used) => Some(&used.tree),
        _ => None,
    });
    uses.for_each(|tree| paths.add_tree(&[], tree));
    let of = |path: Vec<String>| {
        let path: Vec<String> = path.into_iter().filter(|name| name != "crate" && name != "self").collect();
        Some((path.last()?.clone(), path.first()?.clone()))
    };
    paths.0.into_iter().filter_map(of).collect()
}

fn needs(krate: &Path) -> Needs {
    let src = krate.join("src");
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !["lib", "main", "bin"].contains(&module.as_str()) {
            files_of(&path, files.entry(module).or_default());
        }
    }
    let exports = exports(&src.join("lib.rs"));
    let module_of =
        |name: &String| if files.contains_key(name) { Some(name.clone()) } else { exports.get(name).cloned() };
    let mut needs = Needs::new();
    for (module, of_module) in &files {
        let needed = needs.entry(module.clone()).or_default();
        for file in of_module {
            let is_top = file.parent() == Some(src.as_path());
            for path in Paths::of(file).0 {
                let from_root = path.first().is_some_and(|first| first == "crate" || (is_top && first == "super"));
                let name = path.get(1).filter(|_| from_root);
                needed.extend(name.and_then(module_of).filter(|other| files.contains_key(other) && other != module));
            }
        }
    }
    needs
}

/// All that a module needs, directly or not.
fn reach(needs: &Needs, from: &str) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = next.pop() {
        next.extend(needs[&module].iter().filter(|other| reached.insert((*other).clone())).cloned());
    }
    reached
}

/// The modules that need themselves, in circles.
fn circles(needs: &Needs) -> BTreeSet<BTreeSet<String>> {
    let reached: Needs = needs.keys().map(|module| (module.clone(), reach(needs, module))).collect();
    let circle = |module: &String| {
        let each_other = reached[module].iter().filter(|other| reached[*other].contains(module));
        each_other.cloned().collect::<BTreeSet<_>>()
    };
    reached.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn modules_need_each_other_in_the_listed_circles_alone() {
    let listed = fs::read_to_string(root().join("docs/circles.toml")).unwrap();
    let listed: BTreeMap<String, BTreeSet<BTreeSet<String>>> = toml::from_str(&listed).unwrap();
    let mut found = BTreeMap::new();
    for krate in crates() {
        let circles = circles(&needs(&krate));
        if !circles.is_empty() {
            found.insert(krate.strip_prefix(root()).unwrap().display().to_string(), circles);
        }
    }
    assert_eq!(found, listed, "found, and listed in docs/circles.toml");
}

#[test]
fn a_circle_is_found() {
    let needs = |pairs: &[(&str, &[&str])]| -> Needs {
        let owned = |(module, needed): &(&str, &[&str])| {
            ((*module).to_owned(), needed.iter().map(|name| (*name).to_owned()).collect())
        };
        pairs.iter().map(owned).collect()
    };
    assert!(circles(&needs(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    let circle = circles(&needs(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]));
    assert_eq!(circle, [["a", "b", "c"].map(str::to_owned).into()].into());
}
