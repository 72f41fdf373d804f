//! The files named on the command line, one after the other, and the texts in each: whole files, or lines.
//!
//! Kept true: the order is that of the paths given, a folder's files by name, so a run over the same files is the
//! same run. Nothing larger than the caps below is held in memory, however large or well compressed a file is.
//! Errors: [`FileError`] when the system cannot give us a file; what a file holds wrongly goes to the visitor as a
//! [`Reason`] at its [`Place`], and reading goes on behind it where that is possible. Cost: a file of JSON is held
//! whole, NDJSON a line at a time.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::bufread::MultiGzDecoder;

use crate::refusal::{Place, Reason};

/// A file of JSON, in bytes, at most.
pub(crate) const MAX_JSON_BYTES: u64 = 64 << 20;
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
    /// Hands each text of the file to the visitor, in order; blank lines are no texts.
    pub(crate) fn visit(&self, visitor: &mut Visitor<'_>) -> Result<(), FileError> {
        let file = File::open(&self.path).map_err(|source| self.cannot_read(source))?;
        match self.format {
            Format::Json => self.visit_whole(file, visitor),
            Format::Ndjson => self.visit_lines(BufReader::new(file), visitor),
            Format::CompressedNdjson => {
                let plain = BufReader::new(MultiGzDecoder::new(BufReader::new(file)));
                self.visit_lines(plain, visitor)
            }
        }
    }

    fn cannot_read(&self, source: io::Error) -> FileError {
        FileError::Read { path: self.path.to_path_buf(), source }
    }

    fn visit_whole(&self, file: File, visitor: &mut Visitor<'_>) -> Result<(), FileError> {
        let mut bytes = Vec::new();
        file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(|source| self.cannot_read(source))?;
        let text = if bytes.len() as u64 > MAX_JSON_BYTES { Err(Reason::FileTooLarge) } else { utf8(&bytes) };
        visitor(Place::File, text);
        Ok(())
    }

    fn visit_lines(&self, mut input: impl BufRead, visitor: &mut Visitor<'_>) -> Result<(), FileError> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let place = Place::Line(number);
            match next_line(&mut input, &mut line) {
                Ok(Line::End) => break,
                Ok(Line::TooLong) => visitor(place, Err(Reason::LineTooLong)),
                Ok(Line::Whole) => {
                    let text =
                        if number == 1 { utf8(&line) } else { str::from_utf8(&line).map_err(|_| Reason::NotUtf8) };
                    if !text.is_ok_and(|text| text.trim().is_empty()) {
                        visitor(place, text);
                    }
                }
                // What the decompressor says of a damaged file, as against a disk that fails.
                Err(error) if self.format == Format::CompressedNdjson && is_about_content(&error) => {
                    visitor(place, Err(Reason::BrokenCompression));
                    break;
                }
                Err(error) => return Err(self.cannot_read(error)),
            }
        }
        Ok(())
    }
}

/// Takes a text and where it stands, or why there is none.
pub(crate) type Visitor<'v> = dyn FnMut(Place, Result<&str, Reason>) + 'v;

fn is_about_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// The text of a file's beginning, without the byte-order mark that some programs put there.
fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|_| Reason::NotUtf8)
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

    fn texts(path: &Path) -> Vec<String> {
        let mut seen = Vec::new();
        for source in list(&[path.to_path_buf()]).unwrap() {
            let mut note = |place: Place, text: Result<&str, Reason>| match text {
                Ok(text) => seen.push(format!("{place:?} {}", text.trim())),
                Err(reason) => seen.push(format!("{place:?} {reason:?}")),
            };
            source.visit(&mut note).unwrap();
        }
        seen
    }

    #[test]
    fn a_file_is_one_text_with_or_without_a_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for (bytes, expected) in [
            (&b"{}"[..], "File {}"),
            (b"\xef\xbb\xbf[]\n", "File []"),
            (b"", "File "),
            (b"{\"a\":\"\xff\"}", "File NotUtf8"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(texts(&path), [expected]);
        }
    }

    #[test]
    fn lines_are_read_plain_and_compressed_and_a_bad_line_does_not_stop_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = b"\xef\xbb\xbf{1}\r\n\n\xff\n".to_vec();
        bytes.extend(vec![b'x'; MAX_LINE_BYTES + 10]);
        bytes.extend(b"\n{5}");
        let expected = ["Line(1) {1}", "Line(3) NotUtf8", "Line(4) LineTooLong", "Line(5) {5}"];
        let plain = folder.path().join("a.ndjson");
        fs::write(&plain, &bytes).unwrap();
        assert_eq!(texts(&plain), expected);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&bytes).unwrap();
        let compressed = encoder.finish().unwrap();
        let path = folder.path().join("b.ndjson.gz");
        fs::write(&path, &compressed).unwrap();
        assert_eq!(texts(&path), expected);
        fs::write(&path, &compressed[..compressed.len() - 9]).unwrap();
        assert!(texts(&path).last().unwrap().ends_with("BrokenCompression"));
    }

    #[test]
    fn a_folder_is_read_by_name_and_other_files_in_it_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c.ndjson", "a.json", "b.ndjson.gz", "notes.txt", "d.xml"] {
            fs::write(folder.path().join(name), "{}").unwrap();
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
    fn a_file_over_the_cap_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.json");
        File::create(&path).unwrap().set_len(MAX_JSON_BYTES + 1).unwrap();
        assert_eq!(texts(&path), ["File FileTooLarge"]);
    }
}
