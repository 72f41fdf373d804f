//! Giving shares, and proving them.

use std::sync::LazyLock;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_POINT, ristretto::CompressedRistretto, scalar::Scalar};
use merlin::Transcript;
use nacre_schemas::{
    Blob, Digest, Point,
    limits::RANGE_PROOF_DIGITS,
    summand::{LimbProof, ShareLimbs, SummandProof},
};
use rand::{CryptoRng, Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{
    Context, Masks, SummandCommitments, SummandError, check_same_length,
    limbs::{LIMB_BITS, LIMBS, Limbs, Product},
    masks::halves,
    verify,
    wide_sum::WideSum,
};
use crate::{elgamal, replicated::Expanded, transcript};

/// The generators in the library's form (2.6 MB, made once).
static GENERATORS: LazyLock<BulletproofGens> =
    LazyLock::new(|| BulletproofGens::new(LIMB_BITS, RANGE_PROOF_DIGITS * LIMBS));

/// A share, and the openings of the commitments to its limbs.
pub(super) struct Opened {
    /// d.
    pub(super) share: u128,
    /// What d follows from.
    pub(super) limbs: Limbs,
}

/// A holder's shares of all digits, in order, with their proof. Whether the request may be answered, and that these are the
/// result's masks, is decided before.
///
/// The shares are those of [`Expanded::share`]; the proof is another each time. If the commitments are not to this summand
/// ([`super::commit`]), it will not hold.
///
/// Constant time in the summand. Uses rayon: a task a digit for products, one a run of digits for range proofs, which take
/// 50 ms of one core a digit.
pub fn prove<R: RngCore + CryptoRng>(
    summand: &Expanded,
    commitments: &SummandCommitments,
    context: &Context<'_>,
    masks: &Masks,
    rng: &mut R,
) -> Result<(Vec<u128>, SummandProof), SummandError> {
    check_same_length(commitments.words(), summand.words().len())?;
    check_same_length(commitments.words(), masks.words())?;
    let mut transcript = transcript::summand_shares(&verify::absorbed(context, commitments, masks));
    // From transcript, secret and fresh randomness together: a repeated random stream alone gives nothing away.
    let hedge = transcript.build_rng().rekey_with_witness_bytes(b"blinding seed", summand.blinding_seed());
    let mut hedge = hedge.finalize(rng);

    let opened = open_all(summand, context.result, masks, &mut hedge);
    let shares: Vec<u128> = opened.iter().map(|opened| opened.share).collect();
    transcript::append_shares(&mut transcript, &shares);
    let runs = opened.chunks(RANGE_PROOF_DIGITS).enumerate();
    let seeded: Vec<_> = runs.map(|run| (run, seed(&mut hedge))).collect();
    let prove = |((position, run), seed): ((usize, &[Opened]), Zeroizing<[u8; 32]>)| {
        prove_run(run, transcript::limbs(&transcript, position), &mut ChaCha20Rng::from_seed(*seed))
    };
    let proven: Vec<_> = seeded.into_par_iter().map(prove).collect::<Result<_, _>>()?;
    let (limbs, range_proofs): (Vec<_>, Vec<_>) = proven.into_iter().unzip();
    Ok((shares, SummandProof { limbs: limbs.concat(), range_proofs }))
}

fn seed<R: RngCore>(rng: &mut R) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(rng.r#gen())
}

/// The share of each digit, with openings.
fn open_all<R: RngCore>(summand: &Expanded, result: &Digest, masks: &Masks, rng: &mut R) -> Vec<Opened> {
    let blindings = summand.blindings();
    let seeded: Vec<_> = masks.masks().iter().zip(0..).map(|mask| (mask, seed(rng))).collect();
    let open = |((mask, position), seed): ((&Vec<u128>, u32), Zeroizing<[u8; 32]>)| {
        let products = products(summand.words(), &blindings, mask);
        let flooding = Zeroizing::new(summand.flooding(result, position));
        let (share, limbs) = Limbs::of_share(&products, *flooding, &mut ChaCha20Rng::from_seed(*seed));
        Opened { share, limbs }
    };
    seeded.into_par_iter().map(open).collect()
}

/// X' and X'' with the blindings of their commitments.
pub(super) fn products(words: &[u128], blindings: &[Scalar], mask: &[u128]) -> [Product; 2] {
    let mut numbers = [WideSum::default(), WideSum::default()];
    let mut of_commitments = Zeroizing::new([Scalar::ZERO; 2]);
    for ((s, rho), a) in words.iter().zip(blindings).zip(mask) {
        for ((number, blinding), half) in numbers.iter_mut().zip(of_commitments.iter_mut()).zip(halves(*a)) {
            number.add(*s, half);
            *blinding += rho * Scalar::from(half);
        }
    }
    [0, 1].map(|half| Product { number: numbers[half].scalar(), blinding: of_commitments[half] })
}

/// Commitments to the limbs of a run of digits, and their range proof.
pub(super) fn prove_run<R: RngCore + CryptoRng>(
    run: &[Opened],
    mut transcript: Transcript,
    rng: &mut R,
) -> Result<(Vec<ShareLimbs>, LimbProof), SummandError> {
    let padded = (run.len() * LIMBS).next_power_of_two();
    let mut values = Zeroizing::new(vec![0; padded]);
    let mut blindings = Zeroizing::new(vec![Scalar::ZERO; padded]);
    for (position, opened) in run.iter().enumerate() {
        values[position * LIMBS..][..LIMBS].copy_from_slice(&opened.limbs.values);
        blindings[position * LIMBS..][..LIMBS].copy_from_slice(&opened.limbs.blindings);
    }
    let bases = PedersenGens { B: elgamal::value_base(), B_blinding: RISTRETTO_BASEPOINT_POINT };
    let (proof, commitments) =
        RangeProof::prove_multiple_with_rng(&GENERATORS, &bases, &mut transcript, &values, &blindings, LIMB_BITS, rng)?;
    let (commitments, _) = commitments.as_chunks();
    let limbs = commitments.iter().take(run.len()).map(encoded).collect();
    Ok((limbs, Blob::new(proof.to_bytes()).expect("a run has no more limbs than the longest proof")))
}

pub(super) fn encoded(limbs: &[CompressedRistretto; LIMBS]) -> ShareLimbs {
    let [rest, h_0, h_1, h_2, f_0, f_1, w_0, w_1] = limbs.map(|limb| Point(limb.to_bytes()));
    ShareLimbs { rest, quotient: [h_0, h_1, h_2], flooding: [f_0, f_1], carry: [w_0, w_1] }
}
