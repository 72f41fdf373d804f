//! The routes of the wire against servers that run: each is there, by its method, and is kept by the scope that it names.

use nacre::consortium::CrossPlan;
use nacre_hosting::server::ServerConfig;
use nacre_provider::Config;
use nacre_tests::{Running, gateway::Scaled, plan};
use nacre_wire::server;

/// The exchange that is called, by its region.
pub(crate) const EXCHANGE: &str = "820000";
/// The evaluator that is.
pub(crate) const EVALUATOR: &str = "evaluator-macao";

/// A network with a server of every kind.
pub(crate) async fn a_network() -> Running {
    let mut plan = plan(&[EXCHANGE], 1, "urn:test:person");
    plan.cross = Some(CrossPlan::default());
    Running::start(&plan).await.unwrap()
}

/// The path with a value of its type in the place of each parameter.
fn filled(template: &str) -> String {
    let part = |part: &str| match part {
        // A tile, which is named by a path.
        "{*path}" => "0/000.p/1".to_owned(),
        "{slug}" | "{child}" => format!("region-{EXCHANGE}"),
        "{record}" | "{digest}" | "{request}" => "0".repeat(64),
        parameter if parameter.starts_with('{') => "1".to_owned(),
        // Stretches of a chain say where they begin.
        "entries" | "bodies" => format!("{part}?from=0"),
        literal => literal.to_owned(),
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_wire_is_served_and_kept_by_its_scope() {
    let running = a_network().await;
    let config = Config::read(&running.places.providers["gym-820000"]).unwrap();
    let config = Config { server: ServerConfig::at("127.0.0.1:0"), ..config };
    let gateway = Scaled::start(&config, "2026-06-01T00:00:00Z").await.unwrap();
    let address = |server: &str| format!("http://{}", running.addresses[server]);
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    for (name, url) in [
        ("exchange", address(EXCHANGE)),
        ("witness", address("witness-macao")),
        ("custodian", address("macao-1")),
        ("evaluator", address(EVALUATOR)),
        ("gateway", gateway.url.clone()),
    ] {
        let server = server::ALL.iter().find(|server| server.name == name).unwrap();
        for route in (server.groups)().iter().flat_map(|group| &group.routes) {
            let facts = route.facts();
            let what = format!("{name}: {} {}", facts.method.as_str(), facts.path);
            let method = reqwest::Method::from_bytes(facts.method.as_str().as_bytes()).unwrap();
            let answer = client.request(method, format!("{url}{}", filled(facts.path))).send().await.unwrap();
            let (status, said) = (answer.status().as_u16(), answer.text().await.unwrap());
            assert!(status != 405 && !said.contains("no-such-route") && !said.contains("no-route"), "{what}: {said}");
            match facts.scope() {
                // The kind of what is sent is looked at before the token.
                Some(scope) => assert!([401, 415].contains(&status), "{what} takes {scope}: {status} {said}"),
                None => assert_ne!(status, 401, "{what}: {said}"),
            }
        }
    }
}
