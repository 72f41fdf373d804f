//! A gym with a register of people posts Open mHealth's own test data, and every integer that is released equals an
//! independent computation.
//!
//! Skipped, saying so, where the shared test input is not beside this checkout.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use nacre_schemas::{
    catalogue::Catalogue,
    measure::Measure,
    query::{Attribute, Quantity, Statistic},
    release::Outcome,
};
use nacre_tests::{Running, files_below, plan, question, shared_data};
use serde_json::{Value, json};

const PROVIDER: &str = "gym-440100";

/// Identifier, sex as written, sex as counted, year of birth: all born on 1 January.
const PEOPLE: [(&str, &str, &str, u32); 7] = [
    ("member-1", "female", "female", 1951),
    ("member-2", "female", "female", 1963),
    ("member-3", "male", "male", 1964),
    ("member-4", "male", "male", 1985),
    ("member-5", "other", "other", 1990),
    ("member-6", "", "unknown", 1990),
    ("member-7", "female", "female", 1996),
];

/// A file of the test data.
struct Case {
    schema: String,
    version: String,
    should_pass: bool,
    name: String,
    body: Value,
}

/// The files of the schemas that measures are read from, in order.
fn cases(root: &Path) -> Vec<Case> {
    const SCHEMAS: [&str; 11] = [
        "blood-glucose",
        "blood-pressure",
        "body-fat-percentage",
        "body-height",
        "body-mass-index",
        "body-weight",
        "calories-burned",
        "heart-rate",
        "sleep-duration",
        "step-count",
        "total-sleep-time",
    ];
    let mut found = Vec::new();
    let mut files = files_below(&root.join("omh")).unwrap();
    files.sort();
    for (path, bytes) in files {
        let parts: Vec<&str> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
        let [_, schema, version, class, name] = parts.as_slice() else { panic!("{}", path.display()) };
        if SCHEMAS.contains(schema) {
            found.push(Case {
                schema: (*schema).to_owned(),
                version: (*version).to_owned(),
                should_pass: *class == "shouldPass",
                name: (*name).to_owned(),
                body: serde_json::from_slice(&bytes).unwrap(),
            });
        }
    }
    found
}

fn data_point(id: &str, person: &str, schema: &str, version: &str, body: &Value) -> Value {
    json!({
        "header": {
            "id": id, "creation_date_time": "2024-01-01T00:00:00Z", "user_id": person,
            "schema_id": {"namespace": "omh", "name": schema, "version": version},
            "acquisition_provenance": {"source_name": "gym", "modality": "sensed"},
        },
        "body": body,
    })
}

/// One value as this test reads it.
#[derive(Clone)]
struct Reading {
    measure: &'static str,
    /// RFC 3339, all of one place in each month of this data, so that texts order as times do.
    when: String,
    id: String,
    value: f64,
}

/// What a file that should pass gives, by ordinary means: a moment, a part of a day, or an interval of at most a day,
/// and no aggregate.
fn readings(case: &Case, id: &str) -> Vec<Reading> {
    let body = &case.body;
    let frame = &body["effective_time_frame"];
    let interval = &frame["time_interval"];
    let texts = [&frame["date_time"], &interval["end_date_time"], &interval["date"]];
    let Some(when) = texts.into_iter().find_map(Value::as_str) else { return Vec::new() };
    let start = interval["start_date_time"].as_str();
    let long = start.is_some_and(|start| start[..7] != when[..7] || days(&when[..10]) > days(&start[..10]) + 1);
    if long || body["descriptive_statistic"].is_string() || body["specimen_source"] == "interstitial fluid" {
        return Vec::new();
    }
    let value = |member: &str| body[member]["value"].as_f64().unwrap();
    let glucose = || value("blood_glucose") / if body["blood_glucose"]["unit"] == "mg/dL" { 18.016 } else { 1.0 };
    let values = match case.schema.as_str() {
        "blood-glucose" if body["temporal_relationship_to_meal"] == "fasting" => vec![("fasting-glucose", glucose())],
        "blood-glucose" => vec![("glucose", glucose())],
        "blood-pressure" => {
            let (systolic, diastolic) = (value("systolic_blood_pressure"), value("diastolic_blood_pressure"));
            let grade = |value: f64, limits: [f64; 4]| limits.into_iter().filter(|limit| *limit <= value).count();
            let class =
                1 + grade(systolic, [120.0, 140.0, 160.0, 180.0]).max(grade(diastolic, [80.0, 90.0, 100.0, 110.0]));
            vec![("systolic-bp", systolic), ("diastolic-bp", diastolic), ("blood-pressure-class", class as f64)]
        }
        "body-fat-percentage" => vec![("body-fat", value("body_fat_percentage"))],
        "body-height" => vec![("body-height", value("body_height"))],
        "body-mass-index" => vec![("bmi", value("body_mass_index"))],
        "body-weight" => vec![("body-weight", value("body_weight"))],
        "heart-rate" if body["temporal_relationship_to_physical_activity"] == "at rest" => {
            vec![("resting-heart-rate", value("heart_rate"))]
        }
        "heart-rate" => vec![("heart-rate", value("heart_rate"))],
        "sleep-duration" => vec![("sleep-duration", value("sleep_duration") * 60.0)],
        // The counts of the test data are of an hour, of 17 hours, or averages.
        "step-count" | "calories-burned" | "total-sleep-time" => Vec::new(),
        other => panic!("{other}"),
    };
    let reading = |(measure, value)| Reading { measure, when: when.to_owned(), id: id.to_owned(), value };
    values.into_iter().map(reading).collect()
}

