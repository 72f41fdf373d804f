//! The files named on the command line, one after the other, and the resources in each.
//!
//! Kept true: the order is that of the paths given, a folder's files by name, so a run over the same files is the
//! same run. Nothing larger than the caps below is held in memory, however large or well compressed a file is.
//! Errors: [`FileError`] when the system cannot give us a file; what a file holds wrongly goes to the visitor as a
//! [`Reason`] at its [`Place`], and reading goes on behind it where that is possible.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::bufread::MultiGzDecoder;

use super::resource::{Bundle, BundleEntry, Kind, Observation, Patient};
use crate::refusal::{Place, Reason};

/// A Bundle's file, in bytes, at most.
pub(crate) const MAX_BUNDLE_BYTES: u64 = 64 << 20;
/// A line of NDJSON, in bytes, at most.
pub(crate) const MAX_LINE_BYTES: usize = 4 << 20;
/// Files of one run, at most.
pub(crate) const MAX_FILES: usize = 1 << 20;

/// Why the files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name does not say what is in it.
    #[error("{}: only .json, .ndjson and .ndjson.gz are read", .0.display())]
    UnknownFormat(PathBuf),
    /// More files than one run takes.
    #[error("more than {MAX_FILES} files; give fewer at a time")]
    TooMany,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    CompressedNdjson,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let endings = [(".json", Self::Json), (".ndjson", Self::Ndjson), (".ndjson.gz", Self::CompressedNdjson)];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| format)
    }
}

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: Arc<Path>,
    format: Format,
}

/// A resource of a file, or why there is none.
pub(crate) enum Found<'a> {
    Patient(Patient),
    Observation(Box<Observation<'a>>),
    /// A resource of another type, passed over.
    Other,
    /// A resource of the wanted type that is not of its shape.
    Malformed,
    /// No resource, whichever type is wanted.
    Unreadable(Reason),
}

/// Where something was found, and the `fullUrl` of its Bundle entry.
pub(crate) struct Spot<'a> {
    pub(crate) place: Place,
    pub(crate) full_url: Option<&'a str>,
}

/// Which resources a pass over a file is for; the others are not parsed beyond their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Patients,
    Observations,
}

/// The files that the paths name: files as given, folders' files sorted by name.
pub(crate) fn list(paths: &[PathBuf]) -> Result<Vec<Source>, FileError> {
    let mut sources = Vec::new();
    for path in paths {
        let explain = |source| FileError::Read { path: path.clone(), source };
        if !fs::metadata(path).map_err(explain)?.is_dir() {
            let format = Format::of(path).ok_or_else(|| FileError::UnknownFormat(path.clone()))?;
            sources.push(Source { path: path.as_path().into(), format });
            continue;
        }
        let mut inside = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
            .map_err(explain)?;
        inside.sort();
        for path in inside.into_iter().filter(|path| path.is_file()) {
            let format = Format::of(&path);
            sources.extend(format.map(|format| Source { path: path.into(), format }));
        }
    }
    if sources.len() > MAX_FILES { Err(FileError::TooMany) } else { Ok(sources) }
}

impl Source {
    /// Hands each resource of the file to the visitor, in order.
    pub(crate) fn visit(&self, wanted: Wanted, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) -> Result<(), FileError> {
        let file = File::open(&self.path).map_err(|source| self.cannot_read(source))?;
        match self.format {
            Format::Json => self.visit_json(file, wanted, visitor),
            Format::Ndjson => self.visit_lines(BufReader::new(file), wanted, visitor),
            Format::CompressedNdjson => {
                let plain = BufReader::new(MultiGzDecoder::new(BufReader::new(file)));
                self.visit_lines(plain, wanted, visitor)
            }
        }
    }

    fn cannot_read(&self, source: io::Error) -> FileError {
        FileError::Read { path: self.path.to_path_buf(), source }
    }

