//! The files `blocks` and `roots`: everything derived from entries, in [`Block`]s, and the roots of the full ones.
//!
//! Kept true: nothing here is needed to know what the log holds. A block that is short, altered or missing reads
//! as none, and is made again from the segments. Both files are synced before a new segment is begun, so after a
//! crash only what the last segment holds has to be derived again.
//!
//! Errors: those of the operating system, when writing. Cost: a block read is one positional read of 18 kB; the last
//! [`CACHED`] blocks stay in memory, 2.3 MB.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nacre_schemas::Digest;

use super::{
    block::{self, Block},
    disk::{self, Disk, DiskFile},
};

/// Blocks in memory.
const CACHED: usize = 128;
/// Names of the two files.
pub(super) const NAMES: [&str; 2] = ["blocks", "roots"];

/// The derived files of a log.
pub(super) struct Blocks {
    blocks: Arc<dyn DiskFile>,
    roots: Arc<dyn DiskFile>,
    /// The blocks with their numbers beside them: looking one up touches no block.
    cache: Mutex<VecDeque<(u64, Arc<Block>)>>,
}

impl Blocks {
    /// Opens the two files, or makes them.
    pub(super) fn open(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let [blocks, roots] = NAMES.map(|name| disk::open_or_create(disk, &dir.join(name)));
        Ok(Self { blocks: blocks?, roots: roots?, cache: Mutex::default() })
    }

    /// Writes a full block and its root, unless they are there already.
    pub(super) fn write_full(&self, mut block: Block) -> io::Result<Arc<Block>> {
        let (position, root) = (block.number() * Digest::SIZE as u64, block.root());
        self.write(&mut block)?;
        write_changed(&*self.roots, root.as_bytes(), position)?;
        let block = Arc::new(block);
        self.remember(&block);
        Ok(block)
    }

    /// Writes a block that is not full yet.
    pub(super) fn write(&self, block: &mut Block) -> io::Result<()> {
        let position = block.number() * block::BYTES as u64;
        write_changed(&*self.blocks, block.seal(), position)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.blocks.sync()?;
        self.roots.sync()
    }

    /// The block, if it is there and as it was written. Whether it was written right is for the caller to check.
    pub(super) fn read(&self, number: u64) -> Option<Arc<Block>> {
        if let Some((_, block)) = self.cache().iter().rev().find(|(cached, _)| *cached == number) {
            return Some(Arc::clone(block));
        }
        let bytes = disk::read(&*self.blocks, number.checked_mul(block::BYTES as u64)?, block::BYTES).ok()?;
        let block = Arc::new(Block::parse(bytes, number)?);
        self.remember(&block);
        Some(block)
    }

    /// What `roots` says of the first `count` blocks, if it goes so far. Nothing vouches for it.
    pub(super) fn roots(&self, count: u64) -> Option<Vec<Digest>> {
        let length = usize::try_from(count).ok()?.checked_mul(Digest::SIZE)?;
        // The length is looked at first: a count out of a damaged segment's name must not reserve memory.
        if self.roots.length().ok()? < length as u64 {
            return None;
        }
        let bytes = disk::read(&*self.roots, 0, length).ok().filter(|bytes| bytes.len() == length)?;
        let digest = |bytes: &[u8]| {
            let mut digest = Digest([0; 32]);
            digest.0.copy_from_slice(bytes);
            digest
        };
        Some(bytes.chunks_exact(Digest::SIZE).map(digest).collect())
    }

    /// Leaves nothing in memory.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.cache().clear();
    }

    fn remember(&self, block: &Arc<Block>) {
        let mut cache = self.cache();
        cache.retain(|(cached, _)| *cached != block.number());
        cache.push_back((block.number(), Arc::clone(block)));
        if cache.len() > CACHED {
            cache.pop_front();
        }
    }

    fn cache(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<Block>)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the bytes where others are: opening a log derives its last segment anew, and mostly finds it done.
fn write_changed(file: &dyn DiskFile, bytes: &[u8], position: u64) -> io::Result<()> {
    let held = disk::read(file, position, bytes.len());
    if held.is_ok_and(|held| held == bytes) { Ok(()) } else { file.write_at(bytes, position) }
}
