//! Runs of cells are accepted where they are in their seal and refused anywhere else, changed, or out of order.
//! Cost: well under a second.

use nacre_schemas::{
    Point,
    cohort::{AgeBand, CellKey, Period, Sex},
    contribution::Commitments,
};

use super::*;

fn cell(number: u32) -> Cell {
    let key = CellKey {
        measure: "systolic-bp@1".parse().unwrap(),
        period: Period::new(2026, 1 + (number / 18) as u8).unwrap(),
        region: "440100".parse().unwrap(),
        sex: Sex::Female,
        age_band: AgeBand::of_age(number % 18 * 5),
    };
    let point = Point([number as u8; 32]);
    Cell { key, sums: Commitments { value: point, square: point, bands: vec![point; 3] }, numbers: Digest([9; 32]) }
}

fn cells(count: u32) -> Vec<Cell> {
    (0..count).map(cell).collect()
}

#[test]
fn a_root_is_that_of_the_canonical_cells_in_order() {
    let cells = cells(3);
    let leaf = |cell: &Cell| Digest::of_parts(&[&[0], &cell.to_canonical()]);
    let left = Digest::of_parts(&[&[1], &leaf(&cells[0]).0, &leaf(&cells[1]).0]);
    assert_eq!(cells_root(&cells), Ok(Digest::of_parts(&[&[1], &left.0, &leaf(&cells[2]).0])));
    assert_eq!(cells_root(&[]), Ok(Digest::of(&[])));
}

#[test]
fn cells_out_of_order_or_twice_make_no_seal() {
    let mut swapped = cells(5);
    swapped.swap(2, 3);
    assert_eq!(cells_root(&swapped), Err(SealError::OutOfOrder { position: 3 }));
    assert_eq!(prove_run(&swapped, 0..1), Err(SealError::OutOfOrder { position: 3 }));
    let twice = [cell(1), cell(1)];
    assert_eq!(cells_root(&twice), Err(SealError::OutOfOrder { position: 1 }));
}

#[test]
fn every_run_of_a_seal_holds_at_its_place_alone() {
    let cells = cells(9);
    let root = cells_root(&cells).unwrap();
    for first in 0..9 {
        for end in first + 1..=9 {
            let run = prove_run(&cells, first..end).unwrap();
            assert_eq!(run.cells, cells[first..end]);
            assert_eq!(verify_run(&run, &root, 9), Ok(()), "{first}..{end}");
            for other in (0..10).filter(|other| *other != first as u32) {
                let moved = CellRun { first: other, ..run.clone() };
                assert!(matches!(verify_run(&moved, &root, 9), Err(RunError::Proof(_))), "{first}..{end} at {other}");
            }
        }
    }
}

#[test]
fn a_run_with_any_field_changed_is_refused() {
    let cells = cells(9);
    let root = cells_root(&cells).unwrap();
    let run = prove_run(&cells, 2..6).unwrap();
    let refused = |change: &dyn Fn(&mut CellRun)| {
        let mut changed = run.clone();
        change(&mut changed);
        verify_run(&changed, &root, 9).unwrap_err()
    };
    let mismatch = RunError::Proof(ProofError::RootMismatch);
    assert_eq!(refused(&|run| run.cells[1].sums.value.0[0] ^= 1), mismatch);
    assert_eq!(refused(&|run| run.cells[1].numbers.0[0] ^= 1), mismatch);
    assert_eq!(refused(&|run| run.cells[3].key.sex = Sex::Male), mismatch);
    assert_eq!(refused(&|run| run.proof[0].0[0] ^= 1), mismatch);
    assert_eq!(refused(&|run| run.cells.swap(1, 2)), RunError::OutOfOrder { position: 2 });
    assert_eq!(refused(&|run| run.cells[2] = run.cells[1].clone()), RunError::OutOfOrder { position: 2 });
    assert!(matches!(refused(&|run| drop(run.cells.remove(1))), RunError::Proof(_)));
    assert!(matches!(refused(&|run| run.proof.truncate(1)), RunError::Proof(ProofError::MissingHash)));
    assert!(matches!(refused(&|run| run.proof.push(Digest([0; 32]))), RunError::Proof(ProofError::UnusedHash)));
    assert!(matches!(refused(&|run| run.cells.clear()), RunError::Proof(ProofError::EmptyRun)));
    assert_eq!(verify_run(&run, &Digest([0; 32]), 9), Err(mismatch));
    assert!(verify_run(&run, &root, 5).is_err());
}

#[test]
fn a_seal_out_of_order_shows_in_the_run_although_the_proof_holds() {
    let mut cells = cells(4);
    cells.swap(1, 2);
    let leaf_hashes = leaf_hashes(&cells);
    let proof = range::prove::<Sm3Hasher>(&leaf_hashes, 0, 3).unwrap();
    let run = CellRun { first: 0, cells: cells[..3].to_vec(), proof };
    let root = root_of::<Sm3Hasher>(&leaf_hashes);
    assert_eq!(verify_run(&run, &root, 4), Err(RunError::OutOfOrder { position: 2 }));
}

#[test]
fn only_a_seal_without_cells_has_an_empty_run() {
    let root = cells_root(&[]).unwrap();
    let run = prove_run(&[], 0..0).unwrap();
    assert_eq!(verify_run(&run, &root, 0), Ok(()));
    assert!(verify_run(&run, &root, 1).is_err());
    assert!(verify_run(&run, &Digest([0; 32]), 0).is_err());
    assert!(verify_run(&CellRun { first: 1, ..run.clone() }, &root, 0).is_err());
    assert!(verify_run(&CellRun { proof: vec![root], ..run.clone() }, &root, 0).is_err());
    assert!(verify_run(&CellRun { cells: cells(1), ..run }, &root, 0).is_err());
    assert_eq!(prove_run(&cells(3), 1..1), Err(SealError::Run(TreeError::EmptyRun)));
    assert!(matches!(prove_run(&cells(3), 1..4), Err(SealError::Run(TreeError::OutsideTree { .. }))));
}
