//! What a holder can prove that knows its summand and chooses limbs and shares as it likes: nothing but another flooding.
//! Each forgery fulfils all conditions but one, so it is that one which refuses it.

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT, ristretto::RistrettoPoint, scalar::Scalar, traits::IsIdentity as _,
};

use super::*;
use crate::{
    elgamal,
    encoding::{decode_point, encode_point},
    replicated::FLOODING_BITS,
    summand::{
        limbs::{self, LIMBS, Limbs, Product},
        prove::{Opened, encoded, products, prove_run},
        verify::{Claims, absorbed, bases},
    },
    transcript,
    weighted_sum::{WeightedSum, vartime_total},
};

const LIMIT: u128 = 1 << 64;

/// A share of one digit, with limbs that need not be any.
struct Forgery {
    case: Case,
    products: [Product; 2],
    share: u128,
    limbs: [Scalar; LIMBS],
}

/// Which conditions hold.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    equations: bool,
    ranges: bool,
    accepted: bool,
}

const ACCEPTED: Verdict = Verdict { equations: true, ranges: true, accepted: true };
const OUT_OF_RANGE: Verdict = Verdict { equations: true, ranges: false, accepted: false };
const NOT_EQUAL: Verdict = Verdict { equations: false, ranges: true, accepted: false };

impl Forgery {
    /// The honest share, to be changed.
    fn new(mask: Vec<u128>) -> Self {
        let case = Case::new(expanded(1, mask.len()), Masks::new(vec![mask]).unwrap());
        let summand = &case.dealt.summand;
        let products = products(summand.words(), &summand.blindings(), &case.masks.masks()[0]);
        let flooding = summand.flooding(&case.result, 0);
        let (share, limbs) = Limbs::of_share(&products, flooding, &mut rng(8));
        let limbs = limbs.values.map(Scalar::from);
        Self { case, products, share, limbs }
    }

    fn prove(&self) -> Sent {
        let blindings = limbs::blindings(&self.products, &mut rng(9));
        // The low bits of what is not in range: no prover of ranges takes more.
        let values = self.limbs.map(|limb| u64::from_le_bytes(limb.as_bytes()[..8].try_into().unwrap()));
        let commitments = &self.case.dealt.commitments;
        let mut transcript = transcript::summand_shares(&absorbed(&self.case.context(), commitments, &self.case.masks));
        transcript::append_shares(&mut transcript, &[self.share]);
        let opened = Opened { share: self.share, limbs: Limbs { values, blindings } };
        let (_, proof) = prove_run(&[opened], transcript::limbs(&transcript, 0), &mut rng(9)).unwrap();
        let commit =
            |(limb, blinding): (&Scalar, &Scalar)| elgamal::value_base() * limb + RISTRETTO_BASEPOINT_POINT * blinding;
        let points: Vec<RistrettoPoint> = self.limbs.iter().zip(&blindings).map(commit).collect();
        let encodings: Vec<_> = points.iter().map(RistrettoPoint::compress).collect();
        let limbs = vec![encoded(&encodings.try_into().unwrap())];
        Sent { shares: vec![self.share], proof: SummandProof { limbs, range_proofs: vec![proof] } }
    }

    fn verdict(&self) -> Verdict {
        let sent = self.prove();
        let answered = self.case.answered(&sent);
        let claims = Claims::read(&answered).unwrap();
        let (mut equations, mut ranges) = (WeightedSum::default(), WeightedSum::default());
        claims.add_equations(&answered, &mut equations, &mut rng(10));
        claims.add_ranges(&mut ranges, &mut rng(11));
        let holds = |sum| vartime_total(&bases(), &[sum]).is_identity();
        Verdict { equations: holds(equations), ranges: holds(ranges), accepted: self.case.verify(&sent).is_ok() }
    }

    /// Changes the share, and a limb so that the lower equation holds again.
    fn shift_share(&mut self, error: u128, limb: usize) {
        let before = Scalar::from(self.share);
        self.share = self.share.wrapping_add(error);
        self.limbs[limb] += (Scalar::from(self.share) - before) * limbs::of_lower()[limb].invert();
    }

    /// Changes a limb, and another so that the upper equation holds again.
    fn shift_upper(&mut self, limb: usize, by: Scalar, other: usize) {
        let multiples = limbs::of_upper();
        self.limbs[limb] += by;
        self.limbs[other] -= multiples[limb] * by * multiples[other].invert();
    }
}

/// Positions of the limbs.
const X: usize = 0;
const H: [usize; 3] = [1, 2, 3];
const F: [usize; 2] = [4, 5];
const W: [usize; 2] = [6, 7];

/// With upper halves of 0, so that x and h are 0.
fn small_halves() -> Vec<u128> {
    vec![5, 7 << 30, 11, 13]
}

fn wide() -> Vec<u128> {
    random(4, 6)
}

