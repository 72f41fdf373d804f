//! Bootstrapping: look-up tables of sixteen boxes, and accumulators that are kept whole.
//!
//! What is read has four bits below a padding bit. Half a box is added first, so that a value stands in the middle of its
//! box: an error of less than half a box (2^58 of 2^64) does no harm. Before rotating, the modulus is switched to twice
//! the polynomial's size, *centered*: the mean of the rounding error is taken off the body.

use tfhe::core_crypto::prelude::*;

use crate::{
    keys::EvaluationKeys,
    params::{BOXES, Q64, READ_LOG},
};

/// A sample under the accumulators' key.
pub(crate) type Sample = LweCiphertextOwned<u64>;
/// An accumulator.
pub(crate) type Accumulator = GlweCiphertextOwned<u64>;

/// Half a box of sixteen.
const HALF_BOX: u64 = 1 << (READ_LOG - 1);

impl EvaluationKeys {
    /// Coefficients of a box.
    pub(crate) fn box_size(&self) -> usize {
        self.parameters.polynomial_size.0 / BOXES
    }

    pub(crate) fn zero_accumulator(&self) -> Accumulator {
        let parameters = self.parameters;
        Accumulator::new(0, parameters.glwe_dimension.to_glwe_size(), parameters.polynomial_size, Q64)
    }

    pub(crate) fn zero_sample(&self) -> Sample {
        Sample::new(0, self.parameters.big_dimension().to_lwe_size(), Q64)
    }

    /// A table of sixteen values, the same for every coefficient of a box.
    pub(crate) fn table(&self, value: impl Fn(usize) -> u64) -> Accumulator {
        let mut table = self.zero_accumulator();
        let size = self.box_size();
        for (index, coefficient) in table.get_mut_body().as_mut().iter_mut().enumerate() {
            *coefficient = value(index / size);
        }
        table
    }

    /// Switches a sample under the public key to the key that is rotated by.
    pub(crate) fn keyswitch_public(&self, sample: &LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
        self.to_small(&self.from_public, sample)
    }

    /// Switches a sample under the accumulators' key to the key that is rotated by.
    pub(crate) fn keyswitch_big(&self, sample: &Sample) -> LweCiphertextOwned<u64> {
        self.to_small(&self.from_big, sample)
    }

    fn to_small(&self, key: &LweKeyswitchKeyOwned<u64>, sample: &LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
        let mut small = LweCiphertextOwned::new(0, self.parameters.lwe_dimension.to_lwe_size(), Q64);
        keyswitch_lwe_ciphertext(key, sample, &mut small);
        small
    }

    /// Turns the accumulator by what the sample holds: boxes of sixteen, so many coefficients each.
    pub(crate) fn rotate(&self, small: LweCiphertextOwned<u64>, half_step: u64, accumulator: &mut Accumulator) {
        let switched = switched(small, half_step, self.parameters.polynomial_size);
        blind_rotate_assign(&switched, accumulator, &self.bootstrapping);
    }

    /// The sample at that coefficient of an accumulator.
    pub(crate) fn extract(&self, accumulator: &Accumulator, coefficient: usize) -> Sample {
        let mut sample = self.zero_sample();
        extract_lwe_sample_from_glwe_ciphertext(accumulator, &mut sample, MonomialDegree(coefficient));
        sample
    }

    /// An encryption of zero that does not look like one to whoever lacks these keys.
    ///
    /// Some sample or other is looked up in a table of quarters. Whatever it holds, the answer is a quarter of the torus with
    /// one sign or the other, and twice that is a half.
    pub(crate) fn veiled_zero(&self) -> Sample {
        let mut any = self.zero_sample();
        for (word, index) in any.as_mut().iter_mut().zip(1u64..) {
            *word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let mut zero = scaled(&self.look_up(&any, &self.table(|_| 1 << 62)), 2);
        add_constant(&mut zero, 1 << 63);
        zero
    }

    /// Looks up what the sample holds, four bits below the padding bit.
    pub(crate) fn look_up(&self, sample: &Sample, table: &Accumulator) -> Sample {
        self.look_up_wide(sample, HALF_BOX, table)
    }

    /// Looks up what holds fewer bits, in steps twice that wide.
    pub(crate) fn look_up_wide(&self, sample: &Sample, half_step: u64, table: &Accumulator) -> Sample {
        let mut accumulator = table.clone();
        self.rotate(self.keyswitch_big(sample), half_step, &mut accumulator);
        self.extract(&accumulator, 0)
    }
}

/// Centers values in their steps, and switches the modulus to twice the polynomial's size.
pub(crate) fn switched(
    mut small: LweCiphertextOwned<u64>,
    half_step: u64,
    size: PolynomialSize,
) -> impl ModulusSwitchedLweCiphertext<usize> {
    let body = small.get_mut_body();
    *body.data = body.data.wrapping_add(half_step);
    lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(small, size.to_blind_rotation_input_modulus_log())
}

/// Half a box of sixteen.
pub(crate) const fn half_box() -> u64 {
    HALF_BOX
}

/// Adds a constant to what a sample holds.
pub(crate) fn add_constant(sample: &mut Sample, constant: u64) {
    let body = sample.get_mut_body();
    *body.data = body.data.wrapping_add(constant);
}

/// Multiplies what a sample holds, and its noise.
pub(crate) fn scaled(sample: &Sample, factor: u64) -> Sample {
    let mut scaled = sample.clone();
    for word in scaled.as_mut() {
        *word = word.wrapping_mul(factor);
    }
    scaled
}

/// Adds word by word: samples, or whole accumulators.
pub(crate) fn add(to: &mut [u64], what: &[u64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to = to.wrapping_add(*what);
    }
}

/// Subtracts word by word.
pub(crate) fn subtract(from: &mut [u64], what: &[u64]) {
    for (from, what) in from.iter_mut().zip(what) {
        *from = from.wrapping_sub(*what);
    }
}
