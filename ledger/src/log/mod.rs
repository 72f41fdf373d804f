//! The log of one chain, on files of its own: append-only, one writer, every answer durable before it is given.
//!
//! Kept true: an acknowledged entry stays at its index for ever, and all checkpoints ever signed here are of
//! one growing list; an entry's covering checkpoint never changes, so receipts can be made again byte for byte.
//! What it cannot see is a whole directory put back to an older state: a signed copy of the past is valid in
//! itself, and it takes a witness to notice.
//!
//! Errors: [`LogError`]. Cost: see [`Log`]; on disk an entry takes 21 bytes more than its own, a commit some 300.
//!
//! # Files
//!
//! ```text
//! <dir>/lock                        locked by the process that has the log open; its content means nothing
//! <dir>/00000000000000000000.seg    segments, each named by the index of its first entry
//! ```
//!
//! A segment is a header and then groups: any number of entry frames and one commit frame. A group never spans
//! two segments. A new segment starts with the first group after the last one reached `segment_bytes`, if that has
//! an entry at all; the log's first group is the commit of no entries. Numbers are big-endian, checksums CRC-32 (IEEE 802.3).
//!
//! ```text
//! segment header, 56 bytes             frame, 21 bytes and its payload
//!  0  8  "NcLogSeg"                     0  1  kind: 1 entry, 2 commit
//!  8  4  format: 1                      1  4  bytes of payload: entry 0..=4096, commit 72..=16456
//! 12 32  SM3 of the origin              5  8  number of the frame in the whole log, from 0
//! 44  8  index of its first entry      13  4  checksum of the payload
//! 52  4  checksum of bytes 0..52       17  4  checksum of bytes 0..17
//!                                      21     payload
//! payload of an entry: its bytes. Its leaf is SM3(0x00 ‖ bytes).
//!
//! payload of a commit
//!  0  8  entries in the log with this commit
//!  8 32  root of the tree of that size
//! 40 32  SM3 of the whole frame of the commit before (header and payload); zero for the first
//! 72     the checkpoint: a signed note of this size and root, named and signed by the chain, to the end
//! ```
//!
//! # What is assumed of the disk
//!
//! * A sync that succeeds has made durable what was written to that file (or directory) before. After one that
//!   fails nothing is assumed: the log writes no more, and opening it writes the last group again.
//! * A write that a crash interrupts may be there in any part, torn at any byte, but does not touch bytes that
//!   were synced before. What is left of it is cut off at the next opening, unless the end of the group, with its
//!   signed commit, is there and its middle is not: that cannot be told from damage to a group that was answered
//!   for, so the log then does not open by itself, and the error says what to look at. File systems that extend a
//!   file only after its data is written, as ext4 and XFS do, do not leave this behind.
//! * Synced bytes that change later are found by their checksums: when the log is opened, and when they are read.
//!   The exception is the very last commit frame: if that is destroyed and nothing follows, the group looks torn
//!   and is cut off. Witnesses know the checkpoint that then is missing.
//!
//! Checksums find accidents. Against someone who can write to the directory there is the signature in each
//! commit, and against one who has the key as well, the witnesses.

use std::{
    fmt, fs,
    fs::{File, OpenOptions, TryLockError},
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    thread::{self, JoinHandle},
};

use nacre_schemas::Digest;
use tokio::sync::{mpsc, oneshot};

use crate::{
    merkle::{Hasher as _, Sm3Hasher},
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};

mod error;
mod frame;
mod index;
mod recover;
mod segment;
mod sequencer;

pub use error::LogError;

use index::Index;
use sequencer::{Sequencer, Submission};

/// Longest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 4_096;
/// Most entries of one submission.
pub const MAX_SUBMISSION_ENTRIES: usize = 4_096;
/// Largest `segment_bytes`: recovery reads a segment into memory.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// Largest `queue`.
pub const MAX_QUEUE: usize = 65_536;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// A segment that has this many bytes takes no further group; 1 to [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Submissions that wait for the writer before a submitter has to wait to submit; 1 to [`MAX_QUEUE`].
    pub queue: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, queue: 1_024 }
    }
}

impl LogOptions {
    fn check(&self) -> Result<(), LogError> {
        if !(1..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Err(LogError::Options("a segment has 1 byte to 1 GiB"));
        }
        if !(1..=MAX_QUEUE).contains(&self.queue) {
            return Err(LogError::Options("the queue has 1 to 65536 places"));
        }
        Ok(())
    }
}

/// Entries that are durable in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Index of the first; the others follow it.
    pub first: u64,
    /// The first checkpoint that covers them.
    pub checkpoint: SignedCheckpoint,
}

/// A chain's log, open. Clones are handles on the same one; the last to go stops the writer, after what was
/// submitted, and unlocks the directory.
///
/// Reading takes a lock in memory for the look-up and none for the file; writers hold it to add a group to
/// the tree, never while they wait for the disk.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    origin: String,
    index: Arc<RwLock<Index>>,
    /// Taken only by `drop`.
    submissions: Option<mpsc::Sender<Submission>>,
    writer: Option<JoinHandle<()>>,
    /// Locked for as long as it is open; closed after the writer has stopped.
    _lock: File,
}

