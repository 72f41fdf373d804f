//! The text of a signed note: parsing and writing, no cryptography.
//!
//! Kept true: only the one way of writing a note parses. Lengths are checked before anything else, sizes have
//! no leading zero, base64 is padded and has no stray bits, no signer has two lines.
//!
//! Errors: [`NoteError`]. Cost: one pass over at most 16 KiB.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use nacre_schemas::{Digest, Signature, SigningPublicKey};

use super::checkpoint::{Checkpoint, MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURES, NoteError};

/// What a signature line starts with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";
/// Key id and signature.
const SIGNATURE_BLOB_BYTES: usize = 4 + Signature::SIZE;

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignatureLine {
    pub(super) name: String,
    pub(super) key_id: [u8; 4],
    pub(super) signature: Signature,
}

impl SignatureLine {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let rest =
            line.strip_prefix(SIGNATURE_PREFIX).ok_or(NoteError::Malformed("a signature line lacks its dash"))?;
        let (name, blob) = rest.split_once(' ').ok_or(NoteError::Malformed("a signature line has no signature"))?;
        check_name(name)?;
        let blob: [u8; SIGNATURE_BLOB_BYTES] = decode_base64(blob, "a signature is not 68 bytes of base64")?;
        let (mut key_id, mut signature) = ([0; 4], [0; Signature::SIZE]);
        key_id.copy_from_slice(&blob[..4]);
        signature.copy_from_slice(&blob[4..]);
        Ok(Self { name: name.to_owned(), key_id, signature: Signature(signature) })
    }

    pub(super) fn write(&self, out: &mut String) {
        let blob = [self.key_id.as_slice(), self.signature.as_bytes()].concat();
        out.push_str(SIGNATURE_PREFIX);
        out.push_str(&self.name);
        out.push(' ');
        out.push_str(&BASE64.encode(blob));
        out.push('\n');
    }
}

/// First four bytes of `SM3(name ‖ 0x0A ‖ 0xff ‖ "nacre-sm2" ‖ public key)`; 0xff is signed-note's type for
/// algorithms that it has no number for, followed by a name of the algorithm's own.
pub(super) fn key_id(name: &str, public: &SigningPublicKey) -> [u8; 4] {
    let digest = Digest::of_parts(&[name.as_bytes(), b"\n\xffnacre-sm2", public.as_bytes()]);
    let mut id = [0; 4];
    id.copy_from_slice(&digest.0[..4]);
    id
}

/// A name of signed-note: no white space, no plus sign; here also no control characters and a cap.
pub(super) fn check_name(name: &str) -> Result<(), NoteError> {
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(refused) {
        return Err(NoteError::InvalidName(name.chars().take(MAX_NAME_BYTES).collect()));
    }
    Ok(())
}

/// The text that is signed: three lines.
pub(super) fn write_checkpoint(checkpoint: &Checkpoint) -> String {
    format!("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, BASE64.encode(checkpoint.root.as_bytes()))
}

/// Splits a note into what is signed and the signature lines.
pub(super) fn parse(note: &str) -> Result<(Checkpoint, usize, Vec<SignatureLine>), NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong { found: note.len() });
    }
    let blank = note.find("\n\n").ok_or(NoteError::Malformed("no blank line before the signatures"))?;
    let (body, signatures) = (&note[..blank + 1], &note[blank + 2..]);
    let checkpoint = parse_checkpoint(body)?;
    let lines = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("the last line does not end"))?;
    let mut parsed: Vec<SignatureLine> = Vec::new();
    for line in lines.split('\n') {
        if parsed.len() == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let line = SignatureLine::parse(line)?;
        if parsed.iter().any(|other| other.name == line.name && other.key_id == line.key_id) {
            return Err(NoteError::SignedTwice { name: line.name });
        }
        parsed.push(line);
    }
    Ok((checkpoint, body.len(), parsed))
}

fn parse_checkpoint(body: &str) -> Result<Checkpoint, NoteError> {
    let mut lines = body.split('\n');
    let (Some(origin), Some(size), Some(root), Some(""), None) =
        (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(NoteError::Malformed("a checkpoint is three lines: origin, size, root"));
    };
    check_name(origin)?;
    let root = Digest(decode_base64(root, "the root is not 32 bytes of base64")?);
    Ok(Checkpoint { origin: origin.to_owned(), size: parse_size(size)?, root })
}

/// A number of entries, in its one way of writing it.
pub(super) fn parse_size(text: &str) -> Result<u64, NoteError> {
    // `u64::from_str` takes a plus sign and leading zeros: what it reads must be written the same way again.
    let value: u64 = text.parse().map_err(|_| NoteError::Malformed("the size is not a number"))?;
    if value.to_string() == text {
        Ok(value)
    } else {
        Err(NoteError::Malformed("the size is not written in its one way"))
    }
}

/// Standard base64 with padding.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Standard base64 with padding; the decoder refuses bits that no byte uses, so a value has one spelling.
pub(super) fn decode_base64<const N: usize>(text: &str, malformed: &'static str) -> Result<[u8; N], NoteError> {
    if text.len() != N.div_ceil(3) * 4 {
        return Err(NoteError::Malformed(malformed));
    }
    let bytes = BASE64.decode(text).map_err(|_| NoteError::Malformed(malformed))?;
    bytes.try_into().map_err(|_| NoteError::Malformed(malformed))
}
