//! Synthetic inputs, for the tests of this crate and of those that stand on it: people, FHIR resources, folders of files.

use std::path::PathBuf;

use tempfile::TempDir;

/// What names a person in these tests.
pub(crate) const PERSON_SYSTEM: &str = "urn:example:person";

/// Things of a person that must never leave, all in [`patient`].
pub(crate) const PERSONAL: [&str; 4] = ["Unmistakable-Name", "440100198002290011", "1980-02-29", "Hidden Street"];

/// A folder of input files.
pub(crate) struct Files(pub(crate) TempDir);

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