    fn visit_json(
        &self,
        file: File,
        wanted: Wanted,
        visitor: &mut dyn FnMut(Spot<'_>, Found<'_>),
    ) -> Result<(), FileError> {
        let mut bytes = Vec::new();
        file.take(MAX_BUNDLE_BYTES + 1).read_to_end(&mut bytes).map_err(|source| self.cannot_read(source))?;
        let whole = Spot { place: Place::File, full_url: None };
        if bytes.len() as u64 > MAX_BUNDLE_BYTES {
            visitor(whole, Found::Unreadable(Reason::FileTooLarge));
            return Ok(());
        }
        match std::str::from_utf8(without_byte_order_mark(&bytes)) {
            Ok(text) => visit_text(text, wanted, visitor),
            Err(_) => visitor(whole, Found::Unreadable(Reason::NotUtf8)),
        }
        Ok(())
    }

    fn visit_lines(
        &self,
        mut input: impl BufRead,
        wanted: Wanted,
        visitor: &mut dyn FnMut(Spot<'_>, Found<'_>),
    ) -> Result<(), FileError> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let spot = || Spot { place: Place::Line(number), full_url: None };
            match next_line(&mut input, &mut line) {
                Ok(Line::End) => break,
                Ok(Line::TooLong) => visitor(spot(), Found::Unreadable(Reason::LineTooLong)),
                Ok(Line::Whole) => {
                    let content = if number == 1 { without_byte_order_mark(&line) } else { &line };
                    match std::str::from_utf8(content) {
                        Ok(text) if text.trim().is_empty() => {}
                        Ok(text) => visitor(spot(), resource(text, wanted)),
                        Err(_) => visitor(spot(), Found::Unreadable(Reason::NotUtf8)),
                    }
                }
                // What the decompressor says of a damaged file, as against a disk that fails.
                Err(error) if self.format == Format::CompressedNdjson && is_about_content(&error) => {
                    visitor(spot(), Found::Unreadable(Reason::BrokenCompression));
                    break;
                }
                Err(error) => return Err(self.cannot_read(error)),
            }
        }
        Ok(())
    }
}

fn is_about_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A Bundle's resources, or the one resource that the text is.
fn visit_text(text: &str, wanted: Wanted, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) {
    let whole = || Spot { place: Place::File, full_url: None };
    let kind = serde_json::from_str::<Kind>(text).ok().and_then(|kind| kind.resource_type);
    if kind.as_deref() != Some("Bundle") {
        return visitor(whole(), resource(text, wanted));
    }
    let Ok(bundle) = serde_json::from_str::<Bundle<'_>>(text) else {
        return visitor(whole(), Found::Unreadable(Reason::Malformed));
    };
    for (position, entry) in (0_u64..).zip(bundle.entry.unwrap_or_default()) {
        let place = Place::Entry(position);
        match serde_json::from_str::<BundleEntry<'_>>(entry.get()) {
            Ok(BundleEntry { full_url, resource: Some(inside) }) => {
                visitor(Spot { place, full_url: full_url.as_deref() }, resource(inside.get(), wanted));
            }
            // A deletion or a response carries none.
            Ok(_) => visitor(Spot { place, full_url: None }, Found::Other),
            Err(_) => visitor(Spot { place, full_url: None }, Found::Unreadable(Reason::Malformed)),
        }
    }
}

/// The resource that the text is, if it is of a type that is wanted.
fn resource(text: &str, wanted: Wanted) -> Found<'_> {
    // serde would also take an array, member by member.
    let object = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Kind>(text));
    let Some(Ok(kind)) = object else { return Found::Unreadable(Reason::NotJson) };
    match (kind.resource_type.as_deref(), wanted) {
        (None, _) => Found::Unreadable(Reason::NotFhir),
        (Some("Patient"), Wanted::Patients) => serde_json::from_str(text).map_or(Found::Malformed, Found::Patient),
        (Some("Observation"), Wanted::Observations) => {
            serde_json::from_str(text).map_or(Found::Malformed, |found| Found::Observation(Box::new(found)))
        }
        (Some(name), _) if !is_type_name(name) => Found::Unreadable(Reason::NoSuchType),
        _ => Found::Other,
    }
}