fn days(date: &str) -> u32 {
    date[8..10].parse().unwrap()
}

/// One person's month.
struct Plain {
    month: String,
    sex: &'static str,
    age: u32,
    value: u64,
}

/// Months by measure: the latest value, ties to the lowest id; of heart rates the mean; of days the mean of each's latest.
fn months(all: &[(usize, Reading)]) -> BTreeMap<&'static str, Vec<Plain>> {
    let mut grouped: BTreeMap<(&'static str, usize, String), Vec<&Reading>> = BTreeMap::new();
    for (person, reading) in all {
        grouped.entry((reading.measure, *person, reading.when[..7].to_owned())).or_default().push(reading);
    }
    let mut found: BTreeMap<&'static str, Vec<Plain>> = BTreeMap::new();
    for ((measure, person, month), mut readings) in grouped {
        readings.sort_by(|a, b| (&a.when, &b.id).cmp(&(&b.when, &a.id)));
        let last = readings.last().unwrap();
        let value = match measure {
            "heart-rate" => readings.iter().map(|reading| reading.value).sum::<f64>() / readings.len() as f64,
            "steps" | "active-energy" => {
                let days: BTreeMap<&str, f64> =
                    readings.iter().map(|reading| (&reading.when[..10], reading.value)).collect();
                days.values().sum::<f64>() / days.len() as f64
            }
            // The test data has one night a month.
            _ => last.value,
        };
        let definition = definition(measure);
        let steps = value * definition.step.denominator() as f64 / definition.step.mantissa() as f64;
        let (_, _, sex, born) = PEOPLE[person];
        let age = month[..4].parse::<u32>().unwrap() - born;
        found.entry(measure).or_default().push(Plain { month, sex, age, value: (steps + 0.5).floor() as u64 });
    }
    found
}

fn definition(measure: &str) -> &'static Measure {
    Catalogue::built_in().newest(&measure.parse().unwrap()).unwrap()
}

fn integer(values: &[&Plain], measure: &Measure, quantity: Quantity) -> u64 {
    let numbers = values.iter().map(|value| value.value);
    match quantity {
        Quantity::Count => values.len() as u64,
        Quantity::Sum => numbers.sum(),
        Quantity::Squares => numbers.map(|value| value * value).sum(),
        Quantity::Band(position) => {
            let band = |value: u64| measure.cuts.iter().filter(|cut| u64::from(cut.0) <= value).count();
            numbers.filter(|value| band(*value) == usize::from(position)).count() as u64
        }
    }
}

/// Days' counts that the test data has none of: of each person two in March 2021, and one of one activity, which is no day's.
fn days_counted(person: usize, lines: &mut Vec<Value>, all: &mut Vec<(usize, Reading)>) {
    let identifier = PEOPLE[person].0;
    for day in [3, 4] {
        let frame = json!({"time_interval": {
            "start_date_time": format!("2021-03-{day:02}T00:00:00+08:00"), "duration": {"value": 1, "unit": "d"},
        }});
        let (steps, kcal) = (4_000 + 1_300 * person + 10 * day, 150 + 90 * person + day);
        let body = json!({"step_count": {"value": steps, "unit": "steps"}, "effective_time_frame": frame});
        let id = format!("steps-{person}-{day}");
        lines.push(data_point(&id, identifier, "step-count", "3.0", &body));
        let when = format!("2021-03-{day:02}T24:00:00+08:00");
        all.push((person, Reading { measure: "steps", when: when.clone(), id, value: steps as f64 }));
        let body = json!({"kcal_burned": {"value": kcal, "unit": "kcal"}, "effective_time_frame": frame});
        let id = format!("energy-{person}-{day}");
        lines.push(data_point(&id, identifier, "calories-burned", "2.0", &body));
        all.push((person, Reading { measure: "active-energy", when, id, value: kcal as f64 }));
        let body = json!({"kcal_burned": {"value": 9_999, "unit": "kcal"}, "effective_time_frame": frame, "activity_name": "rowing"});
        lines.push(data_point(&format!("rowing-{person}-{day}"), identifier, "calories-burned", "2.0", &body));
    }
}

