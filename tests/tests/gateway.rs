//! The gateway as a process of its own: real FHIR clients, and `kill -9` at random moments of posting.
//!
//! The clients are programs of their own ([`nacre_tests::peers`]): Python with `fhirclient`, `fhirpy` and `fhir.resources`, Node
//! with `fhir-kit-client`. `NACRE_CAMPAIGN=full` makes more kills; `NACRE_SEED` repeats their choices.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    env, fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nacre_tests::{Running, peers, plan};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

const REGION: &str = "820000";
const MEMBER: &str = "hospital-820000";
const PERSON_SYSTEM: &str = "urn:example:person";
/// How long a process may take to be ready, or a record to be posted.
const PATIENCE: Duration = Duration::from_secs(120);

/// A gateway that is killed, at the latest when this goes.
struct Gateway {
    child: Child,
    url: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gateway {
    /// Starts it and waits until it serves.
    async fn start(config: &Path, address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nacre-under-test"));
        command.args(["provider", "serve"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        let mut gateway = Self { child: command.spawn().unwrap(), url: format!("http://{address}") };
        let begin = Instant::now();
        while reqwest::get(format!("{}/healthz", gateway.url)).await.is_err() {
            let ended = gateway.child.try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "the gateway does not serve: {ended:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        gateway
    }
}

/// A network with a provider whose months close as soon as they have ended; configuration and address of its gateway.
async fn network() -> (Running, PathBuf, String) {
    let running = Running::start(&plan(&[REGION], 2, PERSON_SYSTEM)).await.unwrap();
    // Sets up TLS for every client of this process.
    running.provider_client(MEMBER).unwrap();
    let config = running.places.providers[MEMBER].clone();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut file = fs::File::options().append(true).open(&config).unwrap();
    writeln!(file, "\n[gateway]\nlisten = \"{address}\"\ngrace-days = 0\nquiet-hours = 0").unwrap();
    (running, config, address)
}

fn bundle(number: u32) -> Value {
    let patient = json!({
        "resourceType": "Patient", "id": format!("p{number}"), "gender": "female", "birthDate": "1980-02-29",
        "identifier": [{"system": PERSON_SYSTEM, "value": format!("person {number}")}],
    });
    let observation = json!({
        "resourceType": "Observation", "id": format!("o{number}"), "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": format!("Patient/p{number}")}, "effectiveDateTime": "2019-03-05",
        "valueQuantity": {"value": 70.5, "system": "http://unitsofmeasure.org", "code": "kg"},
    });
    let put = |kind: &str, resource: Value| {
        let url = format!("{kind}/{}", resource["id"].as_str().unwrap());
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    json!({
        "resourceType": "Bundle", "type": "transaction",
        "entry": [put("Patient", patient), put("Observation", observation)],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_at_any_moment_loses_and_doubles_nothing_that_it_acknowledged() {
    let kills = if env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full") { 60 } else { 8 };
    let seed = env::var("NACRE_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("gateway: NACRE_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (running, config, address) = network().await;
    let client = reqwest::Client::new();
    let (mut acknowledged, mut unanswered, mut number) = (Vec::new(), Vec::new(), 0);
    for _ in 0..kills {
        let gateway = Gateway::start(&config, &address).await;
        let url = gateway.url.clone();
        let killing = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(rand::random::<u64>() % 3_000)).await;
            drop(gateway);
        });
        while !killing.is_finished() {
            // Now and then one that was not answered, which may be there or not.
            let again = if rng.gen_bool(0.3) { unanswered.pop() } else { None };
            let this = again.unwrap_or_else(|| {
                number += 1;
                number
            });
            let sent = client.post(&url).header("content-type", "application/fhir+json").body(bundle(this).to_string());
            match sent.send().await {
                Ok(answer) if answer.status().is_success() => acknowledged.push(this),
                Ok(answer) => panic!("{}: {}", answer.status(), answer.text().await.unwrap()),
                Err(_) => unanswered.push(this),
            }
            tokio::time::sleep(Duration::from_millis(rng.gen_range(0..100))).await;
        }
        killing.await.unwrap();
    }
    let gateway = Gateway::start(&config, &address).await;
    let begin = Instant::now();
    for number in &acknowledged {
        loop {
            let answer = client.get(format!("{}/Observation/o{number}", gateway.url)).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "observation {number} was acknowledged and is not there");
            let found: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            if found["meta"]["tag"][0]["code"] == "posted" {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "observation {number} is not posted: {found}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    drop(gateway);
    let receipts = nacre_provider::receipts(&running.provider(MEMBER).unwrap()).await.unwrap();
    let mut records: Vec<_> = receipts.iter().map(|receipt| receipt.record).collect();
    records.sort();
    records.dedup();
    assert_eq!(records.len(), receipts.len(), "no record has two receipts");
    assert!(receipts.len() >= acknowledged.len(), "{} of {}", receipts.len(), acknowledged.len());
    assert!(receipts.len() <= acknowledged.len() + unanswered.len());
    println!(
        "{kills} kills, {} acknowledged, {} unanswered, {} records",
        acknowledged.len(),
        unanswered.len(),
        receipts.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_post_and_read_and_every_answer_validates() {
    let python = peers::python("fhir_clients.py", "fhirclient, fhirpy, fhir.resources");
    let clients = [python, peers::node("fhir.mjs", "fhir-kit-client")];
    if clients.iter().all(Option::is_none) {
        return;
    }
    let (_running, config, address) = network().await;
    let gateway = Gateway::start(&config, &address).await;
    for mut client in clients.into_iter().flatten() {
        let done = client.args([&gateway.url, PERSON_SYSTEM]).output().unwrap();
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
        assert!(done.status.success(), "{client:?}: {said}");
        println!("{said}");
    }
}
