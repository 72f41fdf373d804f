//! Writing a group: the one place where a log grows.
//!
//! Kept true, in this order for each group: what is derived from it is written; its entries and one commit are written
//! to the end of the last segment at once; the file is synced (and the directory, when the segment is new); the register
//! is written and synced; readers see it; only then is anyone answered. So no signature and no index leaves the
//! process before it is on disk and registered, and a crash anywhere leaves either the whole group or nothing that
//! was answered for.
//!
//! A group is never split over commits or segments. After a failed write or sync nothing more is written: what the disk
//! holds is not known until it is read again ([`Store::recover`]), and what is read is not taken to be durable: the last
//! group and the register are written and synced anew.
//!
//! Errors: [`LogError::Poisoned`] from a failure on until then. Cost: a group takes one write and one sync, one more of each
//! for the register, and a signature; a new segment a sync of what was derived from the one before, some ten milliseconds.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use nacre_schemas::{Digest, SigningPublicKey};

use super::{
    LogError,
    block::{Block, Place},
    edge::Edge,
    frame::{self, Commit, Kind},
    recover::{self, Recovered},
    register::{Answered, Register},
    segment::{Header, Segment},
    shared::{Files, Published, Shared},
    stopped,
};
use crate::{
    merkle::{Hasher as _, Sm3Hasher, Tree},
    note::{Checkpoint, SignedCheckpoint},
};

/// Room is made in a segment by so many bytes at a time: a sync of a file that does not grow has no metadata to write.
const ALLOCATE_BYTES: u64 = 1 << 20;
/// Pauses between attempts to read the log again: the first, and the longest. Each reads a segment.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Where the next group goes.
pub(super) struct Tail {
    /// The last segment; none before the log's first group.
    pub(super) segment: Option<Arc<Segment>>,
    /// Bytes of it that are used.
    pub(super) end: u64,
    /// Number of the next frame.
    pub(super) sequence: u64,
    /// SM3 of the last commit's frame.
    pub(super) previous: Digest,
}

/// A log that can grow.
pub(super) struct Store {
    pub(super) shared: Arc<Shared>,
    pub(super) segment_bytes: u64,
    pub(super) tail: Tail,
    pub(super) edge: Edge,
    pub(super) register: Option<Register>,
    /// The failure after which the log was not recovered.
    pub(super) failure: Option<Failure>,
}

/// A write or sync that failed.
pub(super) struct Failure {
    cause: String,
    /// The log's register, which is opened again.
    register: Option<PathBuf>,
    /// When the log may be read again, if that failed, too; and the pause after the next time.
    again: Option<Instant>,
    pause: Duration,
}

/// A group as it will lie in its segment, and what follows from it.
struct Staged {
    bytes: Vec<u8>,
    start: u64,
    /// Number of the commit's frame.
    sequence: u64,
    edge: Edge,
    full: Vec<Block>,
}

impl Store {
    /// Starts a log in a directory without segments, with these entries under this note as its first group. Its register is
    /// made first: a crash leaves a register that says nothing was answered for, and never a log without one.
    pub(super) fn create(
        files: Files,
        entries: &[&[u8]],
        note: SignedCheckpoint,
        mut register: Option<Register>,
        segment_bytes: u64,
    ) -> Result<Self, LogError> {
        if let Some(register) = &mut register {
            register.begin()?;
        }
        let edge = Edge::new();
        let published = Published {
            latest: note.clone(),
            segments: Vec::new(),
            upper: Tree::new(),
            edge: Arc::new(edge.block().clone()),
        };
        let tail = Tail { segment: None, end: 0, sequence: 0, previous: Digest([0; 32]) };
        let shared = Arc::new(Shared::new(files, published));
        let mut store = Self { shared, segment_bytes, tail, edge, register, failure: None };
        store.commit(entries, |checkpoint| same_checkpoint(note, &checkpoint))?;
        Ok(store)
    }

