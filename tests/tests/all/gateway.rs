//! The gateway before a real exchange: real FHIR clients, `kill -9` of either at random moments of posting, and a network in
//! between that fails.
//!
//! The clients are programs of their own ([`nacre_tests::peers`]): Python with `fhirclient`, `fhirpy` and `fhir.resources`, Node
//! with `fhir-kit-client`. `NACRE_CAMPAIGN=full` makes more kills and schedules; `NACRE_SEED` repeats their choices.

use std::{
    env, fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use nacre_provider::{Clock, Config};
use nacre_tests::{Running, gateway::Scaled, is_full_campaign, peers, plan, process::is_open, unsteady::Unsteady};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::Connection as _;

const REGION: &str = "820000";
const MEMBER: &str = "hospital-820000";
const PERSON_SYSTEM: &str = "urn:example:person";
/// When it is for a gateway in this process.
const NOW: &str = "2026-03-15T00:00:00Z";
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
        while !is_open(&gateway.url).await {
            let ended = gateway.child.try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "the gateway does not serve: {ended:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        gateway
    }
}

fn the_plan() -> nacre::consortium::Plan {
    plan(&[REGION], 2, PERSON_SYSTEM)
}

/// A network with a provider whose months close as soon as they have ended; configuration and address of its gateway.
async fn network() -> (Running, PathBuf, String) {
    let running = Running::start(&the_plan()).await.unwrap();
    // Sets up TLS for every client of this process.
    running.provider_client(MEMBER).unwrap();
    let config = running.places.providers[MEMBER].clone();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut file = fs::File::options().append(true).open(&config).unwrap();
    writeln!(file, "\n[server]\nlisten = \"{address}\"\n[gateway]\ngrace-days = 0\nquiet-hours = 0").unwrap();
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
    let kills = if is_full_campaign() { 60 } else { 8 };
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

/// The exchange as a process of its own; killed, at the latest when this goes.
struct Exchange(Child);

impl Drop for Exchange {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Exchange {
    async fn start(running: &Running, address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nacre-under-test"));
        command.args(["exchange", "serve"]).arg(&running.places.exchanges[REGION]).stdin(Stdio::null());
        let exchange = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let begin = Instant::now();
        while !is_open(&format!("http://{address}")).await {
            assert!(begin.elapsed() < PATIENCE, "the exchange does not serve");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        exchange
    }
}

/// Records that the exchange has, by its own tables.
async fn records_at_exchange(running: &Running) -> i64 {
    let data = nacre_exchange::Config::read(&running.places.exchanges[REGION]).unwrap().data;
    let url = format!("sqlite://{}?mode=ro", data.join("exchange.sqlite").display());
    let mut tables = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM record").fetch_one(&mut tables).await.unwrap()
}

/// Whatever fails between gateway and exchange, and whenever either is cut off: what was acknowledged is one record.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_on_the_way_nothing_is_lost_and_nothing_doubled() {
    let schedules = if is_full_campaign() { 100 } else { 4 };
    let seed = env::var("NACRE_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("gateway: NACRE_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxied = proxy.local_addr().unwrap().to_string();
    let (mut running, target) = Running::start_behind(&the_plan(), Some((REGION, &proxied))).await.unwrap();
    let target = target.unwrap();
    running.servers.stop(REGION).await.unwrap();
    // Its configuration names the address that it is reached at.
    let file = &running.places.exchanges[REGION];
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replace(&format!("listen = \"{proxied}\""), &format!("listen = \"{target}\""))).unwrap();
    let mut exchange = Some(Exchange::start(&running, &target).await);
    let unsteady = Unsteady::before(target.clone(), proxy, rng.r#gen());
    let mut config = running.provider(MEMBER).unwrap();
    (config.gateway.grace_days, config.gateway.quiet_hours) = (0, 0);
    let (mut acknowledged, mut kills) = (Vec::new(), [0, 0]);
    let mut gateway = Scaled::start(&config, NOW).await.unwrap();
    for schedule in 0..schedules {
        unsteady.fails.store(true, Ordering::Relaxed);
        for _ in 0..rng.gen_range(4..9) {
            let number = acknowledged.len() as u32;
            for _ in 0..rng.gen_range(1..3) {
                let (status, answer) = gateway.send("POST", "/", bundle(number).to_string()).await.unwrap();
                assert_eq!(status, 200, "{answer}");
            }
            acknowledged.push(number);
            tokio::time::sleep(Duration::from_millis(rng.gen_range(0..150))).await;
            match rng.gen_range(0..10) {
                0 | 1 => {
                    gateway.kill().await;
                    kills[0] += 1;
                    gateway = Scaled::start(&config, NOW).await.unwrap();
                }
                // Gone, and back later or at once.
                2 => drop(exchange.take()),
                3 | 4 => {
                    drop(exchange.take());
                    kills[1] += 1;
                    exchange = Some(Exchange::start(&running, &target).await);
                }
                _ => {}
            }
        }
        unsteady.fails.store(false, Ordering::Relaxed);
        if exchange.is_none() {
            exchange = Some(Exchange::start(&running, &target).await);
        }
        let begin = Instant::now();
        loop {
            let status = nacre_provider::status(&config).await.unwrap();
            if status.posted == acknowledged.len() as u64 {
                assert_eq!((status.queued, status.waiting_months), (0, 0));
                assert!(status.set_aside.is_empty(), "{:?}", status.set_aside);
                break;
            }
            let left = || format!("schedule {schedule} of seed {seed}: {status:?}");
            assert!(begin.elapsed() < PATIENCE, "{}", left());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(
            records_at_exchange(&running).await,
            acknowledged.len() as i64,
            "schedule {schedule} of seed {seed}"
        );
    }
    gateway.kill().await;
    println!("{schedules} schedules, {kills:?} kills of gateway and exchange, {} records", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_real_exchange_a_clock_that_is_ahead_closes_nothing() {
    let (running, _, _) = network().await;
    let mut config = running.provider(MEMBER).unwrap();
    (config.gateway.grace_days, config.gateway.quiet_hours) = (0, 0);
    let ahead = "9601h".parse().unwrap();
    let gateway = Scaled::start_by(&config, || Clock::wrong(ahead)).await.unwrap();
    let (status, answer) = gateway.send("POST", "/", bundle(1).to_string()).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let begin = Instant::now();
    let said = loop {
        let status = nacre_provider::status(&config).await.unwrap();
        assert_eq!((status.queued, status.posted, status.waiting_months), (0, 0, 1));
        if let Some(problem) = status.posting.clock_problem() {
            break problem;
        }
        assert!(begin.elapsed() < PATIENCE, "{status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(said.contains("400 d 0 h 59 min") && said.contains("ahead of"), "{said}");
    gateway.kill().await;
    let gateway = Scaled::start(&config, NOW).await.unwrap();
    let begin = Instant::now();
    while nacre_provider::status(&config).await.unwrap().posted == 0 {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(records_at_exchange(&running).await, 1);
    gateway.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_imported_once_and_everyone_sees_how_far_they_got() {
    let (running, path, _) = network().await;
    let mut config = Config::read(&path).unwrap();
    let folder = running.folder().join("import");
    fs::create_dir(&folder).unwrap();
    config.gateway.import = Some(folder.clone().into());
    let gateway = Scaled::start(&config, NOW).await.unwrap();
    let resources = |kind: &str| -> String {
        let entries = (0..3).flat_map(|number| bundle(number)["entry"].as_array().unwrap().clone());
        let resources = entries.map(|entry| entry["resource"].clone()).filter(|one| one["resourceType"] == kind);
        resources.map(|resource| format!("{resource}\n")).collect()
    };
    fs::write(folder.join("Patient.ndjson"), resources("Patient")).unwrap();
    let observations = resources("Observation") + "{\n" + &resources("Observation").replace("\"kg\"", "\"stone\"");
    fs::write(folder.join("Observation.ndjson"), observations).unwrap();
    fs::write(running.folder().join("outside.ndjson"), resources("Patient")).unwrap();

    let input = |kind: &str, url: &str| json!({"name": "input", "part": [{"name": "type", "valueCode": kind}, {"name": "url", "valueUri": url}]});
    // Observations first: whom they are of is taken in before, all the same.
    let inputs = [input("Observation", "Observation.ndjson"), input("Patient", "Patient.ndjson")];
    let manifest = json!({"resourceType": "Parameters", "parameter": inputs}).to_string();
    let import = async |manifest: &str| {
        let (status, refusal) = gateway.send("POST", "/$import", manifest.to_owned()).await.unwrap();
        assert_eq!(status, 202, "{refusal}");
    };
    let ended = async |number: u32| {
        let begin = Instant::now();
        loop {
            let (status, progress) = gateway.send("GET", &format!("/$import/{number}"), String::new()).await.unwrap();
            if status == 200 {
                return progress;
            }
            assert!(status == 202 && begin.elapsed() < PATIENCE, "{status} {progress}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    import(&manifest).await;
    let first = ended(1).await;
    assert_eq!((&first["kept"], &first["refused"], &first["problem"]), (&json!(6), &json!(4), &Value::Null), "{first}");
    let lines: Vec<&Value> = first["refusals"].as_array().unwrap().iter().map(|refusal| &refusal[1]).collect();
    assert_eq!(lines, [4, 5, 6, 7], "{first}");
    import(&manifest).await;
    ended(2).await;
    for outside in
        ["../outside.ndjson", "/etc/hostname", "file:///etc/hostname", "nowhere.ndjson", "https://a/b.ndjson"]
    {
        let manifest = json!({"resourceType": "Parameters", "parameter": [input("Patient", outside)]}).to_string();
        let (status, refusal) = gateway.send("POST", "/$import", manifest).await.unwrap();
        assert_eq!((status, &refusal["resourceType"]), (403, &json!("OperationOutcome")), "{outside}");
    }
    for malformed in ["", "{}", "[]", r#"{"parameter":[{"name":"input"}]}"#] {
        assert_eq!(gateway.send("POST", "/$import", malformed.to_owned()).await.unwrap().0, 400, "{malformed}");
    }
    assert_eq!(gateway.send("GET", "/$import/99", String::new()).await.unwrap().0, 404);

    // Posted, then sealed, then erased.
    let until = async |wanted: &str, count: usize| {
        let begin = Instant::now();
        loop {
            let mut states = Vec::new();
            for number in 0..3 {
                let path = format!("/Observation/o{number}");
                let (_, found) = gateway.send("GET", &path, String::new()).await.unwrap();
                states.push(found["meta"]["tag"][0]["code"].as_str().unwrap().to_owned());
            }
            if states.iter().filter(|state| *state == wanted).count() == count {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{states:?}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until("posted", 3).await;
    assert_eq!(records_at_exchange(&running).await, 3, "what was imported twice is there once");
    running.seal().await.unwrap();
    until("sealed", 3).await;
    let metrics = gateway.metrics().await.unwrap();
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("nacre_gateway_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse::<f64>().unwrap()
    };
    assert_eq!(
        ["records{state=\"sealed\"}", "records{state=\"refused\"}", "set_aside", "failures"].map(value),
        [3.0, 0.0, 0.0, 0.0]
    );
    gateway.kill().await;
    let record = nacre_provider::receipts(&config).await.unwrap()[0].record;
    let begin = Instant::now();
    // What was cut off may hold the outbox for a moment longer.
    while let Err(error) = nacre_provider::erase(&config, record).await {
        assert!(error.to_string().contains("locked") && begin.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = Scaled::start(&config, NOW).await.unwrap();
    // What comes for it afterwards, corrected or taken back, is told so.
    let erased = (0..3).map(|number| (format!("/Observation/o{number}"), bundle(number)));
    for (path, bundle) in erased {
        let (_, found) = again.send("GET", &path, String::new()).await.unwrap();
        let expected = if found["meta"]["tag"][0]["code"] == "erased" { "erased" } else { "late" };
        for (from, to) in [("70.5", "71.5"), ("final", "entered-in-error")] {
            let observation = bundle["entry"][1]["resource"].to_string().replace(from, to);
            let (status, refused) = again.send("PUT", &path, observation).await.unwrap();
            let word = &refused["issue"][0]["details"]["coding"][0]["code"];
            assert_eq!((status, word), (422, &json!(expected)), "{refused}");
        }
    }
    let mut states = Vec::new();
    for number in 0..3 {
        let (_, found) = again.send("GET", &format!("/Observation/o{number}"), String::new()).await.unwrap();
        states.push(found["meta"]["tag"][0]["code"].as_str().unwrap().to_owned());
    }
    states.sort();
    assert_eq!(states, ["erased", "sealed", "sealed"]);
    again.kill().await;
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
