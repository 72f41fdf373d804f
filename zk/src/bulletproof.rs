//! The verifier of aggregated Bulletproofs (Bünz, Bootle, Boneh, Poelstra, Wuille, Maxwell 2018, section 4.2), as
//! equations that are checked together with others.
//!
//! It accepts exactly the proofs that the `bulletproofs` crate makes and verifies, byte for byte: generators, transcript
//! and encoding are that crate's, version 5. The crate's own verifier checks one proof a multi-scalar multiplication;
//! here the two equations of a proof go into a [`WeightedSum`], where the 2·n·m generators, which are most of the
//! points, are shared by all proofs.
//!
//! Two equations make a proof of m values of n bits, with the bases V of values and P of blindings; i = n·j + k counts the
//! bits, value j's bit k, and `s_i` is the product of all `u_b` and `u_b^-1`, the former where bit b of i is set:
//!
//! ```text
//! inner product   A + x·S - e·P + w·(t - a·b)·V + Σ u²·L + Σ u^-2·R
//!                     + Σ (-z - a·s_i)·G_i + Σ (z + y^-i·(z^(2+j)·2^k - b/s_i))·H_i = 0
//! polynomial      x·T_1 + x²·T_2 - t'·P + (δ(y, z) - t)·V + Σ z^(2+j)·V_j = 0
//! ```
//!
//! Errors: [`RangeProofError`]. Cost for m values: n·m·3 multiplications of scalars and the decoding of
//! 12 + 2·log2(m) points to read and weigh; then m + 12 + 2·log2(m) points of a multi-scalar multiplication of its own,
//! and 2·n·m shared with all other proofs. Variable time: for public data only.

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::Identity,
};
use merlin::Transcript;
use nacre_schemas as schemas;
use rand::{CryptoRng, RngCore};

use crate::{
    encoding::{EncodingError, Place, decode_proper_point, decode_scalar},
    generators::Generators,
    transcript::{append_point, wide_challenge},
    weighted_sum::{WeightedSum, weight},
};

/// Elements of a proof beside the rounds of its inner-product argument: A, S, T_1, T_2, t, t', e; a, b.
const FIXED_ELEMENTS: usize = 9;
const ELEMENT_BYTES: usize = 32;

/// Why a range proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeProofError {
    /// Not as long as a proof of that many values is.
    #[error("it has {found} bytes instead of {expected}")]
    Length {
        /// Bytes that it should have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// A point or scalar of it is not well-formed.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// It is well-formed, and proves nothing about these commitments.
    #[error("its equations are not fulfilled")]
    Equations,
}

/// A commitment that a proof is about, known to the verifier as a point, and as the transcript absorbs it.
#[derive(Clone, Copy)]
pub(crate) struct Commitment {
    /// The point.
    pub(crate) point: RistrettoPoint,
    /// Its encoding.
    pub(crate) encoding: CompressedRistretto,
}

impl Commitment {
    /// Of a point that the verifier derived.
    pub(crate) fn of(point: RistrettoPoint) -> Self {
        Self { point, encoding: point.compress() }
    }
}

/// A proof and its commitments, decoded, with the challenges drawn: ready to be checked, alone or with others.
pub(crate) struct RangeClaim {
    /// Of a value.
    bits: usize,
    /// Those that are not the identity by construction.
    commitments: Vec<RistrettoPoint>,
    points: Points,
    responses: Responses,
    challenges: Challenges,
}

/// What the prover announces.
struct Points {
    bits: RistrettoPoint,
    blinding: RistrettoPoint,
    t_1: RistrettoPoint,
    t_2: RistrettoPoint,
    /// L and R of each round.
    rounds: Vec<[RistrettoPoint; 2]>,
}

struct Responses {
    t: Scalar,
    t_blinding: Scalar,
    e_blinding: Scalar,
    a: Scalar,
    b: Scalar,
}

struct Challenges {
    y: Scalar,
    z: Scalar,
    x: Scalar,
    w: Scalar,
    /// u of each round.
    rounds: Vec<Scalar>,
}

/// A proof's elements, taken one after the other.
struct Elements<'a>(std::slice::Iter<'a, [u8; ELEMENT_BYTES]>);

impl Elements<'_> {
    fn next(&mut self) -> [u8; ELEMENT_BYTES] {
        *self.0.next().expect("the number of elements was checked before the first was taken")
    }

    fn scalar(&mut self, field: &'static str) -> Result<Scalar, EncodingError> {
        decode_scalar(&schemas::Scalar(self.next()), Place::of(field))
    }

    /// A point, which the transcript absorbs. No proof that the library makes has the identity for one.
    fn point(
        &mut self,
        transcript: &mut Transcript,
        label: &'static [u8],
        place: Place,
    ) -> Result<RistrettoPoint, EncodingError> {
        let bytes = schemas::Point(self.next());
        append_point(transcript, label, &bytes);
        decode_proper_point(&bytes, place)
    }
}

