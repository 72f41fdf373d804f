//! Encrypted integers that many small numbers are added to: radix 16, carries deferred.
//!
//! A digit is a sample at the scale of sums (eight bits below the padding bit), with a bound that everyone can compute.
//! Additions cost nothing. Before a digit could pass 255 it is *split* by three bootstrappings: its low four bits stay, the rest
//! is added to the next digit. All cells of a table have the same bounds, so they are split together.

use rayon::prelude::*;

use crate::{
    keys::EvaluationKeys,
    look_up::{Sample, add, add_constant, scaled, subtract},
    params::{MAX_SUM, READ_LOG, SUM_LOG},
};

/// A digit's values when it is split.
const RADIX: u32 = 16;
/// One, at the scale of sums.
const ONE: u64 = 1 << SUM_LOG;
/// From the scale of sums to that of reading.
const TO_READ: u64 = 1 << (READ_LOG - SUM_LOG);

/// A vector of encrypted integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// What each digit can be at most, the least significant first.
    pub(crate) bounds: Vec<u32>,
    /// Digits by position, then by cell.
    pub(crate) digits: Vec<Vec<Sample>>,
    cells: usize,
}

impl Tally {
    /// Zero in every cell.
    pub(crate) fn new(cells: usize) -> Self {
        Self { bounds: Vec::new(), digits: Vec::new(), cells }
    }

    /// What these digits hold.
    #[cfg(test)]
    pub(crate) fn of(bounds: Vec<u32>, digits: Vec<Vec<Sample>>) -> Self {
        let cells = digits.first().map_or(0, Vec::len);
        Self { bounds, digits, cells }
    }

    /// How many integers.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Adds a digit to every cell: at that position, of that bound.
    pub(crate) fn add(&mut self, keys: &EvaluationKeys, position: usize, bound: u32, digits: Vec<Sample>) {
        while self.bounds.len() <= position {
            self.bounds.push(0);
            self.digits.push(vec![keys.zero_sample(); self.cells]);
        }
        if self.bounds[position] + bound > MAX_SUM {
            self.carry(keys, position);
        }
        if self.bounds[position] + bound > MAX_SUM {
            // A chunk that fills the digit by itself is split alone.
            let mut alone = Self { bounds: vec![bound], digits: vec![digits], cells: self.cells };
            alone.carry(keys, 0);
            for (higher, (bound, digits)) in alone.bounds.into_iter().zip(alone.digits).enumerate() {
                self.add(keys, position + higher, bound, digits);
            }
            return;
        }
        self.bounds[position] += bound;
        for (cell, digit) in self.digits[position].iter_mut().zip(digits) {
            add(cell.as_mut(), digit.as_ref());
        }
    }

    /// Gives every cell so many digits. The tally is normalized, and its integers are less than sixteen to that power, so
    /// what is cut off holds nothing; what is added looks like any other digit.
    pub(crate) fn resize(&mut self, keys: &EvaluationKeys, digits: usize) {
        self.bounds.resize(digits, 0);
        if self.digits.len() < digits {
            self.digits.resize(digits, vec![keys.veiled_zero(); self.cells]);
        }
        self.digits.truncate(digits);
    }

    /// Brings every digit under sixteen.
    pub fn normalize(&mut self, keys: &EvaluationKeys) {
        let mut position = 0;
        while position < self.bounds.len() {
            if self.bounds[position] >= RADIX {
                self.carry(keys, position);
            }
            position += 1;
        }
    }

    /// Keeps a digit's low four bits and adds the rest to the next.
    fn carry(&mut self, keys: &EvaluationKeys, position: usize) {
        let split: Vec<(Sample, Sample)> = self.digits[position].par_iter().map(|digit| keys.split(digit)).collect();
        let (low, high) = split.into_iter().unzip();
        let carried = self.bounds[position] / RADIX;
        self.digits[position] = low;
        self.bounds[position] = self.bounds[position].min(RADIX - 1);
        self.add(keys, position + 1, carried, high);
    }
}

impl EvaluationKeys {
    /// Splits a number under 256, at the scale of sums, in its low and its high four bits, at the same scale.
    ///
    /// Times 32, bits above the fourth fall off the torus and the fourth is the sign: a constant table gives it. Without it
    /// the low three bits have a padding bit again and are looked up. Without the low four, the high four are.
    pub(crate) fn split(&self, number: &Sample) -> (Sample, Sample) {
        const TO_TOP: u64 = 1 << (64 - SUM_LOG - 4);
        const STEP: u64 = 1 << 60;
        let top = scaled(number, TO_TOP);
        // +4 where the phase is in the lower half, -4 in the upper: eight times the fourth bit, once four is added.
        let mut fourth = self.look_up_wide(&top, STEP / 2, &self.table(|_| (4 * ONE).wrapping_neg()));
        add_constant(&mut fourth, 4 * ONE);
        let mut low_three = top;
        subtract(low_three.as_mut(), scaled(&fourth, TO_TOP).as_ref());
        let mut low = self.look_up_wide(&low_three, STEP / 2, &self.table(|index| (index as u64 / 2) * ONE));
        add(low.as_mut(), fourth.as_ref());
        let mut rest = number.clone();
        subtract(rest.as_mut(), low.as_ref());
        let high = self.look_up(&rest, &self.table(|index| index as u64 * ONE));
        (low, high)
    }

    /// What a digit under sixteen holds, at the scale of reading.
    pub(crate) fn readable(digit: &Sample) -> Sample {
        scaled(digit, TO_READ)
    }
}
