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
    weight("o1", "2026-01-05T10:00:00+08:00", "22.5")
}

/// The refusal of the good observation with one thing changed.
fn changed(from: &str, to: &str) -> Reason {
    assert!(good().contains(from), "{from}");
    refusal(&patient(), &good().replace(from, to))
}

#[test]
fn the_observation_that_the_others_are_changed_from_counts() {
    let files = Files::new().with("a.json", bundle(&[patient(), good()]));
    assert_eq!(values(&files.prepare()), ["body-weight@1 2026-01 female 45-49 225 1"]);
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
    assert_eq!(changed(&quantity("22.5", "kg"), r#""valueString":"22.5""#), Reason::NoQuantity);
    let absent = component("8480-6", r#""dataAbsentReason":{"text":"not asked"}"#);
    let prepared =
        Files::new().with("a.json", bundle(&[patient(), panel("o1", "85354-9", "2026-01-05", &[absent])])).prepare();
    assert_eq!(reasons(&prepared), [Reason::DataAbsent, Reason::IncompletePanel]);
}

#[test]
fn a_value_that_is_no_number_or_too_long_a_number() {
    assert_eq!(changed("22.5", r#""22.5""#), Reason::NotANumber);
    assert_eq!(changed("22.5", "1E-245"), Reason::NumberTooLong);
    assert_eq!(changed("22.5", &format!("22.{}", "5".repeat(80))), Reason::NumberTooLong);
}

#[test]
fn a_unit_that_is_missing_or_not_ours() {
    let (system, code) = (r#","system":"http://unitsofmeasure.org""#, r#","code":"kg"}"#);
    assert_eq!(changed(code, "}"), Reason::NoUnit);
    assert_eq!(changed(system, ""), Reason::NoUnit);
    assert_eq!(changed("http://unitsofmeasure.org", "http://snomed.info/sct"), Reason::NotUcum);
    for unit in ["kilo", "kG", "mg", "[lb_ap]", "kg ", ""] {
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
        observation("o1", "8310-5", r#""effectiveDateTime":"2019""#),
        good().replace("http://loinc.org", "http://snomed.info/sct").replace("29463-7", "27113001"),
        good().replace("final", "cancelled").replace("29463-7", "72166-2"),
        r#"{"resourceType":"Observation","id":"o4"}"#.to_owned(),
    ];
    let prepared = Files::new().with("a.ndjson", other.join("\n")).prepare();
    assert_eq!((prepared.observations, prepared.skipped, prepared.refused.len()), (4, 4, 0));
}

#[test]
fn a_code_that_only_looks_like_one_of_the_catalogues() {
    let system = r#""system":"http://loinc.org","#;
    for other in ["http://loinc.org/", "https://loinc.org", "HTTP://LOINC.ORG", "LOINC", "http://snomed.info/sct", ""] {
        assert_eq!(changed("http://loinc.org", other), Reason::AlmostOurCode, "{other}");
    }
    let without_system =
        good().replace('\n', " ").replace(system, "").replace(r#""system":"http://loinc.org",   "#, "");
    assert!(!without_system.contains("loinc"));
    assert_eq!(refusal(&patient(), &without_system), Reason::AlmostOurCode);
    for code in ["29463-7 ", " 29463-7", "29463-7\\n"] {
        assert_eq!(changed("29463-7", code), Reason::AlmostOurCode, "{code:?}");
    }
    let both = [component("8480-6 ", &quantity("120", "mm[Hg]")), component("8462-4 ", &quantity("80", "mm[Hg]"))];
    assert_eq!(refusal(&patient(), &panel("o1", "85354-9", "2026-01-05", &both)), Reason::AlmostOurCode);
    let both = [component("8480-6", &quantity("120", "mm[Hg]")), component("8462-4", &quantity("80", "mm[Hg]"))];
    assert_eq!(refusal(&patient(), &panel("o1", "85354-9 ", "2026-01-05", &both)), Reason::AlmostOurCode);
}

#[test]
fn a_value_from_after_the_patients_death() {
    let died = |at: &str| {
        let patient = patient().replace("\"gender\"", &format!("\"deceasedDateTime\":\"{at}\",\"gender\""));
        assert!(patient.contains(at));
        patient
    };
    for at in ["2026-01-05T09:59:59+08:00", "2026-01-05T01:59:59Z", "2026-01-04", "2025-12", "2025"] {
        assert_eq!(refusal(&died(at), &good()), Reason::AfterDeath, "{at}");
    }
    for at in ["2026-01-05T10:00:00+08:00", "2026-01-05", "2026-01", "2026"] {
        let files = Files::new().with("a.json", bundle(&[died(at), good()]));
        assert_eq!(values(&files.prepare()).len(), 1, "{at}");
    }
    assert_eq!(refusal(&died("last winter"), &good()), Reason::InvalidDeathDate);
    // Whether someone has died says nothing of when.
    let dead = patient().replace("\"gender\"", "\"deceasedBoolean\":true,\"gender\"");
    assert_eq!(values(&Files::new().with("a.json", bundle(&[dead, good()])).prepare()).len(), 1);
    // Of two sources the earlier counts.
    let lines = [died("2026-01-20"), good()].join("\n");
    let files = Files::new().with("a.ndjson", lines).with("b.ndjson", died("2026-01-04T00:00:00Z"));
    assert_eq!(reasons(&files.prepare()), [Reason::AfterDeath]);
}

#[test]
fn a_file_that_breaks_off_gives_nothing_of_itself_and_takes_nothing_from_others() {
    let whole = bundle(&[patient(), good(), weight("o2", "2026-02-05", "23")]);
    let other = weight("o3", "2026-01-06", "24").replace("Patient/p", "Patient/q");
    let others = [patient_as("q", "B", r#""gender":"male","birthDate":"1990-01-01""#), other].join("\n");
    let expected = ["body-weight@1 2026-01 male 35-39 240 1"];
    let mut broken = whole.clone().into_bytes();
    broken[whole.find("Hidden").unwrap()] = 0xff;
    let other_type = whole.replacen("Bundle", "bundle", 1);
    let cases: [(&[u8], Reason); 4] = [
        (&whole.as_bytes()[..whole.len() - 1], Reason::NotJson),
        (&whole.as_bytes()[..whole.len() / 2], Reason::NotJson),
        (&broken, Reason::NotUtf8),
        (other_type.as_bytes(), Reason::NoSuchType),
    ];
    for (content, reason) in cases {
        let prepared = Files::new().with("a.json", content).with("b.ndjson", &others).prepare();
        assert_eq!(values(&prepared), expected);
        assert_eq!(reasons(&prepared), [reason]);
        assert!(prepared.refused[0].origin.file.ends_with("a.json"));
    }
}

#[test]
fn a_bundle_of_megabytes_with_a_byte_order_mark_counts() {
    let padding = format!(r#"{{"resourceType":"DocumentReference","description":"{}"}}"#, "x".repeat(3_600_000));
    let files = Files::new().with("a.json", format!("\u{feff}{}", bundle(&[padding, patient(), good()])));
    assert_eq!(values(&files.prepare()).len(), 1);
}

#[test]
fn an_observation_without_any_patient_in_the_files() {
    let prepared = Files::new().with("a.json", good()).prepare();
    assert_eq!((reasons(&prepared), prepared.records.len()), (vec![Reason::UnknownPatient], 0));
}

#[test]
fn what_cannot_be_read_is_reported_once_with_its_place() {
    let lines = [
        "{",
        "{}",
        r#"{"resourceType":"Patient","identifier":7}"#,
        r#"{"resourceType":"Observation","code":7}"#,
        "7",
        r#"{"resourceType":"observation"}"#,
    ];
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
        "a.ndjson Line(2) UnknownFormat",
        "a.ndjson Line(3) Malformed",
        "a.ndjson Line(4) Malformed",
        "a.ndjson Line(5) NotJson",
        "a.ndjson Line(6) NoSuchType",
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