impl Log {
    /// Opens the log of the chain `origin` in `dir`, or creates it there. The origin is also the name that
    /// checkpoints are signed under. Cost of opening: reads, hashes and checks the whole log.
    pub fn open(dir: &Path, origin: &str, signer: SigningKey, options: LogOptions) -> Result<Self, LogError> {
        options.check()?;
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: Sm3Hasher::empty() };
        let empty = SignedCheckpoint::sign(empty, &signer, origin)?;
        create_directory(dir)?;
        let lock = lock(dir)?;
        let (index, tail) = match recover::recover(dir, origin, &signer.public())? {
            Some(recovered) => recovered,
            None => recover::create(dir, origin, empty)?,
        };
        let index = Arc::new(RwLock::new(index));
        let sequencer = Sequencer {
            dir: dir.to_owned(),
            origin: origin.to_owned(),
            signer,
            segment_bytes: options.segment_bytes,
            index: Arc::clone(&index),
            tail,
        };
        let (submissions, queue) = mpsc::channel(options.queue);
        let writer = thread::Builder::new()
            .name("nacre-log".to_owned())
            .spawn(move || sequencer.run(queue))
            .map_err(LogError::io("start the writer of", dir))?;
        let origin = origin.to_owned();
        let inner = Inner { origin, index, submissions: Some(submissions), writer: Some(writer), _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Appends the entries next to each other and in order, all or none, and returns when they are durable.
    /// Waits while the queue is full. If the future is dropped after the entries are queued, they are
    /// appended all the same.
    pub async fn append(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        let (submission, answer) = submission(entries)?;
        let queued = self.submissions()?.send(submission).await;
        queued.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// As [`Log::append`], for threads without a runtime; panics if called from within one.
    pub fn blocking_append(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        let (submission, answer) = submission(entries)?;
        self.submissions()?.blocking_send(submission).map_err(|_| stopped())?;
        answer.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Committed entries.
    pub fn size(&self) -> u64 {
        self.index().size()
    }

    /// The latest checkpoint. A log without entries has one too.
    pub fn checkpoint(&self) -> SignedCheckpoint {
        self.index().latest().clone()
    }

    /// The first checkpoint that covers the entry at `index`: the same whenever it is asked for.
    pub fn checkpoint_covering(&self, index: u64) -> Result<SignedCheckpoint, LogError> {
        let (segment, place) = self.index().commit_covering(index)?;
        let note = segment.commit(place.offset)?.note;
        if note.unverified().size != place.size {
            return Err(segment.damaged(place.offset, "another commit is where this one was written"));
        }
        Ok(note)
    }

    /// The entry at `index`, read from its file and checked against its leaf in the tree.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let (segment, offset, leaf_hash) = self.index().entry(index)?;
        let entry = segment.entry(offset)?;
        if Sm3Hasher::leaf(&entry) != leaf_hash {
            return Err(segment.damaged(offset, "another entry is where this one was written"));
        }
        Ok(entry)
    }

    /// The entries of the range, in order, at most `max` of them; all of the range must be committed.
    pub fn entries(&self, range: Range<u64>, max: usize) -> Result<Vec<Vec<u8>>, LogError> {
        let size = self.size();
        if range.start > size || range.end > size {
            return Err(LogError::NotCommitted { index: range.start.max(range.end), size });
        }
        range.take(max).map(|index| self.entry(index)).collect()
    }

    /// Hash of the leaf at `index`.
    pub fn leaf_hash(&self, index: u64) -> Result<Digest, LogError> {
        self.index().leaf_hash(index)
    }

    /// Proof that the entry at `index` is in the log as it was with `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LogError> {
        Ok(self.index().tree_of(size)?.inclusion(index, size)?)
    }

    /// Proof that the log with `to` entries extends the log with `from`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, LogError> {
        Ok(self.index().tree_of(to)?.consistency(from, to)?)
    }

    /// A writer that panicked while it held the lock has left the tree ahead at most, and is not there any more.
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.inner.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn submissions(&self) -> Result<&mpsc::Sender<Submission>, LogError> {
        self.inner.submissions.as_ref().ok_or_else(stopped)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("origin", &self.inner.origin).field("size", &self.size()).finish()
    }
}

impl Drop for Inner {
    /// Waits for the writer, so that whoever opens the directory next finds it unlocked and at rest.
    fn drop(&mut self) {
        self.submissions = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn submission(entries: Vec<Vec<u8>>) -> Result<(Submission, oneshot::Receiver<Result<Appended, LogError>>), LogError> {
    if entries.is_empty() {
        return Err(LogError::NothingSubmitted);
    }
    if entries.len() > MAX_SUBMISSION_ENTRIES {
        return Err(LogError::TooManyEntries { found: entries.len() });
    }
    if let Some(position) = entries.iter().position(|entry| entry.len() > MAX_ENTRY_BYTES) {
        return Err(LogError::EntryTooLong { position, found: entries[position].len() });
    }
    let (answer, receiver) = oneshot::channel();
    Ok((Submission { entries, answer }, receiver))
}

/// The writer answers everyone as long as it lives, even when the disk fails.
fn stopped() -> LogError {
    LogError::Poisoned { cause: "the writer has stopped".to_owned() }
}

fn create_directory(dir: &Path) -> Result<(), LogError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
    match dir.parent() {
        Some(parent) if parent != Path::new("") => segment::sync_directory(parent),
        _ => segment::sync_directory(Path::new(".")),
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", path)(error)),
    }
}

#[cfg(test)]
mod tests;
