//! The data points of `/shared/data/openmhealth`, which nobody here wrote, read a second time by plain other code; and
//! their rows of the intake table.
//!
//! Most are bare bodies. A body says neither whose nor of which schema it is, so each is wrapped into a data point whose
//! header names the folder's schema and version. Where the folder is absent these tests say so and end.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use super::{data_points::prepare_registered, *};

const REGISTER: &str = "id,sex,birth-date\nu1,female,1930-01-01\n";

/// A file of the folder.
struct Case {
    /// `omh/body-weight`.
    schema: String,
    version: String,
    should_pass: bool,
    name: String,
    body: Value,
}

fn cases() -> Option<Vec<Case>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/openmhealth/test-data");
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return None;
    }
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let parts: Vec<String> =
                path.strip_prefix(&root).unwrap().iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            let [namespace, schema, version, class, name] = parts.as_slice() else { panic!("{}", path.display()) };
            found.push(Case {
                schema: format!("{namespace}/{schema}"),
                version: version.clone(),
                should_pass: class == "shouldPass",
                name: name.clone(),
                body: serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
            });
        }
    }
    found.sort_by(|a, b| {
        (&a.schema, &a.version, !a.should_pass, &a.name).cmp(&(&b.schema, &b.version, !b.should_pass, &b.name))
    });
    Some(found)
}

impl Case {
    /// The data point that the file becomes.
    fn data_point(&self) -> Value {
        let (namespace, name) = self.schema.split_once('/').unwrap();
        let schema_id = json!({"namespace": namespace, "name": name, "version": self.version});
        let header =
            json!({"id": "p1", "creation_date_time": "2024-01-01T00:00:00Z", "user_id": "u1", "schema_id": schema_id});
        match name {
            "data-point" => self.body.clone(),
            // A header is put before the body of a weight, which would count.
            "header" => {
                let mut header = self.body.clone();
                header["schema_id"] = json!({"namespace": "omh", "name": "body-weight", "version": "2.0"});
                if !header["user_id"].is_number() {
                    header["user_id"] = json!("u1");
                }
                let frame = json!({"date_time": "2013-02-05T07:25:00Z"});
                let body = json!({"body_weight": {"value": 50, "unit": "kg"}, "effective_time_frame": frame});
                json!({"header": header, "body": body})
            }
            _ => json!({"header": header, "body": self.body}),
        }
    }

    fn prepare(&self) -> Prepared {
        prepare_registered(&Files::new().with("a.json", self.data_point().to_string()), REGISTER)
    }

    fn place(&self) -> String {
        format!("{} {} {} {}", self.schema, self.version, class(self.should_pass), self.name)
    }
}

fn class(should_pass: bool) -> &'static str {
    if should_pass { "shouldPass" } else { "shouldFail" }
}

/// The values by measure, and the day, in the measure's own unit; by ordinary means.
fn plain(case: &Case) -> BTreeMap<&'static str, (f64, String)> {
    let body = &case.body;
    let frame = &body["effective_time_frame"];
    let interval = &frame["time_interval"];
    let texts = [&frame["date_time"], &interval["end_date_time"], &interval["date"]];
    let day = texts.into_iter().find_map(Value::as_str).unwrap()[..10].to_owned();
    let value = |member: &str| body[member]["value"].as_f64().unwrap();
    let glucose = || value("blood_glucose") / if body["blood_glucose"]["unit"] == "mg/dL" { 18.016 } else { 1.0 };
    let found = match case.schema.strip_prefix("omh/").unwrap() {
        "header" => vec![("body-weight@1", 50.0)],
        "blood-glucose" if body["temporal_relationship_to_meal"] == "fasting" => vec![("fasting-glucose@1", glucose())],
        "blood-glucose" => vec![("glucose@1", glucose())],
        "blood-pressure" => {
            let (systolic, diastolic) = (value("systolic_blood_pressure"), value("diastolic_blood_pressure"));
            let grade = |value: f64, limits: [f64; 4]| limits.into_iter().filter(|limit| *limit <= value).count();
            let class =
                1 + grade(systolic, [120.0, 140.0, 160.0, 180.0]).max(grade(diastolic, [80.0, 90.0, 100.0, 110.0]));
            vec![("systolic-bp@1", systolic), ("diastolic-bp@1", diastolic), ("blood-pressure-class@1", class as f64)]
        }
        "body-fat-percentage" => vec![("body-fat@1", value("body_fat_percentage"))],
        "body-height" => vec![("body-height@1", value("body_height"))],
        "body-mass-index" => vec![("bmi@1", value("body_mass_index")), ("bmi@2", value("body_mass_index"))],
        "body-weight" => vec![("body-weight@1", value("body_weight"))],
        "heart-rate" if body["temporal_relationship_to_physical_activity"] == "at rest" => {
            vec![("resting-heart-rate@1", value("heart_rate"))]
        }
        "heart-rate" => vec![("heart-rate@1", value("heart_rate"))],
        "sleep-duration" => vec![("sleep-duration@1", value("sleep_duration") * 60.0)],
        other => panic!("{other} has no plain reading"),
    };
    found.into_iter().map(|(measure, value)| (measure, (value, day.clone()))).collect()
}

