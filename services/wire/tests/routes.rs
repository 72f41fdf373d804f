//! The routes are those of the servers, each once, and read the addresses that they write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use nacre_wire::{
    openapi,
    parameters::Place,
    route::Described,
    server::{self, Server},
};
use schemars::SchemaGenerator;

fn routes(server: &Server) -> Vec<&'static dyn Described> {
    (server.groups)().into_iter().flat_map(|group| group.routes).collect()
}

/// A text that a parameter of that schema takes.
fn example(schema: &serde_json::Value) -> String {
    match (&schema["examples"][0], schema["type"].as_str()) {
        (serde_json::Value::String(text), _) => text.clone(),
        (_, Some("integer")) => "7".to_owned(),
        _ => "a b&c".to_owned(),
    }
}

#[test]
fn every_route_reads_the_address_that_it_writes() {
    for route in server::ALL.iter().flat_map(routes) {
        let mut generator = SchemaGenerator::default();
        let parameters = route.described_parameters(&mut generator);
        let definitions = generator.take_definitions(true);
        let (mut path, mut query) = (route.facts().path.to_owned(), Vec::new());
        for parameter in parameters {
            let schema = parameter.schema.to_value();
            let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let value = example(name.map_or(&schema, |name| &definitions[name]));
            match parameter.place {
                Place::Path => {
                    let before = path.clone();
                    path = path.replace(&format!("{{{}}}", parameter.name), &value.replace('/', "%2F"));
                    path = path.replace(&format!("{{*{}}}", parameter.name), &value);
                    assert_ne!(path, before, "{} has no {}", route.facts().path, parameter.name);
                }
                Place::Query => {
                    query.push(format!("{}={}", parameter.name, value.replace(' ', "%20").replace('&', "%26")))
                }
            }
        }
        assert!(!path.contains('{'), "{path}");
        let query = query.join("&");
        let written = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
        let query = (!query.is_empty()).then_some(query.as_str());
        assert_eq!(route.normalized(&path, query), Ok(written));
        assert!(route.normalized(&format!("{path}/more/"), query).is_err() || route.facts().path.contains("{*"));
    }
}

#[test]
fn every_route_operation_and_problem_is_there_once() {
    for server in server::ALL {
        let routes = routes(server);
        let addresses: BTreeSet<_> = routes.iter().map(|route| (route.facts().path, route.facts().method)).collect();
        let operations: BTreeSet<_> = routes.iter().map(|route| route.facts().operation).collect();
        assert_eq!((addresses.len(), operations.len()), (routes.len(), routes.len()), "{}", server.name);
        let mut statuses = BTreeMap::new();
        for problem in openapi::problems(server, &(server.groups)()) {
            let known = statuses.insert((problem.status, problem.word), problem);
            assert!(known.is_none_or(|known| known == problem), "{}: {problem:?} and {known:?}", server.name);
        }
    }
}

#[test]
fn a_route_that_takes_a_body_has_a_cap_and_no_other_one_has() {
    for route in server::ALL.iter().flat_map(routes) {
        let (facts, takes) = (route.facts(), !route.request(&mut SchemaGenerator::default()).0.is_empty());
        let idle = facts.operation == "postSeal";
        assert_eq!(facts.max_request_bytes > 0, takes || idle, "{}", facts.operation);
        assert!(facts.max_response_bytes > 0, "{}", facts.operation);
    }
}

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Statuses with the words behind them: `(404, "no-job"`.
fn words(folder: &Path) -> BTreeSet<(u16, String)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(words(&path));
            continue;
        }
        let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
        for (position, _) in text.match_indices('(') {
            let mut parts = text[position + 1..].splitn(3, ',');
            let Some(Ok(status)) = parts.next().filter(|part| part.len() == 3).map(str::parse) else { continue };
            let word = parts.next().and_then(|word| word.strip_prefix('"')?.strip_suffix('"'));
            let is_word =
                |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            found.extend(word.filter(is_word).map(|word| (status, word.to_owned())));
        }
    }
    found
}

/// The other servers have the wire's constants in place of words.
#[test]
fn every_word_of_the_exchange_is_in_its_catalogue() {
    let server = &nacre_wire::exchange::SERVER;
    let known = openapi::problems(server, &(server.groups)());
    let known: BTreeSet<(u16, String)> = known.iter().map(|one| (one.status, one.word.to_owned())).collect();
    let used = words(&services().join("exchange/src"));
    assert!(used.len() > 5, "nothing is read: {used:?}");
    let missing: Vec<_> = used.difference(&known).collect();
    assert!(missing.is_empty(), "the exchange has problems that the wire does not have: {missing:?}");
}
