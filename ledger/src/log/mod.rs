//! The log of one chain, on files of its own: append-only, one writer, every answer durable before it is given.
//!
//! Kept true: an acknowledged entry stays at its index for ever, and all checkpoints ever signed here are of
//! one growing list; an entry's covering checkpoint never changes, so receipts can be made again byte for byte.
//! A log that is damaged, or older than what its register says was answered for, can be read and signs nothing.
//! Without a register ([`LogOptions::register`]) it takes a witness to notice a directory put back to an older state.
//!
//! Errors: [`LogError`]. Cost: see [`Log`]; on disk an entry takes 93 bytes more than its own, a commit some 300; in
//! memory a quarter of a byte an entry, and some megabytes of caches.
//!
//! Beside [`Log`]: [`check()`] reads a whole log and finds everything that is wrong with it, [`inspect()`] shows what is in
//! one, [`Mirror`] follows the log of another chain, and [`repair()`] gives a damaged log back what a mirror has.
#![doc = include_str!("../../docs/format.md")]

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use nacre_schemas::{Digest, SigningPublicKey};
use tokio::sync::{mpsc, oneshot};

use crate::{
    MAX_ENTRY_BYTES,
    merkle::{Hasher as _, Sm3Hasher},
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};

mod block;
mod blocks;
mod check;
mod disk;
mod edge;
mod error;
mod frame;
mod inspect;
mod mirror;
mod once;
mod reader;
mod recover;
mod register;
mod repair;
mod scan;
mod segment;
mod sequencer;
mod shared;
mod store;

pub use check::{Finding, Progress, Report, check};
pub use error::LogError;
pub use inspect::{Item, inspect};
pub use mirror::{MAX_MIRRORED_BYTES, Mirror};
pub use once::{OnceBy, Placed};
pub use reader::Reader;
pub use register::{Answered, Register, Registered, registered};
pub use repair::{Repaired, repair};

use blocks::Blocks;
use disk::{Disk, LocalDisk};
use once::Once;
use recover::Recovered;
use sequencer::{Order, Sequencer, Submission};
use shared::Files;
use store::Store;

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
    /// File that remembers what was last answered for, in a folder that is not restored together with the log's. It is
    /// made before the log; if it is missing or cannot be read where a log is, the log is opened to be read only, until an
    /// operator has renewed it ([`Register::renew`]). With no register configured, a log that was put back to an older state goes on from there.
    pub register: Option<PathBuf>,
    /// Keeps keys in memory, for [`Log::append_once`]; some 15 bytes an entry.
    pub once: Option<OnceBy>,
    /// Keys that the chain signed with before the present one: what they signed stands.
    pub earlier_keys: Vec<SigningPublicKey>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, queue: 1_024, register: None, once: None, earlier_keys: Vec::new() }
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
/// Reading takes a lock in memory for the look-up and none for the file; the writer holds it to publish a group, never
/// while it waits for the disk.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    reader: Reader,
    once: Option<Arc<Once>>,
    /// Taken only by `drop`.
    orders: Option<mpsc::Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    /// Locked for as long as it is there; dropped after the writer has stopped.
    _lock: Lock,
}

/// The log with its last checkpoint signed by the present key: it is signed anew, over the same entries, if an earlier key did.
fn under_present_key(mut store: Store, signer: &SigningKey, origin: &str) -> Result<Store, LogError> {
    let reader = Reader { shared: Arc::clone(&store.shared) };
    let present = reader.checkpoint().verify(origin, origin, &signer.public()).is_ok();
    if !present && reader.read_only().is_none() {
        tracing::info!(origin, "the last checkpoint was signed by an earlier key, and is signed anew");
        store.commit(&[], |checkpoint| Ok(SignedCheckpoint::sign(checkpoint, signer, origin)?))?;
    }
    Ok(store)
}

/// A directory that nobody else has open.
type Lock = Box<dyn std::any::Any + Send + Sync>;

