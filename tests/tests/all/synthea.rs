//! The 11 Synthea bundles, and files of devices: nothing of a person gets out, onto the wire, into what exchange and provider
//! store, or into a log line at any level. (What they come to is in `catalogue.rs`.)
//!
//! Skipped, saying so, where the shared test input is not beside this checkout.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use nacre_schemas::{Document as _, batch::Batch};
use nacre_tests::{Running, files_below, plan, process::is_alone, shared_data};
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

/// Log lines of every thread, of all servers.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Files of devices that nobody here wrote, with what is in them that must not get out: serial numbers, positions in FIT's unit
/// and in degrees, names of sources, a vendor's number of a person, a birth date.
const DEVICES: [&str; 4] = [
    "fit/valid/garmin-fenix-5-run.fit",
    "fit/valid/WeightScaleSingleUser.fit",
    "fit/valid/MonitoringFile.fit",
    "apple-health/export-small.xml",
];
const OF_DEVICES: [&str; 9] = [
    "3945849289",
    "456099128",
    "1463077077",
    "3882708276",
    "Simon’s iPhone",
    "Health Mate",
    "userid=12345",
    // A longitude with its sign. Without one, log lines say the same of a call that took so many microseconds.
    "-122.426",
    "1990-02-02",
];

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
    if !is_alone("synthea::nothing_that_names_a_person_is_sent_or_stored") {
        return;
    }
    let log = Log::default();
    let lines = log.clone();
    let all = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    all.with_writer(move || lines.clone()).init();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tapped = listener.local_addr().unwrap().to_string();
    let plan = plan(&["810000"], 11, PERSON_SYSTEM);
    let (mut running, target) = Running::start_behind(&plan, Some(("810000", &tapped))).await.unwrap();
    let places = running.places.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(tap(listener, target.unwrap().parse().unwrap(), seen.clone()));
    let mut config = nacre_provider::Config::read(&places.providers[PROVIDER]).unwrap();
    let register = places.providers[PROVIDER].with_file_name("people.csv");
    std::fs::write(&register, "id,sex,birth-date\nowner-of-devices,male,1990-02-02\n").unwrap();
    config.people = Some(register.into());
    config.unnamed.person = Some(nacre_reading::PersonId::new("owner-of-devices").unwrap());
    let mut all = files.clone();
    all.extend(DEVICES.iter().map(|name| shared_data().unwrap().join(name)));
    let summary = nacre_provider::post(&config, &all, &()).await.unwrap();
    assert!(summary.posted > 100);
    for measure in ["steps@1", "body-fat@1", "mvpa-minutes@1"] {
        assert!(summary.by_measure.contains_key(&measure.parse().unwrap()), "{measure} is of devices alone");
    }
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

    let mut identifying = identifying(&files);
    identifying.extend(OF_DEVICES.iter().chain(&["owner-of-devices"]).map(|text| (*text).to_owned()));
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
    haystacks.push(("the log".to_owned(), log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()));
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
