//! Checking that one tree extends another (RFC 9162 section 2.1.4.2): nothing that was in the earlier tree
//! was changed, moved or removed.
//!
//! Kept true: for roots of trees that have the sizes said (from signed checkpoints: a root does not commit to
//! its size), what is accepted is a true extension. The empty tree is extended by every tree, but only under
//! the root of no leaves; equal sizes need equal roots; both take an empty proof.
//!
//! Errors: [`ProofError`]. Cost: two hashes for each of at most 64 levels.

use nacre_schemas::Digest;

use super::{Hasher, ProofError};

/// Checks that the tree of `to_size` leaves under `to_root` starts with the `from_size` leaves under `from_root`.
pub fn verify<H: Hasher>(
    from_size: u64,
    from_root: &Digest,
    to_size: u64,
    to_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if from_size > to_size {
        return Err(ProofError::Shrinks { from: from_size, to: to_size });
    }
    if (from_size == 0 && *from_root != H::empty()) || (to_size == 0 && *to_root != H::empty()) {
        return Err(ProofError::RootMismatch);
    }
    if from_size == 0 || from_size == to_size {
        if !proof.is_empty() {
            return Err(ProofError::UnusedHash);
        }
        let same = from_size != to_size || from_root == to_root;
        return if same { Ok(()) } else { Err(ProofError::RootMismatch) };
    }
    if climb::<H>(from_size, Some(from_root), to_size, proof)? == (*from_root, *to_root) {
        Ok(())
    } else {
        Err(ProofError::RootMismatch)
    }
}

/// Root of the first `from_size` leaves under `to_root`, from a proof that one tree extends another: what the earlier
/// tree would have to be. None if the proof is no proof under that root, or `from_size` is a power of two: then the proof
/// leaves out the earlier root, as whoever verifies it knows it.
pub fn earlier_root<H: Hasher>(from_size: u64, to_size: u64, to_root: &Digest, proof: &[Digest]) -> Option<Digest> {
    if from_size == 0 || from_size >= to_size {
        return None;
    }
    let (from_hash, to_hash) = climb::<H>(from_size, None, to_size, proof).ok()?;
    (to_hash == *to_root).then_some(from_hash)
}

/// The general case, 0 < from_size < to_size: rebuilds both roots from the last complete subtree of the earlier tree.
fn climb<H: Hasher>(
    from_size: u64,
    from_root: Option<&Digest>,
    to_size: u64,
    proof: &[Digest],
) -> Result<(Digest, Digest), ProofError> {
    let shift = from_size.trailing_zeros();
    let (mut position, mut last) = ((from_size - 1) >> shift, (to_size - 1) >> shift);
    // An earlier tree that is one complete subtree is itself where the climb starts.
    let (start, rest) = if position == 0 {
        (from_root.ok_or(ProofError::MissingHash)?, proof)
    } else {
        proof.split_first().ok_or(ProofError::MissingHash)?
    };
    let (mut from_hash, mut to_hash) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::UnusedHash);
        }
        if position & 1 == 1 || position == last {
            from_hash = H::node(sibling, &from_hash);
            to_hash = H::node(sibling, &to_hash);
            // A last node without a sibling is carried up unchanged until it is a right child.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            to_hash = H::node(&to_hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::MissingHash);
    }
    Ok((from_hash, to_hash))
}
