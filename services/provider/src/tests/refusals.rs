//! What is not taken, each for its own reason; and that what is not ours is passed over.

use super::*;

/// The one reason for which a patient and an observation come to nothing.
fn refusal(patient: &str, observation: &str) -> Reason {
    let prepared = Files::new().with("a.json", bundle(&[patient.to_owned(), observation.to_owned()])).prepare();
    assert!(prepared.records.is_empty() && prepared.deferred.is_empty(), "{observation}");
    assert_eq!((prepared.observations, prepared.skipped), (1, 0), "{observation}");
    let found = reasons(&prepared);
    assert_eq!(found.len(), 1, "{observation}: {found:?}");
    found[0]
}

fn good() -> String {
    bmi("o1", "2026-01-05T10:00:00+08:00", "22.5")
}

/// The refusal of the good observation with one thing changed.
fn changed(from: &str, to: &str) -> Reason {
    assert!(good().contains(from), "{from}");
    refusal(&patient(), &good().replace(from, to))
}

#[test]
fn the_observation_that_the_others_are_changed_from_counts() {
    let files = Files::new().with("a.json", bundle(&[patient(), good()]));
    assert_eq!(values(&files.prepare()), ["bmi@1 2026-01 female 45-49 225 1"]);
    for status in ["amended", "corrected"] {
        let files = Files::new().with("a.json", bundle(&[patient(), good().replace("final", status)]));
        assert_eq!(values(&files.prepare()).len(), 1, "{status}");
    }
}

