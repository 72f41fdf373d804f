//! Paths of tiles and bundles: one spelling for each (the document's section "Merkle Tree").
//!
//! Errors: [`TileError::Path`]. Cost: one pass over at most [`MAX_PATH_BYTES`].

use std::{fmt, str::FromStr};

use super::{MAX_LEVEL, TileError, WIDTH};

/// No path is longer: five groups with an `x`, one without, level and width.
const MAX_PATH_BYTES: usize = 64;
/// Bundles and tiles of leaves beyond would be of more than 2^64 entries.
const MAX_INDEX: u64 = (1 << 56) - 1;

/// The name of a tile or bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TilePath {
    /// Hashes of complete subtrees.
    Hashes {
        /// 0 for leaves, to [`MAX_LEVEL`].
        level: u8,
        /// Number of the tile within its level.
        index: u64,
        /// Hashes in it, 1 to [`WIDTH`].
        width: u16,
    },
    /// Entries.
    Entries {
        /// Number of the bundle.
        index: u64,
        /// Entries in it, 1 to [`WIDTH`].
        width: u16,
    },
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Hashes { level, index, width } => {
                write!(f, "tile/{level}/")?;
                (*index, *width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (*index, *width)
            }
        };
        let mut groups = vec![index % 1_000];
        let mut rest = index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if width == WIDTH { Ok(()) } else { write!(f, ".p/{width}") }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        // What parses must be written the same way again, so numbers may be read leniently here.
        let parsed = parse(path).filter(|parsed| parsed.to_string() == path);
        parsed.ok_or_else(|| TileError::Path(path.chars().take(MAX_PATH_BYTES).collect()))
    }
}

fn parse(path: &str) -> Option<TilePath> {
    let (kind, rest) = path.strip_prefix("tile/").filter(|_| path.len() <= MAX_PATH_BYTES)?.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok().filter(|width| (1..WIDTH).contains(width))?),
        None => (rest, WIDTH),
    };
    let mut index: u64 = 0;
    for group in number.split('/') {
        let digits: u64 = group.trim_start_matches('x').parse().ok().filter(|digits| *digits < 1_000)?;
        index = index.checked_mul(1_000)?.checked_add(digits)?;
    }
    if index > MAX_INDEX {
        return None;
    }
    if kind == "entries" {
        return Some(TilePath::Entries { index, width });
    }
    let level = kind.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
    Some(TilePath::Hashes { level, index, width })
}
