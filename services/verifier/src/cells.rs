//! A chain's evidence: its seals follow one another up to the one that the request names by its hash, and of each seal
//! every cell asked about is there.
//!
//! How omission is seen: a seal's cells stand in strict key order under one root, and keys begin with measure and
//! month. The cells of the measure between the first and last month asked about are one contiguous run; it is
//! shown whole, with its neighbour on each side. A neighbour outside the months, or the end of the list, closes
//! that side: between two adjacent cells there is no third.

use nacre_ledger::{note::Finality, seal};
use nacre_schemas::{
    cell::Cell,
    cohort::Period,
    dossier::{ChainEvidence, SealEvidence},
    entry::PreviousSeal,
    measure::{Measure, MeasureRef},
    query::{Request, SealSpan},
    trust::Chain,
};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged::check_inclusion,
    note,
};

/// Checks what a chain shows for a span of a request.
pub fn check(
    evidence: &ChainEvidence,
    span: &SealSpan,
    request: &Request,
    network: &Network,
    definition: &Measure,
) -> Result<Finality, Failure> {
    let chain = note::chain(network, &span.chain)?;
    let named = evidence.chain == span.chain;
    ensure(named, Check::RequestForm, &span.chain, format_args!("the evidence is {}'s", evidence.chain))?;
    let (checkpoint, finality) = note::check(&evidence.checkpoint, chain, network)?;
    check_sequence(evidence, span)?;
    for shown in &evidence.seals {
        let place = format!("{} seal {}", chain.id, shown.seal.number);
        let leaf = shown.seal.leaf_hash();
        check_inclusion(&leaf, &shown.inclusion, &checkpoint, Check::SealInclusion, &place)?;
        check_run(shown, request, &place)?;
        for cell in &shown.run.cells {
            check_form(cell, request, definition, chain, &place)?;
        }
    }
    Ok(finality)
}

/// The seals are first..=last of the span, each behind the one before, covering adjacent leaves.
fn check_sequence(evidence: &ChainEvidence, span: &SealSpan) -> Result<(), Failure> {
    let place = &span.chain;
    let fail = |detail: String| Err(Failure::new(Check::SealSequence, place, detail));
    let numbers = evidence.seals.iter().map(|shown| shown.seal.number);
    if !numbers.eq(span.first..=span.last) {
        return fail(format!("the seals shown are not {} to {}", span.first, span.last));
    }
    for shown in &evidence.seals {
        let (seal, leaf) = (&shown.seal, shown.inclusion.leaf);
        if seal.from > seal.to || seal.to > leaf {
            return fail(format!("seal {} covers leaves {}..{} from leaf {leaf}", seal.number, seal.from, seal.to));
        }
        if (seal.number == 1) != seal.previous.is_none() || (seal.number == 1 && seal.from != 0) {
            return fail(format!("seal {} does not say rightly what was before it", seal.number));
        }
    }
    for pair in evidence.seals.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let previous = PreviousSeal { leaf: before.inclusion.leaf, hash: before.seal.leaf_hash() };
        if after.seal.previous.as_ref() != Some(&previous) || after.seal.from != before.seal.to {
            return fail(format!("seal {} does not follow seal {}", after.seal.number, before.seal.number));
        }
    }
    match evidence.seals.last() {
        Some(last) if last.seal.leaf_hash() != span.hash => {
            fail(format!("seal {} is not the one that the request names", span.last))
        }
        _ => Ok(()),
    }
}

fn measure_and_month(cell: &Cell) -> (&MeasureRef, Period) {
    (&cell.key.measure, cell.key.period)
}

fn check_run(shown: &SealEvidence, request: &Request, place: &str) -> Result<(), Failure> {
    let (run, total) = (&shown.run, shown.seal.cells);
    seal::verify_run(run, &shown.seal.root, total).or_failure(Check::CellInclusion, place)?;
    let open = |side: &str| Failure::new(Check::CellOmission, place, format!("cells may be missing on the {side}"));
    let (Some(first), Some(last)) = (run.cells.first(), run.cells.last()) else { return Err(open("whole")) };
    if run.first > 0 && measure_and_month(first) >= (&request.measure, request.predicate.from) {
        return Err(open("left"));
    }
    let end = u64::from(run.first) + run.cells.len() as u64;
    if end < u64::from(total) && measure_and_month(last) <= (&request.measure, request.predicate.to) {
        return Err(open("right"));
    }
    Ok(())
}

