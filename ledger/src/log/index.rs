//! What the log keeps in memory: the tree, where each entry and commit lies, the latest checkpoint.
//!
//! Kept true: nothing past the last commit is answered for. The tree alone may run ahead of the commits, by
//! the group being written; if that write fails it stays ahead, and the log is poisoned.
//!
//! Errors: [`LogError::NotCommitted`]. Cost: 72 bytes an entry, 16 a commit.

use std::sync::Arc;

use nacre_schemas::Digest;

use super::{LogError, segment::Segment};
use crate::{
    merkle::{Sm3Hasher, Tree},
    note::SignedCheckpoint,
};

/// The log in memory. It has one commit at least.
pub(super) struct Index {
    tree: Tree<Sm3Hasher>,
    /// Of each committed entry's frame in its segment.
    entry_offsets: Vec<u64>,
    commits: Vec<CommitPlace>,
    /// By first entry.
    segments: Vec<Arc<Segment>>,
    latest: SignedCheckpoint,
}

/// Where a commit lies.
#[derive(Clone, Copy)]
pub(super) struct CommitPlace {
    /// Entries in the log with it.
    pub(super) size: u64,
    /// Of its frame, in the segment of the last of those entries.
    pub(super) offset: u64,
}

impl Index {
    pub(super) fn new(
        tree: Tree<Sm3Hasher>,
        entry_offsets: Vec<u64>,
        commits: Vec<CommitPlace>,
        segments: Vec<Arc<Segment>>,
        latest: SignedCheckpoint,
    ) -> Self {
        Self { tree, entry_offsets, commits, segments, latest }
    }

    /// Committed entries.
    pub(super) fn size(&self) -> u64 {
        self.latest.unverified().size
    }

    pub(super) fn latest(&self) -> &SignedCheckpoint {
        &self.latest
    }

    /// The tree, after a check that it is asked about committed sizes only.
    pub(super) fn tree_of(&self, size: u64) -> Result<&Tree<Sm3Hasher>, LogError> {
        if size <= self.size() { Ok(&self.tree) } else { Err(self.not_committed(size)) }
    }

    /// Segment, offset and leaf hash of an entry.
    pub(super) fn entry(&self, index: u64) -> Result<(Arc<Segment>, u64, Digest), LogError> {
        let place = self.segment_of(index).zip(self.entry_offsets.get(index as usize)).zip(self.tree.leaf_hash(index));
        let ((segment, offset), leaf_hash) = place.ok_or_else(|| self.not_committed(index))?;
        Ok((segment, *offset, leaf_hash))
    }

    /// Hash of a committed leaf.
    pub(super) fn leaf_hash(&self, index: u64) -> Result<Digest, LogError> {
        let committed = self.tree.leaf_hash(index).filter(|_| index < self.size());
        committed.ok_or_else(|| self.not_committed(index))
    }

    /// Segment and offset of the first commit that covers an entry, and the size it brought the log to.
    pub(super) fn commit_covering(&self, index: u64) -> Result<(Arc<Segment>, CommitPlace), LogError> {
        let covering = self.commits.partition_point(|commit| commit.size <= index);
        let place = self.commits.get(covering).copied().zip(self.segment_of(index));
        place.map(|(commit, segment)| (segment, commit)).ok_or_else(|| self.not_committed(index))
    }

    /// Adds leaves ahead of their commit and gives the size and root that it will have.
    pub(super) fn stage(&mut self, leaf_hashes: &[Digest]) -> Result<(u64, Digest), LogError> {
        for hash in leaf_hashes {
            self.tree.append(*hash);
        }
        let size = self.tree.size();
        Ok((size, self.tree.root_at(size)?))
    }

    /// Takes over a commit that is durable: from here on its entries are in the log.
    pub(super) fn publish(
        &mut self,
        entry_offsets: &[u64],
        commit_offset: u64,
        new_segment: Option<Arc<Segment>>,
        note: SignedCheckpoint,
    ) {
        self.entry_offsets.extend_from_slice(entry_offsets);
        self.commits.push(CommitPlace { size: note.unverified().size, offset: commit_offset });
        self.segments.extend(new_segment);
        self.latest = note;
    }

    /// A group never spans segments, so the first commit that covers an entry lies in the entry's segment.
    fn segment_of(&self, index: u64) -> Option<Arc<Segment>> {
        let after = self.segments.partition_point(|segment| segment.first <= index);
        self.segments.get(after.checked_sub(1)?).cloned()
    }

    pub(super) fn not_committed(&self, index: u64) -> LogError {
        LogError::NotCommitted { index, size: self.size() }
    }
}
