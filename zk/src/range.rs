//! The range proof of a batch: each value lies in the band that its indicators name.
//!
//! With `L = Σ b_k·lo_k` and `U = Σ b_k·hi_k` it shows `v - L` and `U - v` to be 16-bit integers, as one
//! aggregated Bulletproof (Bünz et al. 2018) with the Pedersen bases `(V, P)`. Its commitments are never sent: the
//! verifier derives them from the C's, so they cannot differ from what is counted. The list is padded to a
//! power of two with identity commitments, which the verifier adds itself: 0 with randomness 0. What checks the proof is
//! [`crate::bulletproof`].
//!
//! 16 bits are enough: `v - L` and `U - v` are both under 2^12, and two 16-bit integers cannot add up to `U - L` by
//! wrapping around ℓ, which is all that the argument needs.
//!
//! Cost: 2 ms a value to prove, 2 values a contribution.

use std::sync::LazyLock;

use bulletproofs::{BulletproofGens, PedersenGens, ProofError, RangeProof};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::Identity};
use merlin::Transcript;
use nacre_schemas::{limits, measure::Band};
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    bulletproof::Commitment, elgamal, generators::Generators, key::CollectiveKey, sigma::Statement, weighted_sum::Bases,
};

/// Bits of a value.
pub(crate) const BITS: usize = 16;
/// Values that one proof is about, at most.
pub(crate) const MAX_VALUES: usize = 2 * limits::MAX_BATCH_CONTRIBUTIONS;
/// Bits of any limit of a band.
const LIMIT_BITS: u32 = limits::MAX_VALUE.ilog2();

/// What the prover takes: the same generators as the verifier's, in the library's form (0.7 MB, made once).
static GENERATORS: LazyLock<BulletproofGens> = LazyLock::new(|| BulletproofGens::new(BITS, MAX_VALUES));

/// What the equations of the tally lane share, under this key. The generators are made once, 0.7 MB.
pub(crate) fn bases(key: &CollectiveKey) -> Bases {
    static GENERATORS: LazyLock<Generators> = LazyLock::new(|| Generators::new(BITS, MAX_VALUES));
    Bases { blinding: key.point(), generators: &GENERATORS }
}

/// The opening of one derived commitment.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Opening {
    value: u64,
    blinding: Scalar,
}

impl Opening {
    /// Of the commitment `value·V + blinding·P`. What exceeds 64 bits is not in range and cannot be proven to be.
    fn new(value: &Scalar, blinding: Scalar) -> Self {
        let mut low = [0; 8];
        low.copy_from_slice(&value.as_bytes()[..8]);
        Self { value: u64::from_le_bytes(low), blinding }
    }
}

/// A committed number: what it is, and its commitment's randomness.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Committed {
    /// The number.
    pub(crate) number: Scalar,
    /// The randomness.
    pub(crate) r: Scalar,
}

/// The openings of a contribution's two derived commitments, in their order. Constant time.
pub(crate) fn openings(bands: &[Band], value: &Committed, indicators: &[Committed]) -> [Opening; 2] {
    let mut lower = Committed { number: Scalar::ZERO, r: Scalar::ZERO };
    let mut upper = Committed { number: Scalar::ZERO, r: Scalar::ZERO };
    for (band, indicator) in bands.iter().zip(indicators) {
        lower.number += indicator.number * Scalar::from(band.lo);
        lower.r += indicator.r * Scalar::from(band.lo);
        upper.number += indicator.number * Scalar::from(band.hi);
        upper.r += indicator.r * Scalar::from(band.hi);
    }
    [
        Opening::new(&(value.number - lower.number), value.r - lower.r),
        Opening::new(&(upper.number - value.number), upper.r - value.r),
    ]
}

/// A contribution's derived commitments: to `v - L` and to `U - v`. Variable time.
pub(crate) fn vartime_commitments(bands: &[Band], statement: &Statement) -> [Commitment; 2] {
    let points: Vec<RistrettoPoint> = statement.bands.iter().map(|band| band.commitment).collect();
    let lower: Vec<u32> = bands.iter().map(|band| band.lo).collect();
    let upper: Vec<u32> = bands.iter().map(|band| band.hi).collect();
    let value = statement.value.commitment;
    [value - vartime_small_multiples(&points, &lower), vartime_small_multiples(&points, &upper) - value]
        .map(Commitment::of)
}

/// `Σ factor·point` for factors under 2^LIMIT_BITS: a twentieth of the doublings of a full multiplication.
fn vartime_small_multiples(points: &[RistrettoPoint], factors: &[u32]) -> RistrettoPoint {
    let mut sum = RistrettoPoint::identity();
    for bit in (0..LIMIT_BITS).rev() {
        sum += sum;
        for (point, _) in points.iter().zip(factors).filter(|(_, factor)| *factor >> bit & 1 == 1) {
            sum += point;
        }
    }
    sum
}

fn pedersen_bases(key: &CollectiveKey) -> PedersenGens {
    PedersenGens { B: elgamal::value_base(), B_blinding: key.point() }
}

/// Proves that every opening is a 16-bit integer. If one is not, the proof does not verify.
pub(crate) fn prove<R: RngCore + CryptoRng>(
    key: &CollectiveKey,
    openings: &[Opening],
    mut transcript: Transcript,
    rng: &mut R,
) -> Result<Vec<u8>, ProofError> {
    let padded = openings.len().next_power_of_two();
    let mut values = Zeroizing::new(vec![0; padded]);
    let mut blindings = Zeroizing::new(vec![Scalar::ZERO; padded]);
    for (position, opening) in openings.iter().enumerate() {
        values[position] = opening.value;
        blindings[position] = opening.blinding;
    }
    let bases = pedersen_bases(key);
    let (proof, _) =
        RangeProof::prove_multiple_with_rng(&GENERATORS, &bases, &mut transcript, &values, &blindings, BITS, rng)?;
    Ok(proof.to_bytes())
}