impl RangeClaim {
    /// Decodes a proof that each commitment is to a value of the generators' width, and draws its challenges. The
    /// transcript is at the state that the proof was begun with.
    ///
    /// The commitments are padded to a power of two with the identity, 0 with randomness 0. There is one at least, and
    /// there are generators for all, or this panics: equations without generators prove nothing.
    pub(crate) fn new(
        generators: &Generators,
        proof: &[u8],
        commitments: &[Commitment],
        mut transcript: Transcript,
    ) -> Result<Self, RangeProofError> {
        let Generators { bits: width, max_values, .. } = *generators;
        assert!((1..=max_values).contains(&commitments.len()), "a proof is about 1 to {max_values} values");
        let values = commitments.len().next_power_of_two();
        let (elements, rest) = proof.as_chunks::<ELEMENT_BYTES>();
        let rounds = (width * values).ilog2() as usize;
        let expected = FIXED_ELEMENTS + 2 * rounds;
        if elements.len() != expected || !rest.is_empty() {
            return Err(RangeProofError::Length { expected: expected * ELEMENT_BYTES, found: proof.len() });
        }
        let mut elements = Elements(elements.iter());
        let transcript = &mut transcript;
        append_commitments(transcript, commitments, width, values);

        let bits = elements.point(transcript, b"A", Place::of("A"))?;
        let blinding = elements.point(transcript, b"S", Place::of("S"))?;
        let (y, z) = (wide_challenge(transcript, b"y"), wide_challenge(transcript, b"z"));
        let t_1 = elements.point(transcript, b"T_1", Place::of("T_1"))?;
        let t_2 = elements.point(transcript, b"T_2", Place::of("T_2"))?;
        let x = wide_challenge(transcript, b"x");
        let t = elements.scalar("t_x")?;
        let t_blinding = elements.scalar("t_x_blinding")?;
        let e_blinding = elements.scalar("e_blinding")?;
        transcript.append_message(b"t_x", t.as_bytes());
        transcript.append_message(b"t_x_blinding", t_blinding.as_bytes());
        transcript.append_message(b"e_blinding", e_blinding.as_bytes());
        let w = wide_challenge(transcript, b"w");

        transcript.append_message(b"dom-sep", b"ipp v1");
        transcript.append_u64(b"n", (width * values) as u64);
        let mut points = Points { bits, blinding, t_1, t_2, rounds: Vec::with_capacity(rounds) };
        let mut challenges = Challenges { y, z, x, w, rounds: Vec::with_capacity(rounds) };
        for round in 0..rounds {
            let left = elements.point(transcript, b"L", Place::at("L", round))?;
            let right = elements.point(transcript, b"R", Place::at("R", round))?;
            points.rounds.push([left, right]);
            challenges.rounds.push(wide_challenge(transcript, b"u"));
        }
        let (a, b) = (elements.scalar("a")?, elements.scalar("b")?);
        let commitments = commitments.iter().map(|commitment| commitment.point).collect();
        let responses = Responses { t, t_blinding, e_blinding, a, b };
        Ok(Self { bits: width, commitments, points, responses, challenges })
    }

    /// Adds this proof's two equations to a sum, each under a random weight.
    pub(crate) fn add_to<R: RngCore + CryptoRng>(&self, sum: &mut WeightedSum, rng: &mut R) {
        let (inner, polynomial) = (weight(rng), weight(rng));
        let Self { bits: width, commitments, points, responses, challenges: Challenges { y, z, x, w, rounds } } = self;

        sum.value_base += inner * w * (responses.t - responses.a * responses.b);
        sum.value_base += polynomial * (delta(y, z, *width, rounds.len()) - responses.t);
        sum.blinding_base -= inner * responses.e_blinding + polynomial * responses.t_blinding;
        sum.add(inner, points.bits);
        sum.add(inner * x, points.blinding);
        sum.add(polynomial * x, points.t_1);
        sum.add(polynomial * x * x, points.t_2);
        let mut multiple = polynomial * z * z;
        for commitment in commitments {
            sum.add(multiple, *commitment);
            multiple *= z;
        }

        let mut inverses = rounds.clone();
        inverses.push(*y);
        // No challenge is 0, but with a probability of 2^-252.
        let all_inverted = Scalar::batch_invert(&mut inverses) * y;
        let y_inverse = inverses.pop().expect("y was pushed last");
        for ([left, right], (u, u_inverse)) in points.rounds.iter().zip(rounds.iter().zip(&inverses)) {
            sum.add(inner * u * u, *left);
            sum.add(inner * u_inverse * u_inverse, *right);
        }
        let folding = Folding { rounds, inverses: &inverses, all_inverted };
        self.add_generators(sum, &inner, &y_inverse, &folding);
    }