    /// Makes a group durable and publishes it, under the note that `sign` gives for its checkpoint. If `sign` refuses,
    /// nothing was written.
    pub(super) fn commit(
        &mut self,
        entries: &[&[u8]],
        sign: impl FnOnce(Checkpoint) -> Result<SignedCheckpoint, LogError>,
    ) -> Result<SignedCheckpoint, LogError> {
        if let Some(failure) = &self.failure {
            return Err(failure.refusal());
        }
        if let Some(why) = self.shared.refusal() {
            return Err(LogError::ReadOnly { why: why.to_owned() });
        }
        let full = self.is_full();
        let staged = self.stage(entries, full);
        let (size, root) = (staged.edge.size(), staged.edge.root());
        let note = sign(Checkpoint { origin: self.shared.files.origin.clone(), size, root })?;
        let written = self.write(staged, full, &note);
        if let Err(error) = &written {
            self.fail(error);
        }
        written.map(|()| note)
    }

    /// Takes nothing more until the log was recovered.
    pub(super) fn fail(&mut self, error: &LogError) {
        let register = self.register.as_ref().map(|register| register.path().to_owned());
        self.failure = Some(Failure { cause: error.to_string(), register, again: None, pause: PAUSES.0 });
        self.shared.set_failing(true);
    }

    /// Reads the log again after a failure, as when it is opened, and goes on from what is there.
    pub(super) fn recover(&mut self, keys: &[SigningPublicKey]) -> Result<(), LogError> {
        let Some(failure) = &mut self.failure else { return Ok(()) };
        if failure.again.is_some_and(|again| Instant::now() < again) {
            return Err(failure.refusal());
        }
        match self.read_again(keys) {
            Ok(()) => {
                tracing::warn!(origin = self.shared.files.origin, size = self.shared.size(), "the log is recovered");
                self.failure = None;
                self.shared.set_failing(false);
                Ok(())
            }
            Err(error) => {
                if let Some(failure) = &mut self.failure {
                    failure.put_off(&error);
                }
                Err(error)
            }
        }
    }

    fn read_again(&mut self, keys: &[SigningPublicKey]) -> Result<(), LogError> {
        let files = &self.shared.files;
        // One process has a register open once. Nothing is appended meanwhile.
        self.register = None;
        let register = self.failure.as_ref().and_then(|failure| failure.register.as_deref());
        let register =
            register.map(|path| Register::open_on(Arc::clone(&files.disk), path, &files.origin)).transpose()?;
        let answered = {
            let published = self.shared.published();
            let said = published.latest.unverified();
            Answered { size: said.size, root: said.root }
        };
        let found = match recover::recover(files, keys, register, self.segment_bytes, Some(answered))? {
            Recovered::Log(found) => *found,
            Recovered::Nothing(_) => return Err(stopped()),
        };
        if let Some(why) = found.shared.refusal() {
            self.shared.refuse_writes(why.to_owned());
            return Err(LogError::ReadOnly { why: why.to_owned() });
        }
        (self.tail, self.edge, self.register) = (found.tail, found.edge, found.register);
        // Nobody else has it yet.
        self.shared.publish_again(Arc::into_inner(found.shared).ok_or_else(stopped)?);
        Ok(())
    }

    /// Whether the next group goes to a new segment, as the first does. One without entries never is full: the next would have its name.
    fn is_full(&self) -> bool {
        let full = |segment: &Arc<Segment>| self.tail.end >= self.segment_bytes && self.edge.size() > segment.first;
        self.tail.segment.as_ref().is_none_or(full)
    }

