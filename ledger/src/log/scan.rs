//! Reading a segment from its front: frames, whole groups, and where that ends.
//!
//! Kept true: a [`Group`] that comes out has every checksum right, frame numbers that follow each other, a commit
//! of just these entries, and (from the second of a scan on) the digest of the commit before it. Hashes of trees
//! and signatures are for the caller.
//!
//! Errors: a [`Stop`], which says whether an interrupted write can leave this behind. Cost: a CRC-32 of the bytes,
//! and SM3 of the commits.

use nacre_schemas::{Digest, SigningPublicKey};

use super::{
    frame::{self, Commit, Kind},
    segment::HEADER_BYTES,
};
use crate::note::{NoteError, SignedCheckpoint};

/// Entries and the commit that covers them.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Index of its first entry.
    pub(super) first: u64,
    /// Position of its first byte; the segment's header belongs to the first group.
    pub(super) start: u64,
    /// Position of each entry's frame, and the entry.
    pub(super) entries: Vec<(u32, &'a [u8])>,
    /// Position of the commit's frame.
    pub(super) commit_at: u64,
    pub(super) commit: Commit,
    /// SM3 of the commit's frame.
    pub(super) digest: Digest,
    /// Number of the commit's frame in the log.
    pub(super) sequence: u64,
    /// Position of the byte after it.
    pub(super) end: u64,
}

/// Where and why a segment cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) position: u64,
    pub(super) what: String,
    /// Whether a write that a crash interrupted can look like this; if not, it is damage wherever it lies.
    pub(super) torn: bool,
}

impl Stop {
    pub(super) fn torn(position: u64, what: impl ToString) -> Self {
        Self { position, what: what.to_string(), torn: true }
    }

    pub(super) fn damage(position: u64, what: impl ToString) -> Self {
        Self { position, what: what.to_string(), torn: false }
    }
}

/// The commits at any position of the bytes that the chain signed, and the position behind each. Entries are chosen by
/// strangers, who can write bytes that look like a commit, but not sign one.
pub(super) fn signed_commits<'a>(
    bytes: &'a [u8],
    origin: &'a str,
    keys: &'a [SigningPublicKey],
) -> impl Iterator<Item = (usize, SignedCheckpoint)> + 'a {
    let marked = (0..bytes.len()).filter(|at| bytes[*at] == Kind::Commit as u8);
    marked.filter_map(move |at| {
        let frame = frame::read(&bytes[at..]).ok().filter(|frame| frame.kind == Kind::Commit)?;
        let note = Commit::from_payload(frame.payload).ok()?.note;
        verify(&note, origin, keys).is_ok().then_some((at + frame.bytes.len(), note))
    })
}

/// Checks that one of the chain's keys signed a checkpoint, the present one first.
pub(super) fn verify(note: &SignedCheckpoint, origin: &str, keys: &[SigningPublicKey]) -> Result<(), NoteError> {
    let mut verdict = Err(NoteError::NotSigned { name: origin.to_owned() });
    for key in keys {
        verdict = note.verify(origin, origin, key).map(drop);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// A scan of a segment, group by group.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    position: u64,
    /// Index of the next entry.
    next: u64,
    /// Number of the next frame, once one was seen.
    sequence: Option<u64>,
    /// SM3 of the last commit's frame, once one was seen.
    previous: Option<Digest>,
}

impl<'a> Scan<'a> {
    /// A scan of a segment's bytes from behind its header, which was checked; `first` is the index of its first entry.
    pub(super) fn new(bytes: &'a [u8], first: u64) -> Self {
        Self { bytes, position: HEADER_BYTES as u64, next: first, sequence: None, previous: None }
    }

    /// A scan that also knows how the first group has to follow on what is before the segment.
    pub(super) fn following(bytes: &'a [u8], first: u64, sequence: u64, previous: Digest) -> Self {
        Self { sequence: Some(sequence), previous: Some(previous), ..Self::new(bytes, first) }
    }

    /// A scan from a position behind a commit that is known to bring the log to `next` entries.
    pub(super) fn behind(bytes: &'a [u8], position: u64, next: u64) -> Self {
        Self { position, next, ..Self::new(bytes, next) }
    }

    /// The next group; none at the end of the segment, which is its last byte or the first of nothing but zeros.
    pub(super) fn next_group(&mut self) -> Result<Option<Group<'a>>, Stop> {
        let start = if self.position == HEADER_BYTES as u64 { 0 } else { self.position };
        let mut entries: Vec<(u32, &'a [u8])> = Vec::new();
        loop {
            let rest = self.bytes.get(self.position as usize..).unwrap_or(&[]);
            if rest.first().is_none_or(|kind| *kind == 0) && rest.iter().all(|byte| *byte == 0) {
                // A header alone was written before its group; the rest of the group is missing.
                let whole = entries.is_empty() && start != 0;
                return if whole {
                    Ok(None)
                } else {
                    Err(Stop::torn(self.position, "the segment ends without a commit"))
                };
            }
            let frame = frame::read(rest).map_err(|bad| Stop::torn(self.position, bad))?;
            let (position, sequence) = (self.position, frame.sequence);
            if let Some(expected) = self.sequence.filter(|expected| *expected != sequence) {
                let what = format!("frame {sequence} lies where frame {expected} is next");
                return Err(Stop::damage(position, what));
            }
            self.sequence =
                Some(sequence.checked_add(1).ok_or(Stop::damage(position, "frames are numbered past any log"))?);
            self.position += frame.bytes.len() as u64;
            match frame.kind {
                Kind::Entry => entries.push((position as u32, frame.payload)),
                Kind::Commit => {
                    let commit = Commit::from_payload(frame.payload).map_err(|bad| Stop::damage(position, bad))?;
                    let digest = Digest::of(frame.bytes);
                    let end = self.position;
                    let group =
                        Group { first: self.next, start, entries, commit_at: position, commit, digest, sequence, end };
                    return self.follow(group).map(Some);
                }
            }
        }
    }

    fn follow(&mut self, group: Group<'a>) -> Result<Group<'a>, Stop> {
        let said = group.commit.note.unverified().size;
        // Frame numbers count every entry, so a sum that overflows is no log's either.
        if self.next.checked_add(group.entries.len() as u64) != Some(said) {
            return Err(Stop::damage(
                group.commit_at,
                format!("the commit to {said} entries is not to those before it"),
            ));
        }
        if self.previous.is_some_and(|previous| previous != group.commit.previous) {
            return Err(Stop::damage(group.commit_at, "the commit does not follow the one before it"));
        }
        (self.next, self.previous) = (said, Some(group.digest));
        Ok(group)
    }
}
