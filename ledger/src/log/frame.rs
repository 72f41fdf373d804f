//! Frames: how entries and commits lie in a segment (byte layout in [`super`]).
//!
//! Kept true: a frame is believed only if the checksum of its header and that of its payload hold, so a
//! half-written frame is told from a whole one; the header's checksum comes first, so a length is never
//! followed that was not written.
//!
//! Errors: [`BadFrame`], which says no more than what does not hold: whether that is a torn tail or damage is
//! for [`super::recover`] to say. Cost: one CRC-32 over the frame.

use nacre_schemas::Digest;

use crate::MAX_ENTRY_BYTES;
use crate::note::{SignedCheckpoint, checkpoint::MAX_NOTE_BYTES};

/// Bytes of a frame before its payload.
pub(super) const HEADER_BYTES: usize = 21;
/// The part of them that their own checksum covers.
const CHECKED_BYTES: usize = HEADER_BYTES - 4;
/// Size, root and previous commit, before the note.
const COMMIT_FIXED_BYTES: usize = 8 + 2 * Digest::SIZE;
/// Longest payload of a commit frame.
pub(super) const MAX_COMMIT_BYTES: usize = COMMIT_FIXED_BYTES + MAX_NOTE_BYTES;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An entry's bytes.
    Entry = 1,
    /// A [`Commit`]: everything before it is part of the log.
    Commit = 2,
}

impl Kind {
    fn max_payload_bytes(self) -> usize {
        match self {
            Self::Entry => MAX_ENTRY_BYTES,
            Self::Commit => MAX_COMMIT_BYTES,
        }
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFrame {
    #[error("the segment ends inside a frame")]
    Short,
    #[error("a frame's header does not match its checksum")]
    HeaderChecksum,
    #[error("a frame's payload does not match its checksum")]
    PayloadChecksum,
    #[error("a frame of no known kind")]
    UnknownKind,
    #[error("a frame is longer than its kind allows")]
    TooLong,
    #[error("a commit cannot be read")]
    Commit,
}

/// A frame read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Number of the frame in the whole log.
    pub(super) sequence: u64,
    pub(super) payload: &'a [u8],
    /// Header and payload.
    pub(super) bytes: &'a [u8],
}

/// Appends a frame. The payload is within its kind's cap: the log checks entries when they are submitted, and
/// a note is capped when it is made.
pub(super) fn write(out: &mut Vec<u8>, kind: Kind, sequence: u64, payload: &[u8]) {
    debug_assert!(payload.len() <= kind.max_payload_bytes(), "a frame that could not be read back");
    let start = out.len();
    out.push(kind as u8);
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_be_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Reads the frame at the front of the bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Frame<'_>, BadFrame> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(BadFrame::Short)?;
    if crc32fast::hash(&header[..CHECKED_BYTES]) != number(&header[CHECKED_BYTES..]) as u32 {
        return Err(BadFrame::HeaderChecksum);
    }
    let kind = match header[0] {
        1 => Kind::Entry,
        2 => Kind::Commit,
        _ => return Err(BadFrame::UnknownKind),
    };
    let length = number(&header[1..5]) as usize;
    if length > kind.max_payload_bytes() {
        return Err(BadFrame::TooLong);
    }
    let bytes = bytes.get(..HEADER_BYTES + length).ok_or(BadFrame::Short)?;
    let payload = &bytes[HEADER_BYTES..];
    if crc32fast::hash(payload) != number(&header[13..17]) as u32 {
        return Err(BadFrame::PayloadChecksum);
    }
    Ok(Frame { kind, sequence: number(&header[5..13]), payload, bytes })
}

/// At most eight bytes as a big-endian number.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// What a commit frame says: the log up to here, and the chain's signature over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// SM3 of the whole frame of the commit before; zero for the first.
    pub(super) previous: Digest,
    /// Size and root, signed.
    pub(super) note: SignedCheckpoint,
}

