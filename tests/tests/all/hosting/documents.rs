//! The OpenAPI documents, in the hands of a program that knows nothing else of a server and calls each of its routes with what fits
//! the document and what does not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nacre_hosting::server::ServerConfig;
use nacre_provider::Config;
use nacre_tests::{Running, bearer, gateway::Scaled, is_full_campaign, peers, sender::Sender};
use nacre_wire::{Scope, route::Access, server};

use super::wire::{EVALUATOR, EXCHANGE, a_network};

/// Requests that a route gets of each kind; more in a full campaign.
fn examples() -> &'static str {
    if is_full_campaign() { "300" } else { "5" }
}

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/wire/openapi")
}

/// A member that may have a token of that scope, and its access key.
fn member(running: &Running, scope: Scope) -> (String, PathBuf) {
    let provider = running.provider(&format!("hospital-{EXCHANGE}")).unwrap();
    let places = &running.places;
    let regulator = nacre_regulator::Config::read(&places.regulator).unwrap();
    let custodian = nacre_custodian::Config::read(&places.custodians["macao-1"]).unwrap();
    let operator = nacre_exchange::Config::read(&places.exchanges[EXCHANGE]).unwrap().operator.unwrap();
    let witness = nacre_witness::Config::read(&places.witnesses["witness-macao"]).unwrap();
    let evaluator = nacre_evaluator::Config::read(&places.evaluators[EVALUATOR]).unwrap();
    let (member, key) = match scope {
        Scope::DetailsRead | Scope::NumbersRead | Scope::LogRead => {
            (custodian.member.to_string(), &custodian.access_key)
        }
        Scope::CellsRead | Scope::LogWrite | Scope::AnswersRequest | Scope::CrossCompute => {
            (regulator.member.to_string(), &regulator.access_key)
        }
        Scope::SealsWrite | Scope::AnchorsWrite => (operator.member.to_string(), &operator.access_key),
        Scope::BodiesRead => (witness.name.to_string(), &witness.access_key),
        Scope::CrossRead => (evaluator.member.to_string(), &evaluator.access_key),
        _ => (provider.member.to_string(), &provider.access_key),
    };
    (member, key.to_path_buf())
}

#[test]
fn every_document_gives_types_to_clients_in_typescript() {
    for server in server::ALL {
        let Some(mut command) = peers::node("openapi_types.mjs", "openapi-typescript") else { return };
        let ran = command.arg(documents().join(format!("{}.json", server.name))).output().unwrap();
        assert!(ran.status.success(), "{}: {}", server.name, String::from_utf8_lossy(&ran.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_answers_as_its_document_says() {
    if peers::python("openapi.py", "schemathesis").is_none() {
        return;
    }
    let running = a_network().await;
    // There is something to show.
    let hospital = Sender::of(&running, &format!("hospital-{EXCHANGE}"));
    hospital.post(&hospital.batch(&[(1, 231), (2, 244)])).await.unwrap();
    running.seal().await.unwrap();
    let config = Config::read(&running.places.providers[&format!("gym-{EXCHANGE}")]).unwrap();
    let config = Config { server: ServerConfig::at("127.0.0.1:0"), ..config };
    let gateway = Scaled::start(&config, "2026-06-01T00:00:00Z").await.unwrap();
    let address = |server: &str| format!("http://{}", running.addresses[server]);
    let mut failed = Vec::new();
    for (server, url) in [
        ("exchange", address(EXCHANGE)),
        ("witness", address("witness-macao")),
        ("custodian", address("macao-1")),
        ("evaluator", address(EVALUATOR)),
        ("gateway", gateway.url.clone()),
    ] {
        let known = server::ALL.iter().find(|known| known.name == server).unwrap();
        let mut tokens = BTreeMap::new();
        for route in (known.groups)().iter().flat_map(|group| &group.routes) {
            if let Access::Member(scope) = route.facts().access {
                let (member, key) = member(&running, scope);
                tokens.insert(scope.to_string(), bearer::token(&url, &member, &key, scope.as_str()).await);
            }
        }
        let of_scopes = running.folder().join(format!("tokens-of-{server}.json"));
        fs::write(&of_scopes, serde_json::to_vec(&tokens).unwrap()).unwrap();
        let mut command = peers::python("openapi.py", "schemathesis").unwrap();
        command.arg(documents().join(format!("{server}.json"))).args([&url, of_scopes.to_str().unwrap(), examples()]);
        command.arg(format!("slug=region-{EXCHANGE}")).current_dir(running.folder());
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        let shown: Vec<String> = said.lines().map(|line| line.chars().take(400).collect()).collect();
        println!("== {server}\n{}", shown.join("\n"));
        if !ran.status.success() {
            failed.push(server);
        }
    }
    assert!(failed.is_empty(), "{failed:?} answer otherwise than their documents say");
}
