//! The numbers behind a request's cells: how many contributions of whom each holds, as its sealed cell commits to them.
//!
//! Unlike a chain's word on ephemeral keys these need nobody's confirmation: whoever has the sealed cell can check them.
//! That the sealed cell is true is the full witnesses' work.
//!
//! Errors: [`Check::ChainNumbers`], and those of [`crate::cells`]. Cost: two hashes a cell.

use nacre_schemas::{
    Document as _,
    cell::{Cell, ProviderCount},
    cohort::CellKey,
    dossier::{ChainNumbers, SealEvidence, SealNumbers},
    measure::Measure,
    query::{Request, SealSpan},
};

use crate::{
    Network, cells,
    failure::{Check, Failure, ensure},
};

/// A sealed cell that a request holds for, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellCount {
    /// Number of the seal.
    pub seal: u64,
    /// The cell.
    pub key: CellKey,
    /// Contributions by provider, in the order of the names, none of them 0.
    pub contributions: Vec<ProviderCount>,
}

/// Checks what a chain shows for a span of a request, and gives the cells that the request holds for, in order.
pub fn check(
    shown: &ChainNumbers,
    span: &SealSpan,
    request: &Request,
    network: &Network,
    definition: &Measure,
) -> Result<Vec<CellCount>, Failure> {
    cells::check(&shown.evidence, span, request, network, definition)?;
    let complete = shown.seals.len() == shown.evidence.seals.len();
    ensure(complete, Check::ChainNumbers, &span.chain, "there are not the numbers of each seal")?;
    let mut counted = Vec::new();
    for (evidence, numbers) in shown.evidence.seals.iter().zip(&shown.seals) {
        check_seal(evidence, numbers, span, request, &mut counted)?;
    }
    Ok(counted)
}

fn check_seal(
    evidence: &SealEvidence,
    numbers: &SealNumbers,
    span: &SealSpan,
    request: &Request,
    counted: &mut Vec<CellCount>,
) -> Result<(), Failure> {
    let seal = evidence.seal.number;
    let cells: Vec<&Cell> = evidence.run.cells.iter().filter(|cell| request.holds(&cell.key)).collect();
    let matching = numbers.number == seal && numbers.cells.len() == cells.len();
    let place = format!("{} seal {seal}", span.chain);
    ensure(matching, Check::ChainNumbers, &place, "the numbers are of other cells than the request holds for")?;
    for (cell, numbers) in cells.into_iter().zip(&numbers.cells) {
        let place = format_args!("{place} cell {}", cell.key);
        let same = cell.numbers == numbers.digest();
        ensure(same, Check::ChainNumbers, place, "the numbers shown are not those that were sealed")?;
        let contributions = numbers.contributions.clone();
        let rising = contributions.windows(2).all(|pair| pair[0].provider < pair[1].provider);
        let proper = rising && !contributions.is_empty() && contributions.iter().all(|count| count.contributions > 0);
        ensure(
            proper,
            Check::ChainNumbers,
            place,
            "providers are listed by name, each once, none without contributions",
        )?;
        counted.push(CellCount { seal, key: cell.key.clone(), contributions });
    }
    Ok(())
}
