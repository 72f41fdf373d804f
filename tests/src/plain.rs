//! The independent computation: from FHIR R4 files to month's values by ordinary means.
//!
//! It shares no code with the product and reads nothing of the catalogue: codes, units, factors, steps and ranges are
//! written out a second time here, for those measures that the shared records hold. Numbers are rationals of the digits
//! that their doubles print. What it relies on it asserts: every time is in UTC, so texts order as times do.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::{Path, PathBuf},
};

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::Value;

/// A month's value: whose, when, and in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The identifier's value.
    pub person: String,
    /// As `2019-05`.
    pub month: String,
    /// FHIR's word.
    pub sex: String,
    /// Completed years at the value.
    pub age: u32,
    /// In steps.
    pub value: u32,
}

/// How a measure of these records is coded: LOINC code, panel, unit, own units by factor, step, range in steps.
struct Simple {
    measure: &'static str,
    panel: Option<&'static str>,
    code: &'static str,
    unit: &'static str,
    over: (i64, i64),
    step: (i64, i64),
    range: (u32, u32),
}

const fn simple(measure: &'static str, code: &'static str, unit: &'static str, range: (u32, u32)) -> Simple {
    Simple { measure, panel: None, code, unit, over: (1, 1), step: (1, 10), range }
}

const PANEL: Option<&str> = Some("55284-4");

const SIMPLE: [Simple; 9] = [
    Simple { panel: PANEL, step: (1, 1), ..simple("systolic-bp@1", "8480-6", "mm[Hg]", (40, 300)) },
    Simple { panel: PANEL, step: (1, 1), ..simple("diastolic-bp@1", "8462-4", "mm[Hg]", (20, 200)) },
    simple("body-weight@1", "29463-7", "kg", (5, 4_000)),
    simple("body-height@1", "8302-2", "cm", (300, 2_500)),
    simple("bmi@1", "39156-5", "kg/m2", (80, 1_000)),
    simple("bmi@2", "39156-5", "kg/m2", (80, 1_000)),
    simple("hba1c@1", "4548-4", "%", (30, 200)),
    Simple { over: (18_016, 1_000), ..simple("glucose@1", "2339-0", "mg/dL", (5, 500)) },
    Simple { over: (3_867, 100), ..simple("total-cholesterol@1", "2093-3", "mg/dL", (5, 300)) },
];

/// Lower limits of the classes of pressure above the first.
const CLASSES: ([u32; 4], [u32; 4]) = ([120, 140, 160, 180], [80, 90, 100, 110]);

fn ratio(parts: (i64, i64)) -> BigRational {
    BigRational::new(parts.0.into(), parts.1.into())
}

/// A plain decimal as it is written.
fn number(value: &Value) -> Option<BigRational> {
    let text = value.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    Some(BigRational::new(digits, BigInt::from(10).pow(fraction.len() as u32)))
}

/// Rounded half up.
fn steps(value: &BigRational, step: (i64, i64)) -> u32 {
    let doubled = value / ratio(step) * BigInt::from(2) + BigRational::from_integer(1.into());
    let halved: BigRational = doubled / BigInt::from(2);
    halved.floor().to_integer().try_into().unwrap_or(u32::MAX)
}

/// What is known of a person.
#[derive(Clone, Debug)]
struct Person {
    id: String,
    sex: String,
    birth: String,
    death: Option<String>,
}

/// One value of one person at one time.
#[derive(Clone)]
struct Reading {
    at: String,
    source: String,
    value: BigRational,
}