#[test]
fn the_forger_knows_how_to_be_honest() {
    for mask in [small_halves(), wide()] {
        let forgery = Forgery::new(mask);
        assert_eq!(vec![forgery.share], forgery.case.expected());
        assert_eq!(forgery.verdict(), ACCEPTED);
    }
}

#[test]
fn another_flooding_passes_up_to_the_bound_and_no_farther() {
    let mut forgery = Forgery::new(wide());
    forgery.shift_share(1, F[0]);
    assert_eq!(forgery.verdict(), ACCEPTED);

    let mut forgery = Forgery::new(small_halves());
    let most = u128::from(u64::MAX) + (u128::from(u64::MAX) << (FLOODING_BITS - 64));
    let error = most - forgery.case.dealt.summand.flooding(&forgery.case.result, 0);
    assert!(error < MAX_ERROR);
    // Other limbs stay what they are: the share does not wrap.
    forgery.share = forgery.share.checked_add(error).unwrap();
    (forgery.limbs[F[0]], forgery.limbs[F[1]]) = (Scalar::from(u64::MAX), Scalar::from(u64::MAX));
    assert_eq!(forgery.verdict(), ACCEPTED);
    forgery.shift_share(1, F[0]);
    assert_eq!(forgery.verdict(), OUT_OF_RANGE);
}

#[test]
fn a_share_off_by_a_digit_needs_a_limb_out_of_range() {
    for error in [DELTA, 3 * DELTA, DELTA.wrapping_neg(), 1 << 112] {
        for limb in F.into_iter().chain(W) {
            let mut forgery = Forgery::new(wide());
            forgery.shift_share(error, limb);
            assert_eq!(forgery.verdict(), OUT_OF_RANGE, "limb {limb}, {error:x}");
        }
    }
}

#[test]
fn a_quotient_that_is_no_integer_is_out_of_range() {
    for limb in H {
        let mut forgery = Forgery::new(small_halves());
        assert_eq!(forgery.limbs[X], Scalar::ZERO);
        // x takes the error up and stays in range; h has to be a fraction.
        forgery.shift_share(DELTA, X);
        assert_eq!(forgery.limbs[X], Scalar::from(DELTA >> 64));
        let moved = forgery.limbs[X];
        forgery.limbs[X] = Scalar::ZERO;
        forgery.shift_upper(X, moved, limb);
        assert_eq!(forgery.verdict(), OUT_OF_RANGE, "limb {limb}");
    }
}

#[test]
fn limbs_too_great_or_negative_are_refused_even_where_the_share_is_right() {
    // x over 2^64, made up for by h and w.
    let mut forgery = Forgery::new(wide());
    forgery.shift_upper(X, Scalar::from(LIMIT), H[0]);
    forgery.limbs[W[0]] += Scalar::ONE;
    assert_eq!(forgery.verdict(), OUT_OF_RANGE);
    // h_2 of -1, made up for by h_1; w_1 of -1 by w_0.
    let mut forgery = Forgery::new(small_halves());
    let below_zero = -forgery.limbs[H[2]] - Scalar::ONE;
    forgery.shift_upper(H[2], below_zero, H[1]);
    assert_eq!(forgery.limbs[H[2]], -Scalar::ONE);
    assert_eq!(forgery.verdict(), OUT_OF_RANGE);
    let mut forgery = Forgery::new(small_halves());
    let multiples = limbs::of_lower();
    let below_zero = -forgery.limbs[W[1]] - Scalar::ONE;
    forgery.limbs[W[1]] += below_zero;
    forgery.limbs[W[0]] -= multiples[W[1]] * below_zero * multiples[W[0]].invert();
    assert_eq!(forgery.verdict(), OUT_OF_RANGE);
}

#[test]
fn limbs_in_range_that_do_not_lead_to_the_share_are_refused() {
    let mut forgery = Forgery::new(wide());
    forgery.share ^= DELTA;
    assert_eq!(forgery.verdict(), NOT_EQUAL);
    for limb in 0..LIMBS {
        let mut forgery = Forgery::new(wide());
        let value = forgery.limbs[limb];
        forgery.limbs[limb] = if value == Scalar::ZERO { Scalar::ONE } else { value - Scalar::ONE };
        assert_eq!(forgery.verdict(), NOT_EQUAL, "limb {limb}");
    }
}

#[test]
fn a_commitment_with_another_blinding_is_refused() {
    let forgery = Forgery::new(wide());
    let mut sent = forgery.prove();
    let carry = &mut sent.proof.limbs[0].carry[0];
    let point = decode_point(carry, Place::of("carry")).unwrap();
    *carry = encode_point(&(point + RISTRETTO_BASEPOINT_POINT));
    assert_eq!(forgery.case.verify(&sent), Err(SummandError::Proof));
}
