//! What the writer of a log and its readers share: where its files are, and what of them is committed.
//!
//! Kept true: nothing past the last commit is answered for. [`Published`] moves from one commit to the next at once,
//! and only when that commit is durable and registered. The hashes that a reader gets are those of blocks that hang
//! together with the roots in memory, and those with the signed root: a block that does not is made again from the
//! segments, and if that does not help, the segments are damaged.
//!
//! Errors: [`LogError::NotCommitted`], [`LogError::Damaged`], [`LogError::Io`]. Cost: 64 bytes for each 256 entries in
//! memory, 16 a segment, and at most [`OPEN_SEGMENTS`] open files; a hash below a block's root costs a read and up to 8 hashes.

use std::{
    collections::VecDeque,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use nacre_schemas::Digest;

use super::{
    LogError,
    block::{Block, LEAVES, LEVELS, Place},
    blocks::Blocks,
    disk::Disk,
    scan::Scan,
    segment::{self, Segment},
};
use crate::{
    merkle::{Hasher as _, Nodes, Sm3Hasher, Tree, TreeError},
    note::SignedCheckpoint,
};

/// Segments open for reading at a time.
const OPEN_SEGMENTS: usize = 64;

/// Where a log is.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) origin: String,
    pub(super) blocks: Arc<Blocks>,
}

/// A log's files and what is committed of them.
pub(super) struct Shared {
    pub(super) files: Files,
    published: RwLock<Published>,
    open: Mutex<VecDeque<Arc<Segment>>>,
    /// Held while a block is made again, so that it is made once.
    rebuilding: Mutex<()>,
    /// Why nothing is appended, if that is so.
    refusal: OnceLock<String>,
    /// Whether nothing is appended until the log was recovered.
    failing: AtomicBool,
}

/// The log as of its last commit.
pub(super) struct Published {
    pub(super) latest: SignedCheckpoint,
    /// First entries of the segments.
    pub(super) segments: Vec<u64>,
    /// Over the roots of the full blocks: what lies above the blocks.
    pub(super) upper: Tree<Sm3Hasher>,
    /// The block that is not full.
    pub(super) edge: Arc<Block>,
}

impl Published {
    pub(super) fn size(&self) -> u64 {
        self.latest.unverified().size
    }
}

impl Shared {
    pub(super) fn new(files: Files, published: Published) -> Self {
        Self {
            files,
            published: RwLock::new(published),
            open: Mutex::default(),
            rebuilding: Mutex::default(),
            refusal: OnceLock::new(),
            failing: AtomicBool::new(false),
        }
    }

    /// A writer that panicked while it held the lock is not there any more, and what it left is as of a commit.
    pub(super) fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a commit that is durable: from here on its entries are in the log.
    pub(super) fn publish(&self, note: SignedCheckpoint, new_segment: Option<u64>, roots: &[Digest], edge: Arc<Block>) {
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        published.segments.extend(new_segment);
        for root in roots {
            published.upper.append(*root);
        }
        published.edge = edge;
        published.latest = note;
    }

