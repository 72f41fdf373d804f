//! Open mHealth and IEEE 1752.1 data points: what counts, as what, and what is not taken, each for its own reason.

use serde_json::{Value, json};

use super::*;

const REGISTER: &str =
    "id,sex,birth-date,region\nu1,female,1980-02-29,440100\nu2,,1990-01-01,\nu3,male,1970-01-01,810000\n";

/// What files come to for a provider with that register of people.
pub(super) fn prepare_registered(files: &Files, register: &str) -> Prepared {
    let folder = files.0.path();
    let people = folder.join("people.csv");
    std::fs::write(&people, register).unwrap();
    let settings = Settings { people: Some(people), ..settings() };
    prepare(&settings, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap()
}

/// A data point of person `u1`.
fn point(id: &str, schema: (&str, &str), body: Value) -> Value {
    json!({
        "header": {
            "id": id, "creation_date_time": "2026-01-06T00:00:00Z", "user_id": "u1",
            "schema_id": {"namespace": "omh", "name": schema.0, "version": schema.1},
            "acquisition_provenance": {"source_name": "Unmistakable-Name", "modality": "sensed"},
        },
        "body": body,
    })
}

fn at(date_time: &str) -> Value {
    json!({"date_time": date_time})
}

fn during(start: &str, end: &str) -> Value {
    json!({"time_interval": {"start_date_time": start, "end_date_time": end}})
}

/// A good weight.
fn weight() -> Value {
    let frame = at("2026-01-05T07:25:00+08:00");
    let body = json!({"body_weight": {"value": 49.95, "unit": "kg"}, "effective_time_frame": frame, "user_notes": "Hidden Street"});
    point("w1", ("body-weight", "2.0"), body)
}

fn prepared(points: &[Value]) -> Prepared {
    let lines: Vec<String> = points.iter().map(Value::to_string).collect();
    prepare_registered(&Files::new().with("a.ndjson", lines.join("\n")), REGISTER)
}

/// The measures, months and values of one data point, or why there are none.
fn outcome(point: Value) -> Result<Vec<String>, Reason> {
    let prepared = prepared(std::slice::from_ref(&point));
    assert_eq!((prepared.observations, prepared.skipped), (1, 0), "{point}");
    match prepared.refused.as_slice() {
        [] => {
            let shown = |value: &crate::MonthValue| format!("{} {} {}", value.measure, value.day, value.value_steps);
            Ok(prepared.records.iter().map(shown).collect())
        }
        refused => {
            assert!(prepared.records.is_empty() && prepared.deferred.is_empty(), "{point}");
            assert!(refused.iter().all(|other| other.reason == refused[0].reason), "{refused:?}");
            Err(refused[0].reason)
        }
    }
}

fn outcome_of(schema: (&str, &str), body: Value) -> Result<Vec<String>, Reason> {
    outcome(point("o1", schema, body))
}

/// Why the good weight with one thing changed is not taken.
fn changed(pointer: &str, value: Value) -> Reason {
    let mut point = weight();
    *point.pointer_mut(pointer).unwrap() = value;
    outcome(point).unwrap_err()
}

fn without(pointer: &str, member: &str) -> Reason {
    let mut point = weight();
    assert!(point.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(member).is_some());
    outcome(point).unwrap_err()
}

#[test]
fn data_points_are_read_alone_in_arrays_and_lines_beside_fhir() {
    let expected = "body-weight@1 2026-01 female 45-49 500 1";
    let array = json!([weight(), weight()]).to_string();
    for (name, text) in [("a.json", weight().to_string()), ("a.ndjson", weight().to_string()), ("a.json", array)] {
        let files = Files::new().with(name, format!("\u{feff}{text}"));
        assert_eq!(values(&prepare_registered(&files, REGISTER)), [expected], "{name}");
    }
    let fhir = observation("o1", "29463-7", &format!(r#""effectiveDateTime":"2026-02-05",{}"#, quantity("51", "kg")));
    let person = patient_as("p", "u1", r#""birthDate":"1980-02-29""#);
    let files = Files::new().with("a.ndjson", [person, fhir, weight().to_string()].join("\n"));
    let found = prepare_registered(&files, REGISTER);
    assert_eq!(values(&found), [expected, "body-weight@1 2026-02 female 45-49 510 1"]);
    assert_eq!((found.observations, found.refused.len()), (2, 0));
}

#[test]
fn each_schema_becomes_its_measure() {
    let morning = at("2026-01-05T07:25:00Z");
    let night = during("2026-01-05T22:00:00+08:00", "2026-01-06T06:30:00+08:00");
    let day = during("2026-01-05T00:00:00+08:00", "2026-01-06T00:00:00+08:00");
    let glucose = |rest: Value| {
        let mut body = json!({"blood_glucose": {"value": 95, "unit": "mg/dL"}, "effective_time_frame": morning});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let rate = |activity: &str| {
        json!({"heart_rate": {"value": 67.5, "unit": "beats/min"}, "effective_time_frame": morning,
               "temporal_relationship_to_physical_activity": activity})
    };
    let value = |member: &str, value: f64, unit: &str, frame: &Value| json!({member: {"value": value, "unit": unit}, "effective_time_frame": frame});
    for (schema, body, expected) in [
        (("blood-glucose", "3.0"), glucose(json!({})), "glucose@1 2026-01-05 53"),
        (("blood-glucose", "1.0"), glucose(json!({"blood_specimen_type": "serum"})), "glucose@1 2026-01-05 53"),
        (
            ("blood-glucose", "4.0"),
            glucose(json!({"temporal_relationship_to_meal": "fasting"})),
            "fasting-glucose@1 2026-01-05 53",
        ),
        (("blood-glucose", "4.0"), glucose(json!({"specimen_source": "capillary blood"})), "glucose@1 2026-01-05 53"),
        (
            ("body-fat-percentage", "1.0"),
            value("body_fat_percentage", 16.0, "%", &morning),
            "body-fat@1 2026-01-05 160",
        ),
        (("body-height", "2.0"), value("body_height", 70.0, "in", &morning), "body-height@1 2026-01-05 1778"),
        (("body-weight", "3.0"), value("body_weight", 115.5, "lb", &morning), "body-weight@1 2026-01-05 524"),
        (("calories-burned", "2.0"), value("kcal_burned", 1600.0, "kcal", &day), "active-energy@1 2026-01-05 320"),
        (("heart-rate", "1.1"), rate("active"), "heart-rate@1 2026-01-05 68"),
        (("heart-rate", "2.0"), rate("at rest"), "resting-heart-rate@1 2026-01-05 68"),
        (("sleep-duration", "2.0"), value("sleep_duration", 7.25, "h", &night), "sleep-duration@1 2026-01-06 435"),
        (
            ("total-sleep-time", "1.0"),
            value("total_sleep_time", 26100.0, "sec", &night),
            "sleep-duration@1 2026-01-06 435",
        ),
        (("step-count", "2.0"), json!({"step_count": 6025, "effective_time_frame": day}), "steps@1 2026-01-05 121"),
        (("step-count", "3.0"), value("step_count", 6025.0, "steps", &day), "steps@1 2026-01-05 121"),
    ] {
        assert_eq!(outcome_of(schema, body.clone()), Ok(vec![expected.to_owned()]), "{body}");
    }
    let both = outcome_of(("body-mass-index", "2.0"), value("body_mass_index", 24.96, "kg/m^2", &morning)).unwrap();
    assert_eq!(both, ["bmi@1 2026-01-05 250", "bmi@2 2026-01-05 250"]);
    let pressure = json!({
        "systolic_blood_pressure": {"value": 145, "unit": "mmHg"}, "effective_time_frame": morning,
        "diastolic_blood_pressure": {"value": 85, "unit": "mmHg"},
    });
    let found = outcome_of(("blood-pressure", "4.0"), pressure).unwrap();
    assert!(found.contains(&"systolic-bp@1 2026-01-05 145".to_owned()), "{found:?}");
    assert!(found.contains(&"diastolic-bp@1 2026-01-05 85".to_owned()), "{found:?}");
}

#[test]
fn ieee_1752_headers_say_the_same_in_their_own_words() {
    let header = json!({
        "uuid": "123e4567-e89b-12d3-a456-426655440000", "source_creation_date_time": "2026-01-06T07:00:00+08:00",
        "schema_id": {"namespace": "ieee", "name": "total-sleep-time", "version": "1.0"},
        "modality": "self-reported", "user_id": "u2",
    });
    let frame = json!({"time_interval": {"duration": {"value": 8.5, "unit": "h"}, "end_date_time": "2026-01-06T06:30:00+08:00"}});
    let body = json!({"total_sleep_time": {"value": 450, "unit": "min"}, "effective_time_frame": frame});
    let found = prepared(&[json!({"header": header, "body": body})]);
    assert_eq!(values(&found), ["sleep-duration@1 2026-01 unknown 35-39 450 1"]);
    let id = found.records[0].origin.observation.as_deref();
    assert_eq!(id, Some("123e4567-e89b-12d3-a456-426655440000"));
}

#[test]
fn whose_a_data_point_is() {
    assert_eq!(changed("/header/user_id", json!("u9")), Reason::UnknownPatient);
    assert_eq!(changed("/header/user_id", json!("")), Reason::UnusablePersonIdentifier);
    assert_eq!(changed("/header/user_id", json!(1)), Reason::Malformed);
    assert_eq!(without("/header", "user_id"), Reason::NoSubject);
    assert_eq!(changed("/header/user_id", json!("u3")), Reason::OtherRegion);
    let mut of_another = weight();
    of_another["header"]["user_id"] = json!("u2");
    assert_eq!(values(&prepared(&[of_another])), ["body-weight@1 2026-01 unknown 35-39 500 1"]);
}

#[test]
fn a_header_that_is_not_one() {
    assert_eq!(without("/header", "id"), Reason::NoSourceId);
    assert_eq!(without("/header", "creation_date_time"), Reason::Malformed);
    assert_eq!(without("/header", "schema_id"), Reason::Malformed);
    assert_eq!(changed("/header/creation_date_time", json!("201-02-05T07:25:00Z")), Reason::Malformed);
    assert_eq!(changed("/header/acquisition_provenance/modality", json!("recorded")), Reason::Malformed);
    assert_eq!(changed("/header/schema_id/version", json!("9.0")), Reason::UnknownSchemaVersion);
    assert_eq!(changed("/header/schema_id/version", json!(2.0)), Reason::Malformed);
    assert_eq!(changed("/header", json!([])), Reason::Malformed);
    assert_eq!(changed("/header/schema_id", json!(["omh", "body-weight", "2.0"])), Reason::Malformed);
    for member in ["header", "body"] {
        let mut bare = weight();
        bare.as_object_mut().unwrap().remove(member);
        let found = prepared(&[bare]);
        assert_eq!((reasons(&found), found.observations), (vec![Reason::UnknownFormat], 0));
    }
}

#[test]
fn a_value_that_is_missing_or_not_ours() {
    assert_eq!(without("/body/body_weight", "unit"), Reason::NoUnit);
    assert_eq!(without("/body/body_weight", "value"), Reason::NoQuantity);
    assert_eq!(without("/body", "body_weight"), Reason::NoQuantity);
    assert_eq!(changed("/body", json!({})), Reason::NoDate);
    assert_eq!(changed("/body", json!([])), Reason::Malformed);
    assert_eq!(changed("/body/body_weight/unit", json!("cm")), Reason::OtherUnit);
    for unit in ["km/h", "Kg", "[lb_av]", ""] {
        assert_eq!(changed("/body/body_weight/unit", json!(unit)), Reason::UnknownUnit, "{unit}");
    }
    assert_eq!(changed("/body/body_weight/value", json!("50")), Reason::NotANumber);
    assert_eq!(changed("/body/body_weight/value", json!(400.1)), Reason::OutOfRange);
    assert_eq!(changed("/body/body_weight/value", json!(-50)), Reason::OutOfRange);
    assert_eq!(changed("/body/body_weight", json!(50)), Reason::Malformed);
    assert_eq!(changed("/body/body_weight", json!([50, "kg"])), Reason::Malformed);
    let steps = |count: Value| {
        outcome_of(
            ("step-count", "1.0"),
            json!({"step_count": count, "effective_time_frame":
        during("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")}),
        )
    };
    assert_eq!(steps(json!("6000")), Err(Reason::NotANumber));
    assert_eq!(steps(json!({"value": 6000, "unit": "steps"})), Err(Reason::NotANumber), "version 3.0's shape");
    let half = json!({"systolic_blood_pressure": {"value": 120, "unit": "mmHg"}, "effective_time_frame": at("2026-01-05T07:25:00Z")});
    assert_eq!(outcome_of(("blood-pressure", "3.0"), half), Err(Reason::NoQuantity));
}

#[test]
fn a_time_that_cannot_count() {
    let date_time = "/body/effective_time_frame/date_time";
    for (other, reason) in [
        ("2026-01-05T07:25:00", Reason::TimeWithoutOffset),
        ("2026-01-05", Reason::InvalidDate),
        ("5 January", Reason::InvalidDate),
        ("2026-03-15T00:00:01Z", Reason::FutureDate),
        ("1980-02-28T12:00:00Z", Reason::BeforeBirth),
    ] {
        assert_eq!(changed(date_time, json!(other)), reason, "{other}");
    }
    assert_eq!(without("/body", "effective_time_frame"), Reason::NoDate);
    let frame = "/body/effective_time_frame";
    assert_eq!(changed(frame, during("2026-01-05T00:00:00Z", "2026-01-06T01:00:01Z")), Reason::LongerThanADay);
    assert_eq!(changed(frame, during("2026-01-05T00:00:01Z", "2026-01-05T00:00:00Z")), Reason::EndsBeforeStart);
    let part = json!({"time_interval": {"date": "2026-01-05", "part_of_day": "evening"}});
    let mut evening = weight();
    evening["body"]["effective_time_frame"] = part.clone();
    assert_eq!(outcome(evening), Ok(vec!["body-weight@1 2026-01-05 500".to_owned()]));
    let mut later = weight();
    later["body"]["effective_time_frame"] = part;
    later["header"]["schema_id"]["version"] = json!("3.0");
    assert_eq!(outcome(later), Err(Reason::Malformed), "IEEE 1752.1 has no parts of a day");
}

#[test]
fn what_adds_up_needs_an_interval_and_a_daily_count_a_day() {
    let steps = |frame: Value, more: Value| {
        let mut body = json!({"step_count": {"value": 6000, "unit": "steps"}, "effective_time_frame": frame});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        outcome_of(("step-count", "3.0"), body)
    };
    let hours = |hours: f64| json!({"time_interval": {"start_date_time": "2026-01-05T00:00:00+08:00", "duration": {"value": hours, "unit": "h"}}});
    let counted = Ok(vec!["steps@1 2026-01-05 120".to_owned()]);
    for length in [23.0, 24.0] {
        assert_eq!(steps(hours(length), json!({})), counted, "{length}");
    }
    assert_eq!(steps(hours(24.0), json!({"descriptive_statistic": "sum"})), counted);
    assert_eq!(steps(hours(22.99), json!({})), Err(Reason::PartOfADay));
    assert_eq!(steps(hours(25.01), json!({})), Err(Reason::LongerThanADay));
    assert_eq!(steps(at("2026-01-05T23:59:59Z"), json!({})), Err(Reason::NoInterval));
    let part = json!({"time_interval": {"date": "2026-01-05", "part_of_day": "morning"}});
    assert_eq!(steps(part, json!({})), Err(Reason::NoInterval));
    let walking = json!({"kcal_burned": {"value": 160, "unit": "kcal"}, "activity_name": "walking", "effective_time_frame": hours(24.0)});
    assert_eq!(outcome_of(("calories-burned", "2.0"), walking), Err(Reason::PartOfADay));
    let asleep =
        json!({"sleep_duration": {"value": 7, "unit": "h"}, "effective_time_frame": at("2026-01-05T07:00:00Z")});
    assert_eq!(outcome_of(("sleep-duration", "1.0"), asleep), Err(Reason::NoInterval));
}

#[test]
fn an_aggregate_is_no_reading() {
    let with = |more: Value| {
        let mut point = weight();
        point["body"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        outcome(point)
    };
    for statistic in ["average", "minimum", "maximum", "median", "sum", "count", "20th percentile"] {
        assert_eq!(with(json!({"descriptive_statistic": statistic})), Err(Reason::Aggregated), "{statistic}");
    }
    assert_eq!(with(json!({"descriptive_statistic_denominator": "d"})), Err(Reason::Aggregated));
    assert_eq!(with(json!({"descriptive_statistic": "minmum"})), Err(Reason::Malformed));
}

#[test]
fn words_that_bear_on_the_meaning_are_checked() {
    let glucose = |member: &str, word: &str| {
        let frame = at("2026-01-05T07:25:00Z");
        let body =
            json!({"blood_glucose": {"value": 5, "unit": "mmol/L"}, "effective_time_frame": frame, member: word});
        outcome_of(("blood-glucose", "2.0"), body)
    };
    for (member, word) in [
        ("specimen_source", "fluid"),
        ("blood_specimen_type", "plsma"),
        ("temporal_relationship_to_meal", "fsting"),
        ("temporal_relationship_to_sleep", "bfore sleeping"),
    ] {
        assert_eq!(glucose(member, word), Err(Reason::Malformed), "{member}");
    }
    for specimen in ["interstitial fluid", "breath", "saliva", "sweat", "tears", "lacrimal fluid", "urine"] {
        assert_eq!(glucose("specimen_source", specimen), Err(Reason::OtherSpecimen), "{specimen}");
    }
    let pressure = |activity: &str| {
        let body = json!({
            "systolic_blood_pressure": {"value": 120, "unit": "mmHg"},
            "diastolic_blood_pressure": {"value": 80, "unit": "mmHg"},
            "effective_time_frame": at("2026-01-05T07:25:00Z"), "temporal_relationship_to_physical_activity": activity,
        });
        outcome_of(("blood-pressure", "4.0"), body)
    };
    assert!(pressure("at rest").is_ok() && pressure("before exercise").is_ok());
    for activity in ["active", "during exercise", "after exercise"] {
        assert_eq!(pressure(activity), Err(Reason::UnderExertion), "{activity}");
    }
    assert_eq!(pressure("asleep"), Err(Reason::Malformed));
}

#[test]
fn a_schema_of_no_measure_is_skipped_whatever_is_wrong_with_it() {
    let of = |namespace: &str, name: &str| {
        let mut point = weight();
        point["header"]["schema_id"] = json!({"namespace": namespace, "name": name, "version": "x"});
        point["header"]["user_id"] = json!(7);
        point["body"] = json!("nothing");
        point
    };
    let points = [
        of("omh", "body-temperature"),
        of("omh", "physical-activity"),
        of("omh", "systolic-blood-pressure"),
        of("ieee", "body-weight"),
    ];
    let found = prepared(&points);
    assert_eq!((found.observations, found.skipped, found.refused.len()), (4, 4, 0));
    assert_eq!(changed("/header/schema_id/namespace", json!("granola")), Reason::AlmostOurCode);
}

#[test]
fn a_data_point_counts_once_and_not_with_other_content() {
    assert_eq!(prepared(&[weight(), weight()]).repeated, 1);
    let mut other = weight();
    other["body"]["body_weight"]["value"] = json!(51);
    let found = prepared(&[weight(), other]);
    assert_eq!((reasons(&found), found.records[0].value_steps), (vec![Reason::OtherContentBefore], 500));
}

#[test]
fn what_is_broken_does_not_stop_the_others() {
    let whole = weight().to_string();
    let mut lines = whole.clone().into_bytes();
    lines.extend(b"\n{\"header\":{\"id\":\"\xff\"},\"body\":{}}\n");
    lines.extend(&whole.as_bytes()[..whole.len() / 2]);
    let files = Files::new().with("a.ndjson", lines).with("b.json", &whole[..whole.len() - 1]);
    let found = prepare_registered(&files, REGISTER);
    assert_eq!(reasons(&found), [Reason::NotUtf8, Reason::NotJson, Reason::NotJson]);
    assert_eq!(found.records.len(), 1);
}

/// Whatever a byte is changed to, the data point is read, refused or skipped.
#[test]
fn no_changed_byte_of_a_data_point_breaks_the_reader() {
    let whole = weight().to_string();
    let mut lines = Vec::new();
    for position in 0..whole.len() {
        for other in *b"0-.\"{}[]:,ex\\" {
            let mut changed = whole.clone().into_bytes();
            changed[position] = other;
            lines.extend(changed);
            lines.push(b'\n');
        }
    }
    let found = prepare_registered(&Files::new().with("a.ndjson", lines), REGISTER);
    assert!(
        found.refused.len() > 1_000 && found.observations > 1_000,
        "{} {}",
        found.refused.len(),
        found.observations
    );
    assert!(found.records.iter().all(|record| record.measure.id.as_str() == "body-weight"));
}

#[test]
fn nothing_of_a_person_is_in_what_is_reported_of_data_points() {
    let mut odd = weight();
    odd["header"]["id"] = json!("u1 of Hidden Street");
    odd["header"]["user_id"] = json!("Unmistakable-Name");
    let found = prepared(&[odd, weight()]);
    assert_eq!(found.refused.len(), 1);
    let shown = format!("{} {found:?}", serde_json::to_string(&found.refused).unwrap());
    for personal in ["Unmistakable-Name", "Hidden Street", "u1", "1980"] {
        assert!(!shown.contains(personal), "{personal}");
    }
}

#[test]
fn without_a_good_register_nothing_is_read() {
    let files =
        Files::new().with("a.json", weight().to_string()).with("people.csv", "id,sex,birth-date\nu1,f,1980-02-29\n");
    let people = Some(files.0.path().join("people.csv"));
    let settings = Settings { people, ..settings() };
    let error = prepare(&settings, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap_err();
    assert!(
        error.to_string().ends_with("people.csv\n  line 2: sex is not female, male, other, unknown or empty"),
        "{error}"
    );
}
