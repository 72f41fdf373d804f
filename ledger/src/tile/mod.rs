//! Tiles: the tree and its entries in pieces of 256, which anyone can fetch, keep for ever and prove from.
//!
//! The layout is that of tlog-tiles (<https://c2sp.org/tlog-tiles>) under a profile of our own, [`PROFILE`]: the
//! document asks for SHA-256, here every hash is SM3, and checkpoints are those of [`crate::note`].
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]         W hashes of 32 bytes: the roots of leaves [(N·256 + i)·256^L, (N·256 + i + 1)·256^L)
//! tile/entries/<N>[.p/<W>]     W entries from N·256 on, each behind its length in two bytes, big-endian
//! ```
//!
//! L is 0 to 7. N is written in groups of three digits, each but the last with an `x` in front (`x001/x234/067`). A
//! tile of W < 256 says so in its name, and one of 256 does not; for a tree of a size, the last tile of a level
//! has as many hashes as the level has complete subtrees there. What a name stands for never changes.
//!
//! Kept true: a tile proves nothing by itself. [`TileTree`] gives proofs out of tiles, which are checked against a root
//! that was signed before they are given; [`bundle::read`] gives the entries of a bundle that have the hashes of a tile.
//!
//! Errors: [`TileError`]. Cost: a tile has 8,192 bytes; a proof takes a tile a level, and 255 hashes for each.

mod client;
mod path;

pub mod bundle;

pub use client::TileTree;
pub use path::TilePath;

use crate::merkle::ProofError;

/// The name of this profile of tlog-tiles.
pub const PROFILE: &str = "nacre-tlog-tiles-sm3/v1";
/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: u16 = 256;
/// Levels of the tree from one level of tiles to the next.
pub const HEIGHT: u32 = 8;
/// Highest level of tiles: more would be of more than 2^64 leaves.
pub const MAX_LEVEL: u8 = 7;
/// Longest bundle, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 256 * (2 + crate::MAX_ENTRY_BYTES);

/// Why tiles do not give what was asked of them.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// Not the path of a tile.
    #[error("`{0}` is no path of a tile or bundle")]
    Path(String),
    /// A tile has other than the bytes of its width.
    #[error("{path} has {found} bytes")]
    Length {
        /// The tile.
        path: TilePath,
        /// Bytes found.
        found: usize,
    },
    /// A bundle is not its entries behind their lengths.
    #[error("the bundle does not hold just {expected} entries behind their lengths")]
    Bundle {
        /// Entries expected.
        expected: usize,
    },
    /// An entry is not the one under its hash.
    #[error("entry {position} of the bundle is not the one under its hash")]
    Entry {
        /// Its position in the bundle.
        position: usize,
    },
    /// Whoever was asked for a tile did not give it.
    #[error("{path}: {what}")]
    Fetch {
        /// The tile.
        path: TilePath,
        /// Why.
        what: String,
    },
    /// The tiles do not lead to the root that was signed.
    #[error("the tiles are not those under the root: {0}")]
    Proof(#[from] ProofError),
    /// A proof was asked for that the tree does not have.
    #[error(transparent)]
    Tree(#[from] crate::merkle::TreeError),
}

#[cfg(test)]
mod tests;