/// The files that the gym exports, and what they hold.
fn export(root: &Path) -> (String, Vec<(usize, Reading)>, usize) {
    let (mut lines, mut all, mut refused) = (Vec::new(), Vec::new(), 0);
    for (person, (identifier, ..)) in PEOPLE.into_iter().enumerate() {
        for (position, case) in cases(root).iter().enumerate() {
            // Not everybody has everything, so that groups differ.
            if (position + person) % 4 == 0 {
                continue;
            }
            let id = format!("{}-{}-{}-{person}", case.schema, case.version, case.name.trim_end_matches(".json"));
            lines.push(data_point(&id, identifier, &case.schema, &case.version, &case.body));
            let found = if case.should_pass { readings(case, &id) } else { Vec::new() };
            refused += usize::from(found.is_empty());
            all.extend(found.into_iter().map(|reading| (person, reading)));
        }
        days_counted(person, &mut lines, &mut all);
        refused += 2;
    }
    let elsewhere = json!({"body_weight": {"value": 50, "unit": "kg"}, "effective_time_frame": {"date_time": "2013-02-05T07:25:00Z"}});
    lines.push(data_point("elsewhere", "member-8", "body-weight", "1.0", &elsewhere));
    lines.push(data_point("nobody", "member-9", "body-weight", "1.0", &elsewhere));
    (lines.iter().map(|line| format!("{line}\n")).collect(), all, refused + 2)
}

fn write_register(running: &Running) {
    let config = &running.places.providers[PROVIDER];
    let mut register = String::from("id,sex,birth-date,region\nmember-8,male,1980-01-01,810000\n");
    for (identifier, sex, _, born) in PEOPLE {
        register.push_str(&format!("{identifier},{sex},{born}-01-01,440100\n"));
    }
    fs::write(config.parent().unwrap().join("people.csv"), register).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(config).unwrap();
    writeln!(file, "people = \"people.csv\"").unwrap();
}

/// Neither the gym's outbox nor anything that an exchange keeps holds an identifier of the register.
fn assert_nobody_is_named(running: &Running) {
    let gym = nacre_provider::Config::read(&running.places.providers[PROVIDER]).unwrap();
    let mut folders = vec![gym.data.to_path_buf()];
    folders.extend(running.places.exchanges.values().map(|config| config.parent().unwrap().to_owned()));
    let mut total = 0;
    for (path, bytes) in folders.iter().flat_map(|folder| files_below(folder).unwrap()) {
        total += bytes.len();
        for (identifier, ..) in PEOPLE {
            let named = bytes.windows(identifier.len()).any(|window| window == identifier.as_bytes());
            assert!(!named, "{} holds an identifier", path.display());
        }
    }
    assert!(total > 100_000, "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn released_integers_of_a_gyms_data_points_equal_an_independent_computation() {
    let Some(data) = shared_data() else {
        println!("skipped: ../shared/data is not beside this checkout");
        return;
    };
    let root = data.join("openmhealth/test-data");
    let running = Running::start(&plan(&["440100"], 1, "urn:gym:member")).await.unwrap();
    write_register(&running);
    let (text, all, refused) = export(&root);
    let file = running.folder().join("export.ndjson");
    fs::write(&file, text).unwrap();
    let months = months(&all);
    let summary = running.post(PROVIDER, std::slice::from_ref(&file)).await.unwrap();
    let points: std::collections::BTreeSet<_> =
        summary.refused.iter().map(|refused| &refused.origin.observation).collect();
    assert_eq!((summary.queued, points.len()), (0, refused));
    for (measure, values) in &months {
        let counted = summary.by_measure[&definition(measure).reference()].months;
        assert_eq!(counted as usize, values.len(), "{measure}");
    }
    assert_nobody_is_named(&running);
    running.seal().await.unwrap();
    let mut equal = 0;
    for (measure, values) in &months {
        for by in [&[][..], &[Attribute::Sex, Attribute::Period], &[Attribute::AgeBand]] {
            let offered: Vec<Statistic> =
                Statistic::ALL.iter().copied().filter(|statistic| definition(measure).offers(*statistic)).collect();
            let question = question(measure, "2013-01", "2023-12", by, &offered);
            let release = running.ask(&question).await.unwrap().unwrap().release;
            let mut seen = 0;
            for figures in &release.figures {
                let group = &figures.group;
                let inside = |value: &&Plain| {
                    group.sex.is_none_or(|sex| sex.word() == value.sex)
                        && group.period.is_none_or(|period| period.to_string() == value.month)
                        && group.age_band.is_none_or(|band| {
                            band.from_age() <= value.age && band.to_age().is_none_or(|to| value.age <= to)
                        })
                };
                let values: Vec<&Plain> = values.iter().filter(inside).collect();
                seen += values.len();
                for result in &figures.results {
                    // Of one or two people the rules withhold squares and bands even here.
                    let Outcome::Value(value) = result.outcome else { continue };
                    assert_eq!(
                        value,
                        integer(&values, definition(measure), result.quantity),
                        "{measure} {group} {}",
                        result.quantity
                    );
                    equal += 1;
                }
            }
            assert_eq!(seen, values.len(), "{measure}: every value is in one group");
        }
    }
    println!("{} data points refused, {} measures, {equal} integers equal", points.len(), months.len());
    assert!(months.len() >= 14 && equal > 200, "{} {equal}", months.len());
}
