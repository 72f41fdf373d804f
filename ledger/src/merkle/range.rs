//! Proofs for a run of neighbouring leaves: that these, in this order, are leaves `[first, first + k)` of a
//! tree of `size` leaves. A run at either end of a gap shows that nothing was left out between.
//!
//! The proof follows the tree from the root, splitting at the largest power of two below the size. A subtree
//! wholly outside the run is one hash of the proof, taken in order from left to right; everything else is
//! rebuilt from the leaves. So in a tree of a known size a run has one proof, and a proof fits one run. The
//! size is the caller's to know, from a signed or logged statement: a root does not commit to it.
//!
//! Errors: [`ProofError`] from checking, [`TreeError`] from proving. Cost: checking k + 128 hashes at most;
//! proving as many as the tree has leaves.

use nacre_schemas::Digest;

use super::{Hasher, ProofError, TreeError, left_leaves, tree::root_of};

/// The proof for leaves `[first, first + count)` of the tree with these leaf hashes.
pub fn prove<H: Hasher>(leaf_hashes: &[Digest], first: usize, count: usize) -> Result<Vec<Digest>, TreeError> {
    if count == 0 {
        return Err(TreeError::EmptyRun);
    }
    let end = first.checked_add(count).filter(|end| *end <= leaf_hashes.len()).ok_or(TreeError::OutsideTree {
        first: first as u64,
        end: first.saturating_add(count) as u64,
        size: leaf_hashes.len() as u64,
    })?;
    let mut proof = Vec::new();
    collect::<H>(leaf_hashes, 0, first, end, &mut proof);
    Ok(proof)
}

/// Adds the hashes of the subtrees outside `[first, end)` of the subtree whose leaves start at `start`.
fn collect<H: Hasher>(leaf_hashes: &[Digest], start: usize, first: usize, end: usize, proof: &mut Vec<Digest>) {
    let stop = start + leaf_hashes.len();
    if stop <= first || end <= start {
        proof.push(root_of::<H>(leaf_hashes));
    } else if start < first || end < stop {
        let (left, right) = leaf_hashes.split_at(left_leaves(leaf_hashes.len() as u64) as usize);
        collect::<H>(left, start, first, end, proof);
        collect::<H>(right, start + left.len(), first, end, proof);
    }
}

/// Checks that `leaf_hashes` are the leaves `[first, first + k)` of the tree with `size` leaves and this root.
pub fn verify<H: Hasher>(
    first: u64,
    leaf_hashes: &[Digest],
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if leaf_hashes.is_empty() {
        return Err(ProofError::EmptyRun);
    }
    let end = first
        .checked_add(leaf_hashes.len() as u64)
        .filter(|end| *end <= size)
        .ok_or(ProofError::OutsideTree { first, end: first.saturating_add(leaf_hashes.len() as u64), size })?;
    let mut rebuild = Rebuild { first, end, leaves: leaf_hashes.iter(), proof: proof.iter() };
    let rebuilt = rebuild.subtree::<H>(0, size)?;
    if rebuild.proof.next().is_some() {
        return Err(ProofError::UnusedHash);
    }
    if rebuilt == *root { Ok(()) } else { Err(ProofError::RootMismatch) }
}

struct Rebuild<'a> {
    first: u64,
    end: u64,
    leaves: std::slice::Iter<'a, Digest>,
    proof: std::slice::Iter<'a, Digest>,
}

impl Rebuild<'_> {
    /// Root of leaves `[start, stop)`. Both iterators are read from left to right, as the tree is walked.
    ///
    /// Only subtrees that meet the run are descended into, so the depth is at most 64 and the work is
    /// bounded by the run, whatever size is claimed.
    fn subtree<H: Hasher>(&mut self, start: u64, stop: u64) -> Result<Digest, ProofError> {
        if stop <= self.first || self.end <= start {
            return self.proof.next().copied().ok_or(ProofError::MissingHash);
        }
        if stop - start == 1 {
            return self.leaves.next().copied().ok_or(ProofError::MissingHash);
        }
        let middle = start + left_leaves(stop - start);
        let left = self.subtree::<H>(start, middle)?;
        let right = self.subtree::<H>(middle, stop)?;
        Ok(H::node(&left, &right))
    }
}
