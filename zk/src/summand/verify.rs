//! Verifying shares: any number of answers by one multi-scalar multiplication, each with its own verdict.

use std::sync::LazyLock;

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::Identity as _,
};
use merlin::Transcript;
use nacre_schemas::{
    limits::RANGE_PROOF_DIGITS,
    summand::{LimbProof, ShareLimbs, SummandProof},
};
use rand::{CryptoRng, Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::{
    Context, Masks, SummandCommitments, SummandError, check_same_length,
    limbs::{self, LIMB_BITS, LIMBS},
    masks::halves,
    wide_sum::WideSum,
};
use crate::{
    bulletproof::{Commitment, RangeClaim},
    encoding::{Place, decode_proper_point},
    generators::Generators,
    transcript::{self, SummandContext},
    weighted_sum::{Bases, WeightedSum, integer_weight, vartime_failing},
};

/// One holder's shares by one summand, and what they are to be about.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// To the summand that was asked about.
    pub commitments: &'a SummandCommitments,
    /// Request and result, and who answers.
    pub context: Context<'a>,
    /// The masks of the result's digits.
    pub masks: &'a Masks,
    /// The shares, in order.
    pub shares: &'a [u128],
    /// Their proof.
    pub proof: &'a SummandProof,
}

/// What the equations share. The generators are made once, 2.6 MB.
pub(super) fn bases() -> Bases {
    static GENERATORS: LazyLock<Generators> = LazyLock::new(|| Generators::new(LIMB_BITS, RANGE_PROOF_DIGITS * LIMBS));
    Bases { blinding: RISTRETTO_BASEPOINT_POINT, generators: &GENERATORS }
}

/// What the transcript absorbs before the shares.
pub(super) fn absorbed<'a>(
    context: &Context<'a>,
    commitments: &'a SummandCommitments,
    masks: &'a Masks,
) -> SummandContext<'a> {
    SummandContext {
        request: context.request,
        result: context.result,
        holder: context.holder,
        summand: commitments.summand(),
        commitments: commitments.digest(),
        masks: masks.digests(),
    }
}

/// Whether all shares of an answer are off the right ones by less than [`super::MAX_ERROR`], as [`verify_all`] does.
pub fn verify<R: RngCore + CryptoRng>(answered: &Answered<'_>, rng: &mut R) -> Result<(), SummandError> {
    verify_all(&[*answered], rng).pop().expect("there is a verdict an answer")
}

