//! Bundles: entries behind their lengths.
//!
//! Kept true: [`read`] gives entries only if they have the hashes given, in number and order.
//!
//! Errors: [`TileError::Bundle`], [`TileError::Entry`]. Cost: a hash an entry.

use nacre_schemas::Digest;

use super::TileError;
use crate::merkle::{Hasher as _, Sm3Hasher};

/// The bundle of these entries; none if one is longer than a length can say.
pub fn write(entries: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| 2 + entry.len()).sum());
    for entry in entries {
        bundle.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Some(bundle)
}

/// The entries of a bundle, whose leaf hashes are known from a tile that was checked.
pub fn read(bundle: &[u8], leaf_hashes: &[Digest]) -> Result<Vec<Vec<u8>>, TileError> {
    let malformed = TileError::Bundle { expected: leaf_hashes.len() };
    let (mut rest, mut entries) = (bundle, Vec::new());
    for (position, leaf_hash) in leaf_hashes.iter().enumerate() {
        let Some((length, behind)) = rest.split_first_chunk::<2>() else { return Err(malformed) };
        let Some((entry, behind)) = behind.split_at_checked(u16::from_be_bytes(*length).into()) else {
            return Err(malformed);
        };
        if Sm3Hasher::leaf(entry) != *leaf_hash {
            return Err(TileError::Entry { position });
        }
        entries.push(entry.to_vec());
        rest = behind;
    }
    if rest.is_empty() { Ok(entries) } else { Err(malformed) }
}
