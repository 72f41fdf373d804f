//! Of no format anything that names a person or a place gets out: not into the outbox, onto the wire, into what is reported,
//! or into a log line, at any level.

use super::{exchange::Site, log, *};
use crate::post_at;
use nacre_reading::{PeopleBy, Unnamed};

/// What must not get out, beside [`PERSONAL`]: a serial number, a position in degrees and in FIT's own unit, a telephone.
const SECRET: [&str; 6] = ["3945849289", "37.7777", "456099128", "Unmistakable-Watch", "u-person-17", "+852 5555 1234"];

/// A folder of one person's files of every format, the person's identifier its name.
fn files() -> Files {
    let [name, number, birth, street] = PERSONAL;
    let [serial, latitude, semicircles, watch, person, telephone] = SECRET;
    let point = serde_json::json!({
        "header": {"id": "dp1", "creation_date_time": "2026-01-06T00:00:00Z", "user_id": person,
            "schema_id": {"namespace": "omh", "name": "body-height", "version": "1.0"},
            "acquisition_provenance": {"source_name": watch, "modality": "sensed"}},
        "body": {"body_height": {"value": 170, "unit": "cm"}, "effective_time_frame": {"date_time": "2026-01-05T07:25:00Z"},
            "user_notes": street},
    });
    let apple = format!(
        "<HealthData><ExportDate value=\"2026-03-01 00:00:00 +0800\"/><Me HKCharacteristicTypeIdentifierDateOfBirth=\"{birth}\"/>\
         <Record type=\"HKQuantityTypeIdentifierBodyFatPercentage\" sourceName=\"{name}’s {watch}\" unit=\"%\" value=\"0.25\" \
         device=\"serial {serial}\" startDate=\"2026-01-05 08:00:00 +0800\" endDate=\"2026-01-05 08:00:00 +0800\"/>\
         <Record type=\"HKQuantityTypeIdentifierStepCount\" sourceName=\"{name}’s {watch}\" unit=\"count\" value=\"5000\" \
         startDate=\"2026-01-05 08:00:00 +0800\" endDate=\"2026-01-05 09:00:00 +0800\"/>\
         <Record type=\"HKQuantityTypeIdentifierHeight\" sourceName=\"{name}\" unit=\"{street}\" value=\"{telephone}\" \
         startDate=\"{street}\"/><Workout><Location latitude=\"{latitude}\"/></Workout></HealthData>"
    );
    let position: i32 = semicircles.parse().unwrap();
    let number_of_device: u32 = serial.parse().unwrap();
    let at = 621_466_680_u32 + 512_000_000;
    let fit = fit_file::fit(&[
        (0, vec![(0, 0, vec![9]), (3, 0x86, number_of_device.to_le_bytes().to_vec())]),
        (3, vec![(0, 7, name.as_bytes().to_vec())]),
        (20, vec![(253, 0x86, at.to_le_bytes().to_vec()), (0, 0x85, position.to_le_bytes().to_vec())]),
        (30, vec![(253, 0x86, at.to_le_bytes().to_vec()), (0, 0x84, 7_585_u16.to_le_bytes().to_vec())]),
    ]);
    let csv = format!(
        "name,card,number,taken,kg,note\n{name},{person},{number},2026-02-05,70,{street}\n{name},{telephone},,2026-02-05,70,\n\
         {name},{person},,{street},70,\n"
    );
    let fhir = [
        patient(),
        observation("o1", "4548-4", &format!("\"effectiveDateTime\":\"2026-01-05\",{}", quantity("6.1", "%"))),
    ];
    let files = Files::new();
    let folder = files.0.path().join(person);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("export.xml"), apple).unwrap();
    std::fs::write(folder.join("scale.fit"), fit).unwrap();
    std::fs::write(folder.join("broken.fit"), name).unwrap();
    files.with("a.json", bundle(&fhir)).with("b.json", point.to_string()).with("c.csv", csv)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_names_a_person_or_a_place_gets_out_of_any_format() {
    let log = log::of_all_threads();
    let site = Site::new().await;
    let (files, beside) = (files(), tempfile::tempdir().unwrap());
    let (register, table) = (beside.path().join("people.csv"), beside.path().join("table.toml"));
    std::fs::write(&register, format!("id,sex,birth-date\n{},female,{}\n", SECRET[4], PERSONAL[2])).unwrap();
    let columns =
        "person = \"card\"\ntime = \"taken\"\n[[column]]\nname = \"kg\"\nmeasure = \"body-weight\"\nunit = \"kg\"\n";
    std::fs::write(&table, columns).unwrap();
    let config = Config {
        people: Some(register.into()),
        table: Some(table.into()),
        unnamed: Unnamed { people: Some(PeopleBy::Folder), ..Unnamed::default() },
        ..site.config.clone()
    };
    let now = "2026-03-15T00:00:00Z".parse().unwrap();
    let mut summary = post_at(&config, &files.paths(), now, &()).await.unwrap();
    let measures: Vec<String> = summary.by_measure.keys().map(ToString::to_string).collect();
    for measure in ["body-fat@1", "body-height@1", "body-weight@1", "hba1c@1", "steps@1"] {
        assert!(measures.iter().any(|found| found == measure), "{measure} of {measures:?}");
    }
    assert!(summary.refused.len() >= 4 && summary.posted >= 5, "{summary:?}");
    // A file's own name is shown to whoever named the file; it is no part of what was read.
    for refused in &mut summary.refused {
        refused.origin.file = Path::new("x").into();
    }
    let mut places = vec![
        ("summary", format!("{summary:?}{}", serde_json::to_string(&summary).unwrap()).into_bytes()),
        ("log", log.bytes()),
    ];
    assert!(places[1].1.len() > 1_000, "there are log lines");
    places.extend(site.bodies().into_iter().map(|body| ("wire", body)));
    for file in std::fs::read_dir(&config.data).unwrap() {
        places.push(("outbox", std::fs::read(file.unwrap().path()).unwrap()));
    }
    let raw = SECRET[0].parse::<u32>().unwrap().to_le_bytes();
    for (place, bytes) in &places {
        for text in PERSONAL.iter().chain(&SECRET) {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} in the {place}");
        }
        // Four bytes turn up in a megabyte of ciphertext once in four thousand runs: the log has no ciphertext.
        assert!(*place != "log" || !bytes.windows(4).any(|window| window == raw), "the serial number in the {place}");
    }
}
