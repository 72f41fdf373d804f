//! From files to months: what counts, and as what.

use super::*;
use crate::{MonthValue, Place};

#[test]
fn a_bundle_with_urns_becomes_months() {
    let reading = |id: &str, at: &str, value: &str| weight(id, at, value).replace("Patient/p", "urn:uuid:3");
    let files = Files::new().with(
        "a.json",
        bundle(&[
            reading("o1", "2026-01-05T10:00:00+08:00", "24.94"),
            reading("o2", "2026-01-20T10:00:00+08:00", "24.95"),
            reading("o3", "2026-02-20T10:00:00+08:00", "31"),
            patient(),
        ]),
    );
    let prepared = files.prepare();
    assert_eq!(
        values(&prepared),
        ["body-weight@1 2026-01 female 45-49 250 2", "body-weight@1 2026-02 female 45-49 310 1"]
    );
    assert_eq!((prepared.observations, prepared.skipped, prepared.refused.len()), (3, 0, 0));
    let MonthValue { origin, day, .. } = &prepared.records[0];
    assert_eq!((origin.place, origin.observation.as_deref()), (Place::Entry(1), Some("o2")));
    assert_eq!(day.to_string(), "2026-01-20");
}

#[test]
fn patients_may_stand_in_files_after_the_observations() {
    let lines = [weight("o1", "2026-01-05", "22.0"), weight("o2", "2026-01-06", "23.0")].join("\n");
    let files = Files::new().with("a.ndjson", lines).with("b.ndjson", format!("\u{feff}{}\n", patient()));
    let prepared = files.prepare();
    assert_eq!(values(&prepared), ["body-weight@1 2026-01 female 45-49 230 2"]);
    assert_eq!(prepared.records[0].origin.place, Place::Line(2));
}

