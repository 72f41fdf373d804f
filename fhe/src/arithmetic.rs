//! The arithmetic's fingerprint: what two machines have to agree on before they compute the same result to the bit.
//!
//! Keyswitches, sums and decompositions are of integers. Rotations go through Fourier transforms of 64-bit and of 128-bit words
//! whose rounding depends on the order of operations and on fused multiplications: on the algorithm, which is fixed when
//! this is built, and on the processor. So a few pseudo-random rotations are done with keys that no one encrypted
//! anything under, and every word of what comes out is hashed. Coefficients are uniform, so rounding shows in each.
//!
//! Equal fingerprints are evidence and no proof; unequal ones save a computation whose result nobody would confirm. Cost:
//! some milliseconds.

use nacre_schemas::Digest;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use tfhe::core_crypto::prelude::*;

use crate::{
    look_up::{half_box, switched},
    params::{Parameters, Q64, Q128},
    squash::squashed,
};

/// Words that are rotated by.
const ROTATIONS: LweDimension = LweDimension(4);
/// Whose stream the words are.
const SEED: [u8; 32] = *b"nacre cross arithmetic v1\0\0\0\0\0\0\0";

/// This machine's fingerprint for a parameter set.
pub fn fingerprint(parameters: &Parameters) -> Digest {
    let mut stream = ChaCha20Rng::from_seed(SEED);
    let mut hashed = parameters.name.as_bytes().to_vec();
    for word in rotated(parameters, &mut stream) {
        hashed.extend(word.to_le_bytes());
    }
    for word in squashed_words(parameters, &mut stream) {
        hashed.extend(word.to_le_bytes());
    }
    Digest::of_parts(&[&SEED, &hashed])
}

fn fill(words: &mut [u64], stream: &mut ChaCha20Rng) {
    words.iter_mut().for_each(|word| *word = stream.next_u64());
}

fn sample(stream: &mut ChaCha20Rng) -> LweCiphertextOwned<u64> {
    let mut sample = LweCiphertextOwned::new(0, ROTATIONS.to_lwe_size(), Q64);
    fill(sample.as_mut(), stream);
    sample
}

fn rotated(parameters: &Parameters, stream: &mut ChaCha20Rng) -> Vec<u64> {
    let (glwe, size) = (parameters.glwe_dimension.to_glwe_size(), parameters.polynomial_size);
    let (base_log, levels) = (parameters.bootstrapping.base_log, parameters.bootstrapping.levels);
    let mut standard = LweBootstrapKeyOwned::new(0u64, glwe, size, base_log, levels, ROTATIONS, Q64);
    fill(standard.as_mut(), stream);
    let mut key = FourierLweBootstrapKeyOwned::new(ROTATIONS, glwe, size, base_log, levels);
    convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut key);
    let mut accumulator = GlweCiphertextOwned::new(0u64, glwe, size, Q64);
    fill(accumulator.as_mut(), stream);
    blind_rotate_assign(&switched(sample(stream), half_box(), size), &mut accumulator, &key);
    accumulator.into_container()
}

fn squashed_words(parameters: &Parameters, stream: &mut ChaCha20Rng) -> Vec<u128> {
    let (glwe, size) = (parameters.squashed_dimension.to_glwe_size(), parameters.polynomial_size);
    let (base_log, levels) = (parameters.squashing.base_log, parameters.squashing.levels);
    let mut standard = LweBootstrapKeyOwned::new(0u128, glwe, size, base_log, levels, ROTATIONS, Q128);
    for word in standard.as_mut() {
        *word = u128::from(stream.next_u64()) << 64 | u128::from(stream.next_u64());
    }
    let mut key = Fourier128LweBootstrapKeyOwned::new(ROTATIONS, glwe, size, base_log, levels);
    convert_standard_lwe_bootstrap_key_to_fourier_128(&standard, &mut key);
    squashed(parameters, &key, sample(stream)).into_container()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::CROSS_1;

    #[test]
    fn it_is_the_same_however_often_and_on_however_many_threads() {
        let here = fingerprint(&CROSS_1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let there = pool.install(|| fingerprint(&CROSS_1));
        assert_eq!(here, there);
    }
}
