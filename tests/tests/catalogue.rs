//! Every measure of the catalogue, over records that none of us wrote: every integer released equals an independent
//! computation, what is withheld is what the rules name, and posting again adds nothing.
//!
//! By default a sample of the people, the same each time; with `NACRE_CAMPAIGN=full` all of `fhir-r4`, which takes
//! some minutes. Skipped, saying so, where the shared test input is not beside this checkout.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use nacre_schemas::{
    answer::Rule,
    catalogue::Catalogue,
    measure::Measure,
    query::{Attribute, Quantity, Statistic},
    release::{Outcome, Release},
};
use nacre_tests::{
    Running,
    plain::{Plain, Records},
    plan, question, shared_data,
};
use serde_json::Value;

const PERSON_SYSTEM: &str = "https://github.com/synthetichealth/synthea";
const PROVIDER: &str = "hospital-810000";
/// Of the export's people every so many-th is in the sample.
const SAMPLE_STRIDE: usize = 20;

fn is_full() -> bool {
    std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full")
}

/// The files to post: all, or all but the export, of which `folder` gets a sample.
fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    let Some(data) = shared_data() else {
        println!("skipped: ../shared/data is not beside this checkout");
        return None;
    };
    let mut files = Vec::new();
    for class in ["synthea-bundles", "hl7-examples", "server-cases"] {
        files.extend(fs::read_dir(data.join("fhir-r4").join(class)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let export = ["Patient", "Observation"].map(|kind| data.join(format!("fhir-r4/synthea-ndjson/{kind}.ndjson.gz")));
    files.extend(if is_full() { export } else { sample(&export, folder) });
    // Naming a file of another kind would be an error; this is what a folder's listing leaves out.
    files.retain(|path| [".json", ".ndjson", ".gz"].iter().any(|end| path.to_str().unwrap().ends_with(end)));
    files.sort();
    Some(files)
}

fn sample([patients, observations]: &[PathBuf; 2], folder: &Path) -> [PathBuf; 2] {
    let lines = |path: &PathBuf| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&fs::read(path).unwrap()[..]).read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let chosen: Vec<String> = lines(patients).into_iter().step_by(SAMPLE_STRIDE).collect();
    let parsed = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let subjects: BTreeSet<String> =
        chosen.iter().map(|line| format!("Patient/{}", parsed(line)["id"].as_str().unwrap())).collect();
    let mut of_them = lines(observations);
    of_them.retain(|line| subjects.contains(parsed(line)["subject"]["reference"].as_str().unwrap()));
    [("Patient.ndjson", chosen), ("Observation.ndjson", of_them)].map(|(name, lines)| {
        let path = folder.join(name);
        fs::File::create(&path).unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
        path
    })
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

/// Integers that were released and quantities that were withheld.
#[derive(Clone, Copy, Debug, Default)]
struct Outcomes {
    released: u64,
    withheld: u64,
}

/// Holds a release against the independent values.
fn compare(release: &Release, measure: &Measure, values: &[Plain], minimum: usize, outcomes: &mut Outcomes) {
    let mut seen = 0;
    for figures in &release.figures {
        let group = &figures.group;
        let inside = |value: &&Plain| {
            group.sex.is_none_or(|sex| sex.word() == value.sex)
                && group.period.is_none_or(|period| period.to_string() == value.month)
                && group
                    .age_band
                    .is_none_or(|band| band.from_age() <= value.age && band.to_age().is_none_or(|to| value.age <= to))
        };
        let values: Vec<&Plain> = values.iter().filter(inside).collect();
        seen += values.len();
        for result in &figures.results {
            let expected = match rule(&values, minimum, result.quantity) {
                Some(rule) => Outcome::Withheld(rule),
                None => Outcome::Value(integer(&values, measure, result.quantity)),
            };
            let name = measure.reference();
            assert_eq!(result.outcome, expected, "k {minimum}: {name} {group} {}", result.quantity);
            match expected {
                Outcome::Value(_) => outcomes.released += 1,
                Outcome::Withheld(_) => outcomes.withheld += 1,
            }
        }
    }
    assert_eq!(seen, values.len(), "every value is in one group");
}

/// Posts the files, twice: the second time adds nothing and gives the same receipts.
async fn post(running: &Running, files: &[PathBuf], expected: usize) {
    let summary = running.post(PROVIDER, files).await.unwrap();
    assert_eq!((summary.posted as usize, summary.queued), (expected, 0));
    let config = nacre_provider::Config::read(&running.places.providers[PROVIDER]).unwrap();
    let receipts = serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap();
    let again = running.post(PROVIDER, files).await.unwrap();
    assert_eq!((again.new, again.already_posted as usize), (0, expected));
    assert_eq!(serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap(), receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_released_integer_equals_an_independent_computation_and_the_rules_name_what_is_withheld() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = files(folder.path()) else { return };
    let records = Records::read(&files, PERSON_SYSTEM);
    let months = records.months();
    let total: usize = months.values().map(Vec::len).sum();
    println!("{} people, {total} months' values of {} measures", records.people(), months.len());
    assert!(records.people() > 20 && months.len() == 10);
    let mut outcomes = Outcomes::default();
    for minimum in [1, 11] {
        let running = Running::start(&plan(&["810000"], minimum, PERSON_SYSTEM)).await.unwrap();
        post(&running, &files, total).await;
        running.seal().await.unwrap();
        for measure in Catalogue::built_in().measures() {
            let name = measure.reference().to_string();
            let values = months.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let statistics: Vec<_> =
                Statistic::ALL.iter().copied().filter(|statistic| measure.offers(*statistic)).collect();
            let mut groupings = vec![&[][..], &[Attribute::Sex], &[Attribute::AgeBand]];
            if measure.reference().to_string() == "bmi@1" && !is_full() {
                groupings.push(&[Attribute::Sex, Attribute::Period]);
            }
            for by in groupings {
                let mut question = question(measure.id.as_str(), "1938-01", "2026-09", by, &statistics);
                question.version = Some(measure.version);
                let release = running.ask(&question).await.unwrap().unwrap().release;
                compare(&release, measure, values, minimum as usize, &mut outcomes);
            }
        }
    }
    println!("{} integers equal, {} withheld as the rules name", outcomes.released, outcomes.withheld);
    assert!(outcomes.released > 500 && outcomes.withheld > 100);
}
