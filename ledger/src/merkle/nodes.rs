//! Roots and proofs out of the hashes of complete subtrees, wherever those are kept.
//!
//! Kept true: for every source that gives the hashes of one list of leaves, what comes out is `MTH`, `PATH` and
//! `PROOF` of RFC 6962 section 2.1. A source is asked for subtrees of the tree of the size in question only.
//!
//! Errors: the source's own; [`TreeError`] for a size or leaf that it does not have. Cost: a root at most 64
//! hashes, a proof at most 64² (in practice its own length squared), and as many look-ups.

use nacre_schemas::Digest;

use super::{Hasher, TreeError, left_leaves};

/// Somewhere that the hashes of an append-only tree's complete subtrees are kept.
pub trait Nodes<H: Hasher> {
    /// Why a hash cannot be had.
    type Error: From<TreeError>;

    /// Leaves of the tree.
    fn size(&self) -> u64;

    /// Root of leaves `[index·2^level, (index + 1)·2^level)`, all of which the tree has.
    fn node(&self, level: u32, index: u64) -> Result<Digest, Self::Error>;

    /// Root of the tree as it was with `size` leaves.
    fn root_at(&self, size: u64) -> Result<Digest, Self::Error> {
        self.check_size(size)?;
        if size == 0 { Ok(H::empty()) } else { self.subtree(0, size) }
    }

    /// Proof that the leaf at `index` is in the tree of `size` leaves: `PATH(index, D[size])`, from the leaf up.
    fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, Self::Error> {
        self.check_size(size)?;
        if index >= size {
            return Err(TreeError::OutsideTree { first: index, end: index.saturating_add(1), size }.into());
        }
        let (mut start, mut end) = (0, size);
        let mut proof = Vec::new();
        while end - start > 1 {
            let middle = start + left_leaves(end - start);
            if index < middle {
                proof.push(self.subtree(middle, end)?);
                end = middle;
            } else {
                proof.push(self.subtree(start, middle)?);
                start = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// Proof that the tree of `to` leaves extends that of `from`: `PROOF(from, D[to])`. Empty when the sizes
    /// are equal or `from` is 0, where there is nothing to show.
    fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, Self::Error> {
        self.check_size(to)?;
        if from > to {
            return Err(TreeError::Shrinks { from, to }.into());
        }
        if from == 0 || from == to {
            return Ok(Vec::new());
        }
        let (mut start, mut end) = (0, to);
        let mut proof = Vec::new();
        while end != from {
            let middle = start + left_leaves(end - start);
            if from <= middle {
                proof.push(self.subtree(middle, end)?);
                end = middle;
            } else {
                proof.push(self.subtree(start, middle)?);
                start = middle;
            }
        }
        // The verifier has the earlier root; when that is one complete subtree, sending it again would be a
        // second encoding of the same proof.
        if start != 0 {
            proof.push(self.subtree(start, end)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// Refuses a size that the tree has never had.
    fn check_size(&self, size: u64) -> Result<(), Self::Error> {
        let held = self.size();
        if size > held { Err(TreeError::SizeBeyond { size, held }.into()) } else { Ok(()) }
    }

    /// Root of leaves `[start, end)`, a subtree of some tree of at most [`Nodes::size`] leaves: so `start` is a
    /// multiple of the power of two that covers `end - start`, and every left child is complete.
    fn subtree(&self, start: u64, end: u64) -> Result<Digest, Self::Error> {
        let leaves = end - start;
        if leaves.is_power_of_two() {
            let level = leaves.ilog2();
            return self.node(level, start >> level);
        }
        let middle = start + left_leaves(leaves);
        Ok(H::node(&self.subtree(start, middle)?, &self.subtree(middle, end)?))
    }
}
