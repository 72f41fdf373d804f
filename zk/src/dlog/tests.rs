//! The number behind a point is found wherever it lies in the range, and nowhere else.

use proptest::prelude::*;

use super::*;

#[test]
fn the_ends_of_a_range_are_found() {
    for (lo, hi) in [(0, 0), (0, 1), (7, 7), (0, 1023), (5, 4100), (1 << 40, (1 << 40) + 100_000)] {
        for m in [lo, lo + (hi - lo) / 2, hi] {
            assert_eq!(solve(&MessagePoint::of(m), lo..=hi), Ok(m), "{m} in {lo}..={hi}");
        }
    }
}

#[test]
fn a_number_outside_the_range_is_not_found() {
    for m in [99, 5001, 0, u64::MAX] {
        let error = solve(&MessagePoint::of(m), 100..=5000).unwrap_err();
        assert_eq!(error, DlogError::NotInRange { lo: 100, hi: 5000 });
    }
    let negative = MessagePoint(-value_base());
    assert!(solve(&negative, 0..=100_000).is_err());
}

#[test]
fn an_empty_range_holds_nothing_and_a_wide_one_is_not_searched() {
    let point = MessagePoint::of(3);
    #[allow(clippy::reversed_empty_ranges)]
    let empty = solve(&point, 5..=4);
    assert_eq!(empty, Err(DlogError::NotInRange { lo: 5, hi: 4 }));
    let wide = solve(&point, 0..=MAX_WIDTH + 1);
    assert_eq!(wide, Err(DlogError::TooWide { width: u128::from(MAX_WIDTH) + 1 }));
}

#[test]
fn the_last_numbers_do_not_overflow() {
    assert_eq!(solve(&MessagePoint::of(u64::MAX), u64::MAX - 3000..=u64::MAX), Ok(u64::MAX));
}

#[test]
fn a_wide_range_is_searched() {
    let m = 23_456_789_012;
    assert_eq!(solve(&MessagePoint::of(m), 0..=1 << 35), Ok(m));
}

#[test]
fn one_solver_serves_narrower_and_wider_ranges() {
    let solver = Solver::for_width(10_000);
    for (m, hi) in [(3, 10), (9_999, 10_000), (654_321, 1_000_000)] {
        assert_eq!(solver.solve(&MessagePoint::of(m), 0..=hi), Ok(m));
    }
    assert!(solver.solve(&MessagePoint::of(11), 0..=10).is_err(), "the table reaches further than the range");
}

#[test]
fn equal_tags_are_all_found() {
    let mut table = Table::new(4);
    for (tag, index) in [(8, 0), (8, 1), (10, 2), (8, 3)] {
        table.insert(tag, index);
    }
    assert_eq!(table.find(8).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(table.find(10).collect::<Vec<_>>(), [2]);
    assert_eq!(table.find(12).count(), 0);
}

#[test]
fn impossible_sums_have_no_squares() {
    assert_eq!(squares_range(0, 0, 40, 300), Ok(0..=0));
    for (count, sum) in [(0, 1), (2, 79), (2, 601)] {
        let error = squares_range(count, sum, 40, 300).unwrap_err();
        assert_eq!(error, DlogError::Inconsistent { count, sum, lo: 40, hi: 300 });
    }
    assert!(matches!(squares_range(1 << 50, (1 << 50) * 4000, 0, 8000), Err(DlogError::TooWide { .. })));
}

#[test]
fn the_bounds_of_squares_are_met_by_equal_and_by_extreme_values() {
    // Five values of 100; three of 40 and two of 300.
    assert_eq!(*squares_range(5, 500, 40, 300).unwrap().start(), 5 * 100 * 100);
    assert_eq!(*squares_range(5, 720, 40, 300).unwrap().end(), 3 * 40 * 40 + 2 * 300 * 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_lies_in_the_range_is_found(lo in 0..1_u64 << 50, width in 0..1_u64 << 22, part in 0..=1000_u64) {
        let m = lo + width * part / 1000;
        prop_assert_eq!(solve(&MessagePoint::of(m), lo..=lo + width), Ok(m));
    }

    #[test]
    fn squares_lie_within_their_bounds(values in prop::collection::vec(40..=300_u32, 1..40)) {
        let (count, sum) = (values.len() as u64, values.iter().map(|v| u64::from(*v)).sum());
        let squares: u64 = values.iter().map(|v| u64::from(*v) * u64::from(*v)).sum();
        prop_assert!(squares_range(count, sum, 40, 300).unwrap().contains(&squares));
    }
}
