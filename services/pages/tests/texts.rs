//! The languages' files say the same things: every key is in each of them, with the same values put in, and none that the program does
//! not use; every key that the program asks for is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use fluent_syntax::{
    ast::{Entry, Expression, InlineExpression, Pattern, PatternElement},
    parser,
};
use nacre_pages::Language;
use nacre_schemas::{answer::Rule, catalogue::Catalogue, cohort::Sex};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The keys of a language's file, each with the values that are put in.
fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let source = fs::read_to_string(root().join("texts").join(format!("{language}.ftl"))).unwrap();
    let resource = parser::parse(source.as_str()).unwrap_or_else(|(_, errors)| panic!("{language}: {errors:?}"));
    let mut keys = BTreeMap::new();
    for entry in &resource.body {
        let message = match entry {
            Entry::Message(message) => message,
            Entry::Junk { content } => panic!("{language}: {content}"),
            _ => continue,
        };
        let mut values = BTreeSet::new();
        let pattern = message.value.as_ref().unwrap_or_else(|| panic!("{language}: {} is empty", message.id.name));
        put_in(pattern, &mut values);
        let before = keys.insert(message.id.name.to_owned(), values);
        assert!(before.is_none(), "{language}: {} is there twice", message.id.name);
    }
    keys
}

fn put_in(pattern: &Pattern<&str>, values: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => put_in_place(inline, values),
            Expression::Select { selector, variants } => {
                put_in_place(selector, values);
                variants.iter().for_each(|variant| put_in(&variant.value, values));
            }
        }
    }
}

fn put_in_place(inline: &InlineExpression<&str>, values: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            values.insert(id.name.to_owned());
        }
        InlineExpression::StringLiteral { .. } => {}
        other => panic!("{other:?} is not among what the texts are made of"),
    }
}

/// The sources that show texts to people, without their tests.
fn sources() -> Vec<String> {
    let mut folders: Vec<PathBuf> = vec![root().join("src"), root().join("../nacre/src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(path).unwrap();
                sources.push(source.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
            }
        }
    }
    sources
}

/// Keys that are put together from what the schemas list.
fn made_of_lists() -> BTreeSet<String> {
    let measures = Catalogue::built_in().measures().iter().map(|measure| format!("measure-{}", measure.id));
    let sexes = Sex::ALL.iter().map(|sex| format!("sex-{sex}"));
    let rules = Rule::ALL.iter().flat_map(|rule| [format!("rule-{rule}"), format!("rule-{rule}-means")]);
    measures.chain(sexes).chain(rules).collect()
}

#[test]
fn every_language_has_every_key_with_the_same_values() {
    let english = keys(Language::English);
    assert!(english.len() > 100, "{}", english.len());
    for language in Language::ALL {
        let own = keys(language);
        let missing: Vec<&String> = english.keys().filter(|key| !own.contains_key(*key)).collect();
        let extra: Vec<&String> = own.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{language} lacks {missing:?} and has {extra:?} besides");
        for (key, values) in &english {
            assert_eq!(&own[key], values, "{language}: {key}");
        }
    }
}

#[test]
fn every_key_is_used() {
    let (lists, sources) = (made_of_lists(), sources());
    let is_named = |key: &String| sources.iter().any(|source| source.contains(&format!("\"{key}\"")));
    let english = keys(Language::English);
    let unused: Vec<&String> = english.keys().filter(|key| !lists.contains(*key) && !is_named(key)).collect();
    assert!(unused.is_empty(), "no source names {unused:?}");
    let lacking: Vec<&String> = lists.iter().filter(|key| !english.contains_key(*key)).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn every_key_that_is_asked_for_is_there() {
    let english = keys(Language::English);
    let mut asked = 0;
    for source in sources() {
        for call in [".text(", ".fill("] {
            for (position, _) in source.match_indices(call) {
                let after = source[position + call.len()..].trim_start();
                let Some((key, _)) = after.strip_prefix('"').and_then(|rest| rest.split_once('"')) else { continue };
                assert!(english.contains_key(key), "{key} is asked for, and no language has it");
                asked += 1;
            }
        }
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn the_chinese_files_keep_to_their_characters() {
    // One character of each pair that a text of the other script would have.
    let (simplified, traditional) = ("这为发两个问题会应网", "這為發兩個問題會應網");
    let read = |name: &str| fs::read_to_string(root().join("texts").join(name)).unwrap();
    let distinct =
        |own: &str, other: &str| -> String { own.chars().filter(|letter| !other.contains(*letter)).collect() };
    let (hans, hant) = (read("zh-Hans.ftl"), read("zh-Hant.ftl"));
    for letter in distinct(traditional, simplified).chars() {
        assert!(!hans.contains(letter), "zh-Hans has {letter}");
    }
    for letter in distinct(simplified, traditional).chars() {
        assert!(!hant.contains(letter), "zh-Hant has {letter}");
    }
}
