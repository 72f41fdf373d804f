//! Records of `/shared/data`, which nobody here wrote; those of Synthea are counted a second time by plain other code.
//!
//! Where that folder is absent these tests say so and end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
};

use serde_json::Value;

use super::*;

const RECORD_NUMBER: &str = "http://hospital.smarthealthit.org";

fn data(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fhir-r4").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

fn prepare_folders(folders: &[PathBuf]) -> Prepared {
    let mut config = config(Path::new("unused"));
    config.person_system = RECORD_NUMBER.parse().unwrap();
    prepare(&config, folders, "2026-03-15T00:00:00Z".parse().unwrap()).unwrap()
}

/// All resources with the bundle's names for patients, by ordinary means.
fn resources(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            found.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        } else {
            let bundle: Value = serde_json::from_slice(&bytes).unwrap();
            found.extend(bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()));
        }
    }
    found
}

/// Month's values by measure, person and month, in steps. Every date in this data is in UTC and every id unique, so
/// texts order as times do.
fn months(resources: &[Value]) -> BTreeMap<(&'static str, String, String), u32> {
    let mut people: BTreeMap<&str, &str> = BTreeMap::new();
    for patient in resources.iter().filter(|resource| resource["resourceType"] == "Patient") {
        let mut identifiers = patient["identifier"].as_array().unwrap().iter();
        let number = identifiers.find(|identifier| identifier["system"] == RECORD_NUMBER).unwrap();
        people.insert(patient["id"].as_str().unwrap(), number["value"].as_str().unwrap());
    }
    let mut latest: BTreeMap<(&'static str, String, String), (String, f64)> = BTreeMap::new();
    let mut take = |measure: &'static str, step: f64, observation: &Value, quantity: &Value| {
        let Some(value) = quantity["value"].as_f64().filter(|_| quantity["code"].is_string()) else { return };
        let subject = observation["subject"]["reference"].as_str().unwrap();
        let person = people[subject.rsplit([':', '/']).next().unwrap()].to_owned();
        let at = observation["effectiveDateTime"].as_str().unwrap().to_owned();
        assert!(at.ends_with("+00:00"));
        let entry = latest.entry((measure, person, at[..7].to_owned())).or_insert((at.clone(), value / step));
        if at > entry.0 {
            *entry = (at, value / step);
        }
    };
    for observation in resources.iter().filter(|resource| resource["resourceType"] == "Observation") {
        match observation["code"]["coding"][0]["code"].as_str().unwrap() {
            "39156-5" => take("bmi", 0.1, observation, &observation["valueQuantity"]),
            "55284-4" => {
                for component in observation["component"].as_array().unwrap() {
                    let systolic = component["code"]["coding"][0]["code"] == "8480-6";
                    let measure = if systolic { "systolic-bp" } else { "diastolic-bp" };
                    take(measure, 1.0, observation, &component["valueQuantity"]);
                }
            }
            _ => {}
        }
    }
    latest.into_iter().map(|(key, (_, value))| (key, (value + 0.5).floor() as u32)).collect()
}

fn found(prepared: &Prepared) -> BTreeMap<(String, String, String), u32> {
    let key = |value: &crate::MonthValue| {
        let person = String::from_utf8(value.person.as_bytes().to_vec()).unwrap();
        ((value.measure.id.to_string(), person, value.period.to_string()), value.value_steps)
    };
    prepared.records.iter().map(key).collect()
}

fn assert_same(prepared: &Prepared, resources: &[Value]) {
    let expected: BTreeMap<_, _> = months(resources)
        .into_iter()
        .map(|((measure, person, month), value)| ((measure.to_owned(), person, month), value))
        .collect();
    assert!(!expected.is_empty());
    for measure in ["bmi", "systolic-bp", "diastolic-bp"] {
        let count = |key: &&(String, String, String)| key.0 == measure;
        assert_eq!(found(prepared).keys().filter(count).count(), expected.keys().filter(count).count(), "{measure}");
    }
    assert_eq!(found(prepared), expected);
}

#[test]
fn the_eleven_bundles_come_to_the_same_months_as_a_plain_count() {
    let Some(folder) = data("synthea-bundles") else { return };
    let prepared = prepare_folders(std::slice::from_ref(&folder));
    let resources = resources(&folder);
    assert_same(&prepared, &resources);
    assert_eq!(prepared.files, 11);
    let observations = resources.iter().filter(|resource| resource["resourceType"] == "Observation").count();
    assert_eq!(prepared.observations, observations as u64);
    assert_eq!(prepared.refused, []);
}

#[test]
fn the_export_comes_to_the_same_months_and_values_without_a_unit_are_refused() {
    let Some(folder) = data("synthea-ndjson") else { return };
    let prepared = prepare_folders(std::slice::from_ref(&folder));
    assert_same(&prepared, &resources(&folder));
    assert_eq!(prepared.observations, 16_782);
    let without_unit = prepared.refused.iter().filter(|refused| refused.reason == Reason::NoUnit).count();
    assert_eq!((without_unit, prepared.refused.len()), (412, 412), "206 panels of two values");
}

#[test]
fn what_stands_in_both_sources_counts_once() {
    let (Some(bundles), Some(export)) = (data("synthea-bundles"), data("synthea-ndjson")) else { return };
    let ours = |folder: &Path| -> BTreeSet<String> {
        let is_ours = |resource: &&Value| {
            let code = &resource["code"]["coding"][0]["code"];
            resource["resourceType"] == "Observation" && (code == "39156-5" || code == "55284-4")
        };
        resources(folder).iter().filter(is_ours).map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
    };
    let both = ours(&bundles).intersection(&ours(&export)).count();
    assert!(both > 0);
    let apart = found(&prepare_folders(std::slice::from_ref(&bundles)));
    let prepared = prepare_folders(&[bundles, export.clone()]);
    assert_eq!(prepared.repeated, both as u64);
    assert_eq!(reasons(&prepared).iter().filter(|reason| **reason != Reason::NoUnit).count(), 0);
    let mut union = found(&prepare_folders(&[export]));
    union.extend(apart);
    assert_eq!(found(&prepared), union);
}

#[test]
fn the_published_examples_count_or_are_refused_as_they_say() {
    let Some(folder) = data("hl7-examples") else { return };
    let mut config = config(Path::new("unused"));
    config.person_system = "urn:oid:1.2.36.146.595.217.0.1".parse().unwrap();
    let prepared = prepare(&config, &[folder], "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
    let of = |name: &str| {
        let about = |refused: &&crate::Refused| refused.origin.file.ends_with(name);
        prepared.refused.iter().filter(about).map(|refused| refused.reason).collect::<Vec<_>>()
    };
    assert_eq!(of("Observation-blood-pressure-cancel.json"), [Reason::Cancelled]);
    assert_eq!(
        values(&prepared),
        [
            "bmi@1 1999-07 male 20-24 162 1",
            "diastolic-bp@1 2012-09 male 35-39 60 1",
            "systolic-bp@1 2012-09 male 35-39 107 1",
        ]
    );
}
