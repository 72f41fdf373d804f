//! Consent of every jurisdiction: silence, an outage, a lie.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use nacre::demo::population::{self, PERSON_SYSTEM, Site};
use nacre_access::secret;
use nacre_regulator::QueryError;
use nacre_schemas::query::Statistic;
use nacre_tests::{Running, plan, question};

async fn with_records() -> Running {
    let running = Running::start(&plan(&["820000"], 11, PERSON_SYSTEM)).await.unwrap();
    let site = Site { member: "hospital-820000".to_owned(), region: "820000".parse().unwrap(), hospital: true };
    let month = "2026-01".parse().unwrap();
    let records = running.folder().join("records");
    let population = population::generate(&records, &[site], 60, 9, &[month]).unwrap();
    let summary = running.post("hospital-820000", &population.folders).await.unwrap();
    assert!(summary.posted > 30 && summary.queued == 0);
    running.seal().await.unwrap();
    running
}

fn mean() -> nacre_regulator::Question {
    question("bmi", "2026-01", "2026-01", &[], &[Statistic::Count, Statistic::Mean])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_jurisdiction_stops_the_answer_and_one_custodian_does_not() {
    let mut running = with_records().await;

    running.servers.stop("hongkong-1").await.unwrap();
    let answer = running.ask(&mean()).await.unwrap().unwrap();
    assert!(answer.faults.iter().any(|fault| fault.custodian.to_string() == "hongkong-1"));
    let used: Vec<String> = answer.report.custodians.iter().map(ToString::to_string).collect();
    assert!(used.contains(&"hongkong-2".to_owned()) && used.contains(&"hongkong-3".to_owned()));

    running.servers.stop("hongkong-2").await.unwrap();
    let error = running.ask(&mean()).await.unwrap().err().unwrap();
    assert!(matches!(error, QueryError::NoConsent { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("hongkong") && text.contains("hongkong-1") && text.contains("hongkong-2"), "{text}");
    assert!(!text.contains("guangdong") && !text.contains("macao"), "{text}");

    // Back again: the same question is answered.
    let address = running.addresses["hongkong-2"].clone();
    running.servers.restart(&running.places, "hongkong-2", &address).await.unwrap();
    assert!(running.ask(&mean()).await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_share_names_its_custodian_and_another_is_asked() {
    let mut running = with_records().await;
    // Macao's first custodian answers with Guangdong's share: a proper share of the wrong key.
    let config = nacre_custodian::Config::read(&running.places.custodians["macao-1"]).unwrap();
    let other = nacre_custodian::Config::read(&running.places.custodians["guangdong-1"]).unwrap();
    running.servers.stop("macao-1").await.unwrap();
    let wrong = secret::read::<32>(&other.share).unwrap();
    std::fs::remove_file(&config.share).unwrap();
    secret::write(&config.share, &*wrong).unwrap();
    let address = running.addresses["macao-1"].clone();
    let started = running.servers.restart(&running.places, "macao-1", &address).await;
    if started.is_ok() {
        let answer = running.ask(&mean()).await.unwrap().unwrap();
        let fault = answer.faults.iter().find(|fault| fault.custodian.to_string() == "macao-1");
        assert!(fault.is_some(), "{:?}", answer.faults);
        let used: Vec<String> = answer.report.custodians.iter().map(ToString::to_string).collect();
        assert!(!used.contains(&"macao-1".to_owned()) && used.contains(&"macao-3".to_owned()), "{used:?}");
    }
}
