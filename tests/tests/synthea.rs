//! The 11 Synthea bundles: exact against an independent computation, repeatable, and nothing of a person gets out.
//!
//! Skipped, saying so, where the shared test input is not beside this checkout.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use nacre_schemas::{
    Document as _,
    answer::Rule,
    batch::Batch,
    catalogue::Catalogue,
    measure::Measure,
    query::{Attribute, Quantity, Statistic},
    release::Outcome,
};
use nacre_tests::{Running, files_below, plan, question, shared_data};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const PERSON_SYSTEM: &str = "https://github.com/synthetichealth/synthea";
const PROVIDER: &str = "hospital-810000";

fn bundles() -> Option<Vec<PathBuf>> {
    let Some(data) = shared_data() else {
        println!("skipped: ../shared/data is not beside this checkout");
        return None;
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(data.join("fhir-r4/synthea-bundles")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 11);
    Some(files)
}

fn read(path: &PathBuf) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

/// A month's value as computed here: month, sex, age in years, value in steps.
struct Plain {
    month: String,
    sex: String,
    age: u32,
    value: u32,
}

/// The independent computation: plain JSON, floating point, no code of Nacre but the catalogue's limits.
fn plain(files: &[PathBuf], measure: &Measure) -> Vec<Plain> {
    let step: f64 = measure.step.to_string().parse().unwrap();
    let mut values = Vec::new();
    for path in files {
        let resources = read(path);
        let patient = resources.iter().find(|resource| resource["resourceType"] == "Patient").unwrap();
        let birth = patient["birthDate"].as_str().unwrap();
        // Latest of the month; all offsets in these files are of one place, so texts order as times do.
        let mut latest: BTreeMap<String, (String, f64)> = BTreeMap::new();
        for observation in resources.iter().filter(|resource| resource["resourceType"] == "Observation") {
            let when = observation["effectiveDateTime"].as_str().unwrap().to_owned();
            let Some(value) = value_of(observation, measure) else { continue };
            let month = when[..7].to_owned();
            if latest.get(&month).is_none_or(|(before, _)| *before < when) {
                latest.insert(month, (when, value));
            }
        }
        for (month, (when, value)) in latest {
            let years: u32 = when[..4].parse::<u32>().unwrap() - birth[..4].parse::<u32>().unwrap();
            let age = years - u32::from(when[5..10] < birth[5..10]);
            let value = (value / step + 0.5).floor() as u32;
            if (measure.lo..=measure.hi).contains(&value) {
                values.push(Plain { month, sex: patient["gender"].as_str().unwrap().to_owned(), age, value });
            }
        }
    }
    values
}

fn value_of(observation: &Value, measure: &Measure) -> Option<f64> {
    let code = |concept: &Value| concept["coding"][0]["code"].as_str().unwrap_or_default().to_owned();
    let quantity = match measure.id.as_str() {
        "bmi" if code(&observation["code"]) == "39156-5" => &observation["valueQuantity"],
        "systolic-bp" | "diastolic-bp" if code(&observation["code"]) == "55284-4" => {
            let wanted = if measure.id.as_str() == "systolic-bp" { "8480-6" } else { "8462-4" };
            let components = observation["component"].as_array()?;
            &components.iter().find(|component| code(&component["code"]) == wanted)?["valueQuantity"]
        }
        _ => return None,
    };
    (quantity["code"].as_str()? == measure.unit()).then(|| quantity["value"].as_f64()).flatten()
}

/// What the rules name, from the months alone: one provider, so a group's people are its fullest month's.
fn rule(values: &[&Plain], minimum: usize, quantity: Quantity) -> Option<Rule> {
    let mut months: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *months.entry(&value.month).or_default() += 1;
    }
    let people = months.values().copied().max().unwrap_or(0);
    let detail = matches!(quantity, Quantity::Squares | Quantity::Band(_));
    if people < minimum {
        Some(Rule::TooFewPeople)
    } else if detail && people < 3 * minimum {
        Some(Rule::TooFewPeopleForDetail)
    } else {
        None
    }
}