    /// Lays the group out in memory.
    fn stage(&self, entries: &[&[u8]], new_segment: bool) -> Staged {
        let mut bytes = Vec::new();
        let start = if new_segment { 0 } else { self.tail.end };
        if new_segment {
            bytes.extend(Header::new(&self.shared.files.origin, self.edge.size()).to_bytes());
        }
        let mut positions = Vec::with_capacity(entries.len());
        for (sequence, entry) in (self.tail.sequence..).zip(entries) {
            positions.push(start + bytes.len() as u64);
            frame::write(&mut bytes, Kind::Entry, sequence, entry);
        }
        let commit_at = start + bytes.len() as u64;
        let (mut edge, mut full) = (self.edge.clone(), Vec::new());
        for (position, entry) in positions.iter().zip(entries) {
            // A segment is far below 4 GiB: `segment_bytes` and one group.
            let place = Place { entry: *position as u32, commit: commit_at as u32 };
            full.extend(edge.push(place, Sm3Hasher::leaf(entry)));
        }
        let sequence = self.tail.sequence + entries.len() as u64;
        Staged { bytes, start, sequence, edge, full }
    }

    fn write(&mut self, mut staged: Staged, new_segment: bool, note: &SignedCheckpoint) -> Result<(), LogError> {
        let new_segment = if new_segment { Some(self.begin_segment()?) } else { None };
        let roots: Vec<Digest> = staged.full.iter().map(Block::root).collect();
        let derived = || LogError::io("write to what is derived in", &self.shared.files.dir);
        for block in staged.full {
            self.shared.files.blocks.write_full(block).map_err(derived())?;
        }
        let commit = Commit { previous: self.tail.previous, note: note.clone() };
        let commit_start = staged.bytes.len();
        frame::write(&mut staged.bytes, Kind::Commit, staged.sequence, &commit.to_payload());
        let end = staged.start + staged.bytes.len() as u64;

        let begun = new_segment.as_ref().map(|segment| segment.first);
        let segment = new_segment.map(Arc::new).or_else(|| self.tail.segment.clone()).ok_or_else(stopped)?;
        let step = ALLOCATE_BYTES.min(self.segment_bytes.next_multiple_of(4_096));
        segment.allocate(end.next_multiple_of(step))?;
        segment.write(&staged.bytes, staged.start)?;
        if begun.is_some() {
            self.shared
                .files
                .disk
                .sync_directory(&self.shared.files.dir)
                .map_err(LogError::io("sync", &self.shared.files.dir))?;
        }
        let said = note.unverified();
        if let Some(register) = &mut self.register {
            register.write(Answered { size: said.size, root: said.root })?;
        }

        let previous = Digest::of(&staged.bytes[commit_start..]);
        self.tail = Tail { segment: Some(segment), end, sequence: staged.sequence + 1, previous };
        self.edge = staged.edge;
        self.shared.publish(note.clone(), begun, &roots, Arc::new(self.edge.block().clone()));
        Ok(())
    }

    /// A new segment. What is derived from the ones before it is made durable first, so that opening the log has to
    /// read the last one only; and the one before ends where its last commit does.
    fn begin_segment(&mut self) -> Result<Segment, LogError> {
        let derived = || LogError::io("write to what is derived in", &self.shared.files.dir);
        self.shared.files.blocks.write(&mut self.edge.block().clone()).map_err(derived())?;
        self.shared.files.blocks.sync().map_err(derived())?;
        if let Some(segment) = &self.tail.segment {
            segment.cut(self.tail.end)?;
        }
        Segment::create(&*self.shared.files.disk, &self.shared.files.dir, self.edge.size())
    }
}

impl Failure {
    fn refusal(&self) -> LogError {
        LogError::Poisoned { cause: self.cause.clone() }
    }

    fn put_off(&mut self, error: &LogError) {
        self.cause = error.to_string();
        self.again = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(PAUSES.1);
    }
}

/// The note, if it is of this very checkpoint.
pub(super) fn same_checkpoint(note: SignedCheckpoint, computed: &Checkpoint) -> Result<SignedCheckpoint, LogError> {
    let said = note.unverified();
    if said == computed {
        return Ok(note);
    }
    Err(LogError::OtherHistory { size: said.size, computed: computed.size })
}