/// The same of any number of answers. Gives a verdict an answer, in order: so the holder of each that fails is named. Uses
/// rayon; variable time, on public data only.
///
/// The generator must not be predictable to the holders: it weighs the proofs against each other. With n answers a proof
/// that does not hold is missed with a probability of at most 2·n·2^-128.
pub fn verify_all<R: RngCore + CryptoRng>(answers: &[Answered<'_>], rng: &mut R) -> Vec<Result<(), SummandError>> {
    let seeded: Vec<(&Answered<'_>, [u8; 32])> = answers.iter().map(|answered| (answered, rng.r#gen())).collect();
    let read = seeded.into_par_iter().map(|(answered, seed)| {
        let claims = Claims::read(answered)?;
        Ok(claims.weighted_sum(answered, &mut ChaCha20Rng::from_seed(seed)))
    });
    let read: Vec<Result<WeightedSum, SummandError>> = read.collect();

    let mut verdicts = Vec::with_capacity(read.len());
    let (mut positions, mut sums) = (Vec::new(), Vec::new());
    for (position, read) in read.into_iter().enumerate() {
        verdicts.push(read.map(|sum| {
            positions.push(position);
            sums.push(sum);
        }));
    }
    for failing in vartime_failing(&bases(), &sums) {
        verdicts[positions[failing]] = Err(SummandError::Proof);
    }
    verdicts
}

/// What is left to check of an answer that was read: equations.
pub(super) struct Claims {
    /// Commitments to each share's limbs.
    limbs: Vec<[Commitment; LIMBS]>,
    /// One a run of shares.
    ranges: Vec<RangeClaim>,
}

impl Claims {
    /// Decodes everything in an answer, or says what is not well-formed.
    pub(super) fn read(answered: &Answered<'_>) -> Result<Self, SummandError> {
        let Answered { commitments, context, masks, shares, proof } = answered;
        check_same_length(commitments.words(), masks.words())?;
        let expected = masks.digits();
        for found in [shares.len(), proof.limbs.len()] {
            if found != expected {
                return Err(SummandError::Shares { expected, found });
            }
        }
        let (expected, found) = (expected.div_ceil(RANGE_PROOF_DIGITS), proof.range_proofs.len());
        if found != expected {
            return Err(SummandError::RangeProofs { expected, found });
        }
        let limbs = proof.limbs.iter().enumerate().map(|(digit, limbs)| decode_limbs(digit, limbs));
        let limbs: Vec<_> = limbs.collect::<Result<_, _>>()?;
        let mut transcript = transcript::summand_shares(&absorbed(context, commitments, masks));
        transcript::append_shares(&mut transcript, shares);
        let runs = limbs.chunks(RANGE_PROOF_DIGITS).zip(&proof.range_proofs).enumerate();
        let ranges = runs.map(|(position, (run, proof))| read_range(position, run, proof, &transcript));
        let ranges = ranges.collect::<Result<_, _>>()?;
        Ok(Self { limbs, ranges })
    }

    fn weighted_sum<R: RngCore + CryptoRng>(&self, answered: &Answered<'_>, rng: &mut R) -> WeightedSum {
        let mut sum = WeightedSum::default();
        self.add_equations(answered, &mut sum, rng);
        self.add_ranges(&mut sum, rng);
        sum
    }

    /// The range proofs' equations.
    pub(super) fn add_ranges<R: RngCore + CryptoRng>(&self, sum: &mut WeightedSum, rng: &mut R) {
        for range in &self.ranges {
            range.add_to(sum, rng);
        }
    }

    /// The two equations of each share ([`limbs`]), each under a random weight.
    pub(super) fn add_equations<R: RngCore + CryptoRng>(
        &self,
        answered: &Answered<'_>,
        sum: &mut WeightedSum,
        rng: &mut R,
    ) {
        let weights: Vec<[u128; 2]> = self.limbs.iter().map(|_| [(); 2].map(|()| integer_weight(rng))).collect();
        for ((share, limbs), weights) in answered.shares.iter().zip(&self.limbs).zip(&weights) {
            let [lower, upper] = weights.map(Scalar::from);
            sum.value_base -= lower * Scalar::from(*share);
            for (multiple, limb) in limbs::multiples(&upper, &lower).into_iter().zip(limbs) {
                sum.add(multiple, limb.point);
            }
        }
        for (position, point) in answered.commitments.points().iter().enumerate() {
            sum.add(multiple_of_word(answered.masks, position, &weights), *point);
        }
    }
}

/// How often the commitment to one word is in the sum of all X' and X'' under their weights.
fn multiple_of_word(masks: &Masks, position: usize, weights: &[[u128; 2]]) -> Scalar {
    let mut multiple = WideSum::default();
    for (mask, weights) in masks.masks().iter().zip(weights) {
        for (weight, half) in weights.iter().zip(halves(mask[position])) {
            multiple.add(*weight, half);
        }
    }
    multiple.scalar()
}

fn read_range(
    position: usize,
    run: &[[Commitment; LIMBS]],
    proof: &LimbProof,
    transcript: &Transcript,
) -> Result<RangeClaim, SummandError> {
    let transcript = transcript::limbs(transcript, position);
    RangeClaim::new(bases().generators, proof.as_bytes(), run.as_flattened(), transcript)
        .map_err(|source| SummandError::RangeProof { position, source })
}

fn decode_limbs(digit: usize, limbs: &ShareLimbs) -> Result<[Commitment; LIMBS], SummandError> {
    let ShareLimbs { rest, quotient: [h_0, h_1, h_2], flooding: [f_0, f_1], carry: [w_0, w_1] } = limbs;
    let limbs = [
        (rest, Place::of("the rest")),
        (h_0, Place::at("quotient", 0)),
        (h_1, Place::at("quotient", 1)),
        (h_2, Place::at("quotient", 2)),
        (f_0, Place::at("flooding", 0)),
        (f_1, Place::at("flooding", 1)),
        (w_0, Place::at("carry", 0)),
        (w_1, Place::at("carry", 1)),
    ];
    let identity = Commitment { point: RistrettoPoint::identity(), encoding: CompressedRistretto::identity() };
    let mut decoded = [identity; LIMBS];
    for (decoded, (bytes, place)) in decoded.iter_mut().zip(limbs) {
        let point = decode_proper_point(bytes, place).map_err(|source| SummandError::Limb { digit, source })?;
        *decoded = Commitment { point, encoding: CompressedRistretto(*bytes.as_bytes()) };
    }
    Ok(decoded)
}
