//! Synthetic inputs for this crate's tests, and the tests that take more than one module.

mod data_points;
mod devices;
mod disagreement;
mod exchange;
mod gateway;
mod gateway_bodies;
mod gateway_clock;
mod intake;
mod leaks;
mod log;
mod measures;
mod memory;
mod openmhealth;
mod ownership;
mod posting;
mod previewing;
mod refusals;
mod selection;
mod tables;
mod watching;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::TempDir;

use crate::{Config, GatewayConfig, Prepared, Reason, prepare};

/// What names a person in these tests.
pub(crate) const PERSON_SYSTEM: &str = "urn:example:person";

/// Things of a person that must never leave, all in [`patient`].
pub(crate) const PERSONAL: [&str; 4] = ["Unmistakable-Name", "440100198002290011", "1980-02-29", "Hidden Street"];

/// A folder of input files.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.path().join(name), content).unwrap();
        self
    }

    /// How long they are together.
    pub(crate) fn bytes(&self) -> u64 {
        std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        vec![self.0.path().to_owned()]
    }

    pub(crate) fn prepare(&self) -> Prepared {
        self.prepare_at("2026-03-15T00:00:00Z")
    }

    pub(crate) fn prepare_at(&self, now: &str) -> Prepared {
        let now: Timestamp = now.parse().unwrap();
        prepare(&config(self.0.path()), &self.paths(), now).unwrap()
    }
}

/// A configuration whose files lie in that folder.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        member: "hospital".parse().unwrap(),
        chain: "region/440100".parse().unwrap(),
        region: "440100".parse().unwrap(),
        trust: folder.join("trust.toml").into(),
        exchanges: Default::default(),
        exchange: "http://127.0.0.1:9".to_owned(),
        data: folder.join("data").into(),
        person_system: PERSON_SYSTEM.parse().unwrap(),
        people: None,
        signing_key: folder.join("signing.key").into(),
        access_key: folder.join("access.pem").into(),
        record_key: folder.join("record.key").into(),
        pseudonym_key: folder.join("pseudonym.key").into(),
        cross_key: None,
        cross_measures: Vec::new(),
        cross_from: None,
        payload_key: folder.join("payload.key").into(),
        pseudonyms: None,
        table: None,
        unnamed: Default::default(),
        tls: nacre_hosting::tls::ClientTlsConfig::default(),
        server: Config::server(),
        gateway: GatewayConfig { spool_key: folder.join("spool.key").into(), ..GatewayConfig::default() },
    }
}

/// Patient `p`, born on 29 February 1980.
pub(crate) fn patient() -> String {
    patient_as("p", PERSONAL[1], r#""gender":"female","birthDate":"1980-02-29""#)
}

pub(crate) fn patient_as(id: &str, person: &str, rest: &str) -> String {
    let [name, _, _, street] = PERSONAL;
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"urn:other","value":"x"}},
        {{"system":"{PERSON_SYSTEM}","value":"{person}"}}],"name":[{{"family":"{name}"}}],
        "address":[{{"line":["{street} 1"]}}],"text":{{"div":"<div>{name}</div>"}},{rest}}}"#
    )
    .replace('\n', " ")
}

/// A quantity in UCUM; the value is written as given.
pub(crate) fn quantity(value: &str, unit: &str) -> String {
    format!(
        r#""valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}"#
    )
}

/// A final observation of patient `p` with that LOINC code; the rest is as given.
pub(crate) fn observation(id: &str, code: &str, rest: &str) -> String {
    observation_of("Patient/p", id, code, rest)
}

pub(crate) fn observation_of(subject: &str, id: &str, code: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org",
        "code":"{code}","display":"d"}}],"text":"t"}},"subject":{{"reference":"{subject}"}},"note":[{{"text":"Hidden Street"}}],{rest}}}"#
    )
    .replace('\n', " ")
}

pub(crate) fn weight(id: &str, at: &str, value: &str) -> String {
    observation(id, "29463-7", &format!(r#""effectiveDateTime":"{at}",{}"#, quantity(value, "kg")))
}

pub(crate) fn steps(id: &str, at: &str, value: &str) -> String {
    observation(id, "41950-7", &format!(r#""effectiveDateTime":"{at}",{}"#, quantity(value, "{steps}/d")))
}

/// A component of a panel.
pub(crate) fn component(code: &str, rest: &str) -> String {
    format!(r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},{rest}}}"#)
}

/// A panel of components.
pub(crate) fn panel(id: &str, code: &str, at: &str, components: &[String]) -> String {
    observation(id, code, &format!(r#""effectiveDateTime":"{at}","component":[{}]"#, components.join(",")))
}

/// A Bundle of these resources, with a `fullUrl` each: `urn:uuid:0` and so on.
pub(crate) fn bundle(resources: &[String]) -> String {
    let entry = |(position, resource): (usize, &String)| {
        format!(r#"{{"fullUrl":"urn:uuid:{position}","resource":{resource},"request":{{"method":"POST"}}}}"#)
    };
    let entries: Vec<String> = resources.iter().enumerate().map(entry).collect();
    format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
}

/// What would be posted: measure, month, sex, age band, value in steps, number of readings.
pub(crate) fn values(prepared: &Prepared) -> Vec<String> {
    let line = |value: &crate::MonthValue| {
        let (measure, period, sex, age) = (&value.measure, value.period, value.sex, value.age_band);
        format!("{measure} {period} {sex} {age} {} {}", value.value_steps, value.readings)
    };
    prepared.records.iter().map(line).collect()
}

pub(crate) fn reasons(prepared: &Prepared) -> Vec<Reason> {
    prepared.refused.iter().map(|refused| refused.reason).collect()
}
