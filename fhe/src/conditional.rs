//! Conditional means: how many people are in each cross band of one measure, and the sum of their values of another.
//!
//! The same rotation, applied to an accumulator that encrypts the digits of the person's value: one box for each of three
//! four-bit digits and one of ones, as far apart as there are bands. So one rotation serves up to four bands, two serve
//! eight. A digit gets into its box by a packing key switch and a multiplication by the polynomial of the box.

use rayon::prelude::*;
use tfhe::core_crypto::prelude::*;

use crate::{
    crosstab::add_band,
    keys::EvaluationKeys,
    list::Sealed,
    look_up::{Accumulator, add, half_box},
    params::{BAND_BITS, BOXES, MAX_SUM, SUM_LOG, VALUE_BITS},
    tally::Tally,
};

/// Bits of a digit of a value.
const DIGIT_BITS: usize = 4;
/// Digits of a value.
const DIGITS: usize = VALUE_BITS / DIGIT_BITS;
/// People that are added up before the sums are taken apart: a digit is at most fifteen.
pub const CHUNK: usize = MAX_SUM as usize / ((1 << DIGIT_BITS) - 1);

/// One person's contributions: the band of one, the value of the other.
#[derive(Clone, Copy, Debug)]
pub struct Conditioned<'a> {
    /// Whose band it is by.
    pub band: Sealed<'a>,
    /// Whose value is summed.
    pub value: Sealed<'a>,
}

/// Numbers of people and sums of values, by band.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// People.
    pub people: Tally,
    /// Sums of values, less the lower limit each.
    pub values: Tally,
}

impl EvaluationKeys {
    /// No one yet.
    pub fn empty_sums(&self, bands: usize) -> Sums {
        Sums { people: Tally::new(bands), values: Tally::new(bands) }
    }

    /// Adds up to [`CHUNK`] people.
    pub fn add_values(&self, sums: &mut Sums, bands: usize, people: &[Conditioned<'_>]) {
        debug_assert!(people.len() <= CHUNK && sums.people.cells() == bands);
        let room = BOXES / bands;
        // Quantity 0 is one, quantities 1.. are the digits, the least significant first.
        let quantities: Vec<usize> = (0..=DIGITS).collect();
        for turn in quantities.chunks(room) {
            let sum = people.par_iter().map(|person| self.conditioned(bands, person, turn)).reduce(
                || self.zero_accumulator(),
                |mut sum, one| {
                    add(sum.as_mut(), one.as_ref());
                    sum
                },
            );
            for (place, quantity) in turn.iter().enumerate() {
                let cells = (0..bands).map(|band| self.extract(&sum, self.place(place * bands + band))).collect();
                match quantity {
                    0 => sums.people.add(self, 0, people.len() as u32, cells),
                    digit => sums.values.add(self, digit - 1, people.len() as u32 * 15, cells),
                }
            }
        }
    }

    fn conditioned(&self, bands: usize, person: &Conditioned<'_>, quantities: &[usize]) -> Accumulator {
        let mut index = self.zero_index();
        add_band(&mut index, &person.band, bands, 1);
        let mut accumulator = self.zero_accumulator();
        for (place, quantity) in quantities.iter().enumerate() {
            let start = self.place(place * bands);
            match quantity {
                0 => {
                    let mut body = accumulator.get_mut_body();
                    for coefficient in &mut body.as_mut()[start..start + self.box_size()] {
                        *coefficient = coefficient.wrapping_add(1 << SUM_LOG);
                    }
                }
                digit => self.add_digit(&mut accumulator, &person.value, digit - 1, start),
            }
        }
        self.rotate(self.keyswitch_public(&index), half_box(), &mut accumulator);
        accumulator
    }

    /// Adds a digit of a value to every coefficient of a box.
    fn add_digit(&self, accumulator: &mut Accumulator, value: &Sealed<'_>, digit: usize, start: usize) {
        let mut sample = self.zero_index();
        let first = BAND_BITS + digit * DIGIT_BITS;
        value.add_to(&mut sample, first..first + DIGIT_BITS, |bit| 1 << bit);
        let mut constant = self.zero_accumulator();
        keyswitch_lwe_ciphertext_into_glwe_ciphertext(&self.packing, &sample, &mut constant);
        let size = self.parameters.polynomial_size;
        let mut product = Polynomial::new(0u64, size);
        for (mut to, from) in accumulator.as_mut_polynomial_list().iter_mut().zip(constant.as_polynomial_list().iter())
        {
            times_box(&mut product, &from, start, self.box_size());
            add(to.as_mut(), product.as_ref());
        }
    }
}

/// Multiplies by `X^start + … + X^(start + size - 1)`, in the ring of `X^N + 1`: a running sum.
fn times_box(product: &mut Polynomial<Vec<u64>>, polynomial: &Polynomial<&[u64]>, start: usize, size: usize) {
    let degree = polynomial.polynomial_size().0;
    let coefficients = polynomial.as_ref();
    // The coefficient of the polynomial continued to all integers: the sign turns every N.
    let at = |index: isize| {
        let (turns, index) = (index.div_euclid(degree as isize), index.rem_euclid(degree as isize) as usize);
        if turns % 2 == 0 { coefficients[index] } else { coefficients[index].wrapping_neg() }
    };
    let mut sum = (0..size).fold(0u64, |sum, back| sum.wrapping_add(at(-((start + back) as isize))));
    for (index, out) in product.as_mut().iter_mut().enumerate() {
        *out = sum;
        let next = index as isize + 1 - start as isize;
        sum = sum.wrapping_add(at(next)).wrapping_sub(at(next - size as isize));
    }
}
