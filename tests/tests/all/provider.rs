//! What `nacre provider` says and ends with when not all that it was asked for was done: the program itself, before a real
//! exchange.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nacre_hosting::secret;
use nacre_ledger::signing::SigningKey;
use nacre_tests::{Running, plan};
use serde_json::json;

const REGION: &str = "820000";
const HOSPITAL: &str = "hospital-820000";
const GYM: &str = "gym-820000";
const PERSON_SYSTEM: &str = "urn:example:person";

/// Exit status, standard output, standard error.
type Ended = (i32, String, String);

fn nacre(command: &str, arguments: &[&Path]) -> Ended {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nacre-under-test"));
    let ended = program.args(["provider", command]).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

/// A file of one person's weight.
fn records(running: &Running, name: &str, value: f64) -> PathBuf {
    let patient = json!({
        "resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-02-29",
        "identifier": [{"system": PERSON_SYSTEM, "value": "a person"}],
    });
    let observation = json!({
        "resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2019-03-05",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "subject": {"reference": "Patient/p"},
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "kg"},
    });
    let path = running.folder().join(name);
    fs::write(&path, format!("{patient}\n{observation}\n")).unwrap();
    path
}

/// The configuration of a member with some lines changed, beside the one that it is made from.
fn changed(running: &Running, member: &str, name: &str, lines: &[(&str, &str)]) -> PathBuf {
    let path = &running.places.providers[member];
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let other = lines.iter().find(|(key, _)| line.split_once(" = ").is_some_and(|(found, _)| found == *key));
        other.map_or_else(|| line.to_owned(), |(key, value)| format!("{key} = {value:?}"))
    };
    let path = path.with_file_name(name);
    fs::write(&path, text.lines().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_done_is_said_and_the_exit_status_tells() {
    let running = Running::start(&plan(&[REGION], 2, PERSON_SYSTEM)).await.unwrap();
    let config = running.places.providers[HOSPITAL].clone();
    let file = records(&running, "records.ndjson", 70.5);

    // A signing key that was not admitted: found out before anything is sealed.
    let key = running.folder().join("other.key");
    secret::write(&key, &*SigningKey::generate().unwrap().to_bytes()).unwrap();
    let other_key = changed(&running, HOSPITAL, "other-key.toml", &[("signing-key", key.to_str().unwrap())]);
    let (status, _, said) = nacre("post", &[&other_key, &file]);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("other.key") && said.contains("signing key") && said.contains("nothing was sealed"),
        "{said}"
    );
    let (status, said, errors) = nacre("post", &[&config, &file]);
    assert_eq!(status, 0, "{said}{errors}");
    assert!(said.contains("1 records posted, 0 queued"), "{said}");

    // A neighbour's access key, and a neighbour's data folder.
    let gyms = nacre_provider::Config::read(&running.places.providers[GYM]).unwrap();
    let access = gyms.access_key.to_str().unwrap();
    let (status, _, said) =
        nacre("post", &[&changed(&running, HOSPITAL, "access.toml", &[("access-key", access)]), &file]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("access key") && said.contains(HOSPITAL), "{said}");
    let hospitals = nacre_provider::Config::read(&config).unwrap();
    let data = hospitals.data.to_str().unwrap();
    let taken = changed(&running, GYM, "taken.toml", &[("data", data)]);
    for command in ["post", "status", "receipts"] {
        let paths: &[&Path] = if command == "post" { &[&taken, &file] } else { &[&taken] };
        let (status, _, said) = nacre(command, paths);
        assert_eq!(status, 1, "{command}: {said}");
        assert!(said.contains(HOSPITAL) && said.contains(GYM) && said.contains(data), "{command}: {said}");
    }
    let (status, said, errors) = nacre("post", &[&config, &file]);
    assert_eq!((status, said.contains("0 queued, 1 posted before")), (0, true), "{said}{errors}");

    // An erased record, whose source is corrected afterwards.
    let record = nacre_provider::receipts(&hospitals).await.unwrap()[0].record.to_string();
    let (status, said, errors) = nacre("erase", &[&config, Path::new(&record)]);
    assert_eq!(status, 0, "{said}{errors}");
    let (status, said, errors) = nacre("post", &[&config, &records(&running, "corrected.ndjson", 71.5)]);
    assert_eq!(status, 1, "{said}{errors}");
    assert!(said.contains(&record) && said.contains("erased") && !said.contains("a person"), "{said}");
}