    /// Takes over what was found when the log was read again: all of what is here, and perhaps more.
    pub(super) fn publish_again(&self, found: Self) {
        let found = found.published.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = found;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Says whether nothing is appended until the log was recovered.
    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Release);
    }

    /// Whether nothing is appended until the log was recovered.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Committed entries.
    pub(super) fn size(&self) -> u64 {
        self.published().size()
    }

    /// Takes no more entries from here on. The first reason stays.
    pub(super) fn refuse_writes(&self, why: String) {
        // A second reason changes nothing.
        let _ = self.refusal.set(why);
    }

    /// Why no entries are taken, if that is so.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.get().map(String::as_str)
    }

    /// Refuses what is not committed.
    pub(super) fn check_committed(&self, index: u64) -> Result<(), LogError> {
        let size = self.size();
        if index < size { Ok(()) } else { Err(LogError::NotCommitted { index, size }) }
    }

    /// The segment of a committed entry.
    pub(super) fn segment_of(&self, index: u64) -> Result<Arc<Segment>, LogError> {
        Ok(self.segment_and_end(index)?.0)
    }

    /// The same, and the first entry of the segment behind it, if there is one.
    pub(super) fn segment_and_end(&self, index: u64) -> Result<(Arc<Segment>, u64), LogError> {
        let (first, end) = {
            let published = self.published();
            let after = published.segments.partition_point(|first| *first <= index);
            let first = after.checked_sub(1).and_then(|position| published.segments.get(position).copied());
            (first, published.segments.get(after).copied().unwrap_or(u64::MAX))
        };
        let first = first.ok_or_else(|| LogError::NotCommitted { index, size: self.size() })?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = open.iter().rev().find(|segment| segment.first == first) {
            return Ok((Arc::clone(segment), end));
        }
        let segment = Arc::new(Segment::open(&*self.files.disk, &self.files.dir, first, false)?);
        open.push_back(Arc::clone(&segment));
        if open.len() > OPEN_SEGMENTS {
            open.pop_front();
        }
        Ok((segment, end))
    }

    /// Where a committed entry lies, and the hash of its leaf.
    pub(super) fn place(&self, index: u64) -> Result<(Place, Digest), LogError> {
        self.check_committed(index)?;
        let (number, position) = (index / LEAVES as u64, (index % LEAVES as u64) as usize);
        self.with_block(number, |block, root| {
            let authentic = root.is_none_or(|root| block.authenticates(0, position, root));
            authentic.then(|| block.place(position)).flatten().map(|place| (place, block.hash(0, position)))
        })
    }

    /// Where the committed entries of a range within one block lie, and the hashes of their leaves: all leaves of the block
    /// are checked at once.
    pub(super) fn places(&self, range: Range<u64>) -> Result<Vec<(Place, Digest)>, LogError> {
        let number = range.start / LEAVES as u64;
        debug_assert!(range.end.saturating_sub(1) / LEAVES as u64 == number, "a range over several blocks");
        let positions = range.map(|index| (index % LEAVES as u64) as usize);
        self.with_block(number, |block, root| {
            let authentic = root.is_none_or(|root| block.all_leaves_are_under(root));
            let place = |position| Some((block.place(position)?, block.hash(0, position)));
            authentic.then(|| positions.clone().map(place).collect::<Option<Vec<_>>>()).flatten()
        })
    }

    /// What `read` finds at the place of an entry. Hashes do not vouch for places: where nothing good is found, the
    /// place is derived again, and if it was another, asked once more.
    pub(super) fn at<T>(
        &self,
        index: u64,
        place: Place,
        read: impl Fn(Place) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let first = read(place);
        let number = index / LEAVES as u64;
        let root = self.published().upper.leaf_hash(number);
        match (first, root) {
            (Err(LogError::Damaged { segment, offset, what }), Some(root)) => {
                let block = self.rebuild(number, &root)?;
                match block.place((index % LEAVES as u64) as usize).filter(|again| *again != place) {
                    Some(again) => read(again),
                    None => Err(LogError::Damaged { segment, offset, what }),
                }
            }
            (first, _) => first,
        }
    }

    /// What `read` finds in a block, given the root that it has to have (none for the one in memory that is not
    /// full). If that is nothing, the block is made again, and asked once more.
    pub(super) fn with_block<T>(
        &self,
        number: u64,
        read: impl Fn(&Block, Option<&Digest>) -> Option<T>,
    ) -> Result<T, LogError> {
        let root = {
            let published = self.published();
            match published.upper.leaf_hash(number) {
                Some(root) => root,
                None => {
                    let edge = Arc::clone(&published.edge);
                    drop(published);
                    let found = (edge.number() == number).then(|| read(&edge, None)).flatten();
                    let beyond = || LogError::NotCommitted { index: number * LEAVES as u64, size: self.size() };
                    return found.ok_or_else(beyond);
                }
            }
        };
        if let Some(found) = self.files.blocks.read(number).and_then(|block| read(&block, Some(&root))) {
            return Ok(found);
        }
        let block = self.rebuild(number, &root)?;
        read(&block, Some(&root)).ok_or_else(|| self.inconsistent(number))
    }

    /// Makes a full block again from the segments.
    fn rebuild(&self, number: u64, root: &Digest) -> Result<Arc<Block>, LogError> {
        let _one_at_a_time = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = self.files.blocks.read(number).filter(|block| block.is_computed() && block.root() == *root)
        {
            return Ok(block);
        }
        tracing::warn!(
            origin = self.files.origin,
            block = number,
            "deriving a block again that was not as it was written"
        );
        let mut block = Block::new(number);
        while !block.is_full() {
            let next = number * LEAVES as u64 + block.count() as u64;
            let segment = self.segment_of(next)?;
            let before = block.count();
            self.add_entries(&segment, &mut block)?;
            if block.count() == before {
                return Err(segment.damaged(0, format!("the segment ends before entry {next}")));
            }
        }
        if block.root() != *root {
            return Err(self.inconsistent(number));
        }
        let failed = LogError::io("write to", self.files.dir.join(super::blocks::NAMES[0]));
        self.files.blocks.write_full(block).map_err(failed)
    }

    /// Adds the entries of a segment that come next in the block.
    fn add_entries(&self, segment: &Segment, block: &mut Block) -> Result<(), LogError> {
        let bytes = segment::read_whole(&*self.files.disk, &self.files.dir, segment.first)?;
        let mut scan = Scan::new(&bytes, segment.first);
        while !block.is_full() {
            let group = match scan.next_group() {
                Ok(Some(group)) => group,
                Ok(None) => break,
                Err(stop) => return Err(segment.damaged(stop.position, stop.what)),
            };
            for (index, (position, entry)) in (group.first..).zip(&group.entries) {
                if !block.is_full() && index == block.number() * LEAVES as u64 + block.count() as u64 {
                    let place = Place { entry: *position, commit: group.commit_at as u32 };
                    block.push(place, Sm3Hasher::leaf(entry));
                }
            }
        }
        Ok(())
    }

    /// Entries that are no longer those under the signed root.
    fn inconsistent(&self, number: u64) -> LogError {
        let first = number * LEAVES as u64;
        let what = format!("entries {first}..{} are not those under the signed root", first + LEAVES as u64);
        match self.segment_of(first) {
            Ok(segment) => segment.damaged(0, what),
            Err(error) => error,
        }
    }
}

impl Nodes<Sm3Hasher> for Shared {
    type Error = LogError;

    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn check_size(&self, size: u64) -> Result<(), LogError> {
        let held = Self::size(self);
        if size > held { Err(LogError::NotCommitted { index: size, size: held }) } else { Ok(()) }
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, LogError> {
        if let Some(above) = level.checked_sub(LEVELS) {
            return Ok(self.published().upper.node(above, index)?);
        }
        let within = LEVELS - level;
        let (number, position) = (index >> within, (index & ((1 << within) - 1)) as usize);
        let complete = ((position + 1) << level) as u64;
        self.with_block(number, |block, root| {
            let authentic = match root {
                Some(root) => block.is_full() && block.authenticates(level, position, root),
                None => complete <= block.count() as u64,
            };
            authentic.then(|| block.hash(level, position))
        })
        .map_err(|error| match error {
            LogError::NotCommitted { size, .. } => {
                TreeError::SizeBeyond { size: number * LEAVES as u64 + complete, held: size }.into()
            }
            error => error,
        })
    }
}
