//! What becomes of records that nobody here wrote: `docs/intake-table.md`, file class by file class.
//!
//! The table holds counts and reasons and nothing of the records. `NACRE_BLESS=1` writes it anew; otherwise it must be
//! what the checkout holds. Where `../shared/data` is absent these tests say so and end.

use std::{collections::BTreeMap, fmt::Write as _};

use super::*;
use crate::PrepareError;

/// The time at which the table is made.
const NOW: &str = "2026-03-15T00:00:00Z";
const SYNTHEA_SYSTEM: &str = "https://github.com/synthetichealth/synthea";
const EXAMPLES_SYSTEM: &str = "urn:oid:1.2.36.146.595.217.0.1";

fn data(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fhir-r4").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

fn prepare_from(paths: &[PathBuf], person_system: &str) -> Result<Prepared, PrepareError> {
    let mut settings = settings();
    settings.person_system = person_system.parse().unwrap();
    prepare(&settings, paths, NOW.parse().unwrap())
}

/// What a row says of some files.
pub(super) fn row(name: &str, prepared: &Prepared) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for refused in &prepared.refused {
        *reasons.entry(refused.reason.to_string()).or_default() += 1;
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} |\n",
        prepared.observations,
        prepared.skipped,
        prepared.repeated,
        prepared.readings.values().sum::<u64>(),
        prepared.records.len(),
        reasons.join("; "),
    )
}

/// The folder's files one by one, each with the folder's patients beside it.
fn rows_of_files(folder: &Path, person_system: &str) -> String {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let patients: Vec<PathBuf> = files.iter().filter(|path| name(path).starts_with("Patient")).cloned().collect();
    let mut rows = String::new();
    for file in files.iter().filter(|path| name(path) != "LICENSE") {
        let mut paths = vec![file.clone()];
        paths.extend(patients.iter().filter(|patient| *patient != file).cloned());
        match prepare_from(&paths, person_system) {
            Ok(prepared) => rows += &row(&name(file), &prepared),
            Err(PrepareError::File(crate::FileError::UnknownFormat(_))) => {
                writeln!(rows, "| {} | | | | | | not read: its name ends as that of no format |", name(file)).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    rows
}

const HEAD: &str = "\
| files | observations | skipped | repeated | readings | months | refused |
|---|---|---|---|---|---|---|
";

fn table(bundles: &Path, export: &Path, examples: &Path, cases: &Path, data_points: &str, devices: &str) -> String {
    let synthea = |name: &str, paths: &[PathBuf]| row(name, &prepare_from(paths, SYNTHEA_SYSTEM).unwrap());
    let mut table = format!(
        "# What becomes of records that nobody here wrote\n\n\
         Made by a test of `services/reading` from the shared test data (`NACRE_BLESS=1 cargo test -p nacre-reading intake`), \
         as of {NOW}.\n\n\
         *Skipped*: the catalogue names none of the observation's codes. *Repeated*: an observation of the same id and content \
         was read before. *Readings*: values that count, derived ones among them; an observation can have several, and one that \
         is refused as a whole has none. *Months*: what would be posted. *Refused*: a count for each reason; a reason is of an \
         observation, of one measure of it, or of a file or line that cannot be read.\n\n\
         ## Synthea\n\n{HEAD}"
    );
    table += &synthea("11 transaction Bundles, the largest of 3.5 MB", &[bundles.to_owned()]);
    table += &synthea("export as NDJSON, compressed", &[export.to_owned()]);
    table += &synthea("both", &[bundles.to_owned(), export.to_owned()]);
    table += &synthea("both, the Bundles once more", &[bundles.to_owned(), export.to_owned(), bundles.to_owned()]);
    let examples = rows_of_files(examples, EXAMPLES_SYSTEM);
    write!(table, "\n## HL7's published examples, each with the examples' patients\n\n{HEAD}{examples}").unwrap();
    let cases = rows_of_files(cases, EXAMPLES_SYSTEM);
    write!(table, "\n## A FHIR server's test cases, each with the cases' patients\n\n{HEAD}{cases}").unwrap();
    let about = "Most are bare bodies: each is wrapped into a data point of somebody in the register, whose header names \
                 the folder's schema and version. What its schema takes may still be no reading: an aggregate, a value without \
                 a time, or one over more than a day. Headers are put before the body of a weight.";
    write!(table, "\n## Open mHealth's test data\n\n{about}\n\n{HEAD}{data_points}").unwrap();
    let about = "Each file is of one man in the register, born in 1990. FIT counts as a whole or not at all. What a workout \
                 recorded, and a device's settings, are not readings of a month, so those files hold nothing that counts. \
                 Values are compared with those that Garmin's own SDK reads.";
    write!(table, "\n## Devices: Garmin FIT and Apple Health\n\n{about}\n\n{HEAD}{devices}").unwrap();
    table
}

#[test]
fn the_intake_table_is_what_the_provider_does() {
    let folders = ["synthea-bundles", "synthea-ndjson", "hl7-examples", "server-cases"].map(data);
    let [Some(bundles), Some(export), Some(examples), Some(cases)] = folders else { return };
    let (Some(data_points), Some(devices)) = (openmhealth::rows(), devices::rows()) else { return };
    let made = table(&bundles, &export, &examples, &cases, &data_points, &devices);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/intake-table.md");
    if std::env::var_os("NACRE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == made,
        "docs/intake-table.md is stale (NACRE_BLESS=1 writes it anew); first difference: {differs:?}"
    );
}

#[test]
fn values_without_a_unit_after_a_death_or_out_of_range_are_refused_and_nothing_else_of_the_export() {
    let Some(folder) = data("synthea-ndjson") else { return };
    let prepared = prepare_from(&[folder], SYNTHEA_SYSTEM).unwrap();
    assert_eq!(prepared.observations, 16_782);
    let count = |reason| reasons(&prepared).into_iter().filter(|found| *found == reason).count();
    let found = (count(Reason::NoUnit), count(Reason::IncompletePanel), count(Reason::AfterDeath));
    assert_eq!(found, (412, 206, 10), "206 panels of two values; 12 values after a death, of which two are not ours");
    // Eight percentages of HbA1c below 3, and two infants' body mass indices below 8, each under both versions.
    assert_eq!((count(Reason::OutOfRange), prepared.refused.len()), (8 + 2 * 2, 412 + 206 + 10 + 12));
}

#[test]
fn people_and_observations_that_stand_in_both_sources_count_once() {
    let (Some(bundles), Some(export)) = (data("synthea-bundles"), data("synthea-ndjson")) else { return };
    let months = |paths: &[PathBuf]| -> BTreeMap<String, String> {
        let key = |value: &crate::MonthValue| {
            let person = String::from_utf8(value.person.as_bytes().to_vec()).unwrap();
            let rest = format!("{} {} {}", value.value_steps, value.sex, value.age_band);
            (format!("{person} {} {}", value.measure, value.period), rest)
        };
        prepare_from(paths, SYNTHEA_SYSTEM).unwrap().records.iter().map(key).collect()
    };
    let prepared = prepare_from(&[bundles.clone(), export.clone()], SYNTHEA_SYSTEM).unwrap();
    assert!(prepared.repeated > 0);
    assert!(!reasons(&prepared).contains(&Reason::OtherContentBefore));
    let mut union = months(std::slice::from_ref(&export));
    union.extend(months(std::slice::from_ref(&bundles)));
    assert_eq!(months(&[bundles, export]), union);
}
