//! The texts of a file: the whole of it, or line by line.
//!
//! Kept true: nothing larger than the caps below is held in memory, however large or well compressed a file is.
//! Errors: [`FileError`] when the system cannot give us the file; what it holds wrongly goes to the visitor as a
//! [`Reason`] at its [`Place`], and reading goes on behind it where that is possible. Cost: a file of JSON is held
//! whole, NDJSON a line at a time.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use crate::{
    file::{FileError, Format, Source},
    input::{Input, Meter},
    refusal::{Place, Reason},
};

/// A file of JSON, in bytes, at most.
pub(crate) const MAX_JSON_BYTES: u64 = 64 << 20;
/// A line of NDJSON, in bytes, at most.
pub(crate) const MAX_LINE_BYTES: usize = 4 << 20;

/// Takes a text and where it stands, or why there is none.
pub type Visitor<'v> = dyn FnMut(Place, Result<&str, Reason>) + 'v;

/// Hands each text of a file of JSON, or of lines of it, to the visitor, in order; blank lines are no texts.
///
/// Errors: [`FileError::UnknownFormat`] for a file of another format, [`FileError::Read`] when the system cannot give it.
pub fn visit_file(path: &Path, visitor: &mut Visitor<'_>) -> Result<(), FileError> {
    let source = Source::of_texts(path)?;
    let meter = Meter::new(&());
    visit(&source, source.open(&meter)?, visitor)
}

/// Hands each text of the file to the visitor, in order; blank lines are no texts.
pub(crate) fn visit(source: &Source, input: Input<'_>, visitor: &mut Visitor<'_>) -> Result<(), FileError> {
    let explain = |error| source.cannot_read(error);
    match source.format {
        Format::Ndjson => lines(BufReader::new(input), false, visitor).map_err(explain),
        Format::CompressedNdjson => {
            let plain = BufReader::new(MultiGzDecoder::new(BufReader::new(input)));
            lines(plain, true, visitor).map_err(explain)
        }
        _ => whole(input, visitor).map_err(explain),
    }
}

fn whole(input: impl Read, visitor: &mut Visitor<'_>) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes)?;
    let text = if bytes.len() as u64 > MAX_JSON_BYTES { Err(Reason::FileTooLarge) } else { utf8(&bytes) };
    visitor(Place::File, text);
    Ok(())
}

fn lines(mut input: impl BufRead, is_compressed: bool, visitor: &mut Visitor<'_>) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        let place = Place::Line(number);
        match next_line(&mut input, &mut line) {
            Ok(Line::End) => break,
            Ok(Line::TooLong) => visitor(place, Err(Reason::LineTooLong)),
            Ok(Line::Whole) => {
                let text = if number == 1 { utf8(&line) } else { str::from_utf8(&line).map_err(|_| Reason::NotUtf8) };
                if !text.is_ok_and(|text| text.trim().is_empty()) {
                    visitor(place, text);
                }
            }
            // What the decompressor says of a damaged file, as against a disk that fails.
            Err(error) if is_compressed && is_about_content(&error) => {
                visitor(place, Err(Reason::BrokenCompression));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether it says that what was read is wrong, and not that it could not be read.
pub(crate) fn is_about_content(error: &io::Error) -> bool {
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
    use std::{
        fs::{self, File},
        io::Write as _,
        path::Path,
    };

    use super::*;
    use crate::{file::list, tests::settings};

    fn texts(path: &Path) -> Vec<String> {
        let mut seen = Vec::new();
        for source in list(&[path.to_path_buf()], &settings()).unwrap() {
            let mut note = |place: Place, text: Result<&str, Reason>| match text {
                Ok(text) => seen.push(format!("{place:?} {}", text.trim())),
                Err(reason) => seen.push(format!("{place:?} {reason:?}")),
            };
            let meter = Meter::new(&());
            visit(&source, source.open(&meter).unwrap(), &mut note).unwrap();
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
    fn a_file_over_the_cap_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.json");
        File::create(&path).unwrap().set_len(MAX_JSON_BYTES + 1).unwrap();
        assert_eq!(texts(&path), ["File FileTooLarge"]);
    }
}
