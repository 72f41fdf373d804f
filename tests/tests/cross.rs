//! The cross lane, whole: a hospital in one jurisdiction and a gym in another know different things of the same people;
//! a regulator gets a table and means, exactly right, and nobody saw a value.
//!
//! Cost: dealing keys takes half a minute of two cores, a person 20 ms of one for each of three evaluators, opening some
//! seconds. What is computed with the keys is the same whoever dealt them, so the tests of this file share one network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use nacre::consortium::CrossPlan;
use nacre_evaluator::RecomputeError;
use nacre_ledger::signing::SigningKey;
use nacre_regulator::{CrossAnswered, CrossQuestion, FaultCause, NamedMeasure, QueryError};
use nacre_schemas::{
    Blob, Document as _,
    answer::Verdict,
    canonical::fields,
    catalogue::Catalogue,
    cross::{CrossAnswer, CrossRelease, CrossStatistic},
    measure::Measure,
};
use nacre_tests::{Running, attack::read_key, plan, proxy::Proxy};
use nacre_verifier::{Check, Network, cross};
use serde_json::json;
use sqlx::Connection as _;
use tokio::net::TcpListener;

const PERSON_SYSTEM: &str = "urn:test:person";
/// Whoever is known to only one of the two is counted nowhere.
const ONLY_AT_ONE: usize = 4;

