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
    climb::<H>(from_size, from_root, to_size, to_root, proof)
}

/// The general case, 0 < from_size < to_size: rebuilds both roots from the last complete subtree of the
/// earlier tree.
fn climb<H: Hasher>(
    from_size: u64,
    from_root: &Digest,
    to_size: u64,
    to_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    let shift = from_size.trailing_zeros();
    let (mut position, mut last) = ((from_size - 1) >> shift, (to_size - 1) >> shift);
    // An earlier tree that is one complete subtree is itself where the climb starts.
    let (start, rest) =
        if position == 0 { (from_root, proof) } else { proof.split_first().ok_or(ProofError::MissingHash)? };
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
    if from_hash == *from_root && to_hash == *to_root { Ok(()) } else { Err(ProofError::RootMismatch) }
}
