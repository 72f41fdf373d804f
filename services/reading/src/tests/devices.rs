//! FIT and Apple Health: what counts, as what, of whom, and what is not taken.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use num_bigint::BigInt;

use super::{fit_file::*, *};
use crate::{
    PeopleBy, PersonId, Progress, Stage, Unnamed,
    file::{self, Source},
    found::{Found, Wanted},
    pass::Pass,
    time::When,
};

const REGISTER: &str = "id,sex,birth-date\nA,female,1980-02-29\n";

/// A configuration with that register, by which files that name nobody are of person `A`.
fn settings_of_a(folder: &Path) -> Settings {
    let people = folder.join("people.csv");
    std::fs::write(&people, REGISTER).unwrap();
    let unnamed = Unnamed { person: Some(PersonId::new("A").unwrap()), ..Unnamed::default() };
    Settings { people: Some(people), unnamed, ..settings() }
}

fn prepare_of_a(files: &Files) -> Prepared {
    prepare(&settings_of_a(files.0.path()), &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap()
}

/// Base types of FIT.
const ENUM: u8 = 0x00;
const UINT8: u8 = 0x02;
const UINT16: u8 = 0x84;
const UINT32: u8 = 0x86;
const STRING: u8 = 0x07;

fn short(value: u16) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

/// Seconds of FIT's clock.
fn clock(at: &str) -> Vec<u8> {
    let seconds = at.parse::<Timestamp>().unwrap().as_second() - 631_065_600;
    u32::try_from(seconds).unwrap().to_le_bytes().to_vec()
}

fn file_id(kind: u8) -> (u16, Vec<Field>) {
    (
        0,
        vec![
            (0, ENUM, vec![kind]),
            (3, UINT32, 3_945_849_289_u32.to_le_bytes().to_vec()),
            (8, STRING, b"Anna\0".to_vec()),
        ],
    )
}

fn weighing(at: &str, weight: u16, user: Option<u16>) -> (u16, Vec<Field>) {
    let mut fields = vec![(253, UINT32, clock(at)), (0, UINT16, short(weight)), (1, UINT16, short(2_230))];
    fields.extend(user.map(|user| (12, UINT16, short(user))));
    (30, fields)
}

#[test]
fn a_scales_file_counts_for_the_person_whom_it_is_of() {
    let file = fit(&[
        file_id(9),
        weighing("2026-01-31T15:59:00Z", 7_585, None),
        (
            51,
            vec![
                (253, UINT32, clock("2026-01-05T23:00:00Z")),
                (0, UINT16, short(125)),
                (1, UINT16, short(85)),
                (6, UINT8, vec![71]),
            ],
        ),
        (211, vec![(253, UINT32, clock("2026-01-06T00:00:00Z")), (1, UINT8, vec![52])]),
        (229, vec![(0, UINT32, clock("2026-01-06T00:00:00Z")), (2, UINT16, short(451))]),
    ]);
    let prepared = prepare_of_a(&Files::new().with("a.FIT", &file));
    assert_eq!(prepared.refused, []);
    let expected = [
        "blood-pressure-class@1 2026-01 female 45-49 2 1",
        "body-fat@1 2026-01 female 45-49 223 1",
        "body-weight@1 2026-01 female 45-49 759 1",
        "diastolic-bp@1 2026-01 female 45-49 85 1",
        "heart-rate@1 2026-01 female 45-49 71 1",
        "resting-heart-rate@1 2026-01 female 45-49 52 1",
        "systolic-bp@1 2026-01 female 45-49 125 1",
        "vo2max@1 2026-01 female 45-49 451 1",
    ];
    let mut found = values(&prepared);
    found.sort();
    assert_eq!(found, expected);
    // The same file twice is one file.
    let twice = prepare_of_a(&Files::new().with("a.fit", &file).with("b.fit", &file));
    assert_eq!((twice.repeated, twice.records.len()), (6, prepared.records.len()));
}

#[test]
fn whose_a_file_is_that_names_nobody() {
    let file = fit(&[weighing("2026-01-05T00:00:00Z", 7_585, Some(1))]);
    let files = Files::new();
    std::fs::create_dir(files.0.path().join("A")).unwrap();
    std::fs::write(files.0.path().join("A/a.fit"), &file).unwrap();
    let with = |people, person: Option<&str>| {
        let base = settings_of_a(files.0.path());
        let person = person.map(|person| PersonId::new(person).unwrap());
        let settings = Settings { unnamed: Unnamed { people, person, ..base.unnamed }, ..base };
        let prepared = prepare(&settings, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
        (prepared.records.len(), reasons(&prepared))
    };
    assert_eq!(with(None, None), (0, vec![Reason::NobodyNamed]));
    assert_eq!(with(Some(PeopleBy::Folder), None), (2, vec![]));
    assert_eq!(with(Some(PeopleBy::Folder), Some("B")), (0, vec![Reason::UnknownPatient; 2]));
}

#[test]
fn a_fit_file_that_cannot_be_trusted_counts_for_nothing() {
    let good = fit(&[file_id(9), weighing("2026-01-05T00:00:00Z", 7_585, None)]);
    let mut damaged = good.clone();
    damaged[60] ^= 1;
    let several =
        fit(&[weighing("2026-01-05T00:00:00Z", 7_585, Some(1)), weighing("2026-01-06T00:00:00Z", 5_585, Some(2))]);
    let wide = fit(&[(30, vec![(253, UINT32, clock("2026-01-05T00:00:00Z")), (0, UINT32, vec![0x9d, 0x1d, 0, 0])])]);
    let unset = fit(&[(30, vec![(253, UINT32, vec![5, 0, 0, 0]), (0, UINT16, short(7_585))])]);
    for (bytes, expected) in [
        (damaged, Reason::BrokenChecksum),
        (good[..good.len() - 4].to_vec(), Reason::EndsEarly),
        ([good.clone(), b"{}".to_vec()].concat(), Reason::NotFit),
        (b"<HealthData/>".to_vec(), Reason::NotFit),
        (Vec::new(), Reason::NotFit),
        (several, Reason::SeveralUsers),
        (wide, Reason::Malformed),
        (unset, Reason::NoClock),
    ] {
        let prepared = prepare_of_a(&Files::new().with("a.fit", bytes));
        assert_eq!((prepared.records.len(), reasons(&prepared)), (0, vec![expected]));
    }
}

#[test]
fn no_byte_that_is_changed_in_a_fit_file_makes_it_panic() {
    let good = fit(&[
        file_id(32),
        weighing("2026-01-05T00:00:00Z", 7_585, None),
        weighing("2026-01-06T00:00:00Z", 7_600, None),
    ]);
    for at in 0..good.len() {
        for value in [0, 1, 0x40, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let prepared = prepare_of_a(&Files::new().with("a.fit", &bytes));
            assert!(bytes == good || prepared.records.is_empty() && prepared.refused.len() == 1, "{at} {value}");
        }
    }
}

/// The measurements of a file, as `garmin.py` writes them.
fn measurements(source: &Source, settings: &Settings) -> Vec<(String, String, f64)> {
    let mut found = Vec::new();
    let pass =
        Pass { wanted: Wanted::Observations, utc_offset: settings.unnamed.utc_offset, table: None, progress: &() };
    let mut note = |_: crate::found::Spot<'_>, one: Found<'_>| {
        let Found::Observation(observation) = one else { return };
        let When::Moment(at) = observation.when.unwrap() else { panic!("FIT has no spans") };
        let text = match (at.instant(), at.offset()) {
            (Some(instant), Some(offset)) => instant.display_with_offset(offset).to_string(),
            _ => at.day.to_string(),
        };
        let float = |part: &BigInt| part.to_string().parse::<f64>().unwrap();
        for measured in observation.parts.iter().chain([&observation.own]) {
            let Some(quantity) = &measured.quantity else { continue };
            let value = quantity.value.clone().unwrap();
            let code = measured.codes[0].code.to_string();
            found.push((code, text.clone(), float(value.numer()) / float(value.denom())));
        }
    };
    pass.visit(source, &mut note).unwrap();
    found.sort_by(|one, other| one.partial_cmp(other).unwrap());
    found
}

#[test]
fn every_value_of_a_fit_file_is_the_one_that_garmins_own_reader_has() {
    let python = std::env::var("NACRE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_sdk = Command::new(&python).args(["-c", "import garmin_fit_sdk"]).output();
    if !has_sdk.is_ok_and(|found| found.status.success()) {
        println!(
            "skipped: {python} has no garmin-fit-sdk (pip install garmin-fit-sdk; NACRE_PYTHON names another python)"
        );
        return;
    }
    let Some(folder) = shared("fit/valid") else { return };
    let register = Files::new();
    let settings = settings_of_a(register.0.path());
    let sources = file::list(&[folder], &settings).unwrap();
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/garmin.py");
    let mut command = Command::new(&python);
    command.arg(driver).arg(settings.unnamed.utc_offset.0.seconds().to_string());
    let output = command.args(sources.iter().map(|source| &*source.path)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut theirs: BTreeMap<String, Vec<(String, String, f64)>> = BTreeMap::new();
    let mut name = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match serde_json::from_str::<(String, String, f64)>(line) {
            Ok(found) => theirs.entry(name.clone()).or_default().push(found),
            Err(_) => name = line.to_owned(),
        }
    }
    let mut compared = 0;
    for source in &sources {
        let name = source.path.display().to_string();
        let mut theirs = theirs.remove(&name).unwrap_or_default();
        theirs.sort_by(|one, other| one.partial_cmp(other).unwrap());
        if name.ends_with("WeightScaleMultiUser.fit") {
            assert_eq!(
                (measurements(source, &settings).len(), theirs.len()),
                (0, 4),
                "two users, of whom none is named"
            );
            continue;
        }
        assert_eq!(measurements(source, &settings), theirs, "{name}");
        compared += theirs.len();
    }
    assert!(compared >= 5, "{compared}");
}

fn export(records: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (Record*)>\n]>\n\
         <HealthData locale=\"zh_CN\">\n<ExportDate value=\"2026-02-10 10:00:00 +0800\"/>\n\
         <Me HKCharacteristicTypeIdentifierDateOfBirth=\"1980-02-29\" \
         HKCharacteristicTypeIdentifierBiologicalSex=\"HKBiologicalSexFemale\"/>\n{records}\n</HealthData>\n"
    )
}

/// A record of that kind, value and unit.
fn record(kind: &str, value: &str, unit: &str, end: &str) -> String {
    format!(
        "<Record type=\"{kind}\" sourceName=\"Unmistakable-Name’s iPhone\" device=\"&lt;&lt;HKDevice&gt;\" unit=\"{unit}\" \
         creationDate=\"{end} +0800\" startDate=\"{end} +0800\" endDate=\"{end} +0800\" value=\"{value}\">\
         <MetadataEntry key=\"Hidden Street\" value=\"1\"/></Record>\n"
    )
}

const QUANTITY: &str = "HKQuantityTypeIdentifier";

#[test]
fn an_apple_export_gives_each_of_its_measures_and_says_who_it_is() {
    let quantity =
        |kind: &str, value: &str, unit: &str| record(&format!("{QUANTITY}{kind}"), value, unit, "2026-01-05 08:00:00");
    let steps = |source: &str, value: &str, end: &str| {
        let record = record(&format!("{QUANTITY}StepCount"), value, "count", end).replace("Unmistakable-Name", source);
        record.replace("startDate=\"2026-01-06 00:00:00", "startDate=\"2026-01-05 23:50:00")
    };
    let records = [
        quantity("BodyMass", "150", "lb"),
        quantity("Height", "170", "cm"),
        quantity("BodyFatPercentage", "0.253", "%"),
        quantity("BloodGlucose", "5.5", "mmol&lt;180.1558800000541&gt;/L"),
        quantity("VO2Max", "41.27", "mL/min·kg"),
        quantity("RestingHeartRate", "58", "count/min"),
        quantity("HeartRate", "61", "count/min"),
        record(&format!("{QUANTITY}HeartRate"), "62", "count/min", "2026-01-05 09:00:00"),
        quantity("DietaryWater", "250", "mL"),
        quantity("BloodPressureSystolic", "125", "mmHg"),
        format!(
            "<Correlation type=\"HKCorrelationTypeIdentifierBloodPressure\" startDate=\"2026-01-05 08:00:00 +0800\" \
             endDate=\"2026-01-05 08:00:00 +0800\">{}{}</Correlation>",
            quantity("BloodPressureSystolic", "125", "mmHg"),
            quantity("BloodPressureDiastolic", "85", "mmHg")
        ),
        // The watch counted more on the fifth, the telephone on the sixth; the tenth of February is not over.
        steps("watch", "5000", "2026-01-05 12:00:00"),
        steps("watch", "3000", "2026-01-06 00:00:00"),
        steps("phone", "7000", "2026-01-05 12:00:00"),
        steps("phone", "6000", "2026-01-06 12:00:00"),
        steps("phone", "10", "2026-02-10 09:00:00"),
        "<Record type=\"HKCategoryTypeIdentifierSleepAnalysis\" sourceName=\"w\" startDate=\"2026-01-05 23:00:00 +0800\" \
         endDate=\"2026-01-06 06:30:00 +0800\" value=\"HKCategoryValueSleepAnalysisAsleepCore\"/>"
            .to_owned(),
        "<ActivitySummary dateComponents=\"2026-01-05\" activeEnergyBurned=\"512.5\" activeEnergyBurnedUnit=\"kcal\" \
         appleExerciseTime=\"25\" appleStandHours=\"10\"/>"
            .to_owned(),
        "<ActivitySummary dateComponents=\"2026-01-06\" activeEnergyBurned=\"0\" activeEnergyBurnedUnit=\"kcal\" \
         appleExerciseTime=\"0\" appleStandHours=\"0\"/>"
            .to_owned(),
        "<Workout workoutActivityType=\"HKWorkoutActivityTypeRunning\"><WorkoutRoute><Location latitude=\"37.7777\"/>\
         </WorkoutRoute></Workout>"
            .to_owned(),
    ];
    let files = Files::new().with("export.xml", export(&records.concat()));
    // Sex and birth date are the export's.
    let base = settings_of_a(files.0.path());
    let prepared =
        prepare(&Settings { people: None, ..base }, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
    let mut found = values(&prepared);
    found.sort();
    let expected = [
        "active-energy@1 2026-01 female 45-49 103 1",
        "blood-pressure-class@1 2026-01 female 45-49 2 1",
        "bmi@1 2026-01 female 45-49 235 1",
        "bmi@2 2026-01 female 45-49 235 1",
        "body-fat@1 2026-01 female 45-49 253 1",
        "body-height@1 2026-01 female 45-49 1700 1",
        "body-weight@1 2026-01 female 45-49 680 1",
        "diastolic-bp@1 2026-01 female 45-49 85 1",
        "glucose@1 2026-01 female 45-49 55 1",
        "heart-rate@1 2026-01 female 45-49 62 2",
        "mvpa-minutes@1 2026-01 female 45-49 35 1",
        "resting-heart-rate@1 2026-01 female 45-49 58 1",
        "sleep-duration@1 2026-01 female 45-49 450 1",
        // (8000 + 6000) / 2
        "steps@1 2026-01 female 45-49 140 2",
        "systolic-bp@1 2026-01 female 45-49 125 1",
        "vo2max@1 2026-01 female 45-49 413 1",
    ];
    assert_eq!(found, expected);
    assert_eq!(reasons(&prepared), [Reason::PartOfADay]);
    assert_eq!(prepared.skipped, 2, "water, and a day without a watch");
    let shown = format!("{prepared:?}") + &serde_json::to_string(&prepared.refused).unwrap();
    for personal in ["Unmistakable-Name", "Hidden Street", "37.7777", "1980-02-29"] {
        assert!(!shown.contains(personal), "{personal}");
    }
}

#[test]
fn an_export_that_contradicts_the_register_or_is_none_or_is_cut_short() {
    let weight = record(&format!("{QUANTITY}BodyMass"), "70", "kg", "2026-01-05 08:00:00");
    let of = |text: &str| {
        let prepared = prepare_of_a(&Files::new().with("export.xml", text));
        (prepared.records.len(), reasons(&prepared))
    };
    let good = export(&weight);
    assert_eq!(of(&good), (1, vec![]));
    assert_eq!(of(&format!("\u{feff}{good}")), (1, vec![]));
    for (text, records, expected) in [
        (good.replace("SexFemale", "SexMale"), 0, Reason::ContradictoryPatient),
        (good.replace("\"kg\"", "\"st\""), 0, Reason::OtherUnit),
        (good.replace("\"70\"", "\"x\""), 0, Reason::NotANumber),
        (good.replace("08:00:00 +0800", "08:00"), 0, Reason::InvalidDate),
        (good.replace("\"70\"", "\"&bogus;\""), 0, Reason::BrokenXml),
        (good.replace("</HealthData>", ""), 1, Reason::EndsEarly),
        (good.replace("</Record>", "</Rekord>"), 1, Reason::BrokenXml),
        ("<ClinicalDocument/>".to_owned(), 0, Reason::NotAppleHealth),
        ("{}".to_owned(), 0, Reason::NotAppleHealth),
        (good.replace("Hidden Street", &"x".repeat(5 << 20)), 1, Reason::RecordTooLong),
    ] {
        let (found, reasons) = of(&text);
        assert_eq!((found, reasons), (records, vec![expected]), "{}", &text[..text.len().min(900)]);
    }
}

#[test]
fn the_archive_of_an_export_is_read_as_the_export() {
    use std::io::Write as _;
    let weight = record(&format!("{QUANTITY}BodyMass"), "70", "kg", "2026-01-05 08:00:00");
    let archive = |names: &[(&str, String)]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in names {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let of = |bytes: Vec<u8>| {
        let prepared = prepare_of_a(&Files::new().with("export.zip", bytes));
        (prepared.records.len(), reasons(&prepared))
    };
    let other = ("apple_health_export/export_cda.xml", "<ClinicalDocument/>".to_owned());
    assert_eq!(of(archive(&[other.clone(), ("apple_health_export/导出.xml", export(&weight))])), (1, vec![]));
    assert_eq!(of(archive(&[other])), (0, vec![Reason::NotAppleArchive]));
    assert_eq!(of(b"PK".to_vec()), (0, vec![Reason::NotAppleArchive]));
    let mut cut = archive(&[("apple_health_export/export.xml", export(&weight.repeat(400)))]);
    cut[300] ^= 0xff;
    assert_eq!(of(cut).1.len(), 1);
}

#[test]
fn every_byte_of_an_export_counts_once_as_progress_and_is_told_in_each_pass() {
    struct Heard([AtomicU64; 2], AtomicU64);
    impl Progress for Heard {
        fn stage(&self, stage: Stage, total: u64) {
            self.1.store(u64::from(stage == Stage::Observations), Relaxed);
            assert_ne!(total, 0);
        }
        fn advance(&self, parts: u64) {
            self.0[self.1.load(Relaxed) as usize].fetch_add(parts, Relaxed);
        }
    }
    let weight = record(&format!("{QUANTITY}BodyMass"), "70", "kg", "2026-01-05 08:00:00");
    let files = Files::new().with("export.xml", export(&weight.repeat(1_000)));
    let bytes = files.bytes();
    let heard = Heard(Default::default(), AtomicU64::new(0));
    let settings = settings_of_a(files.0.path());
    crate::prepare_with(&settings, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap(), &heard).unwrap();
    assert_eq!(heard.0.map(AtomicU64::into_inner), [bytes, bytes]);
}

/// A folder of the shared data.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

/// The table's rows of device files, each of a man born in 1990, as the Apple export says of itself.
pub(super) fn rows() -> Option<String> {
    let folders = ["fit/valid", "fit/invalid", "apple-health"].map(|name| Some((name, shared(name)?)));
    let mut rows = String::new();
    for (name, folder) in folders.into_iter().collect::<Option<Vec<_>>>()? {
        let register = Files::new();
        let base = settings_of_a(register.0.path());
        std::fs::write(base.people.as_ref().unwrap(), "id,birth-date,sex\nA,1990-02-02,male\n").unwrap();
        for source in file::list(&[folder], &base).unwrap() {
            let paths = [source.path.to_path_buf()];
            let prepared = prepare(&base, &paths, "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
            let file = source.path.file_name().unwrap().to_string_lossy().into_owned();
            rows += &intake::row(&format!("{name}/{file}"), &prepared);
            assert!(name != "fit/invalid" || prepared.records.is_empty() && prepared.refused.len() == 1, "{file}");
        }
    }
    Some(rows)
}
