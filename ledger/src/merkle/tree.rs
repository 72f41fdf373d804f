//! An append-only tree in memory: the hash of every complete subtree, by level.
//!
//! Kept true: `levels[l][i]` is the root of leaves `[i·2^l, (i+1)·2^l)`, and is there if and only if all of
//! those leaves are. Roots and proofs of every earlier size stay available, for nothing is ever removed.
//!
//! Errors: [`TreeError`], when a size or leaf is asked for that the tree does not have.
//! Cost: 64 bytes a leaf; appending is one node hash a leaf on average; a root costs at most 64 hashes, an
//! inclusion or consistency proof at most 64² (in practice its own length squared).

use std::marker::PhantomData;

use nacre_schemas::Digest;

use super::{Hasher, TreeError, left_leaves};

/// An append-only Merkle tree that keeps hashes and no leaves.
pub struct Tree<H> {
    levels: Vec<Vec<Digest>>,
    hasher: PhantomData<fn() -> H>,
}

impl<H> Default for Tree<H> {
    fn default() -> Self {
        Self { levels: vec![Vec::new()], hasher: PhantomData }
    }
}

impl<H: Hasher> Tree<H> {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves appended so far.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf by its hash ([`Hasher::leaf`]) and gives its index.
    pub fn append(&mut self, leaf_hash: Digest) -> u64 {
        let index = self.size();
        let mut hash = leaf_hash;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => hash = H::node(left, right),
                _ => break,
            }
        }
        index
    }

    /// Takes back all leaves from `size` on.
    pub fn truncate(&mut self, size: u64) {
        for (level, row) in self.levels.iter_mut().enumerate() {
            // Beyond what memory can hold nothing is there to be cut.
            row.truncate(usize::try_from(size >> level).unwrap_or(usize::MAX));
        }
    }

    /// Hash of the leaf at `index`, if there is one.
    pub fn leaf_hash(&self, index: u64) -> Option<Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// Root of the tree as it was with `size` leaves.
    pub fn root_at(&self, size: u64) -> Result<Digest, TreeError> {
        self.check_size(size)?;
        Ok(if size == 0 { H::empty() } else { self.subtree(0, size) })
    }

    /// Proof that the leaf at `index` is in the tree of `size` leaves: `PATH(index, D[size])`, from the leaf up.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, TreeError> {
        self.check_size(size)?;
        if index >= size {
            return Err(TreeError::OutsideTree { first: index, end: index.saturating_add(1), size });
        }
        let (mut start, mut end) = (0, size);
        let mut proof = Vec::new();
        while end - start > 1 {
            let middle = start + left_leaves(end - start);
            if index < middle {
                proof.push(self.subtree(middle, end));
                end = middle;
            } else {
                proof.push(self.subtree(start, middle));
                start = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// Proof that the tree of `to` leaves extends that of `from`: `PROOF(from, D[to])`. Empty when the sizes
    /// are equal or `from` is 0, where there is nothing to show.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, TreeError> {
        self.check_size(to)?;
        if from > to {
            return Err(TreeError::Shrinks { from, to });
        }
        if from == 0 || from == to {
            return Ok(Vec::new());
        }
        let (mut start, mut end) = (0, to);
        let mut proof = Vec::new();
        while end != from {
            let middle = start + left_leaves(end - start);
            if from <= middle {
                proof.push(self.subtree(middle, end));
                end = middle;
            } else {
                proof.push(self.subtree(start, middle));
                start = middle;
            }
        }
        // The verifier has the earlier root; when that is one complete subtree, sending it again would be a
        // second encoding of the same proof.
        if start != 0 {
            proof.push(self.subtree(start, end));
        }
        proof.reverse();
        Ok(proof)
    }

    fn check_size(&self, size: u64) -> Result<(), TreeError> {
        let held = self.size();
        if size > held { Err(TreeError::SizeBeyond { size, held }) } else { Ok(()) }
    }

    /// Root of leaves `[start, end)`, a subtree of some tree of at most `self.size()` leaves: so `start` is a
    /// multiple of the power of two that covers `end - start`, and every left child is stored.
    fn subtree(&self, start: u64, end: u64) -> Digest {
        let leaves = end - start;
        if leaves.is_power_of_two() {
            let level = leaves.ilog2();
            return self.levels[level as usize][(start >> level) as usize];
        }
        let middle = start + left_leaves(leaves);
        H::node(&self.subtree(start, middle), &self.subtree(middle, end))
    }
}

/// Root of the tree with these leaf hashes, computed afresh. Cost: as many hashes as leaves.
pub fn root_of<H: Hasher>(leaf_hashes: &[Digest]) -> Digest {
    match leaf_hashes {
        [] => H::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaf_hashes.split_at(left_leaves(leaf_hashes.len() as u64) as usize);
            H::node(&root_of::<H>(left), &root_of::<H>(right))
        }
    }
}
