//! Every measure of the catalogue, over records that none of us wrote: every integer released equals an independent
//! computation, what is withheld is what the rules name, and posting again adds nothing.
//!
//! By default a sample of the people, the same each time; with `NACRE_CAMPAIGN=full` all of `fhir-r4`, which takes
//! some minutes. Skipped, saying so, where the shared test input is not beside this checkout.

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
    Running, is_full_campaign,
    plain::{Plain, Records},
    plan, question, shared_data,
};
use serde_json::Value;

const PERSON_SYSTEM: &str = "https://github.com/synthetichealth/synthea";
const PROVIDER: &str = "hospital-810000";
/// Of the export's people every so many-th is in the sample.
const SAMPLE_STRIDE: usize = 20;

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
    files.extend(if is_full_campaign() { export } else { sample(&export, folder) });
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

/// One provider, so a group's people are its fullest month's.
fn people<'v>(values: impl IntoIterator<Item = &'v Plain>) -> usize {
    let mut months: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *months.entry(&value.month).or_default() += 1;
    }
    months.values().copied().max().unwrap_or(0)
}

/// Month, sex and five-year age band: what requests can tell apart.
type Cell = (String, String, u32);

fn cell(value: &Plain) -> Cell {
    (value.month.clone(), value.sex.clone(), value.age.min(85) / 5)
}

/// The groups that were opened so far of measures that share codes, each with its measure, as the sets of their cells.
#[derive(Default)]
struct Opened<'v>(Vec<(&'v str, BTreeSet<Cell>)>);

impl<'v> Opened<'v> {
    /// Adds a group, if no cell of it was opened under another version of the measure, and every set of cells that lie in the
    /// same of the groups is still of that many people, by each measure that was asked of it.
    fn add(&mut self, name: &'v str, group: &[&Plain], months: &'v BTreeMap<&str, Vec<Plain>>, minimum: usize) -> bool {
        let cells: BTreeSet<Cell> = group.iter().map(|value| cell(value)).collect();
        let id = |name: &'v str| name.split_once('@').map(|(id, _)| id);
        let other = |known: &'v str| known != name && id(known) == id(name);
        if self.0.iter().any(|(known, told)| other(known) && !told.is_disjoint(&cells)) {
            return false;
        }
        self.0.push((name, cells));
        let fine = self.classes().all(|(class, measures)| {
            measures.into_iter().all(|measure| {
                let values = months.get(measure).into_iter().flatten();
                people(values.filter(|value| class.contains(&cell(value)))) >= minimum
            })
        });
        if !fine {
            self.0.pop();
        }
        fine
    }

    /// Cells that lie in the same groups, with the measures of those groups.
    fn classes(&self) -> impl Iterator<Item = (BTreeSet<Cell>, BTreeSet<&'v str>)> {
        let mut classes: BTreeMap<Vec<usize>, BTreeSet<Cell>> = BTreeMap::new();
        for cell in self.0.iter().flat_map(|(_, cells)| cells).collect::<BTreeSet<_>>() {
            let inside = self.0.iter().enumerate().filter(|(_, (_, cells))| cells.contains(cell));
            classes.entry(inside.map(|(position, _)| position).collect()).or_default().insert(cell.clone());
        }
        classes.into_iter().map(|(groups, cells)| (cells, groups.into_iter().map(|group| self.0[group].0).collect()))
    }
}

/// What was asked of one family of measures.
#[derive(Default)]
struct Asked<'v> {
    sums: Opened<'v>,
    details: Opened<'v>,
}

/// The rules that withhold a group, and its squares and bands.
struct Rules {
    group: Option<Rule>,
    detail: Option<Rule>,
}

impl<'v> Asked<'v> {
    /// What the rules name for the next group that is asked about.
    fn rules(
        &mut self,
        name: &'v str,
        group: &[&Plain],
        months: &'v BTreeMap<&str, Vec<Plain>>,
        (minimum, wants_detail): (usize, bool),
    ) -> Rules {
        let people = people(group.iter().copied());
        let mut rules = Rules {
            group: (people < minimum).then_some(Rule::TooFewPeople),
            detail: (people < 3 * minimum).then_some(Rule::TooFewPeopleForDetail),
        };
        if rules.group.is_none() && !self.sums.add(name, group, months, minimum) {
            rules.group = Some(Rule::Partition);
        }
        let open = rules.group.or(rules.detail).is_none();
        if open && wants_detail && !self.details.add(name, group, months, 3 * minimum) {
            rules.detail = Some(Rule::PartitionForDetail);
        }
        rules
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
fn compare<'v>(
    release: &Release,
    (measure, name): (&Measure, &'v str),
    months: &'v BTreeMap<&str, Vec<Plain>>,
    minimum: usize,
    asked: &mut Asked<'v>,
    outcomes: &mut Outcomes,
) {
    let values = months.get(name).map(Vec::as_slice).unwrap_or_default();
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
        let is_detail = |quantity| matches!(quantity, Quantity::Squares | Quantity::Band(_));
        let wants_detail = figures.results.iter().any(|result| is_detail(result.quantity));
        let rules = asked.rules(name, &values, months, (minimum, wants_detail));
        for result in &figures.results {
            let detail = if is_detail(result.quantity) { rules.detail } else { None };
            let expected = match rules.group.or(detail) {
                Some(rule) => Outcome::Withheld(rule),
                None => Outcome::Value(integer(&values, measure, result.quantity)),
            };
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
    let names: Vec<String> =
        Catalogue::built_in().measures().iter().map(|measure| measure.reference().to_string()).collect();
    let mut outcomes = Outcomes::default();
    for minimum in [1, 11] {
        let running = Running::start(&plan(&["810000"], minimum, PERSON_SYSTEM)).await.unwrap();
        post(&running, &files, total).await;
        running.seal().await.unwrap();
        let mut asked: BTreeMap<String, Asked<'_>> = BTreeMap::new();
        for (measure, name) in Catalogue::built_in().measures().iter().zip(&names) {
            let family = Catalogue::built_in().family(&measure.reference())[0].reference().to_string();
            let asked = asked.entry(family).or_default();
            let statistics: Vec<_> =
                Statistic::ALL.iter().copied().filter(|statistic| measure.offers(*statistic)).collect();
            let mut groupings = vec![&[][..], &[Attribute::Sex], &[Attribute::AgeBand]];
            if name == "bmi@1" && !is_full_campaign() {
                groupings.push(&[Attribute::Sex, Attribute::Period]);
            }
            for by in groupings {
                let mut question = question(measure.id.as_str(), "1938-01", "2026-09", by, &statistics);
                question.version = Some(measure.version);
                let release = running.ask(&question).await.unwrap().unwrap().release;
                compare(&release, (measure, name), &months, minimum as usize, asked, &mut outcomes);
            }
        }
    }
    println!("{} integers equal, {} withheld as the rules name", outcomes.released, outcomes.withheld);
    assert!(outcomes.released > 500 && outcomes.withheld > 100);
}
