//! Blocks: what is derived from 256 neighbouring entries, in one piece of the file `blocks`.
//!
//! ```text
//! block, 18,432 bytes; block n starts at byte n·18,432 of the file and is of entries n·256..(n + 1)·256
//!      0      8  "NcLogBlk"
//!      8      8  its number
//!     16      4  entries in it, 0 to 256
//!     20  2,048  for each entry: position of its frame in its segment, position of the commit that covers it; 4 bytes each
//!  2,068 16,352  hashes of the complete subtrees: 256 leaves, 128 nodes above them, … 1 root; zero where not complete
//! 18,420      8  zero
//! 18,428      4  CRC-32 of bytes 0..18,428
//! ```
//!
//! Kept true: a block that [`Block::parse`] gives is as it was written; that it was written right is shown by
//! [`Block::authenticates`], against a root that the reader knows. So a block is a cache: one that is wrong
//! costs the time to make it again.
//!
//! No errors. Cost: adding a leaf one node hash on average; showing that a hash at level l is right, 8 - l hashes.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use nacre_schemas::Digest;

use super::frame::number;
use crate::merkle::{Hasher as _, Sm3Hasher, tree::root_of};

/// Entries of a full block.
pub(super) const LEAVES: usize = 256;
/// Levels of nodes above the leaves.
pub(super) const LEVELS: u32 = LEAVES.ilog2();
/// Bytes of a block.
pub(super) const BYTES: usize = 18_432;

/// Room for as many hashes: one more than there are.
const HASHES: usize = 2 * LEAVES;
const MAGIC: &[u8; 8] = b"NcLogBlk";
const PLACES_AT: usize = 20;
const HASHES_AT: usize = PLACES_AT + LEAVES * 8;
const CHECKED_BYTES: usize = BYTES - 4;

/// Where an entry lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of its frame.
    pub(super) entry: u32,
    /// Position of the frame of the first commit that covers it.
    pub(super) commit: u32,
}

/// A block in memory.
pub(super) struct Block {
    bytes: Vec<u8>,
    count: usize,
    /// Whether its hashes were computed here, and not read from a disk.
    computed: bool,
    /// The root that was asked about first, and a bit for each hash that was shown to belong under it.
    root: OnceLock<Digest>,
    shown: [AtomicU64; HASHES / 64],
}

impl Clone for Block {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), ..Self::of(self.count, self.computed) }
    }
}

impl Block {
    fn of(count: usize, computed: bool) -> Self {
        Self { bytes: Vec::new(), count, computed, root: OnceLock::new(), shown: Default::default() }
    }

    /// One without entries.
    pub(super) fn new(number: u64) -> Self {
        let mut bytes = vec![0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&number.to_be_bytes());
        Self { bytes, ..Self::of(0, true) }
    }

    /// The block of that number, if these are the bytes of one as it was written.
    pub(super) fn parse(bytes: Vec<u8>, number_expected: u64) -> Option<Self> {
        let whole = bytes.len() == BYTES && bytes.starts_with(MAGIC);
        if !whole || number(&bytes[8..16]) != number_expected {
            return None;
        }
        let count = usize::try_from(number(&bytes[16..20])).ok().filter(|count| *count <= LEAVES)?;
        let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        let block = Self { bytes, ..Self::of(count, false) };
        (u64::from(checksum) == number(&block.bytes[CHECKED_BYTES..])).then_some(block)
    }

    /// The bytes to be written.
    pub(super) fn seal(&mut self) -> &[u8] {
        self.bytes[16..20].copy_from_slice(&(self.count as u32).to_be_bytes());
        let checksum = crc32fast::hash(&self.bytes[..CHECKED_BYTES]);
        self.bytes[CHECKED_BYTES..].copy_from_slice(&checksum.to_be_bytes());
        &self.bytes
    }

    /// Adds an entry; the block has room for it.
    pub(super) fn push(&mut self, place: Place, leaf_hash: Digest) {
        let at = PLACES_AT + self.count * 8;
        self.bytes[at..at + 4].copy_from_slice(&place.entry.to_be_bytes());
        self.bytes[at + 4..at + 8].copy_from_slice(&place.commit.to_be_bytes());
        let (mut position, mut hash) = (self.count, leaf_hash);
        for level in 0..=LEVELS {
            let at = hash_at(level, position);
            self.bytes[at..at + Digest::SIZE].copy_from_slice(hash.as_bytes());
            if position.is_multiple_of(2) {
                break;
            }
            hash = Sm3Hasher::node(&self.hash(level, position - 1), &hash);
            position /= 2;
        }
        self.count += 1;
    }

    /// A block of its first entries alone, if it has so many; computed anew, so that every hash is right if the
    /// leaves are.
    pub(super) fn prefix(&self, count: usize) -> Option<Self> {
        let mut prefix = Self::new(self.number());
        for position in 0..count {
            prefix.push(self.place(position)?, self.hash(0, position));
        }
        Some(prefix)
    }

    /// Whether its hashes were computed here, and not read from a disk.
    pub(super) fn is_computed(&self) -> bool {
        self.computed
    }

    pub(super) fn number(&self) -> u64 {
        number(&self.bytes[8..16])
    }