impl Commit {
    /// The payload: size, root, previous, note.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        let checkpoint = self.note.unverified();
        let mut payload = Vec::with_capacity(COMMIT_FIXED_BYTES + self.note.as_str().len());
        payload.extend_from_slice(&checkpoint.size.to_be_bytes());
        payload.extend_from_slice(checkpoint.root.as_bytes());
        payload.extend_from_slice(self.previous.as_bytes());
        payload.extend_from_slice(self.note.as_str().as_bytes());
        payload
    }

    /// Reads a payload; the signature is for the caller to check.
    pub(super) fn from_payload(payload: &[u8]) -> Result<Self, BadFrame> {
        let (fixed, note) = payload.split_first_chunk::<COMMIT_FIXED_BYTES>().ok_or(BadFrame::Commit)?;
        let note: SignedCheckpoint =
            std::str::from_utf8(note).ok().and_then(|text| text.parse().ok()).ok_or(BadFrame::Commit)?;
        let checkpoint = note.unverified();
        if number(&fixed[..8]) != checkpoint.size || fixed[8..40] != checkpoint.root.0 {
            return Err(BadFrame::Commit);
        }
        let mut previous = Digest([0; 32]);
        previous.0.copy_from_slice(&fixed[40..]);
        Ok(Self { previous, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{note::Checkpoint, signing::SigningKey};

    fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, kind, 0x0102_0304_0506_0708, payload);
        out
    }

    #[test]
    fn a_frame_has_the_documented_bytes() {
        let expected = "01 00000003 0102030405060708 352441c2 e46d32c1 616263".replace(' ', "");
        assert_eq!(hex::encode(frame(Kind::Entry, b"abc")), expected);
    }

    #[test]
    fn a_frame_is_read_back_and_what_follows_is_left() {
        let mut bytes = frame(Kind::Entry, b"abc");
        bytes.push(9);
        let read = read(&bytes).unwrap();
        assert_eq!((read.kind, read.sequence, read.payload), (Kind::Entry, 0x0102_0304_0506_0708, &b"abc"[..]));
        assert_eq!(read.bytes, &bytes[..bytes.len() - 1]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_frame_is_noticed() {
        let bytes = frame(Kind::Entry, b"payload");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(BadFrame::Short), "{length} bytes");
        }
    }

    #[test]
    fn a_stretch_of_zeros_is_no_frame() {
        assert_eq!(read(&[0; 64]), Err(BadFrame::HeaderChecksum));
    }

    #[test]
    fn a_length_over_the_cap_is_refused_before_it_is_followed() {
        let mut header = vec![Kind::Entry as u8];
        header.extend_from_slice(&(MAX_ENTRY_BYTES as u32 + 1).to_be_bytes());
        header.extend_from_slice(&[0; 12]);
        header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
        assert_eq!(read(&header), Err(BadFrame::TooLong));
    }

    #[test]
    fn a_commit_whose_size_or_root_is_not_its_notes_is_refused() {
        let checkpoint = Checkpoint { origin: "a".to_owned(), size: 7, root: Digest([3; 32]) };
        let key = SigningKey::from_bytes(&[1; 32]).unwrap();
        let note = SignedCheckpoint::sign(checkpoint, &key, "a").unwrap();
        let commit = Commit { previous: Digest([4; 32]), note };
        let payload = commit.to_payload();
        assert_eq!(Commit::from_payload(&payload), Ok(commit));
        for position in [7, 8, 39, COMMIT_FIXED_BYTES + 2] {
            let mut bad = payload.clone();
            bad[position] ^= 1;
            assert_eq!(Commit::from_payload(&bad), Err(BadFrame::Commit), "byte {position}");
        }
        assert_eq!(Commit::from_payload(&payload[..COMMIT_FIXED_BYTES]), Err(BadFrame::Commit));
        assert_eq!(Commit::from_payload(&payload[..10]), Err(BadFrame::Commit));
    }
}
