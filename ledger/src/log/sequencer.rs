//! The one writer: puts submissions in order and makes them durable in groups.
//!
//! Kept true, in this order for each group: its entries and one commit are written to the end of the last
//! segment at once; the file is synced (and the directory, when the segment is new); the index takes the group
//! over; only then is anyone answered. So no signature and no index leaves the process before it is on disk,
//! and a crash anywhere leaves either the whole group or nothing that was answered for.
//!
//! A group is never split over commits or segments. After the first failed write or sync nothing more is
//! written: what the disk holds is not known until it is read again.
//!
//! Errors: [`LogError::Poisoned`] to every submission from the failing group on. Cost: a group takes one write,
//! one sync and one signature, whatever its size; its memory is bounded by [`COMMIT_ENTRIES`] plus one
//! submission, some 50 MB.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use nacre_schemas::Digest;
use tokio::sync::{mpsc, oneshot};

use super::{
    Appended, LogError,
    frame::{self, Commit, Kind},
    index::Index,
    segment::{self, Header, Segment},
};
use crate::{
    merkle::{Hasher as _, Sm3Hasher},
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};

/// No further submission joins a group that has this many entries.
const COMMIT_ENTRIES: usize = 8_192;

/// Entries to append next to each other, and who waits for it.
pub(super) struct Submission {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) answer: oneshot::Sender<Result<Appended, LogError>>,
}

/// Where the next group goes.
pub(super) struct Tail {
    pub(super) segment: Arc<Segment>,
    /// Bytes of the last segment.
    pub(super) end: u64,
    /// Number of the next frame.
    pub(super) sequence: u64,
    /// SM3 of the last commit frame.
    pub(super) previous: Digest,
    /// Entries in the log.
    pub(super) size: u64,
}

/// The writer's state; it lives on its own thread.
pub(super) struct Sequencer {
    pub(super) dir: PathBuf,
    pub(super) origin: String,
    pub(super) signer: SigningKey,
    pub(super) segment_bytes: u64,
    pub(super) index: Arc<RwLock<Index>>,
    pub(super) tail: Tail,
}

impl Sequencer {
    /// Serves submissions until all senders are gone.
    pub(super) fn run(mut self, mut submissions: mpsc::Receiver<Submission>) {
        while let Some(group) = next_group(&mut submissions) {
            match self.commit(&group) {
                Ok(note) => answer(group, self.tail.size, &note),
                Err(error) => {
                    tracing::error!(origin = self.origin, %error, "the log is poisoned until it is opened again");
                    refuse(group, &error);
                    while let Some(group) = next_group(&mut submissions) {
                        refuse(group, &error);
                    }
                }
            }
        }
    }

    /// Makes a group durable and publishes it.
    fn commit(&mut self, group: &[Submission]) -> Result<SignedCheckpoint, LogError> {
        let (new_segment, mut bytes) = self.room()?;
        let segment = new_segment.as_ref().unwrap_or(&self.tail.segment);
        let start = if new_segment.is_some() { 0 } else { self.tail.end };
        let mut sequence = self.tail.sequence;
        let (mut offsets, mut leaf_hashes) = (Vec::new(), Vec::new());
        for entry in group.iter().flat_map(|submission| &submission.entries) {
            offsets.push(start + bytes.len() as u64);
            leaf_hashes.push(Sm3Hasher::leaf(entry));
            frame::write(&mut bytes, Kind::Entry, sequence, entry);
            sequence += 1;
        }
        let (size, root) = self.index.write().unwrap_or_else(PoisonError::into_inner).stage(&leaf_hashes)?;
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let note = SignedCheckpoint::sign(checkpoint, &self.signer, &self.origin)?;
        let commit_start = bytes.len();
        let commit = Commit { previous: self.tail.previous, note: note.clone() };
        frame::write(&mut bytes, Kind::Commit, sequence, &commit.to_payload());

        segment.write(&bytes, start)?;
        if new_segment.is_some() {
            segment::sync_directory(&self.dir)?;
        }

        self.tail = Tail {
            segment: Arc::clone(segment),
            end: start + bytes.len() as u64,
            sequence: sequence + 1,
            previous: Digest::of(&bytes[commit_start..]),
            size,
        };
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.publish(&offsets, start + commit_start as u64, new_segment, note.clone());
        Ok(note)
    }

    /// A new segment and its header, if the last one is full. One without entries never is: the next would have
    /// its name.
    fn room(&self) -> Result<(Option<Arc<Segment>>, Vec<u8>), LogError> {
        if self.tail.end < self.segment_bytes || self.tail.size == self.tail.segment.first {
            return Ok((None, Vec::new()));
        }
        let segment = Segment::create(&self.dir, self.tail.size)?;
        Ok((Some(Arc::new(segment)), Header::new(&self.origin, self.tail.size).to_bytes()))
    }
}

/// Waits for a submission, then takes what else is queued up to the cap; none when all senders are gone.
fn next_group(submissions: &mut mpsc::Receiver<Submission>) -> Option<Vec<Submission>> {
    let mut group = vec![submissions.blocking_recv()?];
    let mut entries = group[0].entries.len();
    while entries < COMMIT_ENTRIES {
        let Ok(submission) = submissions.try_recv() else { break };
        entries += submission.entries.len();
        group.push(submission);
    }
    Some(group)
}

/// Tells each submitter where its entries are. One that no longer waits has them in the log all the same.
fn answer(group: Vec<Submission>, size: u64, note: &SignedCheckpoint) {
    let entries: usize = group.iter().map(|submission| submission.entries.len()).sum();
    let mut first = size - entries as u64;
    for submission in group {
        let count = submission.entries.len() as u64;
        let _ = submission.answer.send(Ok(Appended { first, checkpoint: note.clone() }));
        first += count;
    }
}

fn refuse(group: Vec<Submission>, cause: &LogError) {
    for submission in group {
        let _ = submission.answer.send(Err(LogError::Poisoned { cause: cause.to_string() }));
    }
}
