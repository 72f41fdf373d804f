//! Proofs out of tiles, for whoever has a signed size and root and can fetch.
//!
//! Kept true: every proof and every tile that comes out was checked against the root first, so it does not matter who the
//! tiles are from.
//!
//! Errors: [`TileError`]. Cost: each tile is fetched once; they are kept for as long as the tree is.

use std::{cell::RefCell, collections::BTreeMap};

use nacre_schemas::Digest;

use super::{HEIGHT, TileError, TilePath, WIDTH};
use crate::merkle::{Nodes, Sm3Hasher, TreeError, consistency, inclusion, tree::root_of};

/// The tree of a signed size and root, in tiles that somebody else has.
pub struct TileTree<F> {
    size: u64,
    root: Digest,
    fetch: F,
    tiles: RefCell<BTreeMap<(u8, u64), Vec<Digest>>>,
}

impl<F: Fn(TilePath) -> Result<Vec<u8>, String>> TileTree<F> {
    /// The tree; `fetch` gives the bytes of a tile, or says why not.
    pub fn new(size: u64, root: Digest, fetch: F) -> Self {
        Self { size, root, fetch, tiles: RefCell::default() }
    }

    /// Proof that the leaf with this hash is the one at `index`.
    pub fn inclusion(&self, index: u64, leaf_hash: &Digest) -> Result<Vec<Digest>, TileError> {
        let proof = Nodes::inclusion(self, index, self.size)?;
        inclusion::verify::<Sm3Hasher>(leaf_hash, index, self.size, &self.root, &proof)?;
        Ok(proof)
    }

    /// Proof that the tree extends the one of this earlier size and root.
    pub fn consistency(&self, from: u64, from_root: &Digest) -> Result<Vec<Digest>, TileError> {
        let proof = Nodes::consistency(self, from, self.size)?;
        consistency::verify::<Sm3Hasher>(from, from_root, self.size, &self.root, &proof)?;
        Ok(proof)
    }

    /// The leaf hashes of a bundle: of the tile of leaves of that number, shown to be under the root.
    pub fn leaf_hashes(&self, index: u64) -> Result<Vec<Digest>, TileError> {
        let tile = self.tile(0, index)?;
        let start = index * u64::from(WIDTH);
        // One path shows one subtree; those of a tile that is not full are one for each bit of its width.
        let mut done = 0;
        while done < tile.len() {
            let leaves = 1 << (tile.len() - done).ilog2();
            let first = start + done as u64;
            let leaf_hash = tile[done];
            inclusion::verify::<Sm3Hasher>(
                &leaf_hash,
                first,
                self.size,
                &self.root,
                &Nodes::inclusion(self, first, self.size)?,
            )?;
            done += leaves;
        }
        Ok(tile)
    }

    /// The hashes of a tile, as wide as it is in the tree of this size.
    fn tile(&self, level: u8, index: u64) -> Result<Vec<Digest>, TileError> {
        if let Some(tile) = self.tiles.borrow().get(&(level, index)) {
            return Ok(tile.clone());
        }
        let complete = self.size >> (u32::from(level) * HEIGHT);
        let start = index.saturating_mul(WIDTH.into());
        let width = complete.saturating_sub(start).min(WIDTH.into()) as u16;
        if width == 0 {
            let end = start.saturating_add(1);
            return Err(TreeError::OutsideTree { first: start, end, size: complete }.into());
        }
        let path = TilePath::Hashes { level, index, width };
        let bytes = (self.fetch)(path).map_err(|what| TileError::Fetch { path, what })?;
        if bytes.len() != usize::from(width) * Digest::SIZE {
            return Err(TileError::Length { path, found: bytes.len() });
        }
        let digest = |bytes: &[u8]| {
            let mut digest = Digest([0; 32]);
            digest.0.copy_from_slice(bytes);
            digest
        };
        let tile: Vec<Digest> = bytes.chunks_exact(Digest::SIZE).map(digest).collect();
        self.tiles.borrow_mut().insert((level, index), tile.clone());
        Ok(tile)
    }
}

impl<F: Fn(TilePath) -> Result<Vec<u8>, String>> Nodes<Sm3Hasher> for TileTree<F> {
    type Error = TileError;

    fn size(&self) -> u64 {
        self.size
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, TileError> {
        let (of_tiles, within) = ((level / HEIGHT) as u8, level % HEIGHT);
        let first = index << within;
        let tile = self.tile(of_tiles, first / u64::from(WIDTH))?;
        let start = (first % u64::from(WIDTH)) as usize;
        let hashes =
            tile.get(start..start + (1 << within)).ok_or(TreeError::SizeBeyond { size: first, held: self.size })?;
        Ok(root_of::<Sm3Hasher>(hashes))
    }
}
