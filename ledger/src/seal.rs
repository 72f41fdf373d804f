//! The root of a seal over an epoch's cells, and runs of cells proven under it.
//!
//! Kept true: the leaves of a seal are its cells' canonical encodings in strict key order, so each cell occurs
//! once. A run that verifies holds the seal's cells at its positions, in order and with none between left out;
//! with the neighbours on either side it shows that no cell of a span of keys was left out. That the *whole*
//! seal is in order is for the full witnesses, who see it.
//!
//! Errors: [`SealError`] for cells that make no seal, [`RunError`] for a run that shows nothing. Cost: making a
//! root or a run hashes every cell; checking a run its own cells and some 40 hashes.

use std::ops::Range;

use nacre_schemas::{Digest, canonical::Document as _, cell::Cell, dossier::CellRun};

use crate::merkle::{Hasher as _, ProofError, Sm3Hasher, TreeError, range, tree::root_of};

/// Why cells make no seal, or a seal no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A cell's key is not above that of the one before.
    #[error("cell {position} is not above the one before it in key order")]
    OutOfOrder {
        /// Its position, from 0.
        position: usize,
    },
    /// More cells than a seal's entry can count.
    #[error("{found} cells, a seal has at most {}", u32::MAX)]
    TooMany {
        /// How many.
        found: usize,
    },
    /// The run asked for is not among the cells.
    #[error(transparent)]
    Run(#[from] TreeError),
}

/// Why a run does not show its cells to be those of the seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A cell's key is not above that of the one before.
    #[error("cell {position} of the run is not above the one before it in key order")]
    OutOfOrder {
        /// Its position in the run, from 0.
        position: usize,
    },
    /// The cells are not those at their positions under the root.
    #[error("the run is not part of the seal: {0}")]
    Proof(#[from] ProofError),
}

/// Root over a seal's cells: that of the tree whose leaves are their canonical encodings. Without cells it is
/// the root of no leaves.
pub fn cells_root(cells: &[Cell]) -> Result<Digest, SealError> {
    check_cells(cells)?;
    Ok(root_of::<Sm3Hasher>(&leaf_hashes(cells)))
}

/// The cells at these positions of a seal, with the proof for them. Only of a seal without cells is there an
/// empty run.
pub fn prove_run(cells: &[Cell], positions: Range<usize>) -> Result<CellRun, SealError> {
    check_cells(cells)?;
    if cells.is_empty() && positions == (0..0) {
        return Ok(CellRun { first: 0, cells: Vec::new(), proof: Vec::new() });
    }
    let proof = range::prove::<Sm3Hasher>(&leaf_hashes(cells), positions.start, positions.len())?;
    // A position among cells that a `u32` counts.
    Ok(CellRun { first: positions.start as u32, cells: cells[positions].to_vec(), proof })
}

/// Checks that the run holds cells `[first, first + k)` of the seal with `total` cells and this root, both
/// taken from its entry in the chain.
pub fn verify_run(run: &CellRun, root: &Digest, total: u32) -> Result<(), RunError> {
    if let Some(position) = out_of_order(&run.cells) {
        return Err(RunError::OutOfOrder { position });
    }
    if total == 0 && run.cells.is_empty() {
        return verify_nothing(run, root);
    }
    let leaf_hashes = leaf_hashes(&run.cells);
    Ok(range::verify::<Sm3Hasher>(run.first.into(), &leaf_hashes, total.into(), root, &run.proof)?)
}

/// The one run that a seal without cells has.
fn verify_nothing(run: &CellRun, root: &Digest) -> Result<(), RunError> {
    if run.first != 0 {
        let first = run.first.into();
        return Err(ProofError::OutsideTree { first, end: first, size: 0 }.into());
    }
    if !run.proof.is_empty() {
        return Err(ProofError::UnusedHash.into());
    }
    if *root == Sm3Hasher::empty() { Ok(()) } else { Err(ProofError::RootMismatch.into()) }
}

fn check_cells(cells: &[Cell]) -> Result<(), SealError> {
    if u32::try_from(cells.len()).is_err() {
        return Err(SealError::TooMany { found: cells.len() });
    }
    match out_of_order(cells) {
        Some(position) => Err(SealError::OutOfOrder { position }),
        None => Ok(()),
    }
}

/// Position of the first cell whose key is not above that of the one before.
fn out_of_order(cells: &[Cell]) -> Option<usize> {
    cells.windows(2).position(|pair| pair[0].key >= pair[1].key).map(|position| position + 1)
}

fn leaf_hashes(cells: &[Cell]) -> Vec<Digest> {
    cells.iter().map(|cell| Sm3Hasher::leaf(&cell.to_canonical())).collect()
}

#[cfg(test)]
mod tests;
