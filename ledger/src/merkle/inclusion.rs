//! Checking that a leaf is in a tree (RFC 9162 section 2.1.3.2).
//!
//! Kept true: under a root of `size` leaves, what is accepted is accepted at one index only; the number of
//! hashes follows from index and size, so a proof cannot be padded or cut. The size itself is the caller's to
//! know (from a signed checkpoint): a root does not commit to it, and a path can have the same shape in trees
//! of different sizes.
//!
//! Errors: [`ProofError`]. Cost: one hash for each of at most 64 levels.

use nacre_schemas::Digest;

use super::{Hasher, ProofError};

/// Checks that the leaf with `leaf_hash` is the one at `index` of the tree with `size` leaves and this root.
pub fn verify<H: Hasher>(
    leaf_hash: &Digest,
    index: u64,
    size: u64,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutsideTree { first: index, end: index.saturating_add(1), size });
    }
    // `position` is that of the node reached so far within its level, `last` that of the level's last node.
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf_hash;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::UnusedHash);
        }
        if position & 1 == 1 || position == last {
            hash = H::node(sibling, &hash);
            // A last node without a sibling is carried up unchanged until it is a right child.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = H::node(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::MissingHash);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::RootMismatch) }
}