    /// The multiples of `G_i` and `H_i` in the inner-product equation.
    fn add_generators(&self, sum: &mut WeightedSum, inner: &Scalar, y_inverse: &Scalar, folding: &Folding<'_>) {
        let Self { responses: Responses { a, b, .. }, challenges: Challenges { z, .. }, .. } = self;
        let rounds = folding.rounds.len();
        let y_powers = squarings(y_inverse, rounds);
        let (two_powers, z_powers) =
            (squarings(&Scalar::from(2_u32), self.bits.ilog2() as usize), squarings(z, rounds));
        // Bits of i: the low ones are those of k, the high ones those of j.
        let two_and_z = two_powers.iter().chain(&z_powers);
        let of_bits: Vec<Scalar> = two_and_z.zip(&y_powers).map(|(factor, y)| factor * y).collect();
        // The first round's challenge folds the highest bit.
        let squares: Vec<Scalar> = folding.rounds.iter().rev().map(|u| u * u).collect();
        let inverted: Vec<Scalar> =
            folding.inverses.iter().rev().zip(&y_powers).map(|(u_inverse, y)| u_inverse * u_inverse * y).collect();
        let all: Scalar = folding.rounds.iter().product();

        let constant = inner * z;
        let a_s = products(-(inner * a * folding.all_inverted), &squares);
        add_vector(&mut sum.g, a_s.iter().map(|a_s| a_s - constant));
        let ranges = products(constant * z, &of_bits);
        let b_s = products(-(inner * b * all), &inverted);
        add_vector(&mut sum.h, ranges.iter().zip(&b_s).map(|(range, b_s)| constant + range + b_s));
    }
}

/// The challenges u of the inner-product argument, first to last, and what comes of inverting them.
struct Folding<'a> {
    rounds: &'a [Scalar],
    inverses: &'a [Scalar],
    /// `Π u^-1`.
    all_inverted: Scalar,
}

/// What the library's transcript absorbs before the proof itself.
fn append_commitments(transcript: &mut Transcript, commitments: &[Commitment], width: usize, values: usize) {
    transcript.append_message(b"dom-sep", b"rangeproof v1");
    transcript.append_u64(b"n", width as u64);
    transcript.append_u64(b"m", values as u64);
    for commitment in commitments {
        transcript.append_message(b"V", commitment.encoding.as_bytes());
    }
    for _ in commitments.len()..values {
        transcript.append_message(b"V", CompressedRistretto::identity().as_bytes());
    }
}

/// `base^(2^b)` for b from 0.
fn squarings(base: &Scalar, count: usize) -> Vec<Scalar> {
    std::iter::successors(Some(*base), |power| Some(power * power)).take(count).collect()
}

/// For i from 0 to 2^bits - 1: `start` times the factors of the bits that are set in i, lowest first.
fn products(start: Scalar, factors: &[Scalar]) -> Vec<Scalar> {
    let mut products = Vec::with_capacity(1 << factors.len());
    products.push(start);
    for factor in factors {
        for low in 0..products.len() {
            products.push(products[low] * factor);
        }
    }
    products
}

/// `Σ base^i` for i below 2^bits.
fn sum_of_powers(base: &Scalar, bits: usize) -> Scalar {
    squarings(base, bits).iter().map(|power| Scalar::ONE + power).product()
}

/// `δ(y, z) = (z - z²)·Σ y^i - z³·Σ 2^k·Σ z^j`, for 2^bits bits in all.
fn delta(y: &Scalar, z: &Scalar, width: usize, bits: usize) -> Scalar {
    let bits_of_value = width.ilog2() as usize;
    let twos = sum_of_powers(&Scalar::from(2_u32), bits_of_value);
    z * ((Scalar::ONE - z) * sum_of_powers(y, bits) - z * z * twos * sum_of_powers(z, bits - bits_of_value))
}

fn add_vector(total: &mut Vec<Scalar>, vector: impl ExactSizeIterator<Item = Scalar>) {
    total.resize(total.len().max(vector.len()), Scalar::ZERO);
    for (total, scalar) in total.iter_mut().zip(vector) {
        *total += scalar;
    }
}

#[cfg(test)]
mod tests;
