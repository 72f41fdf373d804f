//! The routes of the wire against servers that run: each is there, by its method, and is kept by the scope that it names.

use nacre_hosting::server::ServerConfig;
use nacre_provider::Config;
use nacre_tests::{Running, gateway::Scaled, plan};
use nacre_wire::server;

const REGION: &str = "820000";

/// The path with something in the place of each parameter.
fn filled(template: &str) -> String {
    let part = |part: &str| match part {
        // A tile, which is named by a path.
        "{*path}" => "0/000.p/1".to_owned(),
        "{slug}" => format!("region-{REGION}"),
        parameter if parameter.starts_with('{') => "1".to_owned(),
        literal => literal.to_owned(),
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_wire_is_served_and_kept_by_its_scope() {
    let running = Running::start(&plan(&[REGION], 1, "urn:test:person")).await.unwrap();
    let config = Config::read(&running.places.providers["gym-820000"]).unwrap();
    let config = Config { server: ServerConfig::at("127.0.0.1:0"), ..config };
    let gateway = Scaled::start(&config, "2026-06-01T00:00:00Z").await.unwrap();
    let address = |server: &str| format!("http://{}", running.addresses[server]);
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    for (name, url) in [
        ("exchange", address(REGION)),
        ("witness", address("witness-macao")),
        ("custodian", address("macao-1")),
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
