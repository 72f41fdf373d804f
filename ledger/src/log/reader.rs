//! Reading a log: entries, checkpoints, proofs, tiles. The same for a chain's own log and for a mirror of it.
//!
//! Kept true: an entry is given only if it is the one under the signed root, and every hash of a proof or tile was
//! shown to belong under that root before ([`super::shared`]); so what comes out verifies, whatever the disk did.
//!
//! Errors: [`LogError`]. Cost: an entry two reads; a proof one or two reads of a block and some 60 hashes at most, for
//! 10^7 entries; a tile of leaves 256 hashes; a run of entries two hashes and a read for each 256 of them.

use std::{fmt, ops::Range, sync::Arc};

use nacre_schemas::Digest;

use super::{LogError, block::LEAVES, shared::Shared};
use crate::{
    merkle::{Hasher as _, Nodes as _, Sm3Hasher},
    note::SignedCheckpoint,
    tile::{self, MAX_LEVEL, WIDTH},
};

/// A handle for reading a log that is open.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// Committed entries.
    pub fn size(&self) -> u64 {
        self.shared.size()
    }

    /// Why the log takes no entries, if that is so.
    pub fn read_only(&self) -> Option<&str> {
        self.shared.refusal()
    }

    /// The latest checkpoint.
    pub fn checkpoint(&self) -> SignedCheckpoint {
        self.shared.published().latest.clone()
    }

    /// The first checkpoint that covers the entry at `index`: the same whenever it is asked for.
    pub fn checkpoint_covering(&self, index: u64) -> Result<SignedCheckpoint, LogError> {
        let (place, _) = self.shared.place(index)?;
        let segment = self.shared.segment_of(index)?;
        self.shared.at(index, place, |place| {
            let note = segment.commit(place.commit.into())?.note;
            // The last entry that a commit covers is also one that it is the first to cover.
            let last = note.unverified().size.saturating_sub(1);
            let is_its = last >= index && self.shared.place(last).is_ok_and(|(other, _)| other.commit == place.commit);
            if !is_its {
                return Err(segment.damaged(place.commit.into(), "another commit is where this one was written"));
            }
            Ok(note)
        })
    }

    /// The entry at `index`, read from its file and checked against its leaf in the tree.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let (place, leaf_hash) = self.shared.place(index)?;
        let segment = self.shared.segment_of(index)?;
        self.shared.at(index, place, |place| {
            let entry = segment.entry(place.entry.into())?;
            if Sm3Hasher::leaf(&entry) != leaf_hash {
                return Err(segment.damaged(place.entry.into(), "another entry is where this one was written"));
            }
            Ok(entry)
        })
    }

    /// The entries of the range, in order, at most `max` of them; all of the range must be committed.
    pub fn entries(&self, range: Range<u64>, max: usize) -> Result<Vec<Vec<u8>>, LogError> {
        let size = self.size();
        if range.start > size || range.end > size {
            return Err(LogError::NotCommitted { index: range.start.max(range.end), size });
        }
        let end = range.end.min(range.start.saturating_add(max as u64));
        let (mut entries, mut next) = (Vec::new(), range.start);
        while next < end {
            let (segment, after) = self.shared.segment_and_end(next)?;
            let stop = end.min(after).min((next / LEAVES as u64 + 1) * LEAVES as u64);
            let run = self.shared.places(next..stop)?;
            let read = segment.entries(run.iter().map(|(place, _)| place.entry)).unwrap_or_default();
            for (position, (_, leaf_hash)) in run.iter().enumerate() {
                // What is not as it should be is read by itself: then it is found out why.
                entries.push(match read.get(position) {
                    Some(entry) if Sm3Hasher::leaf(entry) == *leaf_hash => entry.clone(),
                    _ => self.entry(next + position as u64)?,
                });
            }
            next = stop;
        }
        Ok(entries)
    }

    /// Hash of the leaf at `index`.
    pub fn leaf_hash(&self, index: u64) -> Result<Digest, LogError> {
        Ok(self.shared.place(index)?.1)
    }

    /// Root of the log as it was with `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Digest, LogError> {
        self.shared.root_at(size)
    }

    /// Proof that the entry at `index` is in the log as it was with `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LogError> {
        self.shared.inclusion(index, size)
    }

    /// Proof that the log with `to` entries extends the log with `from`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, LogError> {
        self.shared.consistency(from, to)
    }

    /// A hash tile ([`crate::tile`]): `width` hashes, 1 to 256, all of complete subtrees. A tile of full width never
    /// changes, and neither does one of another width.
    pub fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, LogError> {
        let end = self.end(level, index, width)?;
        let mut tile = Vec::with_capacity(usize::from(width) * Digest::SIZE);
        if level > 0 {
            for position in end - u64::from(width)..end {
                tile.extend_from_slice(self.shared.node(u32::from(level) * tile::HEIGHT, position)?.as_bytes());
            }
            return Ok(tile);
        }
        let first = index * u64::from(WIDTH);
        let hashes = self.shared.places(first..end)?.into_iter().map(|(_, hash)| hash);
        hashes.for_each(|hash| tile.extend_from_slice(hash.as_bytes()));
        Ok(tile)
    }

    /// A bundle of the `width` entries from `index`·256 on, each behind its length in two bytes.
    pub fn bundle(&self, index: u64, width: u16) -> Result<Vec<u8>, LogError> {
        let end = self.end(0, index, width)?;
        let entries = self.entries(end - u64::from(width)..end, LEAVES)?;
        tile::bundle::write(&entries).ok_or(LogError::NoTile("an entry is too long for a bundle"))
    }

    /// The hash after the last of a tile, within its level, if all of them are of complete subtrees.
    fn end(&self, level: u8, index: u64, width: u16) -> Result<u64, LogError> {
        if level > MAX_LEVEL || !(1..=WIDTH).contains(&width) {
            return Err(LogError::NoTile("a tile has level 0 to 7 and 1 to 256 hashes"));
        }
        let size = self.size();
        let end = index.checked_mul(WIDTH.into()).and_then(|start| start.checked_add(width.into()));
        let held = size >> (u32::from(level) * tile::HEIGHT);
        end.filter(|end| *end <= held).ok_or(LogError::NotCommitted { index: end.unwrap_or(u64::MAX), size: held })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("origin", &self.shared.files.origin).field("size", &self.size()).finish()
    }
}