#[test]
fn the_two_values_of_a_panel_are_read_by_its_code_and_theirs() {
    let systolic = component("8480-6", &quantity("127.5", "mm[Hg]"));
    let diastolic = component("8462-4", &quantity("79.49", "mm[Hg]"));
    let both = [systolic.clone(), diastolic];
    let files = Files::new().with(
        "a.json",
        bundle(&[
            patient(),
            panel("o1", "85354-9", "2026-01-05", &both),
            panel("o2", "55284-4", "2026-02-05", &both),
            // A panel that the catalogue does not name, and a value outside any panel: neither is ours.
            panel("o3", "34566-0", "2026-01-06", &both),
            observation("o4", "8480-6", &format!(r#""effectiveDateTime":"2026-01-07",{}"#, quantity("200", "mm[Hg]"))),
            // A code that stands alone does not count within a panel.
            panel("o5", "85354-9", "2026-01-08", &[component("29463-7", &quantity("22", "kg"))]),
        ]),
    );
    let prepared = files.prepare();
    assert_eq!(
        values(&prepared),
        [
            "blood-pressure-class@1 2026-01 female 45-49 2 1",
            "blood-pressure-class@1 2026-02 female 45-49 2 1",
            "diastolic-bp@1 2026-01 female 45-49 79 1",
            "diastolic-bp@1 2026-02 female 45-49 79 1",
            "systolic-bp@1 2026-01 female 45-49 128 1",
            "systolic-bp@1 2026-02 female 45-49 128 1",
        ]
    );
    assert_eq!((prepared.observations, prepared.skipped, prepared.refused.len()), (5, 3, 0));
}

#[test]
fn a_bad_component_does_not_take_the_good_one_with_it() {
    let components = [component("8480-6", &quantity("120", "cm[H2O]")), component("8462-4", &quantity("80", "mm[Hg]"))];
    let files = Files::new().with("a.json", bundle(&[patient(), panel("o1", "85354-9", "2026-01-05", &components)]));
    let prepared = files.prepare();
    assert_eq!(values(&prepared), ["diastolic-bp@1 2026-01 female 45-49 80 1"]);
    assert_eq!(reasons(&prepared), [Reason::OtherUnit, Reason::IncompletePanel]);
    assert_eq!(prepared.refused[0].measure, Some("systolic-bp@1".parse().unwrap()));
    assert_eq!(prepared.refused[1].measure, Some("blood-pressure-class@1".parse().unwrap()));
    assert_eq!(prepared.refused[0].origin.observation.as_deref(), Some("o1"));
}

#[test]
fn a_measure_twice_in_a_panel_counts_if_both_agree() {
    let systolic = |value: &str| component("8480-6", &quantity(value, "mm[Hg]"));
    let of = |second: &str| {
        let both = [systolic("120"), systolic(second)];
        Files::new().with("a.json", bundle(&[patient(), panel("o1", "85354-9", "2026-01-05", &both)])).prepare()
    };
    assert_eq!(values(&of("120.0")), ["systolic-bp@1 2026-01 female 45-49 120 1"]);
    let class = Reason::IncompletePanel;
    assert_eq!(reasons(&of("120.0")), [class]);
    assert_eq!(reasons(&of("121")), [Reason::SeveralValues, class]);
}

#[test]
fn a_value_on_the_edge_is_rounded_once_and_from_every_digit() {
    let one = |value: &str| {
        let files = Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", value)]));
        let prepared = files.prepare();
        prepared.records.first().map(|record| record.value_steps).ok_or_else(|| reasons(&prepared)[0])
    };
    assert_eq!(one("18.45"), Ok(185));
    assert_eq!(one("18.449999999999999999999999999999"), Ok(184), "a double would have made it 18.45");
    assert_eq!(one("2.345e1"), Ok(235));
    // The range holds for the reading as it was taken: what would only be rounded into it is refused.
    assert_eq!(one("0.5"), Ok(5));
    assert_eq!(one("0.499"), Err(Reason::OutOfRange));
    assert_eq!(one("400.000"), Ok(4_000));
    assert_eq!(one("400.0000000001"), Err(Reason::OutOfRange));
    assert_eq!(one("-25"), Err(Reason::OutOfRange));
}

#[test]
fn a_days_steps_are_its_latest_count_and_the_month_is_the_mean_of_its_days() {
    let of_period = |id: &str, start: &str, end: &str, value: &str| {
        let period = format!(r#""effectivePeriod":{{"start":"{start}","end":"{end}"}},{}"#, quantity(value, "1/d"));
        observation(id, "41950-7", &period)
    };
    let files = Files::new().with(
        "a.json",
        bundle(&[
            patient(),
            steps("o1", "2026-01-03T12:00:00+08:00", "100"),
            steps("o2", "2026-01-03T23:59:00+08:00", "7010"),
            steps("o3", "2026-01-04", "8040"),
            // Ends with January, although the clock says February.
            of_period("o4", "2026-01-31T00:00:00+08:00", "2026-02-01T00:00:00+08:00", "9000"),
            of_period("o5", "2026-01-01T00:00:00+08:00", "2026-01-08T00:00:00+08:00", "70000"),
        ]),
    );
    let prepared = files.prepare();
    // (7010 + 8040 + 9000) / 3 = 8016.67 is 160.33 steps of 50.
    assert_eq!(values(&prepared), ["steps@1 2026-01 female 45-49 160 4"]);
    assert_eq!(prepared.records[0].day.to_string(), "2026-01-31");
    assert_eq!(reasons(&prepared), [Reason::LongerThanADay]);
}

#[test]
fn month_and_age_are_those_of_the_values_own_time_zone() {
    let files = Files::new().with(
        "a.json",
        bundle(&[
            patient_as("p", "A", r#""gender":"male","birthDate":"1976-02-01""#),
            weight("o1", "2026-01-31T23:59:59-05:00", "20"),
            weight("o2", "2026-02-01T00:00:00+08:00", "30"),
        ]),
    );
    assert_eq!(
        values(&files.prepare()),
        ["body-weight@1 2026-01 male 45-49 200 1", "body-weight@1 2026-02 male 50-54 300 1"]
    );
}

#[test]
fn a_month_that_has_not_ended_is_deferred() {
    let resources = [patient(), weight("o1", "2026-01-05", "22"), weight("o2", "2026-01-06", "23")];
    let files = Files::new().with("a.json", bundle(&resources));
    let prepared = files.prepare_at("2026-02-01T11:59:59Z");
    assert!(prepared.records.is_empty() && prepared.refused.is_empty());
    let listed: Vec<String> = prepared
        .deferred
        .iter()
        .map(|months| format!("{} {} {}", months.measure, months.period, months.people))
        .collect();
    assert_eq!(listed, ["body-weight@1 2026-01 1"]);
    assert_eq!(values(&files.prepare_at("2026-02-01T12:00:00Z")), ["body-weight@1 2026-01 female 45-49 230 2"]);
}

#[test]
fn an_observation_counts_once_in_however_many_files_it_stands() {
    let steps_on = |value: &str| steps("o1", "2026-01-05T10:00:00Z", value);
    let bundle_of = |value: &str| bundle(&[patient(), steps_on(value)]);
    let same = Files::new().with("a.json", bundle_of("5000")).with("b.ndjson", steps_on("5000.0"));
    let prepared = same.prepare();
    assert_eq!(values(&prepared), ["steps@1 2026-01 female 45-49 100 1"]);
    assert_eq!((prepared.observations, prepared.repeated, prepared.refused.len()), (2, 1, 0));
    let other = Files::new().with("a.json", bundle_of("5000")).with("b.json", bundle_of("5001")).prepare();
    assert_eq!(values(&other), ["steps@1 2026-01 female 45-49 100 1"]);
    assert_eq!(reasons(&other), [Reason::OtherContentBefore]);
    assert!(other.refused[0].origin.file.ends_with("b.json"));
}

#[test]
fn an_observation_without_an_id_goes_by_its_full_url() {
    let without_id = weight("o1", "2026-01-05", "22").replace(r#""id":"o1","#, "");
    let files = Files::new().with("a.json", bundle(&[patient(), without_id.clone()]));
    assert_eq!(values(&files.prepare()).len(), 1);
    assert_eq!(files.prepare().records[0].origin.observation, None);
    let files = Files::new().with("a.ndjson", [patient(), without_id].join("\n"));
    assert_eq!(reasons(&files.prepare()), [Reason::NoSourceId]);
}

#[test]
fn the_order_of_files_and_readings_makes_no_difference_to_the_values() {
    let readings = [
        weight("b", "2026-01-20T10:00:00Z", "21"),
        weight("a", "2026-01-20T18:00:00+08:00", "22"),
        weight("c", "2026-01-20", "23"),
        steps("d", "2026-01-20", "4000"),
        steps("e", "2026-01-21", "5000"),
    ];
    let expected = ["body-weight@1 2026-01 female 45-49 220 3", "steps@1 2026-01 female 45-49 90 2"];
    for turn in 0..readings.len() {
        let mut lines = vec![patient()];
        lines.extend(readings.iter().cycle().skip(turn).take(readings.len()).cloned());
        lines.rotate_left(turn);
        assert_eq!(values(&Files::new().with("a.ndjson", lines.join("\n")).prepare()), expected);
    }
}
