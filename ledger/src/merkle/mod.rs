//! Merkle trees as in RFC 6962 section 2.1 and RFC 9162 section 2.1, generic over the hash.
//!
//! Kept true: a proof that verifies under a root is evidence about the one list of leaves with that root, as
//! long as the hash is collision resistant; leaves and nodes are hashed under different prefixes, so neither
//! passes as the other. Verification is panic-free for every input.
//!
//! Two error types: [`ProofError`] blames whoever made the proof, [`TreeError`] whoever asked for one.
//! Cost: proofs have at most 64 hashes (for a run of leaves 128), and checking one costs that many hashes.

pub mod consistency;
pub mod frontier;
pub mod hasher;
pub mod inclusion;
pub mod nodes;
pub mod range;
pub mod tree;

pub use frontier::Frontier;
pub use hasher::{Hasher, Sm3Hasher};
pub use nodes::Nodes;
pub use tree::Tree;

/// Why a proof does not show what it is said to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaves that the proof is about are not among those of the tree.
    #[error("leaves {first}..{end} are not all among the {size} of the tree")]
    OutsideTree {
        /// First leaf.
        first: u64,
        /// The one after the last leaf; `u64::MAX` if that overflows.
        end: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// A tree cannot grow from more leaves to fewer.
    #[error("a tree of {to} leaves does not extend one of {from}")]
    Shrinks {
        /// Size said to be the earlier.
        from: u64,
        /// Size said to be the later.
        to: u64,
    },
    /// A run of no leaves proves nothing.
    #[error("the run of leaves is empty")]
    EmptyRun,
    /// The proof ends before the root is reached.
    #[error("the proof lacks hashes")]
    MissingHash,
    /// The proof has hashes that the path to the root does not use.
    #[error("the proof has hashes left over")]
    UnusedHash,
    /// The hashes combine to another root.
    #[error("the proof leads to another root")]
    RootMismatch,
}

/// Why a tree cannot give the root or proof asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The tree has never had that many leaves.
    #[error("a tree of {size} leaves was asked for, there are {held}")]
    SizeBeyond {
        /// The size asked for.
        size: u64,
        /// Leaves held.
        held: u64,
    },
    /// The leaves are not among those of the tree of that size.
    #[error("leaves {first}..{end} are not all among the {size} of the tree")]
    OutsideTree {
        /// First leaf.
        first: u64,
        /// The one after the last leaf.
        end: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// A tree cannot grow from more leaves to fewer.
    #[error("a tree of {to} leaves does not extend one of {from}")]
    Shrinks {
        /// The earlier size.
        from: u64,
        /// The later size.
        to: u64,
    },
    /// A run of no leaves proves nothing.
    #[error("the run of leaves is empty")]
    EmptyRun,
}

/// Leaves in the left subtree of a tree of `size` ≥ 2 leaves: the largest power of two below `size`.
fn left_leaves(size: u64) -> u64 {
    debug_assert!(size >= 2, "a leaf has no subtrees");
    1 << size.saturating_sub(1).max(1).ilog2()
}

#[cfg(test)]
mod tests;
