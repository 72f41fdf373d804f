//! The hash of a tree: leaves and nodes under different prefixes (RFC 6962 section 2.1), so that a node
//! cannot be presented as a leaf, nor a leaf as a node.
//!
//! No errors. Cost: one hash a call.

use nacre_schemas::Digest;

/// Prefix of a leaf's bytes.
pub const LEAF_PREFIX: u8 = 0x00;
/// Prefix of a node's two children.
pub const NODE_PREFIX: u8 = 0x01;

/// How a tree hashes.
pub trait Hasher {
    /// Hash of a leaf's bytes.
    fn leaf(bytes: &[u8]) -> Digest;
    /// Hash of a node from those of its children.
    fn node(left: &Digest, right: &Digest) -> Digest;
    /// Root of the tree without leaves: the hash of nothing.
    fn empty() -> Digest;
}

/// SM3 (GB/T 32905): the hash of every tree of the product.
#[derive(Clone, Copy, Debug)]
pub struct Sm3Hasher;

impl Hasher for Sm3Hasher {
    fn leaf(bytes: &[u8]) -> Digest {
        Digest::of_parts(&[&[LEAF_PREFIX], bytes])
    }

    fn node(left: &Digest, right: &Digest) -> Digest {
        Digest::of_parts(&[&[NODE_PREFIX], left.as_bytes(), right.as_bytes()])
    }

    fn empty() -> Digest {
        Digest::of(&[])
    }
}

/// SHA-256, for the published vectors of RFC 6962 trees alone.
#[cfg(test)]
pub(crate) struct Sha256Hasher;

#[cfg(test)]
impl Hasher for Sha256Hasher {
    fn leaf(bytes: &[u8]) -> Digest {
        sha256(&[&[LEAF_PREFIX], bytes])
    }

    fn node(left: &Digest, right: &Digest) -> Digest {
        sha256(&[&[NODE_PREFIX], left.as_bytes(), right.as_bytes()])
    }

    fn empty() -> Digest {
        sha256(&[])
    }
}

#[cfg(test)]
fn sha256(parts: &[&[u8]]) -> Digest {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sm3_gives_the_digests_of_the_standard() {
        // GB/T 32905-2016, Annex A.1.
        let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        let nothing = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b";
        assert_eq!(Sm3Hasher::empty().to_string(), nothing);
    }

    #[test]
    fn a_leaf_made_of_two_hashes_is_not_their_node() {
        let (left, right) = (Sm3Hasher::leaf(b"l"), Sm3Hasher::leaf(b"r"));
        let bytes = [left.0, right.0].concat();
        assert_ne!(Sm3Hasher::leaf(&bytes), Sm3Hasher::node(&left, &right));
    }
}
