//! What the catalogue says, as readings show it: every code, conversions, each reduction, what is derived.

use nacre_schemas::{
    catalogue::Catalogue,
    measure::{Code, Derivation, Measure},
};

use super::*;

fn at(day: &str, rest: &str) -> String {
    format!(r#""effectiveDateTime":"{day}",{rest}"#)
}

fn reading(id: &str, code: &str, day: &str, value: &str, unit: &str) -> String {
    observation(id, code, &at(day, &quantity(value, unit)))
}

fn prepared(resources: impl IntoIterator<Item = String>) -> Prepared {
    let all: Vec<String> = [patient()].into_iter().chain(resources).collect();
    Files::new().with("a.json", bundle(&all)).prepare()
}

/// The one value that an observation comes to.
fn one(code: &str, value: &str, unit: &str) -> Result<u32, Reason> {
    let prepared = prepared([reading("o", code, "2026-01-05", value, unit)]);
    assert_eq!(prepared.records.len() + prepared.refused.len(), 1);
    prepared.records.first().map(|record| record.value_steps).ok_or_else(|| prepared.refused[0].reason)
}

fn steps_of(prepared: &Prepared, measure: &str) -> Vec<u32> {
    let of = |record: &&crate::MonthValue| record.measure.to_string() == measure;
    prepared.records.iter().filter(of).map(|record| record.value_steps).collect()
}

/// An observation of that code in the measure's greatest value, in its own unit or in the one that the code takes.
fn greatest(measure: &Measure, code: &Code) -> Option<String> {
    let own = measure.units.first()?;
    let step = measure.step;
    let value = format!("{}e-{}", u64::from(measure.hi) * step.mantissa(), step.places());
    if !code.takes(own) {
        return None;
    }
    let coding = |code: &str| format!(r#"{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}}"#);
    let quantity = quantity(&value, &own.code.to_string());
    let observation = match code.within.first() {
        None => observation("o", code.code.as_str(), &at("2026-01-05", &quantity)),
        Some(panel) => {
            let component = format!(r#"{{"code":{},{quantity}}}"#, coding(code.code.as_str()));
            super::panel("o", panel.0.as_str(), "2026-01-05", &[component])
        }
    };
    Some(observation.replace("http://loinc.org", code.system.as_str()))
}

#[test]
fn every_code_of_the_catalogue_is_read_in_its_own_system() {
    let mut read = 0;
    for measure in Catalogue::built_in().measures() {
        if matches!(measure.derivation, Some(Derivation::WorstBand(_))) {
            continue;
        }
        for code in &measure.codes {
            let Some(observation) = greatest(measure, code) else { continue };
            let prepared = prepared([observation]);
            assert_eq!(steps_of(&prepared, &measure.reference().to_string()), [measure.hi], "{}", code.code);
            read += 1;
        }
    }
    assert!(read > 30, "{read}");
}

#[test]
fn conversions_are_those_of_their_sources() {
    // NGSP: 0.09148 × 48 + 2.152 = 6.54304; 42 is 5.99416 and 37.7 is 5.6008, just short of a band.
    assert_eq!(one("59261-8", "48", "mmol/mol"), Ok(65));
    assert_eq!(one("59261-8", "42", "mmol/mol"), Ok(60));
    assert_eq!(one("59261-8", "37.69", "mmol/mol"), Ok(56));
    assert_eq!(one("4548-4", "6.45", "%"), Ok(65));
    // 126 ÷ 18.016 = 6.9938; 200 ÷ 18.016 = 11.1012.
    assert_eq!(one("1558-6", "126", "mg/dL"), Ok(70));
    assert_eq!(one("2339-0", "200", "mg/dL"), Ok(111));
    assert_eq!(one("15074-8", "6.3", "mmol/L"), Ok(63));
    // 200 ÷ 38.67 = 5.17197; 240 ÷ 38.67 = 6.2064.
    assert_eq!(one("2093-3", "200", "mg/dL"), Ok(52));
    assert_eq!(one("2093-3", "240", "mg/dL"), Ok(62));
    // 150 lb are 68.0388555 kg; 5 ft 10 in are 177.8 cm.
    assert_eq!(one("29463-7", "150", "[lb_av]"), Ok(680));
    assert_eq!(one("29463-7", "68038", "g"), Ok(680));
    assert_eq!(one("8302-2", "70", "[in_i]"), Ok(1_778));
    assert_eq!(one("8302-2", "1.778", "m"), Ok(1_778));
    assert_eq!(one("93832-4", "7.5", "h"), Ok(450));
    assert_eq!(one("8867-4", "72.5", "{beats}/min"), Ok(73));
}

#[test]
fn a_unit_that_contradicts_its_code_is_no_conversion() {
    for (code, value, unit) in [
        ("2339-0", "5.5", "mmol/L"),
        ("15074-8", "99", "mg/dL"),
        ("1558-6", "5.5", "mmol/L"),
        ("14771-0", "99", "mg/dL"),
        ("2093-3", "5", "mmol/L"),
        ("4548-4", "48", "mmol/mol"),
        ("59261-8", "6.5", "%"),
    ] {
        assert_eq!(one(code, value, unit), Err(Reason::UnitOfAnotherCode), "{code}");
    }
    for (code, value, unit) in [("8867-4", "72", "Count/Min"), ("8867-4", "72", "beat"), ("29463-7", "72", "kilo")] {
        assert_eq!(one(code, value, unit), Err(Reason::OtherUnit), "{unit} is neither UCUM nor a common spelling");
    }
}

#[test]
fn several_codes_of_one_measure_on_an_observation_are_one_reading() {
    let two = |unit: &str, value: &str| {
        let codes = r#""code":"4548-4"},{"system":"http://loinc.org","code":"59261-8""#;
        prepared([reading("o", "4548-4", "2026-01-05", value, unit).replace(r#""code":"4548-4""#, codes)])
    };
    assert_eq!(values(&two("%", "6.5")), ["hba1c@1 2026-01 female 45-49 65 1"]);
    assert_eq!(values(&two("mmol/mol", "48")), ["hba1c@1 2026-01 female 45-49 65 1"]);
}

#[test]
fn a_heart_rate_is_the_mean_of_its_readings_and_a_resting_one_the_latest() {
    let rates = ["61", "62", "64"];
    let of = |code: &str| {
        let readings = (1..).zip(rates);
        prepared(readings.map(|(hour, rate)| {
            reading(&format!("o{hour}"), code, &format!("2026-01-05T0{hour}:00:00Z"), rate, "/min")
        }))
    };
    // 187 / 3 = 62.33.
    assert_eq!(values(&of("8867-4")), ["heart-rate@1 2026-01 female 45-49 62 3"]);
    assert_eq!(values(&of("40443-4")), ["resting-heart-rate@1 2026-01 female 45-49 64 3"]);
}

#[test]
fn a_night_is_named_by_its_waking_and_counts_by_its_longest_sleep() {
    let slept = |id: &str, start: &str, end: &str, minutes: &str| {
        let rest = format!(r#""effectivePeriod":{{"start":"{start}","end":"{end}"}},{}"#, quantity(minutes, "min"));
        observation(id, "93832-4", &rest)
    };
    let found = prepared([
        slept("a", "2026-01-31T23:00:00+08:00", "2026-02-01T06:00:00+08:00", "400"),
        slept("b", "2026-02-01T23:30:00+08:00", "2026-02-02T06:00:00+08:00", "360"),
        slept("c", "2026-02-02T14:00:00+08:00", "2026-02-02T14:40:00+08:00", "35"),
        slept("d", "2026-02-03T00:00:00+08:00", "2026-02-05T08:00:00+08:00", "900"),
    ]);
    // February has both nights, (400 + 360) / 2; the nap is none, and no sleep is over two days.
    assert_eq!(values(&found), ["sleep-duration@1 2026-02 female 45-49 380 3"]);
    assert_eq!(reasons(&found), [Reason::LongerThanADay]);
}

#[test]
fn a_week_counts_by_its_total_however_it_is_given() {
    // A week of days, Monday 5 to Sunday 11 January: their sum, 210. The week after by its total, 100.
    let days = (5..12).zip(["0", "10", "20", "30", "40", "50", "60"]);
    let mut readings: Vec<String> = days
        .map(|(day, minutes)| reading(&format!("d{day}"), "82290-8", &format!("2026-01-{day:02}"), minutes, "min/d"))
        .collect();
    assert_eq!(values(&prepared(readings.clone())), ["mvpa-minutes@1 2026-01 female 45-49 42 7"]);
    readings.push(reading("w", "82290-8", "2026-01-18", "100", "min/wk"));
    assert_eq!(values(&prepared(readings.clone())), ["mvpa-minutes@1 2026-01 female 45-49 31 8"]);
    // Of one day the latest; of a week with days missing, those it has: 40 a day are 280 a week.
    let later = [
        reading("x", "82290-8", "2026-01-20T08:00:00Z", "10", "min/d"),
        reading("y", "82290-8", "2026-01-20T20:00:00Z", "40", "min/d"),
    ];
    assert_eq!(values(&prepared(later)), ["mvpa-minutes@1 2026-01 female 45-49 56 2"]);
    assert_eq!(one("82290-8", "30", "min"), Err(Reason::OtherUnit), "a time without what it is a share of");
}

fn pressures(id: &str, day: &str, systolic: &str, diastolic: &str) -> String {
    let both =
        [component("8480-6", &quantity(systolic, "mm[Hg]")), component("8462-4", &quantity(diastolic, "mm[Hg]"))];
    panel(id, "85354-9", day, &both)
}

#[test]
fn the_class_of_a_panel_is_that_of_its_worse_value() {
    for (systolic, diastolic, class) in [
        ("119", "79", 1),
        ("119.5", "79", 2),
        ("119", "80", 2),
        ("139", "100", 4),
        ("180", "79", 5),
        ("119", "110", 5),
        ("159.49", "99.49", 3),
        ("159.5", "99", 4),
    ] {
        let found = prepared([pressures("o", "2026-01-05", systolic, diastolic)]);
        assert_eq!(steps_of(&found, "blood-pressure-class@1"), [class], "{systolic}/{diastolic}");
    }
    let latest = prepared([pressures("a", "2026-01-05", "190", "80"), pressures("b", "2026-01-06", "110", "70")]);
    assert_eq!(steps_of(&latest, "blood-pressure-class@1"), [1], "the class of the latest panel");
}

#[test]
fn a_panel_without_one_of_its_values_has_no_class_and_keeps_the_other() {
    let systolic = component("8480-6", &quantity("190", "mm[Hg]"));
    let found = prepared([panel("o", "85354-9", "2026-01-05", &[systolic])]);
    assert_eq!(values(&found), ["systolic-bp@1 2026-01 female 45-49 190 1"]);
    assert_eq!(reasons(&found), [Reason::IncompletePanel]);
    assert_eq!(found.refused[0].measure, Some("blood-pressure-class@1".parse().unwrap()));
    // Two panels make no third: each lacks a value.
    let halves = [
        panel("a", "85354-9", "2026-01-05", &[component("8480-6", &quantity("190", "mm[Hg]"))]),
        panel("b", "85354-9", "2026-01-05", &[component("8462-4", &quantity("90", "mm[Hg]"))]),
    ];
    let found = prepared(halves);
    assert_eq!(steps_of(&found, "blood-pressure-class@1"), Vec::<u32>::new());
    assert_eq!(reasons(&found), [Reason::IncompletePanel; 2]);
}

#[test]
fn a_body_mass_index_follows_from_weight_and_height_of_one_day() {
    let weight_on = |day: &str, value: &str| reading(&format!("w{day}"), "29463-7", day, value, "kg");
    let height_on = |day: &str, value: &str| reading(&format!("h{day}"), "8302-2", day, value, "cm");
    let index = |resources: Vec<String>| {
        let found = prepared(resources);
        assert_eq!(steps_of(&found, "bmi@1"), steps_of(&found, "bmi@2"));
        steps_of(&found, "bmi@1")
    };
    let none = Vec::<u32>::new();
    // 70 / 1.75² = 22.857; with the height rounded to a metre's tenth first it would be 21.6.
    assert_eq!(index(vec![weight_on("2026-01-05", "70"), height_on("2026-01-05T23:00:00+08:00", "175")]), [229]);
    assert_eq!(index(vec![weight_on("2026-01-05", "70"), height_on("2026-01-06", "175")]), none);
    assert_eq!(index(vec![weight_on("2026-01-05", "70")]), none);
    // The latest weight that has a height; of its day's heights the latest.
    let several = vec![
        weight_on("2026-01-05", "80"),
        height_on("2026-01-05T08:00:00Z", "150"),
        height_on("2026-01-05T09:00:00Z", "200"),
        weight_on("2026-01-20", "90"),
    ];
    assert_eq!(index(several), [200]);
    // A direct reading of the month, however early, goes before; one of another month does not.
    let direct = reading("b", "39156-5", "2026-01-01", "30", "kg/m2");
    let derived = vec![weight_on("2026-01-05", "70"), height_on("2026-01-05", "175")];
    assert_eq!(index([vec![direct.clone()], derived.clone()].concat()), [300]);
    let other_month = direct.replace("2026-01-01", "2026-02-01");
    assert_eq!(index([vec![other_month], derived].concat()), [229, 300]);
}

#[test]
fn a_derived_value_outside_the_range_is_refused_and_what_it_came_from_counts() {
    let found = prepared([
        reading("w", "29463-7", "2026-01-05", "300", "kg"),
        reading("h", "8302-2", "2026-01-05", "100", "cm"),
    ]);
    assert_eq!(reasons(&found), [Reason::OutOfRange; 2]);
    let measures: Vec<String> =
        found.refused.iter().map(|refused| refused.measure.clone().unwrap().to_string()).collect();
    assert_eq!(measures, ["bmi@1", "bmi@2"]);
    assert_eq!(found.records.len(), 2);
}

#[test]
fn rounding_is_once_and_from_the_exact_quotient() {
    // 99.8 / 2² is 24.95, exactly half a step, and goes up; a hair less does not.
    let found = prepared([
        reading("w", "29463-7", "2026-01-05", "99.8", "kg"),
        reading("h", "8302-2", "2026-01-05", "200", "cm"),
    ]);
    assert_eq!(steps_of(&found, "bmi@1"), [250]);
    let found = prepared([
        reading("w", "29463-7", "2026-01-05", "99.79999999999999999999999", "kg"),
        reading("h", "8302-2", "2026-01-05", "200", "cm"),
    ]);
    assert_eq!(steps_of(&found, "bmi@1"), [249]);
}