fn check_form(cell: &Cell, request: &Request, definition: &Measure, chain: &Chain, place: &str) -> Result<(), Failure> {
    let fail = |detail: &str| Err(Failure::new(Check::CellForm, format!("{place} cell {}", cell.key), detail));
    if chain.region.is_some_and(|region| region != cell.key.region) {
        return fail("the cell is of another region than its chain");
    }
    if cell.key.measure == request.measure && cell.sums.bands.len() != definition.bands().len() {
        return fail("the cell has another number of bands than its measure");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{
        Digest, Point,
        cohort::{AgeBand, CellKey, Sex},
        contribution::Commitments,
        dossier::Inclusion,
        entry::SealEntry,
        id::Text,
        query::{Predicate, Statistic},
    };

    use super::*;

    fn cell(measure: &str, month: &str, sex: Sex) -> Cell {
        let point = Point([1; 32]);
        Cell {
            key: CellKey {
                measure: measure.parse().unwrap(),
                period: month.parse().unwrap(),
                region: "820000".parse().unwrap(),
                sex,
                age_band: AgeBand::of_age(50),
            },
            sums: Commitments { value: point, square: point, bands: vec![point; 4] },
            numbers: Digest([2; 32]),
        }
    }

    /// Three measures in three months, both sexes, in key order.
    fn sealed() -> Vec<Cell> {
        let mut cells = Vec::new();
        for measure in ["bmi@1", "diastolic-bp@1", "systolic-bp@1"] {
            for month in ["2026-01", "2026-02", "2026-03"] {
                cells.extend([Sex::Female, Sex::Male].map(|sex| cell(measure, month, sex)));
            }
        }
        cells
    }

    fn request(measure: &str, from: &str, to: &str) -> Request {
        let zero = Digest([0; 32]);
        Request {
            trust: zero,
            requester: "regulator".parse().unwrap(),
            measure: measure.parse().unwrap(),
            definition: zero,
            statistics: vec![Statistic::Count],
            predicate: Predicate {
                regions: vec!["820000".parse().unwrap()],
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                sexes: vec![Sex::Female],
                youngest: AgeBand::of_age(0),
                oldest: AgeBand::TOP,
            },
            group_by: Vec::new(),
            spans: Vec::new(),
            purpose: "test".parse::<Text<512>>().unwrap(),
            nonce: zero,
        }
    }

    /// Whatever run an exchange chooses to show, with a proof that holds.
    fn shown(cells: &[Cell], run: std::ops::Range<usize>) -> SealEvidence {
        SealEvidence {
            seal: SealEntry {
                number: 1,
                previous: None,
                from: 0,
                to: 99,
                cells: cells.len() as u32,
                root: seal::cells_root(cells).unwrap(),
            },
            inclusion: Inclusion { leaf: 99, proof: Vec::new() },
            run: seal::prove_run(cells, run).unwrap(),
        }
    }

    #[test]
    fn a_run_passes_exactly_if_it_leaves_no_cell_out() {
        let cells = sealed();
        let questions = [
            ("bmi@1", "2026-01", "2026-03"),
            ("diastolic-bp@1", "2026-02", "2026-02"),
            ("diastolic-bp@1", "2025-01", "2025-12"),
            ("systolic-bp@1", "2026-03", "2027-01"),
            ("steps@1", "2026-01", "2026-03"),
            ("zinc@1", "2026-01", "2026-03"),
        ];
        for (measure, from, to) in questions {
            let request = request(measure, from, to);
            let in_months = |cell: &Cell| {
                cell.key.measure == request.measure
                    && (request.predicate.from..=request.predicate.to).contains(&cell.key.period)
            };
            // Where the cells asked about stand, or would stand.
            let lower = (&request.measure, request.predicate.from);
            let first = cells.iter().filter(|cell| measure_and_month(cell) < lower).count();
            let end = first + cells.iter().filter(|cell| in_months(cell)).count();
            let mut passed = 0;
            for start in 0..cells.len() {
                for stop in start + 1..=cells.len() {
                    let result = check_run(&shown(&cells, start..stop), &request, "seal 1");
                    // One neighbour on each side, unless the list ends there.
                    let complete = start <= first.saturating_sub(1) && stop >= (end + 1).min(cells.len());
                    assert_eq!(result.is_ok(), complete, "{measure} {from}..{to}, cells {start}..{stop}: {result:?}");
                    passed += usize::from(complete);
                    if let Err(failure) = result {
                        assert_eq!(failure.check, Check::CellOmission);
                    }
                }
            }
            assert!(passed > 0);
        }
    }
}
