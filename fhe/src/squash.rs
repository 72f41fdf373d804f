//! Squashing: a digit is bootstrapped once more, into 128-bit words, where its noise is so small against the scale that
//! shares of its decryption can be flooded.

use rayon::prelude::*;
use tfhe::core_crypto::prelude::*;

use crate::{
    keys::EvaluationKeys,
    look_up::{Sample, half_box, switched},
    params::{BOXES, Parameters, Q128, SQUASHED_LOG},
    suppress::Suppressed,
};

/// A digit under the shared key: mask words, then the body.
pub type SquashedDigit = LweCiphertextOwned<u128>;

impl EvaluationKeys {
    /// Squashes all digits: by position, then by cell.
    pub fn squash(&self, suppressed: &Suppressed) -> Vec<Vec<SquashedDigit>> {
        let cells = |digits: &Vec<Sample>| {
            digits.par_iter().map(|digit| self.squash_digit(&Self::suppressed_readable(digit))).collect()
        };
        suppressed.digits.iter().map(cells).collect()
    }

    /// Takes off what the shares of the key lack to it.
    fn correct(&self, digit: &mut SquashedDigit) {
        let (mask, body) = digit.get_mut_mask_and_body();
        for (mask, correction) in mask.as_ref().iter().zip(&self.correction) {
            *body.data = body.data.wrapping_sub(mask.wrapping_mul(*correction));
        }
    }

    /// Squashes one digit, at the scale of reading.
    pub(crate) fn squash_digit(&self, digit: &Sample) -> SquashedDigit {
        let mut digit = squashed(self.parameters, &self.squashing, self.keyswitch_big(digit));
        self.correct(&mut digit);
        digit
    }
}

/// Bootstraps a sample under the key that is rotated by, into 128-bit words.
pub(crate) fn squashed(
    parameters: &Parameters,
    key: &Fourier128LweBootstrapKeyOwned,
    small: LweCiphertextOwned<u64>,
) -> SquashedDigit {
    let (size, glwe) = (parameters.polynomial_size, parameters.squashed_dimension.to_glwe_size());
    let mut table = GlweCiphertextOwned::new(0u128, glwe, size, Q128);
    for (index, coefficient) in table.get_mut_body().as_mut().iter_mut().enumerate() {
        *coefficient = ((index / (size.0 / BOXES)) as u128) << SQUASHED_LOG;
    }
    let mut squashed = SquashedDigit::new(0, parameters.shared_dimension().to_lwe_size(), Q128);
    let fft = Fft128::new(size);
    let mut buffers = ComputationBuffers::new();
    buffers.resize(
        blind_rotate_f128_lwe_ciphertext_mem_optimized_requirement::<u128>(glwe, size, fft.as_view())
            .unaligned_bytes_required(),
    );
    let switched = switched(small, half_box(), size);
    blind_rotate_f128_lwe_ciphertext_mem_optimized(
        &switched,
        &mut squashed,
        &table,
        key,
        fft.as_view(),
        buffers.stack(),
    );
    squashed
}