    /// Entries in it.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == LEAVES
    }

    /// Where the entry at the position lies.
    pub(super) fn place(&self, position: usize) -> Option<Place> {
        let at = PLACES_AT + position * 8;
        let place = || Place {
            entry: number(&self.bytes[at..at + 4]) as u32,
            commit: number(&self.bytes[at + 4..at + 8]) as u32,
        };
        (position < self.count).then(place)
    }

    /// Root of the subtree at the level and position; it is complete.
    pub(super) fn hash(&self, level: u32, position: usize) -> Digest {
        let at = hash_at(level, position);
        let mut hash = Digest([0; 32]);
        hash.0.copy_from_slice(&self.bytes[at..at + Digest::SIZE]);
        hash
    }

    /// The hashes of its leaves.
    pub(super) fn leaf_hashes(&self) -> impl Iterator<Item = Digest> + '_ {
        (0..self.count).map(|position| self.hash(0, position))
    }

    /// Root of a full block.
    pub(super) fn root(&self) -> Digest {
        self.hash(LEVELS, 0)
    }

    /// Whether the block is full and its leaves, all of them, are those of the tree with this root.
    pub(super) fn all_leaves_are_under(&self, root: &Digest) -> bool {
        if self.computed || !self.is_full() {
            return self.is_full() && self.root() == *root;
        }
        if (0..LEAVES).all(|leaf| self.is_shown(hash_number(0, leaf), root)) {
            return true;
        }
        let leaf_hashes: Vec<Digest> = self.leaf_hashes().collect();
        let under = root_of::<Sm3Hasher>(&leaf_hashes) == *root;
        if under {
            (0..LEAVES).for_each(|leaf| self.show(hash_number(0, leaf), root));
        }
        under
    }

    /// Whether the hash at the level and position belongs under the root, given that of the full block. What is on the
    /// way there is shown with it, so the hashes of an inclusion proof cost no more than the first of them.
    pub(super) fn authenticates(&self, level: u32, position: usize, root: &Digest) -> bool {
        if self.computed {
            return self.root() == *root;
        }
        if self.is_shown(hash_number(level, position), root) {
            return true;
        }
        let mut on_the_way = vec![hash_number(level, position)];
        let (mut position, mut hash) = (position, self.hash(level, position));
        for level in level..LEVELS {
            on_the_way.push(hash_number(level, position ^ 1));
            let sibling = self.hash(level, position ^ 1);
            hash = if position.is_multiple_of(2) {
                Sm3Hasher::node(&hash, &sibling)
            } else {
                Sm3Hasher::node(&sibling, &hash)
            };
            position /= 2;
        }
        if hash == *root {
            on_the_way.into_iter().for_each(|number| self.show(number, root));
        }
        hash == *root
    }

    fn is_shown(&self, number: usize, root: &Digest) -> bool {
        self.root.get() == Some(root) && self.shown[number / 64].load(Ordering::Relaxed) >> (number % 64) & 1 == 1
    }

    /// Another thread may show the same at the same time, and sets the same bit.
    fn show(&self, number: usize, root: &Digest) {
        if self.root.get_or_init(|| *root) == root {
            self.shown[number / 64].fetch_or(1 << (number % 64), Ordering::Relaxed);
        }
    }
}

/// The hash's number in the block: level l starts behind 256 + 128 + … hashes.
fn hash_number(level: u32, position: usize) -> usize {
    debug_assert!(level <= LEVELS && position < LEAVES >> level, "no such subtree");
    2 * LEAVES - ((2 * LEAVES) >> level) + position
}

/// Where the hash lies in the block.
fn hash_at(level: u32, position: usize) -> usize {
    HASHES_AT + hash_number(level, position) * Digest::SIZE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Tree;

    fn leaf(position: usize) -> Digest {
        Sm3Hasher::leaf(&position.to_be_bytes())
    }

    fn block(count: usize) -> Block {
        let mut block = Block::new(7);
        for position in 0..count {
            block.push(Place { entry: position as u32, commit: 9 }, leaf(position));
        }
        block
    }

    #[test]
    fn a_block_has_the_hashes_of_the_tree_and_is_read_back() {
        let mut full = block(LEAVES);
        let mut tree = Tree::<Sm3Hasher>::new();
        for position in 0..LEAVES {
            tree.append(leaf(position));
        }
        assert_eq!(full.root(), tree.root_at(LEAVES as u64).unwrap());
        let read = Block::parse(full.seal().to_vec(), 7).unwrap();
        assert_eq!(read.place(3), Some(Place { entry: 3, commit: 9 }));
        for level in 0..=LEVELS {
            for position in 0..LEAVES >> level {
                assert!(read.authenticates(level, position, &full.root()), "{level}, {position}");
                assert!(!read.authenticates(level, position, &leaf(0)), "{level}, {position}");
            }
        }
        assert!(read.prefix(100).unwrap().bytes == block(100).bytes);
        assert!(Block::parse(full.seal().to_vec(), 8).is_none());
    }

    #[test]
    fn every_flipped_bit_of_a_block_is_noticed() {
        let bytes = block(200).seal().to_vec();
        assert!(Block::parse(bytes.clone(), 7).is_some_and(|block| block.place(200).is_none()));
        for position in 0..BYTES {
            let mut bad = bytes.clone();
            bad[position] ^= 1 << (position % 8);
            assert!(Block::parse(bad, 7).is_none(), "byte {position}");
        }
    }

    #[test]
    fn a_block_with_another_hash_and_a_good_checksum_is_not_authentic() {
        let good = block(LEAVES);
        let mut forged = block(LEAVES);
        let at = hash_at(0, 5);
        forged.bytes[at] ^= 1;
        let forged = Block::parse(forged.seal().to_vec(), 7).unwrap();
        assert!(!forged.authenticates(0, 5, &good.root()) && !forged.authenticates(0, 4, &good.root()));
        assert!(forged.authenticates(0, 6, &good.root()));
    }
}
