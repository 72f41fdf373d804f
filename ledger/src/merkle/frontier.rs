//! The right edge of a tree: all that appending and the root need, and nothing else.
//!
//! Kept true: the hashes are the roots of the complete subtrees that the size's binary digits stand for, largest first
//! (the "compact range" of a tree from its first leaf). Errors: none; a frontier whose hashes do not match its size is not
//! made. Cost: at most 64 hashes of memory; one hash an append on average, at most 64 for the root.

use std::marker::PhantomData;

use nacre_schemas::Digest;

use super::Hasher;

/// A growing tree of which only the edge is kept.
#[derive(Clone, Debug)]
pub struct Frontier<H> {
    size: u64,
    edge: Vec<Digest>,
    hasher: PhantomData<fn() -> H>,
}

impl<H: Hasher> Default for Frontier<H> {
    fn default() -> Self {
        Self { size: 0, edge: Vec::new(), hasher: PhantomData }
    }
}

impl<H: Hasher> Frontier<H> {
    /// A tree of that size with these roots of its complete subtrees, largest first; none if their number is another
    /// than the size has.
    pub fn new(size: u64, edge: Vec<Digest>) -> Option<Self> {
        (edge.len() == size.count_ones() as usize).then_some(Self { size, edge, hasher: PhantomData })
    }

    /// Leaves appended so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    pub fn edge(&self) -> &[Digest] {
        &self.edge
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf_hash: Digest) {
        let mut hash = leaf_hash;
        // Each trailing one of the size is a complete subtree that the new leaf completes to one twice as large.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = H::node(&left, &hash);
            }
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// Root of the tree.
    pub fn root(&self) -> Digest {
        let mut from_the_right = self.edge.iter().rev().copied();
        let Some(last) = from_the_right.next() else { return H::empty() };
        from_the_right.fold(last, |right, left| H::node(&left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Sm3Hasher, Tree};

    #[test]
    fn the_edge_has_the_roots_of_the_whole_tree() {
        let (mut tree, mut frontier) = (Tree::<Sm3Hasher>::new(), Frontier::<Sm3Hasher>::default());
        for number in 0..300u32 {
            assert_eq!(frontier.root(), tree.root_at(tree.size()).unwrap(), "{number}");
            let leaf = Sm3Hasher::leaf(&number.to_be_bytes());
            tree.append(leaf);
            frontier.append(leaf);
            frontier = Frontier::new(frontier.size(), frontier.edge().to_vec()).unwrap();
        }
        assert!(Frontier::<Sm3Hasher>::new(7, vec![Digest([0; 32]); 2]).is_none());
    }
}