/// Whether it is written as FHIR writes types: letters, the first a capital. Which types there are, versions differ on.
fn is_type_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads the next line into the buffer. What exceeds the cap is read past and not kept.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let read = input.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') || line.len() <= MAX_LINE_BYTES {
        return Ok(Line::Whole);
    }
    line.clear();
    input.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn spots(path: &Path, wanted: Wanted) -> Vec<String> {
        let mut seen = Vec::new();
        for source in list(&[path.to_path_buf()]).unwrap() {
            let mut note = |spot: Spot<'_>, found: Found<'_>| {
                let what = match found {
                    Found::Patient(patient) => format!("patient {}", patient.id.unwrap_or_default()),
                    Found::Observation(observation) => format!("observation {}", observation.id.unwrap_or_default()),
                    Found::Other => "other".to_owned(),
                    Found::Malformed => "malformed".to_owned(),
                    Found::Unreadable(reason) => format!("{reason:?}"),
                };
                seen.push(format!("{:?} {what}", spot.place));
            };
            source.visit(wanted, &mut note).unwrap();
        }
        seen
    }

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;
    const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"b"}"#;

    #[test]
    fn bundles_of_every_type_and_lone_resources_are_read_with_or_without_a_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["transaction", "batch", "collection", "searchset", "document"] {
            let path = folder.path().join("bundle.json");
            let text = format!(
                "\u{feff}{{\"entry\":[{{\"resource\":{PATIENT}}},{{\"request\":{{\"method\":\"DELETE\"}}}},7,\
                 {{\"resource\":{OBSERVATION}}}],\"type\":\"{kind}\",\"resourceType\":\"Bundle\"}}"
            );
            fs::write(&path, text).unwrap();
            let patients = ["Entry(0) patient a", "Entry(1) other", "Entry(2) Malformed", "Entry(3) other"];
            assert_eq!(spots(&path, Wanted::Patients), patients);
            assert_eq!(spots(&path, Wanted::Observations)[3], "Entry(3) observation b");
        }
        let path = folder.path().join("alone.json");
        fs::write(&path, PATIENT).unwrap();
        assert_eq!(spots(&path, Wanted::Patients), ["File patient a"]);
        for (text, found) in [("{\"resourceType\":", "NotJson"), ("{}", "NotFhir"), ("[\"Patient\"]", "NotJson")] {
            fs::write(&path, text).unwrap();
            assert_eq!(spots(&path, Wanted::Patients), [format!("File {found}")]);
        }
        fs::write(&path, b"{\"resourceType\":\"\xff\"}").unwrap();
        assert_eq!(spots(&path, Wanted::Patients), ["File NotUtf8"]);
    }

    #[test]
    fn lines_are_read_plain_and_compressed_and_a_bad_line_does_not_stop_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(MAX_LINE_BYTES + 10);
        let text = format!("\u{feff}{PATIENT}\r\n\n{{\n{long}\n{PATIENT}");
        let expected = ["Line(1) patient a", "Line(3) NotJson", "Line(4) LineTooLong", "Line(5) patient a"];
        let plain = folder.path().join("a.ndjson");
        fs::write(&plain, &text).unwrap();
        assert_eq!(spots(&plain, Wanted::Patients), expected);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        let compressed = encoder.finish().unwrap();
        let path = folder.path().join("b.ndjson.gz");
        fs::write(&path, &compressed).unwrap();
        assert_eq!(spots(&path, Wanted::Patients), expected);
        fs::write(&path, &compressed[..compressed.len() - 9]).unwrap();
        assert!(spots(&path, Wanted::Patients).last().unwrap().ends_with("BrokenCompression"));
    }

    #[test]
    fn a_folder_is_read_by_name_and_other_files_in_it_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c.ndjson", "a.json", "b.ndjson.gz", "notes.txt", "d.xml"] {
            fs::write(folder.path().join(name), PATIENT).unwrap();
        }
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let names: Vec<_> = list(&[folder.path().to_path_buf()])
            .unwrap()
            .iter()
            .map(|source| source.path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.json", "b.ndjson.gz", "c.ndjson"]);
        assert!(matches!(list(&[folder.path().join("notes.txt")]), Err(FileError::UnknownFormat(_))));
        assert!(matches!(list(&[folder.path().join("absent.json")]), Err(FileError::Read { .. })));
    }

    #[test]
    fn a_bundle_over_the_cap_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.json");
        File::create(&path).unwrap().set_len(MAX_BUNDLE_BYTES + 1).unwrap();
        assert_eq!(spots(&path, Wanted::Patients), ["File FileTooLarge"]);
    }
}