#[test]
fn a_status_that_is_not_final() {
    for status in ["registered", "preliminary", "unknown", "Final", ""] {
        assert_eq!(changed(r#""final""#, &format!("\"{status}\"")), Reason::NotFinal);
    }
    assert_eq!(changed(r#""final""#, r#""cancelled""#), Reason::Cancelled);
    assert_eq!(changed(r#""final""#, r#""entered-in-error""#), Reason::EnteredInError);
    assert_eq!(changed(r#""status":"final","#, ""), Reason::NoStatus);
}

#[test]
fn a_value_that_is_absent_modified_or_a_bound() {
    let with = |member: &str| changed(r#""valueQuantity""#, &format!(r#"{member},"valueQuantity""#));
    assert_eq!(with(r#""dataAbsentReason":{"text":"unknown"}"#), Reason::DataAbsent);
    assert_eq!(with(r#""modifierExtension":[{"url":"urn:not","valueBoolean":true}]"#), Reason::ModifierExtension);
    assert_eq!(changed(r#""value":22.5"#, r#""comparator":"<","value":22.5"#), Reason::Comparator);
    assert_eq!(changed(r#""value":22.5,"#, ""), Reason::NoQuantity);
    assert_eq!(changed(&quantity("22.5", "kg/m2"), r#""valueString":"22.5""#), Reason::NoQuantity);
    let absent = component("8480-6", r#""dataAbsentReason":{"text":"not asked"}"#);
    assert_eq!(refusal(&patient(), &panel("o1", "85354-9", "2026-01-05", &[absent])), Reason::DataAbsent);
}

#[test]
fn a_value_that_is_no_number_or_too_long_a_number() {
    assert_eq!(changed("22.5", r#""22.5""#), Reason::NotANumber);
    assert_eq!(changed("22.5", "1E-245"), Reason::NumberTooLong);
    assert_eq!(changed("22.5", &format!("22.{}", "5".repeat(80))), Reason::NumberTooLong);
}

#[test]
fn a_unit_that_is_missing_or_not_ours() {
    let (system, code) = (r#","system":"http://unitsofmeasure.org""#, r#","code":"kg/m2"}"#);
    assert_eq!(changed(code, "}"), Reason::NoUnit);
    assert_eq!(changed(system, ""), Reason::NoUnit);
    assert_eq!(changed("http://unitsofmeasure.org", "http://snomed.info/sct"), Reason::NotUcum);
    for unit in ["kg/m^2", "KG/M2", "g/m2", ""] {
        assert_eq!(changed(code, &format!(r#","code":"{unit}"}}"#)), Reason::OtherUnit);
    }
}

#[test]
fn a_date_that_cannot_count() {
    let date = "2026-01-05T10:00:00+08:00";
    for (other, reason) in [
        ("2026", Reason::DateWithoutDay),
        ("2026-01", Reason::DateWithoutDay),
        ("2026-01-05T10:00:00", Reason::TimeWithoutOffset),
        ("5 January 2026", Reason::InvalidDate),
        ("2026-02-30", Reason::InvalidDate),
        ("2026-03-16", Reason::FutureDate),
        ("2026-03-15T00:00:01Z", Reason::FutureDate),
        ("1980-02-28", Reason::BeforeBirth),
        ("2300-01-01", Reason::FutureDate),
    ] {
        assert_eq!(changed(date, other), reason, "{other}");
    }
    let member = r#""effectiveDateTime":"2026-01-05T10:00:00+08:00","#;
    assert_eq!(changed(member, ""), Reason::NoDate);
    assert_eq!(changed(member, &format!(r#"{member}"effectiveInstant":"{date}","#)), Reason::SeveralDates);
    assert_eq!(changed(member, r#""effectivePeriod":{"start":"2026-01-05"},"#), Reason::PeriodWithoutEnd);
    let old = patient_as("p", "A", r#""birthDate":"1850-01-01""#);
    assert_eq!(refusal(&old, &good().replace("2026-01-05", "1899-12-31")), Reason::YearOutOfRange);
}

#[test]
fn a_subject_that_is_nobody_or_not_certainly_somebody() {
    assert_eq!(changed(r#""reference":"Patient/p""#, r#""display":"somebody""#), Reason::NoSubject);
    assert_eq!(changed("Patient/p", "Patient/q"), Reason::UnknownPatient);
    assert_eq!(changed("Patient/p", "urn:uuid:7"), Reason::UnknownPatient);
    for (of_patient, reason) in [
        (patient().replace(PERSON_SYSTEM, "urn:third"), Reason::NoPersonIdentifier),
        (patient().replace("urn:other", PERSON_SYSTEM), Reason::SeveralPersonIdentifiers),
        (patient().replace(PERSONAL[1], ""), Reason::UnusablePersonIdentifier),
        (patient().replace("female", "F"), Reason::UnknownGender),
        (patient().replace("1980-02-29", "1980"), Reason::BirthDateWithoutDay),
        (patient().replace("1980-02-29", "1981-02-29"), Reason::InvalidBirthDate),
        (patient().replace("birthDate", "born"), Reason::NoBirthDate),
    ] {
        assert_eq!(refusal(&of_patient, &good()), reason);
    }
}

#[test]
fn people_whom_the_files_contradict_each_other_on() {
    let first = [patient(), good()].join("\n");
    for (from, to) in [("female", "male"), ("1980-02-29", "1980-03-01")] {
        let files = Files::new().with("a.ndjson", &first).with("b.ndjson", patient().replace(from, to));
        assert_eq!(reasons(&files.prepare()), [Reason::ContradictoryPatient]);
    }
    let files = Files::new().with("a.ndjson", &first).with("b.ndjson", patient());
    assert_eq!(values(&files.prepare()).len(), 1, "the same person in two files is no contradiction");
    let files = Files::new().with("a.ndjson", &first).with("b.ndjson", patient().replace(PERSONAL[1], "another"));
    assert_eq!(reasons(&files.prepare()), [Reason::AmbiguousPatient]);
}

#[test]
fn what_the_catalogue_does_not_name_is_skipped_whatever_is_wrong_with_it() {
    let other = [
        observation("o1", "8302-2", r#""effectiveDateTime":"2019""#),
        good().replace("http://loinc.org", "http://snomed.info/sct"),
        good().replace("final", "cancelled").replace("39156-5", "72166-2"),
        r#"{"resourceType":"Observation","id":"o4"}"#.to_owned(),
    ];
    let prepared = Files::new().with("a.ndjson", other.join("\n")).prepare();
    assert_eq!((prepared.observations, prepared.skipped, prepared.refused.len()), (4, 4, 0));
}

#[test]
fn what_cannot_be_read_is_reported_once_with_its_place() {
    let lines =
        ["{", "{}", r#"{"resourceType":"Patient","identifier":7}"#, r#"{"resourceType":"Observation","code":7}"#, "7"];
    let files = Files::new().with("a.ndjson", lines.join("\n")).with("b.json", "").with("c.json", b"\xff\xfe{}");
    let prepared = files.prepare();
    let mut found: Vec<String> = prepared
        .refused
        .iter()
        .map(|refused| {
            let name = refused.origin.file.file_name().unwrap().to_str().unwrap().to_owned();
            format!("{name} {:?} {:?}", refused.origin.place, refused.reason)
        })
        .collect();
    found.sort();
    let expected = [
        "a.ndjson Line(1) NotJson",
        "a.ndjson Line(2) NotFhir",
        "a.ndjson Line(3) Malformed",
        "a.ndjson Line(4) Malformed",
        "a.ndjson Line(5) NotJson",
        "b.json File NotJson",
        "c.json File NotUtf8",
    ];
    assert_eq!(found, expected);
}

#[test]
fn nothing_of_a_person_is_in_what_is_reported() {
    let odd_id = good().replace(r#""id":"o1""#, r#""id":"Unmistakable-Name of Hidden Street""#);
    let files = Files::new().with("a.json", bundle(&[patient().replace("female", "F"), odd_id]));
    let prepared = files.prepare();
    assert_eq!(prepared.refused.len(), 1);
    let counted = Files::new().with("a.json", bundle(&[patient(), good()])).prepare();
    let shown = format!("{} {prepared:?} {counted:?}", serde_json::to_string(&prepared.refused).unwrap());
    for personal in PERSONAL {
        assert!(!shown.contains(personal), "{personal}");
    }
}