impl Log {
    /// Opens the log of the chain `origin` in `dir`, or creates it there. The origin is also the name that
    /// checkpoints are signed under. If the log is damaged or older than its register, it is opened to be read
    /// only ([`Log::read_only`]). Cost of opening: reads the last segment, and 32 bytes for each 256 entries before it.
    pub fn open(dir: &Path, origin: &str, signer: SigningKey, options: LogOptions) -> Result<Self, LogError> {
        Self::open_on(Arc::new(LocalDisk), dir, origin, signer, options)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        origin: &str,
        signer: SigningKey,
        options: LogOptions,
    ) -> Result<Self, LogError> {
        options.check()?;
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: Sm3Hasher::empty() };
        let empty = SignedCheckpoint::sign(empty, &signer, origin)?;
        let (files, lock) = open_files(disk, dir, origin)?;
        let register = match &options.register {
            Some(path) => Some(Register::open_on(Arc::clone(&files.disk), path, origin)?),
            None => None,
        };
        let keys = [&[signer.public()], &options.earlier_keys[..]].concat();
        let store = match recover::recover(&files, &keys, register, options.segment_bytes, None)? {
            Recovered::Log(store) => under_present_key(*store, &signer, origin)?,
            Recovered::Nothing(register) => Store::create(files, &[], empty, register, options.segment_bytes)?,
        };
        let reader = Reader { shared: Arc::clone(&store.shared) };
        if let Some(why) = reader.read_only() {
            tracing::error!(origin, why, "the log is opened to be read only");
        }
        let once = options.once.map(|by| Once::of(by, &reader)).transpose()?.map(Arc::new);
        let sequencer = Sequencer { store, signer, keys, once: once.clone() };
        let (orders, queue) = mpsc::channel(options.queue);
        let writer = thread::Builder::new()
            .name("nacre-log".to_owned())
            .spawn(move || sequencer.run(queue))
            .map_err(LogError::io("start the writer of", dir))?;
        let inner = Inner { reader, once, orders: Some(orders), writer: Some(writer), _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Appends the entries next to each other and in order, all or none, and returns when they are durable.
    /// Waits while the queue is full. If the future is dropped after the entries are queued, they are
    /// appended all the same.
    pub async fn append(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        let (submission, answer) = self.submission(entries)?;
        let queued = self.orders()?.send(Order::Append(submission)).await;
        queued.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// As [`Log::append`], for threads without a runtime; panics if called from within one.
    pub fn blocking_append(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        let (submission, answer) = self.submission(entries)?;
        self.orders()?.blocking_send(Order::Append(submission)).map_err(|_| stopped())?;
        answer.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Appends those of the entries whose keys are not in the log yet, next to each other and in order, and tells where
    /// each of them is: the original for one that was there, or on its way, before. Returns when all of them are durable.
    /// Needs [`LogOptions::once`]. Waits while the queue is full; if the future is dropped after that, what is new is appended all the same.
    pub async fn append_once(&self, entries: Vec<Vec<u8>>) -> Result<Vec<Placed>, LogError> {
        let once = self.inner.once.as_ref().ok_or(LogError::KeysNotKept)?;
        self.check(&entries)?;
        let place = self.orders()?.reserve().await.map_err(|_| stopped())?;
        // From the claim to the queue nothing waits, so no claim is left behind by a future that is dropped.
        let (claims, claimed_at) = once.claim(&entries, &self.inner.reader)?;
        let (new, waits) = once::split(entries, claims);
        let answer = if new.is_empty() {
            drop(place);
            None
        } else {
            let (answer, receiver) = oneshot::channel();
            place.send(Order::Append(Submission { entries: new, answer, claimed_at: Some(claimed_at) }));
            Some(receiver)
        };
        let appended = match answer {
            Some(answer) => Some(answer.await.unwrap_or_else(|_| Err(stopped()))?),
            None => None,
        };
        let mut placed = Vec::with_capacity(waits.len());
        for wait in waits {
            placed.push(once::settle(wait, appended.as_ref()).await?);
        }
        Ok(placed)
    }

    /// Whether a write or sync failed, so that the log takes nothing until it was [recovered](Log::recover).
    pub fn is_failing(&self) -> bool {
        self.inner.reader.shared.is_failing()
    }

    /// Has the log take entries again after a write or sync failed; does nothing if none did.
    ///
    /// The files are read again as if the log were opened ([`mod@recover`]), under what this process has answered for. An
    /// entry whose appending failed is then in the log for good, or was cut off for good. So whoever appends what depends on
    /// what the log has asks for this first, and only then looks. Refused with the cause if the disk still fails, and then
    /// for a pause that grows up to a minute; a log that turns out to be damaged is to be read only from then on.
    pub async fn recover(&self) -> Result<(), LogError> {
        if !self.is_failing() {
            return Ok(());
        }
        let (asker, answer) = oneshot::channel();
        self.orders()?.send(Order::Recover(asker)).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Takes no more entries from here on, as when a witness countersigned more than this log has: it is a copy of the past.
    /// What is queued is refused too; what the log has can still be read.
    pub fn refuse_writes(&self, reason: &str) {
        self.inner.reader.shared.refuse_writes(reason.to_owned());
    }

    /// Why the log takes no entries, if that is so: what is damaged, where, and what to do.
    pub fn read_only(&self) -> Option<&str> {
        self.inner.reader.read_only()
    }

    /// What reads this log, without keeping it open for writing.
    pub fn reader(&self) -> &Reader {
        &self.inner.reader
    }

    /// Committed entries.
    pub fn size(&self) -> u64 {
        self.reader().size()
    }

    /// The latest checkpoint. A log without entries has one too.
    pub fn checkpoint(&self) -> SignedCheckpoint {
        self.reader().checkpoint()
    }

    /// [`Reader::checkpoint_covering`].
    pub fn checkpoint_covering(&self, index: u64) -> Result<SignedCheckpoint, LogError> {
        self.reader().checkpoint_covering(index)
    }

    /// [`Reader::entry`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        self.reader().entry(index)
    }

    /// [`Reader::entries`].
    pub fn entries(&self, range: Range<u64>, max: usize) -> Result<Vec<Vec<u8>>, LogError> {
        self.reader().entries(range, max)
    }

    /// [`Reader::leaf_hash`].
    pub fn leaf_hash(&self, index: u64) -> Result<Digest, LogError> {
        self.reader().leaf_hash(index)
    }

    /// [`Reader::inclusion`].
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LogError> {
        self.reader().inclusion(index, size)
    }

    /// [`Reader::consistency`].
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, LogError> {
        self.reader().consistency(from, to)
    }

    /// [`Reader::tile`].
    pub fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, LogError> {
        self.reader().tile(level, index, width)
    }

    /// [`Reader::bundle`].
    pub fn bundle(&self, index: u64, width: u16) -> Result<Vec<u8>, LogError> {
        self.reader().bundle(index, width)
    }

    fn orders(&self) -> Result<&mpsc::Sender<Order>, LogError> {
        self.inner.orders.as_ref().ok_or_else(stopped)
    }

    fn submission(
        &self,
        entries: Vec<Vec<u8>>,
    ) -> Result<(Submission, oneshot::Receiver<Result<Appended, LogError>>), LogError> {
        self.check(&entries)?;
        let (answer, receiver) = oneshot::channel();
        Ok((Submission { entries, answer, claimed_at: None }, receiver))
    }

    /// Refuses what is over the caps, and everything if the log is to be read only.
    fn check(&self, entries: &[Vec<u8>]) -> Result<(), LogError> {
        check_entries(entries)?;
        match self.read_only() {
            Some(why) => Err(LogError::ReadOnly { why: why.to_owned() }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("reader", self.reader()).field("read_only", &self.read_only()).finish()
    }
}

impl Drop for Inner {
    /// Waits for the writer, so that whoever opens the directory next finds it unlocked and at rest.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Refuses a submission over the caps.
fn check_entries(entries: &[Vec<u8>]) -> Result<(), LogError> {
    if entries.is_empty() {
        return Err(LogError::NothingSubmitted);
    }
    if entries.len() > MAX_SUBMISSION_ENTRIES {
        return Err(LogError::TooManyEntries { found: entries.len() });
    }
    match entries.iter().position(|entry| entry.len() > MAX_ENTRY_BYTES) {
        Some(position) => Err(LogError::EntryTooLong { position, found: entries[position].len() }),
        None => Ok(()),
    }
}

/// The writer answers everyone as long as it lives, even when the disk fails.
fn stopped() -> LogError {
    LogError::Poisoned { cause: "the writer has stopped".to_owned() }
}

/// Makes the directory if it is missing, locks it, and opens what is derived in it.
fn open_files(disk: Arc<dyn Disk>, dir: &Path, origin: &str) -> Result<(Files, Lock), LogError> {
    disk.create_directory(dir).map_err(LogError::io("create", dir))?;
    let path = dir.join("lock");
    let lock = disk.lock(&path).map_err(LogError::io("lock", path))?;
    let lock = lock.ok_or_else(|| LogError::Locked { dir: dir.to_owned() })?;
    let blocks = Blocks::open(&*disk, dir).map_err(LogError::io("open what is derived in", dir))?;
    Ok((Files { disk, dir: dir.to_owned(), origin: origin.to_owned(), blocks: Arc::new(blocks) }, lock))
}

#[cfg(test)]
mod tests;