#[test]
fn what_should_fail_is_refused_and_what_counts_counts_as_a_plain_reading_has_it() {
    let Some(cases) = cases() else { return };
    let mut counted = 0;
    for case in &cases {
        let prepared = case.prepare();
        assert!(case.should_pass || prepared.records.is_empty(), "{}: {prepared:?}", case.place());
        if prepared.records.is_empty() {
            continue;
        }
        assert_eq!(prepared.refused, [], "{}", case.place());
        let mut expected = if case.schema == "omh/header" {
            BTreeMap::from([("body-weight@1", (50.0, "2013-02-05".to_owned()))])
        } else {
            plain(case)
        };
        for found in &prepared.records {
            let measure = found.measure.to_string();
            let (value, day) =
                expected.remove(measure.as_str()).unwrap_or_else(|| panic!("{} {measure}", case.place()));
            let step = found.measure.clone();
            let step = nacre_schemas::catalogue::Catalogue::built_in().find(&step).unwrap().step;
            let steps = value * step.denominator() as f64 / step.mantissa() as f64;
            assert_eq!(f64::from(found.value_steps), (steps + 0.5).floor(), "{} {measure}", case.place());
            assert_eq!(found.day.to_string(), day, "{}", case.place());
        }
        assert!(expected.is_empty(), "{}: {expected:?}", case.place());
        counted += 1;
    }
    assert!(counted >= 20, "{counted}");
}

/// The fault of a file is not hidden behind another of the same file: with a good time in place of its own, and no
/// statistic, what should fail for its value or its words still does.
#[test]
fn a_good_time_does_not_mend_what_fails_for_another_reason() {
    let Some(cases) = cases() else { return };
    let mut tried = 0;
    for mut case in cases {
        let of_time = ["time", "date", "part-of-day", "-only", "statistic"].iter().any(|word| case.name.contains(word));
        let before = case.prepare();
        let read = before.skipped == 0 && case.body.is_object();
        if case.should_pass || of_time || !read || matches!(case.schema.as_str(), "omh/header" | "omh/data-point") {
            continue;
        }
        case.body["effective_time_frame"] = json!({
            "time_interval": {"start_date_time": "2020-01-05T00:00:00Z", "end_date_time": "2020-01-06T00:00:00Z"},
        });
        case.body.as_object_mut().unwrap().remove("descriptive_statistic");
        let after = case.prepare();
        assert!(after.records.is_empty() && !after.refused.is_empty(), "{}: {after:?}", case.place());
        tried += 1;
    }
    assert!(tried >= 20, "{tried}");
}

/// The rows of the intake table: a folder's files each as a data point of its own, by schema, version and class; the
/// schemas of no measure by namespace.
pub(super) fn rows() -> Option<String> {
    let mut classes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut others: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (number, case) in cases()?.iter().enumerate() {
        let mut point = case.data_point();
        if !matches!(case.schema.as_str(), "omh/header" | "omh/data-point") {
            point["header"]["id"] = json!(format!("p{number}"));
        }
        let class = format!("{} {}, {}", case.schema, case.version, class(case.should_pass));
        if case.prepare().skipped == 0 {
            classes.entry(class).or_default().push(point);
        } else {
            let namespace = case.schema.split_once('/').map_or("", |(namespace, _)| namespace);
            others.entry(format!("{namespace}, schemas of no measure")).or_default().push(point);
        }
    }
    let row = |(name, points): (String, Vec<Value>)| {
        let files = Files::new().with("a.json", Value::from(points).to_string());
        intake::row(&name, &prepare_registered(&files, REGISTER))
    };
    Some(classes.into_iter().chain(others).map(row).collect())
}