/// A person's months: (month, HbA1c in tenths of a percent), (month, minutes a week).
struct Person {
    hba1c: Vec<(&'static str, u32)>,
    minutes: Vec<(&'static str, u32)>,
}

/// Bands 0, 1 and 3 of either measure; a cell of ten, which is one too few; and values of two months, of which the later counts.
fn people() -> Vec<Person> {
    let mut people = Vec::new();
    let mut add = |count: usize, hba1c: u32, minutes: u32| {
        for number in 0..count as u32 {
            people.push(Person {
                hba1c: vec![("2025-03", hba1c + number % 3), ("2025-02", 200)],
                minutes: vec![("2025-01", 0), ("2025-02", minutes + 5 * (number % 4))],
            });
        }
    };
    add(13, 50, 310);
    add(11, 60, 50);
    add(10, 85, 0);
    people
}

fn observation(person: usize, month: &str, code: &str, value: serde_json::Value, unit: &str) -> serde_json::Value {
    json!({
        "resourceType": "Observation",
        "id": format!("{code}-{person}-{month}"),
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "subject": { "reference": format!("Patient/p{person}") },
        "effectiveDateTime": format!("{month}-14T09:00:00+08:00"),
        "valueQuantity": { "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit },
    })
}

fn patient(person: usize) -> serde_json::Value {
    json!({
        "resourceType": "Patient",
        "id": format!("p{person}"),
        "identifier": [{ "system": PERSON_SYSTEM, "value": format!("P-{person}") }],
        "gender": "female",
        "birthDate": "1970-05-05",
    })
}

/// Writes both providers' files: the hospital knows the first people, the gym the last.
fn write_files(running: &Running, people: &[Person]) -> (PathBuf, PathBuf) {
    let (mut hospital, mut gym) = (String::new(), String::new());
    for (number, person) in people.iter().enumerate() {
        if number + ONLY_AT_ONE / 2 < people.len() {
            hospital += &format!("{}\n", patient(number));
            for (month, tenths) in &person.hba1c {
                let value = json!(f64::from(*tenths) / 10.0);
                hospital += &format!("{}\n", observation(number, month, "4548-4", value, "%"));
            }
        }
        if number >= ONLY_AT_ONE / 2 {
            gym += &format!("{}\n", patient(number));
            for (month, minutes) in &person.minutes {
                gym += &format!("{}\n", observation(number, month, "82290-8", json!(minutes), "min/wk"));
            }
        }
    }
    let (of_hospital, of_gym) = (running.folder().join("hospital.ndjson"), running.folder().join("gym.ndjson"));
    fs::write(&of_hospital, hospital).unwrap();
    fs::write(&of_gym, gym).unwrap();
    (of_hospital, of_gym)
}

fn measure(name: &str) -> &'static Measure {
    Catalogue::built_in().find(&name.parse().unwrap()).unwrap()
}

fn band(measure: &Measure, value: u32) -> u8 {
    measure.cross_bands().iter().position(|band| (band.lo..=band.hi).contains(&value)).unwrap() as u8
}

/// (band of minutes, HbA1c in steps) of everyone whom both know, by each one's latest month.
fn truth(people: &[Person]) -> Vec<(u8, u8, u32)> {
    let known = ONLY_AT_ONE / 2..people.len() - ONLY_AT_ONE / 2;
    let latest = |months: &[(&'static str, u32)]| months.iter().max().unwrap().1;
    let (activity, sugar) = (measure("mvpa-minutes@1"), measure("hba1c@1"));
    known
        .map(|number| {
            let (hba1c, minutes) = (latest(&people[number].hba1c), latest(&people[number].minutes));
            (band(activity, minutes / 5), band(sugar, hba1c), hba1c)
        })
        .collect()
}

fn question(statistic: CrossStatistic, by: &str, of: &str, months: (&str, &str)) -> CrossQuestion {
    CrossQuestion {
        statistic,
        by: NamedMeasure::parse(by).unwrap(),
        of: NamedMeasure::parse(of).unwrap(),
        from: months.0.parse().unwrap(),
        to: months.1.parse().unwrap(),
        regions: Vec::new(),
        through: BTreeMap::new(),
        purpose: "does activity go with better values?".parse().unwrap(),
    }
}

/// Leaves an exchange's tables as builds did that had none of values by measure and month: it fills it when it opens.
async fn forget_values(running: &mut Running, exchange: &str) {
    running.servers.stop(exchange).await.unwrap();
    let data = nacre_exchange::Config::read(&running.places.exchanges[exchange]).unwrap().data;
    let url = format!("sqlite://{}", data.join("exchange.sqlite").display());
    let mut tables = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let forgotten = sqlx::query("DELETE FROM cross_value").execute(&mut tables).await.unwrap();
    assert!(forgotten.rows_affected() > 0);
    sqlx::query("DELETE FROM filled").execute(&mut tables).await.unwrap();
    tables.close().await.unwrap();
    let address = running.addresses[exchange].clone();
    running.servers.restart(&running.places, exchange, &address).await.unwrap();
}

async fn ask(running: &Running, question: &CrossQuestion) -> Result<CrossAnswered, QueryError> {
    let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
    nacre_regulator::cross_query(&config, question, &()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hospital_and_a_gym_know_of_the_same_people_is_counted_and_never_seen() {
    let mut plan = plan(&["440100", "810000"], 11, PERSON_SYSTEM);
    plan.cross = Some(CrossPlan::default());
    let mut running = Running::start(&plan).await.unwrap();
    let people = people();
    let (hospital, gym) = write_files(&running, &people);
    for (member, file) in [("hospital-440100", hospital), ("gym-810000", gym)] {
        let summary = running.post(member, &[file]).await.unwrap();
        assert_eq!((summary.refused.len(), summary.queued), (0, 0), "{member}");
        assert!(summary.posted > 0);
    }
    running.seal().await.unwrap();
    forget_values(&mut running, "440100").await;

    let truth = truth(&people);
    let year = ("2025-01", "2025-12");
    let answered = ask(&running, &question(CrossStatistic::Table, "mvpa-minutes", "hba1c", year)).await.unwrap();
    assert_eq!(answered.faults, []);
    let mut counted: BTreeMap<(u8, u8), u64> = BTreeMap::new();
    for (activity, sugar, _) in &truth {
        *counted.entry((*activity, *sugar)).or_default() += 1;
    }
    let shown: BTreeMap<(u8, u8), u64> =
        answered.release.cells.iter().map(|cell| ((cell.by, cell.of), cell.people)).collect();
    counted.retain(|_, people| *people >= 11);
    assert_eq!(shown, counted);
    assert!(!shown.is_empty() && shown.len() < 3, "one cell is withheld");

    // Elsewhere, from the release and the trust root alone; and no other cells pass.
    let network = running.network().unwrap();
    let bytes = answered.release.to_canonical();
    let mut release = CrossRelease::from_canonical(&bytes).unwrap();
    cross::check_release(&release, &network).unwrap();
    release.cells[0].people += 1;
    assert_eq!(cross::check_release(&release, &network).unwrap_err().check, Check::Figures);
    every_field_is_checked(&answered.release, &network);

    // Whoever holds what the chains handed over comes to the same bytes; and says so if it holds something else.
    let config = nacre_evaluator::Config::read(&running.places.evaluators["evaluator-macao"]).unwrap();
    let keys = nacre_evaluator::Keys::read(&config.keys).unwrap();
    let request = answered.release.submission.result.request;
    let inputs = config.data.join(format!("jobs/{request}/inputs"));
    let again = || nacre_evaluator::recompute(&answered.release, &network, &keys, &inputs, |_, _| ());
    let recomputed = again().unwrap();
    assert!(recomputed.is_same());
    assert_eq!(recomputed.people, truth.len());
    let file = inputs.join("region-440100");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(again().unwrap_err(), RecomputeError::Inputs(reason) if reason.contains("region/440100")));
    fs::remove_file(&file).unwrap();
    assert!(again().unwrap_err().to_string().contains("inputs are not there"));
    fs::write(&file, bytes).unwrap();

    // Another question about the same people's values is refused, by every custodian, for the reason.
    let mean = question(CrossStatistic::Mean, "mvpa-minutes", "hba1c", year);
    let refused = ask(&running, &mean).await.unwrap_err().to_string();
    assert!(refused.contains("disclosure") && refused.contains("another question"), "{refused}");
    // The same question again is the same answer.
    let again = ask(&running, &question(CrossStatistic::Table, "mvpa-minutes", "hba1c", year)).await.unwrap();
    assert_eq!(again.release.cells, answered.release.cells);
}

#[tokio::test(flavor = "multi_thread")]
async fn means_by_band_are_exact_and_a_liar_among_custodians_is_named() {
    let mut plan = plan(&["440100", "810000"], 11, PERSON_SYSTEM);
    plan.cross = Some(CrossPlan::default());
    // Hongkong's first custodian lies: of one summand that it holds, it makes a digit one more, and signs.
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    let (mut running, target) = Running::start_behind(&plan, Some(("hongkong-1", &address))).await.unwrap();
    let config = nacre_custodian::Config::read(&running.places.custodians["hongkong-1"]).unwrap();
    let key = read_key(&config.signing_key);
    let proxy = Proxy::start(proxy, target.unwrap(), move |path, bytes| {
        (path == "/v1/cross/answers").then(|| lie(bytes, &key)).flatten()
    });
    let people = people();
    let (hospital, gym) = write_files(&running, &people);
    running.post("hospital-440100", &[hospital]).await.unwrap();
    running.post("gym-810000", &[gym]).await.unwrap();
    running.seal().await.unwrap();
    let mean = question(CrossStatistic::Mean, "mvpa-minutes", "hba1c", ("2025-01", "2025-12"));
    let answered = ask(&running, &mean).await.unwrap();
    assert!(proxy.twisted() > 0);
    let [fault] = answered.faults.as_slice() else { panic!("{:?}", answered.faults) };
    assert_eq!(fault.custodian.to_string(), "hongkong-1");
    assert!(matches!(&fault.cause, FaultCause::False(failure) if failure.check == Check::Share), "{fault}");
    let mut sums: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
    for (activity, _, hba1c) in truth(&people) {
        let (people, sum) = sums.entry(activity).or_default();
        *people += 1;
        *sum += u64::from(hba1c);
    }
    sums.retain(|_, (people, _)| *people >= 11);
    let shown: BTreeMap<u8, (u64, u64)> =
        answered.release.cells.iter().map(|cell| (cell.by, (cell.people, cell.sum.unwrap()))).collect();
    assert_eq!(shown, sums);
    assert!(!shown.is_empty());
    // One of the honest two away, and nothing opens.
    running.servers.stop("hongkong-2").await.unwrap();
    let error = ask(&running, &mean).await.unwrap_err();
    assert!(
        matches!(&error, QueryError::NoConsent { jurisdiction, .. } if jurisdiction.as_str() == "hongkong"),
        "{error}"
    );
}

/// A bit of each field of a release changed, one after the other: it is refused, or cannot even be read.
fn every_field_is_checked(release: &CrossRelease, network: &Network) {
    let (bytes, fields) = fields(release);
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for field in &fields {
        let mut changed = bytes.clone();
        changed[field.bytes.end - 1] ^= 1;
        match CrossRelease::from_canonical(&changed) {
            Err(_) => *refused.entry("decoding").or_default() += 1,
            Ok(changed) => {
                let failure = cross::check_release(&changed, network).expect_err(&field.path);
                *refused.entry(failure.check.word()).or_default() += 1;
            }
        }
    }
    println!("{} fields, refused by: {refused:?}", fields.len());
    for check in [Check::RequestSignature, Check::CrossConfirmation, Check::AnswerSignature, Check::Figures] {
        assert!(refused.contains_key(check.word()), "no change met {check}");
    }
}

/// An answer with one share changed by a digit's step, signed by who gives it: the sum still opens to a digit.
fn lie(bytes: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let Ok(Verdict::Answered(mut signed)) = serde_json::from_slice::<Verdict<CrossAnswer>>(bytes) else { return None };
    let shares = &mut signed.statement.shares[0].shares;
    let mut changed = shares.as_bytes().to_vec();
    let share = u128::from_le_bytes(changed[..16].try_into().unwrap());
    changed[..16].copy_from_slice(&share.wrapping_sub(1 << 123).to_le_bytes());
    *shares = Blob::new(changed).unwrap();
    signed.signature = key.sign_detached(&signed.statement);
    Some(serde_json::to_vec(&Verdict::Answered(signed)).unwrap())
}