fn integer(values: &[&Plain], measure: &Measure, quantity: Quantity) -> u64 {
    let numbers = values.iter().map(|value| u64::from(value.value));
    match quantity {
        Quantity::Count => values.len() as u64,
        Quantity::Sum => numbers.sum(),
        Quantity::Squares => numbers.map(|value| value * value).sum(),
        Quantity::Band(position) => {
            let cuts: Vec<u64> = measure.cuts.iter().map(|cut| u64::from(cut.0)).collect();
            let band = |value: u64| cuts.iter().filter(|cut| **cut <= value).count();
            numbers.filter(|value| band(*value) == usize::from(position)).count() as u64
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn released_integers_equal_an_independent_computation_and_the_rules_name_what_is_withheld() {
    let Some(files) = bundles() else { return };
    let mut outcomes = (0, 0);
    for minimum in [1, 2, 11] {
        let running = Running::start(&plan(&["810000"], minimum, PERSON_SYSTEM)).await.unwrap();
        let summary = running.post(PROVIDER, &files).await.unwrap();
        let measures = ["systolic-bp", "diastolic-bp", "bmi"];
        let catalogue = Catalogue::built_in();
        let definition = |name: &str| catalogue.newest(&name.parse().unwrap()).unwrap();
        let all: usize = measures.iter().map(|name| plain(&files, definition(name)).len()).sum();
        assert_eq!((summary.posted as usize, summary.queued), (all, 0));

        // The same files again add nothing and give the same receipts.
        let config = nacre_provider::Config::read(&running.places.providers[PROVIDER]).unwrap();
        let receipts = serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap();
        let again = running.post(PROVIDER, &files).await.unwrap();
        assert_eq!((again.new, again.already_posted as usize), (0, all));
        assert_eq!(serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap(), receipts);

        running.seal().await.unwrap();
        for name in measures {
            let measure = definition(name);
            let values = plain(&files, measure);
            for by in [&[][..], &[Attribute::Sex], &[Attribute::AgeBand], &[Attribute::Sex, Attribute::Period]] {
                let question = question(name, "1938-01", "2021-12", by, Statistic::ALL);
                let release = running.ask(&question).await.unwrap().unwrap().release;
                let mut seen = 0;
                for figures in &release.figures {
                    let group = &figures.group;
                    let inside = |value: &&Plain| {
                        group.sex.is_none_or(|sex| sex.word() == value.sex)
                            && group.period.is_none_or(|period| period.to_string() == value.month)
                            && group.age_band.is_none_or(|band| {
                                band.from_age() <= value.age && band.to_age().is_none_or(|to| value.age <= to)
                            })
                    };
                    let values: Vec<&Plain> = values.iter().filter(inside).collect();
                    seen += values.len();
                    for result in &figures.results {
                        let expected = match rule(&values, minimum as usize, result.quantity) {
                            Some(rule) => Outcome::Withheld(rule),
                            None => Outcome::Value(integer(&values, measure, result.quantity)),
                        };
                        assert_eq!(result.outcome, expected, "k {minimum}: {name} {group} {}", result.quantity);
                        match expected {
                            Outcome::Value(_) => outcomes.0 += 1,
                            Outcome::Withheld(_) => outcomes.1 += 1,
                        }
                    }
                }
                assert_eq!(seen, values.len(), "every value is in one group");
            }
        }
    }
    println!("{} integers equal, {} withheld as the rules name", outcomes.0, outcomes.1);
    assert!(outcomes.0 > 100 && outcomes.1 > 100);
}

/// Hands every connection through to `target` and keeps the bytes of both directions.
async fn tap(listener: TcpListener, target: std::net::SocketAddr, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(target).await.unwrap();
        let (client_in, client_out) = client.into_split();
        let (server_in, server_out) = server.into_split();
        for (mut from, mut to) in [(client_in, server_out), (server_in, client_out)] {
            let seen = seen.clone();
            tokio::spawn(async move {
                let (mut stream, mut buffer) = (Vec::new(), vec![0; 65_536]);
                while let Ok(count) = from.read(&mut buffer).await {
                    if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                    stream.extend_from_slice(&buffer[..count]);
                }
                seen.lock().unwrap().push(stream);
            });
        }
    }
}

/// Everything in the input that names a person.
fn identifying(files: &[PathBuf]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files {
        for patient in read(path).iter().filter(|resource| resource["resourceType"] == "Patient") {
            for part in ["name", "telecom", "address", "birthDate", "identifier", "id", "extension"] {
                collect(&patient[part], &mut found);
            }
        }
    }
    // Words of the standards and of the places around, which name nobody.
    found.retain(|text| !text.starts_with("http") && !text.starts_with("urn:") && text != PERSON_SYSTEM);
    for word in ["official", "maiden", "home", "phone", "Mr.", "Mrs.", "Ms.", "US", "MR", "SS", "DL", "PPN", "M", "F"] {
        found.remove(word);
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                // Codings say what kind of identifier stands there, not whose.
                if !["system", "use", "type", "url", "valueCoding", "valueCode"].contains(&name.as_str()) {
                    collect(member, found);
                }
            }
        }
        _ => {}
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The batches that crossed the wire.
fn batches(streams: &[Vec<u8>]) -> Vec<Batch> {
    let mut batches = Vec::new();
    for stream in streams {
        for start in (0..stream.len().saturating_sub(4)).filter(|start| stream[*start..].starts_with(b"\r\n\r\nNcBt")) {
            let head = String::from_utf8_lossy(&stream[start.saturating_sub(2_048)..start]).to_lowercase();
            let length: usize =
                head.rsplit("content-length: ").next().unwrap().lines().next().unwrap().trim().parse().unwrap();
            batches.push(Batch::from_canonical(&stream[start + 4..start + 4 + length]).unwrap());
        }
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_names_a_person_is_sent_or_stored() {
    let Some(files) = bundles() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tapped = listener.local_addr().unwrap().to_string();
    let plan = plan(&["810000"], 11, PERSON_SYSTEM);
    let (mut running, target) = Running::start_behind(&plan, Some(("810000", &tapped))).await.unwrap();
    let places = running.places.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(tap(listener, target.unwrap().parse().unwrap(), seen.clone()));
    let config = nacre_provider::Config::read(&places.providers[PROVIDER]).unwrap();
    let summary = nacre_provider::post(&config, &files, &()).await.unwrap();
    assert!(summary.posted > 100);
    running.servers.stop_all().await.unwrap();
    // The client keeps its connections for a while; what it sent has been recorded once they are closed.
    for _ in 0..100 {
        if batches(&seen.lock().unwrap()).iter().map(|batch| batch.contributions.len()).sum::<usize>() as u64
            == summary.posted
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    let identifying = identifying(&files);
    let (long, short): (Vec<&String>, Vec<&String>) = identifying.iter().partition(|text| text.len() >= 6);
    assert!(long.len() > 60 && short.len() > 10, "{} {}", long.len(), short.len());
    assert!(long.iter().any(|text| text.starts_with("999-")), "social security numbers are among them");
    let streams = seen.lock().unwrap().clone();
    let mut haystacks: Vec<(String, Vec<u8>)> =
        streams.iter().enumerate().map(|(number, bytes)| (format!("stream {number}"), bytes.clone())).collect();
    for path in places.exchanges.values() {
        let data = nacre_exchange::Config::read(path).unwrap().data;
        haystacks
            .extend(files_below(&data).unwrap().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    }
    // Also the provider's own outbox, which outlives the plaintext.
    haystacks.extend(
        files_below(&config.data).unwrap().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)),
    );
    let total: usize = haystacks.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total > 500_000, "{total}");
    for (place, bytes) in &haystacks {
        for text in &long {
            assert!(!contains(bytes, text.as_bytes()), "{place} holds {} bytes that name a person", text.len());
        }
    }
    // Short strings occur in ciphertext by chance, so they are looked for in decoded fields.
    let batches = batches(&streams);
    assert_eq!(batches.iter().map(|batch| batch.contributions.len()).sum::<usize>() as u64, summary.posted);
    let mut texts = BTreeSet::new();
    for batch in &batches {
        collect(&serde_json::to_value(batch).unwrap(), &mut texts);
    }
    for text in short {
        assert!(!texts.contains(text), "a decoded field holds {} bytes that name a person", text.len());
    }
}
