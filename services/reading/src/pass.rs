//! The records of a file. Those of JSON are recognised by what they hold and never by a name: FHIR resources by their
//! `resourceType`, Open mHealth data points by their `header` and `body`. The other formats have modules of their own.
//!
//! Kept true: a file of JSON is one record, a Bundle of them or an array of them; a line of NDJSON is one record. All
//! kinds may stand in one file. Errors: what is wrong with one record is a [`Reason`] at its [`Place`], and the
//! others are read. Cost: one look at a record's top level, and one more if the pass is for it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    apple, bundle,
    file::{FileError, Format, Source},
    fit,
    found::{Found, Spot, Wanted},
    input::Meter,
    omh,
    progress::Progress,
    refusal::{Place, Reason},
    settings::UtcOffset,
    table::{self, description::Description},
    text,
};

/// What tells formats apart.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(borrow)]
    header: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// A pass over the files.
pub(crate) struct Pass<'p> {
    pub(crate) wanted: Wanted,
    /// The offset from UTC of times that have none.
    pub(crate) utc_offset: UtcOffset,
    /// What the columns of CSV files are.
    pub(crate) table: Option<&'p Description>,
    pub(crate) progress: &'p dyn Progress,
}

impl Pass<'_> {
    /// Hands each record of the file to the visitor, in order.
    pub(crate) fn visit(&self, source: &Source, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) -> Result<(), FileError> {
        let meter = Meter::new(self.progress);
        // Of these formats only Apple's says anything of people beside what was measured.
        let is_passed_over = self.wanted == Wanted::Patients && matches!(source.format, Format::Fit | Format::Csv);
        if !is_passed_over {
            let input = source.open(&meter)?;
            match source.format {
                Format::Json | Format::Ndjson | Format::CompressedNdjson => {
                    text::visit(source, input, &mut |place, text| self.text(place, text, visitor))?;
                }
                Format::Fit => fit::visit(source, input, self.utc_offset.0, visitor)?,
                Format::AppleHealth | Format::AppleArchive => apple::visit(source, input, self.wanted, visitor)?,
                Format::Csv => table::visit(source, input, self.table, visitor)?,
            }
        }
        meter.finish(source.length);
        Ok(())
    }

    fn text(&self, place: Place, text: Result<&str, Reason>, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) {
        match text {
            Ok(text) if place == Place::File => visit_whole(text, self.wanted, visitor),
            Ok(text) => visitor(Spot { place, full_url: None }, record(text, self.wanted)),
            Err(reason) => visitor(Spot { place, full_url: None }, Found::Unreadable(reason)),
        }
    }
}

/// The records of a Bundle or an array, or the one record that the text is.
fn visit_whole(text: &str, wanted: Wanted, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) {
    if text.trim_start().starts_with('[') {
        return visit_array(text, wanted, visitor);
    }
    let kind = serde_json::from_str::<Marks<'_>>(text).ok().and_then(|marks| marks.resource_type);
    if kind.as_deref() != Some("Bundle") {
        return visitor(Spot { place: Place::File, full_url: None }, record(text, wanted));
    }
    bundle::visit(text, &mut |spot, resource| {
        let found = resource.map_or_else(Found::Unreadable, |text| record(text, wanted));
        visitor(spot, found);
    });
}

fn visit_array(text: &str, wanted: Wanted, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) {
    let Ok(records) = serde_json::from_str::<Vec<&RawValue>>(text) else {
        return visitor(Spot { place: Place::File, full_url: None }, Found::Unreadable(Reason::NotJson));
    };
    for (position, text) in (0_u64..).zip(records) {
        visitor(Spot { place: Place::Entry(position), full_url: None }, record(text.get(), wanted));
    }
}

/// The record that the text is, if it is of a type that is wanted.
fn record(text: &str, wanted: Wanted) -> Found<'_> {
    // serde would also take an array, member by member.
    let object = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Marks<'_>>(text));
    let Some(Ok(marks)) = object else { return Found::Unreadable(Reason::NotJson) };
    match (marks.resource_type, marks.header, marks.body, wanted) {
        (Some(resource_type), ..) => bundle::resource(&resource_type, text, wanted),
        (None, Some(header), Some(body), Wanted::Observations) => match omh::observation(header, body) {
            Ok(observation) => Found::Observation(Box::new(observation)),
            Err(rejected) => Found::Rejected(rejected),
        },
        (None, Some(_), Some(_), Wanted::Patients) => Found::Other,
        (None, ..) => Found::Unreadable(Reason::UnknownFormat),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{file, found::Rejected, tests::settings};

    fn spots(path: &Path, wanted: Wanted) -> Vec<String> {
        let mut seen = Vec::new();
        for source in file::list(&[path.to_path_buf()], &settings()).unwrap() {
            let mut note = |spot: Spot<'_>, found: Found<'_>| {
                let what = match found {
                    Found::Patient(patient) => format!("patient {}", patient.id.unwrap_or_default()),
                    Found::Observation(observation) => {
                        format!("observation {}", observation.id.given().unwrap_or_default())
                    }
                    Found::Rejected(Rejected { id, reason }) => format!("{reason:?} {}", id.unwrap_or_default()),
                    Found::Owner(_) | Found::Uncoded => unreachable!("of no JSON"),
                    Found::Other => "other".to_owned(),
                    Found::Malformed => "malformed".to_owned(),
                    Found::Unreadable(reason) => format!("{reason:?}"),
                };
                seen.push(format!("{:?} {what}", spot.place));
            };
            let utc_offset = crate::Unnamed::default().utc_offset;
            Pass { wanted, utc_offset, table: None, progress: &() }.visit(&source, &mut note).unwrap();
        }
        seen
    }

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;
    const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"b"}"#;

    #[test]
    fn bundles_of_every_type_are_taken_apart() {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["transaction", "batch", "collection", "searchset", "document"] {
            let path = folder.path().join("bundle.json");
            let text = format!(
                "\u{feff}{{\"entry\":[{{\"resource\":{PATIENT}}},{{\"request\":{{\"method\":\"DELETE\"}}}},7,\
                 {{\"resource\":{OBSERVATION}}}],\"type\":\"{kind}\",\"resourceType\":\"Bundle\"}}"
            );
            fs::write(&path, text).unwrap();
            let patients = ["Entry(0) patient a", "Entry(2) Malformed", "Entry(3) other"];
            assert_eq!(spots(&path, Wanted::Patients), patients);
            assert_eq!(spots(&path, Wanted::Observations)[2], "Entry(3) observation b");
        }
    }

    #[test]
    fn a_file_may_hold_one_record_an_array_of_them_or_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for (text, found) in [
            (PATIENT, vec!["File patient a"]),
            (
                &format!("[{PATIENT},7,[],{OBSERVATION}]"),
                vec!["Entry(0) patient a", "Entry(1) NotJson", "Entry(2) NotJson", "Entry(3) other"],
            ),
            ("[]", vec![]),
            ("[{\"resourceType\":\"Patient\"}", vec!["File NotJson"]),
            ("{\"resourceType\":", vec!["File NotJson"]),
            ("7", vec!["File NotJson"]),
            ("{}", vec!["File UnknownFormat"]),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(spots(&path, Wanted::Patients), found, "{text}");
        }
        let path = folder.path().join("a.ndjson");
        fs::write(&path, format!("{PATIENT}\n{{\n[{PATIENT}]\n{PATIENT}")).unwrap();
        let expected = ["Line(1) patient a", "Line(2) NotJson", "Line(3) NotJson", "Line(4) patient a"];
        assert_eq!(spots(&path, Wanted::Patients), expected);
    }
}
