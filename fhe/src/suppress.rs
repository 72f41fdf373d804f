//! Suppression: cells of fewer than k people are set to zero under encryption, before anyone could decrypt them.
//!
//! A flag is computed from the digits of the count: comparison with k, the least significant digit first. Then each digit
//! is looked up with the flag in its padding bit. A table that is negacyclic by nature gives the digit with one sign or the
//! other; added to the digit itself that is twice the digit, or nothing.

use rayon::prelude::*;

use crate::{
    keys::EvaluationKeys,
    look_up::{Sample, add, add_constant, scaled},
    params::{READ_LOG, SUM_LOG},
    tally::Tally,
};

/// Cells after suppression: digits by position, then by cell, at twice the scale of sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppressed {
    pub(crate) digits: Vec<Vec<Sample>>,
}

/// One, at the scale of reading.
const ONE: u64 = 1 << READ_LOG;

impl EvaluationKeys {
    /// For every cell, one half of the torus if it holds fewer than that many people, else zero. The tally is normalized.
    pub fn below(&self, people: &Tally, minimum: u32) -> Vec<Sample> {
        (0..people.cells()).into_par_iter().map(|cell| self.cell_below(people, cell, minimum)).collect()
    }

    fn cell_below(&self, people: &Tally, cell: usize, minimum: u32) -> Sample {
        // Nothing of lower digits: not below.
        let mut below = self.zero_sample();
        let digits_of_minimum = (0..8).map(|digit| minimum >> (4 * digit) & 15);
        let count = people.digits.len().max(minimum.checked_ilog2().map_or(0, |bits| bits as usize / 4 + 1));
        for (position, least) in digits_of_minimum.take(count).enumerate() {
            // 2 where the digit is less than that of the minimum, 1 where it is equal, 0 where it is more.
            let compared = |digit: u32| u64::from(digit < least) + u64::from(digit <= least);
            match people.digits.get(position) {
                Some(digits) => {
                    let table = self.table(|digit| compared(digit as u32) * ONE);
                    let compared = self.look_up(&Self::readable(&digits[cell]), &table);
                    add(below.as_mut(), compared.as_ref());
                }
                None => add_constant(&mut below, compared(0) * ONE),
            }
            // Below if less here, or equal here and below by the lower digits.
            below = self.look_up(&below, &self.table(|sum| u64::from(sum >= 2) * ONE));
        }
        let half = self.table(|flag| if flag >= 1 { 1 << 62 } else { (1u64 << 62).wrapping_neg() });
        let mut below = self.look_up(&below, &half);
        add_constant(&mut below, 1 << 62);
        below
    }

    /// Sets to zero what is flagged. The tally is normalized.
    pub fn suppress(&self, tally: &Tally, below: &[Sample]) -> Suppressed {
        let table = self.table(|digit| (digit as u64) << SUM_LOG);
        let shown = |digit: &Sample, below: &Sample| {
            let mut with_flag = Self::readable(digit);
            add(with_flag.as_mut(), below.as_ref());
            let mut shown = self.look_up(&with_flag, &table);
            add(shown.as_mut(), digit.as_ref());
            shown
        };
        let digits = tally
            .digits
            .iter()
            .map(|cells| cells.par_iter().zip(below).map(|(digit, below)| shown(digit, below)).collect());
        Suppressed { digits: digits.collect() }
    }

    /// A suppressed digit, at the scale of reading.
    pub(crate) fn suppressed_readable(digit: &Sample) -> Sample {
        scaled(digit, 1 << (READ_LOG - SUM_LOG - 1))
    }
}