type Key = (&'static str, String, String);

/// The records of some files, and what they come to.
#[derive(Default)]
pub struct Records {
    people: BTreeMap<String, Person>,
    observations: Vec<(String, Value)>,
}

/// Every resource of the folder's files: Bundles, lines of NDJSON, or one resource a file.
fn resources(path: &Path) -> Vec<(Option<String>, Value)> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap_or_default();
    } else {
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let text = text.trim_start_matches('\u{feff}');
    let whole = serde_json::from_str::<Value>(text).map(|value| vec![value]);
    let found = whole.unwrap_or_else(|_| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect());
    let inside = |resource: Value| match resource["entry"].as_array() {
        Some(entries) => entries
            .iter()
            .map(|entry| (entry["fullUrl"].as_str().map(str::to_owned), entry["resource"].clone()))
            .collect(),
        None => vec![(None, resource)],
    };
    found.into_iter().flat_map(inside).collect()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

fn has_code(concept: &Value, code: &str) -> bool {
    let codings = concept["coding"].as_array().map(Vec::as_slice).unwrap_or_default();
    codings.iter().any(|coding| coding["system"] == "http://loinc.org" && coding["code"] == code)
}

impl Records {
    /// Reads files; people are named by identifiers of that system, and an observation counts once by its id.
    pub fn read(files: &[PathBuf], person_system: &str) -> Self {
        let mut records = Self::default();
        let mut seen = BTreeSet::new();
        let mut later = Vec::new();
        for file in files {
            for (url, resource) in resources(file) {
                match text(&resource, "resourceType") {
                    "Patient" => records.add_patient(url, &resource, person_system),
                    "Observation" => later.push(resource),
                    _ => {}
                }
            }
        }
        for observation in later {
            let subject = text(&observation["subject"], "reference");
            let Some(person) = records.people.get(subject).cloned() else { continue };
            if seen.insert(text(&observation, "id").to_owned()) && counts(&observation, &person) {
                records.observations.push((person.id, observation));
            }
        }
        records
    }

    fn add_patient(&mut self, url: Option<String>, patient: &Value, person_system: &str) {
        let identifiers = patient["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(found) = identifiers.iter().find(|identifier| identifier["system"] == person_system) else { return };
        let (id, sex, birth) = (text(found, "value"), text(patient, "gender"), text(patient, "birthDate"));
        let death = patient["deceasedDateTime"].as_str().map(str::to_owned);
        let person = Person { id: id.to_owned(), sex: sex.to_owned(), birth: birth.to_owned(), death };
        for name in url.into_iter().chain([format!("Patient/{}", text(patient, "id"))]) {
            self.people.insert(name, person.clone());
        }
    }

    fn people_by_id(&self) -> BTreeMap<&str, &Person> {
        self.people.values().map(|person| (person.id.as_str(), person)).collect()
    }

    /// How many people have a value that counts.
    pub fn people(&self) -> usize {
        self.observations.iter().map(|(person, _)| person).collect::<BTreeSet<_>>().len()
    }

    /// Every month's value by measure.
    pub fn months(&self) -> BTreeMap<&'static str, Vec<Plain>> {
        let mut readings: BTreeMap<Key, Vec<Reading>> = BTreeMap::new();
        for (person, observation) in &self.observations {
            let at = text(observation, "effectiveDateTime").to_owned();
            for (measure, value) in values(observation) {
                let reading = Reading { at: at.clone(), source: text(observation, "id").to_owned(), value };
                readings.entry((measure, person.clone(), at[..7].to_owned())).or_default().push(reading);
            }
        }
        add_indices(&mut readings);
        let people = self.people_by_id();
        let mut months: BTreeMap<&'static str, Vec<Plain>> = BTreeMap::new();
        for ((measure, id, month), readings) in readings {
            let Some(latest) = latest(&readings) else { continue };
            let person = people[id.as_str()];
            let (at, born) = (&latest.at, &person.birth);
            let years = |date: &str| date[..4].parse::<u32>().unwrap_or_default();
            let age = years(at) - years(born) - u32::from(at[5..10] < born[5..10]);
            let step = SIMPLE.iter().find(|simple| simple.measure == measure).map_or((1, 1), |simple| simple.step);
            let value = steps(&latest.value, step);
            months.entry(measure).or_default().push(Plain { person: id, month, sex: person.sex.clone(), age, value });
        }
        months
    }
}

/// Whether it is final, holds a value of ours, and is from the person's life.
fn counts(observation: &Value, person: &Person) -> bool {
    if values(observation).is_empty() {
        return false;
    }
    let at = text(observation, "effectiveDateTime");
    let in_utc = |at: &str| at.len() == 25 && at.ends_with("+00:00");
    assert!(in_utc(at) && person.death.as_deref().is_none_or(in_utc), "the records are not what this relies on");
    text(observation, "status") == "final" && person.death.as_deref().is_none_or(|death| at <= death)
}

fn latest(readings: &[Reading]) -> Option<&Reading> {
    let newest = readings.iter().map(|reading| &reading.at).max()?;
    readings.iter().filter(|reading| reading.at == *newest).min_by_key(|reading| &reading.source)
}

/// What one observation says of each measure.
fn values(observation: &Value) -> Vec<(&'static str, BigRational)> {
    let components = observation["component"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for simple in &SIMPLE {
        let holder = match simple.panel {
            None => has_code(&observation["code"], simple.code).then_some(observation),
            Some(panel) if has_code(&observation["code"], panel) => {
                components.iter().find(|component| has_code(&component["code"], simple.code))
            }
            Some(_) => None,
        };
        let Some(quantity) = holder.map(|holder| &holder["valueQuantity"]) else { continue };
        if quantity["code"] != simple.unit || quantity["system"] != "http://unitsofmeasure.org" {
            continue;
        }
        let Some(value) = number(&quantity["value"]).map(|value| value / ratio(simple.over)) else { continue };
        let limit = |steps: u32| ratio((i64::from(steps), 1)) * ratio(simple.step);
        if (limit(simple.range.0)..=limit(simple.range.1)).contains(&value) {
            found.push((simple.measure, value));
        }
    }
    let of = |name: &str| found.iter().find(|(measure, _)| *measure == name).map(|(_, value)| steps(value, (1, 1)));
    if let (Some(systolic), Some(diastolic)) = (of("systolic-bp@1"), of("diastolic-bp@1")) {
        let reached = |limits: [u32; 4], value: u32| limits.iter().filter(|limit| **limit <= value).count();
        let class = 1 + reached(CLASSES.0, systolic).max(reached(CLASSES.1, diastolic));
        found.push(("blood-pressure-class@1", BigRational::from_integer(class.into())));
    }
    found
}

/// Body mass indices from weight and height of one day, for months without a direct one.
fn add_indices(readings: &mut BTreeMap<Key, Vec<Reading>>) {
    let of = |name: &str| -> Vec<(Key, Vec<Reading>)> {
        readings.iter().filter(|(key, _)| key.0 == name).map(|(key, all)| (key.clone(), all.clone())).collect()
    };
    let heights: BTreeMap<Key, Vec<Reading>> = of("body-height@1").into_iter().collect();
    let range = ratio((8, 1))..=ratio((100, 1));
    for ((_, person, month), weights) in of("body-weight@1") {
        for measure in ["bmi@1", "bmi@2"] {
            let key = (measure, person.clone(), month.clone());
            if readings.contains_key(&key) {
                continue;
            }
            let Some(heights) = heights.get(&("body-height@1", person.clone(), month.clone())) else { continue };
            let index = |weight: &Reading| {
                let same_day = heights.iter().filter(|height| height.at[..10] == weight.at[..10]).cloned();
                let metres = latest(&same_day.collect::<Vec<_>>())?.value.clone() / ratio((100, 1));
                let value = &weight.value / (&metres * &metres);
                range.contains(&value).then(|| Reading { value, ..weight.clone() })
            };
            let derived: Vec<Reading> = weights.iter().filter_map(index).collect();
            if !derived.is_empty() {
                readings.insert(key, derived);
            }
        }
    }
}
