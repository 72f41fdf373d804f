//! An append-only tree in memory: the hash of every complete subtree, by level.
//!
//! Kept true: `levels[l][i]` is the root of leaves `[i·2^l, (i+1)·2^l)`, and is there if and only if all of
//! those leaves are. Roots and proofs of every earlier size stay available, for nothing is ever removed.
//!
//! Errors: [`TreeError`], when a size or leaf is asked for that the tree does not have.
//! Cost: 64 bytes a leaf; appending is one node hash a leaf on average; roots and proofs as in [`Nodes`].

use std::marker::PhantomData;

use nacre_schemas::Digest;

use super::{Hasher, Nodes, TreeError, left_leaves};

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

    /// Leaves appended so far.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// [`Nodes::root_at`].
    pub fn root_at(&self, size: u64) -> Result<Digest, TreeError> {
        Nodes::root_at(self, size)
    }

    /// [`Nodes::inclusion`].
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, TreeError> {
        Nodes::inclusion(self, index, size)
    }

    /// [`Nodes::consistency`].
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, TreeError> {
        Nodes::consistency(self, from, to)
    }

    /// Hash of the leaf at `index`, if there is one.
    pub fn leaf_hash(&self, index: u64) -> Option<Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }
}

impl<H: Hasher> Nodes<H> for Tree<H> {
    type Error = TreeError;

    fn size(&self) -> u64 {
        Tree::size(self)
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, TreeError> {
        let hash = usize::try_from(index).ok().and_then(|index| self.levels.get(level as usize)?.get(index).copied());
        let end = index.saturating_add(1).checked_shl(level).unwrap_or(u64::MAX);
        hash.ok_or(TreeError::SizeBeyond { size: end, held: self.size() })
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
