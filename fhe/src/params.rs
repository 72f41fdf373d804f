//! Parameters, as named sets, and what they are good for.
//!
//! Everything is on the discretised torus: 64-bit words before the result is squashed, 128-bit words after. Standard
//! deviations below are absolute, of 2^64 (or 2^128). The derivation, step by step, is in `fhe/docs/noise.md`; a test
//! measures every step and compares.

use tfhe::core_crypto::prelude::{
    CiphertextModulus, DecompositionBaseLog, DecompositionLevelCount, DynamicDistribution, GlweDimension, LweDimension,
    PolynomialSize,
};

/// A decomposition: base 2^`base_log`, so many levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decomposition {
    /// Logarithm of the base.
    pub base_log: DecompositionBaseLog,
    /// Digits.
    pub levels: DecompositionLevelCount,
}

impl Decomposition {
    const fn new(base_log: usize, levels: usize) -> Self {
        Self { base_log: DecompositionBaseLog(base_log), levels: DecompositionLevelCount(levels) }
    }
}

/// A named set. Two parties that name the same set agree on all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Its name.
    pub name: &'static str,
    /// Dimension of the key that is rotated by.
    pub lwe_dimension: LweDimension,
    /// Noise under that key.
    pub lwe_noise: DynamicDistribution<u64>,
    /// Dimension of the accumulators.
    pub glwe_dimension: GlweDimension,
    /// Coefficients of an accumulator.
    pub polynomial_size: PolynomialSize,
    /// Noise under the accumulators' key, and under the public key.
    pub glwe_noise: DynamicDistribution<u64>,
    /// Dimension of the public key, which providers encrypt to.
    pub public_dimension: LweDimension,
    /// Of the bootstrapping key.
    pub bootstrapping: Decomposition,
    /// Of both key-switching keys to the key that is rotated by.
    pub keyswitch: Decomposition,
    /// Of the key that packs a provider's digit into an accumulator.
    pub packing: Decomposition,
    /// Dimension of the squashed accumulators, of 128-bit words.
    pub squashed_dimension: GlweDimension,
    /// Noise under the squashed key.
    pub squashed_noise: DynamicDistribution<u128>,
    /// Of the squashing bootstrapping key.
    pub squashing: Decomposition,
}

/// The first set.
///
/// * LWE 918 with TUniform(45) of 2^64, GLWE 1×2048 with TUniform(17) of 2^64, GLWE 2×2048 with TUniform(30) of 2^128: the
///   dimensions and noises of tfhe-rs 1.8's `PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128` and its public-key and
///   noise-squashing companions, which its authors derived with the lattice estimator for 132 bits (their documentation,
///   "Security and cryptography"). No key of ours has another dimension or a smaller noise.
/// * Bootstrapping 15×2 instead of 23×1: sums of 255 people stay readable.
/// * Packing 18×2: a digit's noise in an accumulator stays below that of the rotation.
pub const CROSS_1: Parameters = Parameters {
    name: "cross-1",
    lwe_dimension: LweDimension(918),
    lwe_noise: DynamicDistribution::new_t_uniform(45),
    glwe_dimension: GlweDimension(1),
    polynomial_size: PolynomialSize(2048),
    glwe_noise: DynamicDistribution::new_t_uniform(17),
    public_dimension: LweDimension(2048),
    bootstrapping: Decomposition::new(15, 2),
    keyswitch: Decomposition::new(4, 4),
    packing: Decomposition::new(18, 2),
    squashed_dimension: GlweDimension(2),
    squashed_noise: DynamicDistribution::new_t_uniform(30),
    squashing: Decomposition::new(24, 3),
};

impl Parameters {
    /// The set of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        [&CROSS_1].into_iter().find(|set| set.name == name)
    }

    /// Dimension of an LWE sample taken from an accumulator.
    pub fn big_dimension(&self) -> LweDimension {
        self.glwe_dimension.to_equivalent_lwe_dimension(self.polynomial_size)
    }

    /// Dimension of a squashed sample, and of the key that is shared.
    pub fn shared_dimension(&self) -> LweDimension {
        self.squashed_dimension.to_equivalent_lwe_dimension(self.polynomial_size)
    }
}

/// Words of 64 bits.
pub(crate) const Q64: CiphertextModulus<u64> = CiphertextModulus::new_native();
/// Words of 128 bits.
pub(crate) const Q128: CiphertextModulus<u128> = CiphertextModulus::new_native();

/// Values that one bootstrapping tells apart: four bits and a padding bit.
pub const BOXES: usize = 16;
/// Scale of what a bootstrapping reads: four bits below the padding bit.
pub(crate) const READ_LOG: u32 = 59;
/// Scale of what is added up: eight bits below the padding bit.
pub(crate) const SUM_LOG: u32 = 55;
/// The largest sum that can be split again.
pub const MAX_SUM: u32 = 255;
/// Scale of a squashed digit: four bits below the padding bit of 2^128.
pub(crate) const SQUASHED_LOG: u32 = 123;

/// Bits of a cross band; up to eight bands.
pub const BAND_BITS: usize = 3;
/// Bits of a value less its measure's lower limit.
pub const VALUE_BITS: usize = 12;
/// Bits that a contribution takes in a list.
pub const SLOTS: usize = BAND_BITS + VALUE_BITS;
/// Contributions that a list has room for.
pub const LIST_CONTRIBUTIONS: usize = 64;
