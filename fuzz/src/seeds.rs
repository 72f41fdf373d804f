//! Good values of what the targets decode, to start from. `fuzz/run seeds` has a target write them, as a program of its own
//! would be built from nothing a second time.

use std::{fs, path::Path};

use nacre_schemas::{Document, catalogue::Catalogue};
use serde::Serialize;

use crate::{BATCH, MEMBER, NETWORK, SHARES};

macro_rules! list {
    ($($document:ty,)*) => {
        /// Tags, in the order in which the targets number the documents.
        fn tags() -> Vec<[u8; 4]> {
            vec![$(<$document as Document>::TAG,)*]
        }
    };
}
crate::for_each_document!(list);

struct Corpora<'a>(&'a Path);

impl Corpora<'_> {
    fn write(&self, target: &str, name: &str, mode: u8, content: &[u8]) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("seed-{name}")), [&[mode], content].concat()).expect("written");
    }

    fn document<D: Document + Serialize>(&self, document: &D) {
        let number = tags().iter().position(|tag| *tag == D::TAG).expect("listed") as u8;
        self.write("documents", D::NAME, number, &document.to_canonical()[5..]);
        self.write("json", D::NAME, number, &serde_json::to_vec(document).expect("it has JSON"));
    }
}

/// Writes all seeds into the folder of the corpora.
pub fn write(folder: &Path) {
    let corpora = Corpora(folder);
    let contribution = &BATCH.contributions[0];
    corpora.document(&*BATCH);
    corpora.document(contribution);
    corpora.document(&contribution.commitments);
    corpora.document(&contribution.openings);
    corpora.document(&contribution.openings.header);
    corpora.document(&contribution.restricted);
    corpora.document(&MEMBER.0);
    corpora.document(NETWORK.signed());
    corpora.document(NETWORK.root());
    corpora.document(crate::measure());
    corpora.document(&Catalogue::built_in().index());
    corpora.write("trust", "signed", 0, toml::to_string(NETWORK.signed()).expect("text").as_bytes());
    corpora.write("trust", "root", 1, toml::to_string(NETWORK.root()).expect("text").as_bytes());
    corpora.write("trust", "membership", 2, &serde_json::to_vec(&MEMBER.0).expect("JSON"));
    corpora.write("notes", "note", 0, NOTE.as_bytes());
    corpora.write("notes", "submission", 2, format!("old 0\n\n{NOTE}").as_bytes());
    corpora.write("records", "bundle", 0, BUNDLE.as_bytes());
    corpora.write("records", "observation", 1, OBSERVATION.as_bytes());
    corpora.write("records", "point", 4, POINT.as_bytes());
    corpora.write("records", "register", 5, b"id,sex,birth-date,region\na,female,1980-02-03,440100\n");
    corpora.write("tokens", "form", 0, b"grant_type=client_credentials&scope=cells%3Aread&client_assertion=a.b.c");
    corpora.write("tokens", "assertion", 1, JWT.as_bytes());
    corpora.write("tokens", "bearer", 2, JWT.as_bytes());
    corpora.write("shares", "key-share", 1, &SHARES[0].to_bytes());
}

const NOTE: &str =
    "fuzz/main/health\n77\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} fuzz/main/health AAAAAAAA\n";
const JWT: &str = "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJyZWd1bGF0b3IiLCJzdWIiOiJyZWd1bGF0b3IiLCJhdWQiOiJodHRwOi8vMTI3LjAuMC4xOjcwMDAvb2F1dGgvdG9rZW4iLCJleHAiOjQwMDAwMDAwMDAsImp0aSI6ImEifQ.AAAA";
const OBSERVATION: &str = r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2026-01-15T08:00:00+08:00","valueQuantity":{"value":131,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}"#;
const BUNDLE: &str = r#"{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","identifier":[{"system":"urn:fuzz","value":"a"}],"gender":"female","birthDate":"1980-02-03"}},{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"urn:uuid:1"},"effectiveDateTime":"2026-01-15T08:00:00+08:00","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":131,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}}]}"#;
const POINT: &str = r#"{"header":{"id":"1","schema_id":{"namespace":"omh","name":"heart-rate","version":"1.0"},"user_id":"a","acquisition_provenance":{"source_name":"x","modality":"sensed"}},"body":{"heart_rate":{"value":70,"unit":"beats/min"},"effective_time_frame":{"date_time":"2026-01-15T08:00:00+08:00"}}}"#;
