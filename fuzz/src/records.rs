//! Records that a provider reads: FHIR and Open mHealth, one, many or a line each, also compressed; FIT, Apple Health and its
//! archive, CSV; and its register of people. The first byte chooses the kind of file. Reading, selecting and reducing does not panic, and what comes out lies in
//! its measure's range.

use std::{fs, io::Write as _, path::PathBuf, sync::LazyLock};

use nacre_reading::{PersonId, Settings, Unnamed, prepare};
use nacre_schemas::catalogue::Catalogue;
use tempfile::TempDir;

static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in(if fs::exists("/dev/shm").unwrap_or(false) { "/dev/shm" } else { "/tmp" }).expect("a folder")
});

const RECORDS: &str = r#"{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:fuzz","value":"a"}],"gender":"female","birthDate":"1980-02-03"}"#;
const TABLE: &str = "person = \"p\"\ntime = \"t\"\n[row]\nvalue = \"v\"\nmeasure = \"m\"\nunit = \"u\"\n";
const REGISTER: &str = "id,sex,birth-date\na,female,1980-02-03\n";

fn settings(people: Option<PathBuf>) -> Settings {
    Settings {
        people,
        table: Some(table()),
        unnamed: Unnamed { person: PersonId::new("a").ok(), ..Unnamed::default() },
        ..Settings::new("440100".parse().expect("a region"), "urn:fuzz".parse().expect("a text"))
    }
}

fn table() -> PathBuf {
    let path = HOME.path().join("table.toml");
    if !path.exists() {
        fs::write(&path, TABLE).expect("written");
    }
    path
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let at = |name: &str| HOME.path().join(name);
    let (name, content, register): (&str, Vec<u8>, Option<&[u8]>) = match mode % 11 {
        0 => ("a.json", rest.to_vec(), None),
        1 => ("a.ndjson", [RECORDS.as_bytes(), b"\n", rest].concat(), None),
        2 => ("a.ndjson.gz", rest.to_vec(), None),
        3 => ("a.ndjson.gz", compressed(rest), None),
        4 => ("a.json", rest.to_vec(), Some(REGISTER.as_bytes())),
        5 => ("a.ndjson", RECORDS.as_bytes().to_vec(), Some(rest)),
        6 => ("a.fit", rest.to_vec(), Some(REGISTER.as_bytes())),
        7 => ("a.xml", rest.to_vec(), Some(REGISTER.as_bytes())),
        8 => ("a.xml", [b"<HealthData>", rest, b"</HealthData>"].concat(), Some(REGISTER.as_bytes())),
        9 => ("a.zip", rest.to_vec(), Some(REGISTER.as_bytes())),
        _ => ("a.csv", [b"p,t,v,m,u\n", rest].concat(), Some(REGISTER.as_bytes())),
    };
    fs::write(at(name), content).expect("written");
    let people = register.map(|register| {
        fs::write(at("people.csv"), register).expect("written");
        at("people.csv")
    });
    let now = "2027-01-01T00:00:00Z".parse().expect("a time");
    if let Ok(prepared) = prepare(&settings(people), &[at(name)], now) {
        for month in &prepared.records {
            let measure = Catalogue::built_in().find(&month.measure).expect("of the catalogue");
            assert!((measure.lo..=measure.hi).contains(&month.value_steps));
        }
    }
    fs::remove_file(at(name)).expect("removed");
}
