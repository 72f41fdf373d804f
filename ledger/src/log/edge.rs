//! The right edge of the tree: what it takes to add leaves and to know the root, without the rest.
//!
//! Kept true: the peaks are the roots of the largest complete subtrees of full blocks, from left to right; with
//! the last block, which has room for one entry at least, they give the root of the tree of [`Edge::size`] leaves.
//!
//! No errors. Cost: 18 kB and a hash for each bit of the size; adding a leaf two node hashes at most on average.

use nacre_schemas::Digest;

use super::block::{Block, LEAVES, Place};
use crate::merkle::{Hasher as _, Sm3Hasher};

/// The right edge. Cloning it is how a group is tried before it is written.
#[derive(Clone)]
pub(super) struct Edge {
    /// At `l` the peak of 2^l full blocks, if the number of full blocks has that bit.
    peaks: Vec<Option<Digest>>,
    full_blocks: u64,
    block: Block,
}

impl Edge {
    /// Of a tree without leaves.
    pub(super) fn new() -> Self {
        Self { peaks: Vec::new(), full_blocks: 0, block: Block::new(0) }
    }

    /// Of the tree over full blocks with these roots and one that is not full, if its number is the next.
    pub(super) fn over(roots: &[Digest], block: Block) -> Option<Self> {
        let mut edge = Self::new();
        roots.iter().for_each(|root| edge.add_peak(*root));
        (block.number() == edge.full_blocks && !block.is_full()).then_some(Self { block, ..edge })
    }

    /// Leaves of the tree.
    pub(super) fn size(&self) -> u64 {
        self.full_blocks * LEAVES as u64 + self.block.count() as u64
    }

    /// The block that is not full yet.
    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// Adds an entry, and gives its block when that is full with it.
    pub(super) fn push(&mut self, place: Place, leaf_hash: Digest) -> Option<Block> {
        self.block.push(place, leaf_hash);
        if !self.block.is_full() {
            return None;
        }
        self.add_peak(self.block.root());
        Some(std::mem::replace(&mut self.block, Block::new(self.full_blocks)))
    }

    /// Root of the tree.
    pub(super) fn root(&self) -> Digest {
        let (mut root, count) = (None, self.block.count());
        // From the right: each subtree to the left of what is done so far is the larger.
        for level in (0..super::block::LEVELS).filter(|level| count >> level & 1 == 1) {
            root = Some(join(self.block.hash(level, (count >> level) - 1), root));
        }
        for peak in self.peaks.iter().flatten() {
            root = Some(join(*peak, root));
        }
        root.unwrap_or_else(Sm3Hasher::empty)
    }

    fn add_peak(&mut self, root: Digest) {
        let (mut hash, mut level) = (root, 0);
        while let Some(left) = self.peaks.get_mut(level).and_then(Option::take) {
            hash = Sm3Hasher::node(&left, &hash);
            level += 1;
        }
        if level == self.peaks.len() {
            self.peaks.push(None);
        }
        self.peaks[level] = Some(hash);
        self.full_blocks += 1;
    }
}

fn join(left: Digest, right: Option<Digest>) -> Digest {
    right.map_or(left, |right| Sm3Hasher::node(&left, &right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Tree;

    #[test]
    fn the_edge_has_the_root_of_the_tree_at_every_size() {
        let (mut edge, mut tree, mut roots) = (Edge::new(), Tree::<Sm3Hasher>::new(), Vec::new());
        for size in 0..=LEAVES as u64 * 5 + 3 {
            assert_eq!(edge.root(), tree.root_at(size).unwrap(), "{size}");
            let again = Edge::over(&roots, edge.block.clone()).unwrap();
            assert_eq!((again.size(), again.root()), (size, edge.root()));
            let leaf_hash = Sm3Hasher::leaf(&size.to_be_bytes());
            tree.append(leaf_hash);
            roots.extend(edge.push(Place { entry: 0, commit: 0 }, leaf_hash).map(|block| block.root()));
        }
        assert!(Edge::over(&roots[1..], edge.block.clone()).is_none());
    }
}
