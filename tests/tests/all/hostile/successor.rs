//! A regulator that asks the same question before and after the network changes its trust root. What was told stays told: each
//! request counts under the root it was asked under, whichever keys and limits came since, and whatever the custodians lost
//! but their own logs.

use std::{ffi::OsStr, fs, path::PathBuf, process::Command};

use nacre::demo::population::PERSON_SYSTEM;
use nacre_regulator::{Outcome as Answer, Question};
use nacre_schemas::{
    cohort::{AgeBand, Sex},
    query::Statistic,
    release::Outcome,
    trust::TrustRoot,
};
use nacre_tests::{
    Running,
    attack::{MONTH, definition},
    plan, question,
    sender::Sender,
    successor::{
        add_witness, adopt, empty_custodians, replace_authority_keys, replace_chain_key, replace_witness_key, successor,
    },
};

const REGION: &str = "820000";

/// Posts so many women of 50 years, from that number on, and closes the epoch.
async fn seal(running: &Running, count: u32, first: u32) {
    let hospital = Sender::of(running, &format!("hospital-{REGION}"));
    let header = |person| {
        let mut header = hospital.header(definition(), person, MONTH);
        (header.cell.sex, header.cell.age_band) = (Sex::Female, AgeBand::of_age(50));
        header
    };
    let persons = first..first + count;
    let values: Vec<u32> = persons.clone().map(|person| 200 + person % 100).collect();
    hospital.post(&hospital.prove(definition(), persons.map(header).collect(), &values)).await.unwrap();
    running.seal().await.unwrap();
}

fn mean() -> Question {
    question("bmi", MONTH, MONTH, &[], &[Statistic::Count, Statistic::Mean])
}

fn of_the_first_epoch() -> Question {
    let chain = format!("region/{REGION}").parse().unwrap();
    Question { through: [(chain, 1)].into(), ..mean() }
}

async fn ask(running: &Running, question: &Question) -> Vec<String> {
    let Answer { release, .. } = running.ask(question).await.unwrap().unwrap();
    let [figures] = &release.figures[..] else { panic!("one group") };
    let word = |outcome: &Outcome| match outcome {
        Outcome::Value(_) => "opened".to_owned(),
        Outcome::Withheld(rule) => rule.to_string(),
    };
    figures.results.iter().map(|result| word(&result.outcome)).collect()
}

/// Asks about so many people, changes the trust root, empties the custodians, and asks about one person more. The first question,
/// asked anew, comes to `again`.
async fn one_more_after(people: u32, again: &str, change: impl FnOnce(&Running, &mut TrustRoot)) -> Running {
    let mut running = Running::start(&plan(&[REGION], 11, PERSON_SYSTEM)).await.unwrap();
    seal(&running, people, 0).await;
    assert_eq!(ask(&running, &mean()).await, ["opened"; 2]);
    let signed = successor(&running, |root| change(&running, root));
    adopt(&mut running, signed, empty_custodians).await;
    seal(&running, 1, 77).await;
    assert_eq!(ask(&running, &mean()).await, ["partition"; 2], "one person's value by subtraction");
    assert_eq!(ask(&running, &of_the_first_epoch()).await, [again; 2], "the same question anew");
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_with_another_key_makes_nothing_forgotten() {
    one_more_after(40, "opened", |running, root| replace_witness_key(running, root, "witness-hongkong")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_with_another_key_makes_nothing_forgotten() {
    let mut running = one_more_after(40, "opened", |running, root| {
        replace_chain_key(running, root, &format!("region/{REGION}").parse().unwrap());
        replace_chain_key(running, root, &definition().main_chain());
    })
    .await;

    // The operator's commands read the log as the exchange does.
    running.servers.stop(REGION).await.unwrap();
    let config = &running.places.exchanges[REGION];
    let data = nacre_exchange::Config::read(config).unwrap().data;
    let nacre = |arguments: &[&OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_nacre-under-test")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (dir, chain) = (data.join(format!("chains/region-{REGION}")), format!("region/{REGION}"));
    let check = ["log".as_ref(), "check".as_ref(), dir.as_os_str(), "--chain".as_ref(), chain.as_ref()];
    let check = [&check[..], &["--trust".as_ref(), running.places.trust.as_os_str()]].concat();
    let (status, said) = nacre(&check);
    assert!(status == Some(2) && said.starts_with("NOT SOUND"), "under the present key alone: {said}");
    let kept: Vec<PathBuf> = fs::read_dir(data.join("roots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 2);
    let earlier = [&["--earlier-trust".as_ref()], &kept.iter().map(|path| path.as_os_str()).collect::<Vec<_>>()[..]];
    let (status, said) = nacre(&[&check, &earlier.concat()[..]].concat());
    assert!(status == Some(0) && said.starts_with("SOUND"), "{said}");
    let (status, said) = nacre(&["exchange".as_ref(), "register".as_ref(), "show".as_ref(), config.as_os_str()]);
    assert!(status == Some(0) && said.contains("holds"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_with_other_keys_make_nothing_forgotten() {
    one_more_after(40, "opened", replace_authority_keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_more_makes_nothing_forgotten() {
    one_more_after(40, "opened", |_, root| add_witness(root)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_k_makes_nothing_forgotten() {
    // 19 were enough at k = 11; 20 would be at k = 20, and are one more than was told.
    one_more_after(19, "too-few-people", |_, root| root.disclosure.minimum_people = 20).await;
}
