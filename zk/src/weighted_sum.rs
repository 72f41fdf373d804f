//! Equations between group elements, added up under random weights, so that any number of them are checked by one
//! multi-scalar multiplication.
//!
//! An equation is a sum of known multiples of points that should be the identity. Kept true: every equation goes in
//! under a weight of its own, drawn from [`WEIGHT_BITS`] bits by whoever checks. If an equation does not hold, the total
//! is the identity for at most one value of its weight, as the group has prime order: with a probability of at most
//! 2^-128, whatever the other equations are and whoever chose them. The same holds for the total of any part of the
//! equations; asking for t totals misses a false equation with a probability of at most t·2^-128.
//!
//! Points that many equations share (`B`, `V`, the base of blindings, the generators of range proofs) are multiplied once
//! a total.
//!
//! Cost: Pippenger's algorithm, 3 to 4 µs of one core a point in totals of thousands, and half of that for a point whose
//! multiple is a bare weight. Variable time: for public data only.

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT,
    ristretto::RistrettoPoint,
    scalar::Scalar,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use rand::{CryptoRng, Rng, RngCore};
use rayon::prelude::*;

use crate::{elgamal, generators::Generators};

/// Bits of a weight.
const WEIGHT_BITS: u32 = u128::BITS;
const _: () = assert!(WEIGHT_BITS == 128);
/// Points multiplied at once by one thread. With a fourth of it, adding up Pippenger's buckets shows; with eight times as
/// many, the points no longer stay in the cache: 7 % either way.
const CHUNK_POINTS: usize = 8_192;

/// A weight: unpredictable to whoever made the equations, if the generator is.
pub(crate) fn weight<R: RngCore + CryptoRng>(rng: &mut R) -> Scalar {
    Scalar::from(integer_weight(rng))
}

/// The same as an integer.
pub(crate) fn integer_weight<R: RngCore + CryptoRng>(rng: &mut R) -> u128 {
    rng.r#gen()
}

/// What the equations of one kind share beside `B` and `V`.
#[derive(Clone, Copy)]
pub(crate) struct Bases {
    /// The base of the commitments' blindings.
    pub(crate) blinding: RistrettoPoint,
    /// Of the range proofs.
    pub(crate) generators: &'static Generators,
}

/// `base·B + value_base·V + blinding_base·P + Σ g_i·G_i + Σ h_i·H_i + Σ multiple·point`.
#[derive(Clone, Default)]
pub(crate) struct WeightedSum {
    /// Multiple of `B`.
    pub(crate) base: Scalar,
    /// Of `V`.
    pub(crate) value_base: Scalar,
    /// Of the base of blindings, P.
    pub(crate) blinding_base: Scalar,
    /// Of the first `G_i`; of the others it is 0.
    pub(crate) g: Vec<Scalar>,
    /// Of the first `H_i`.
    pub(crate) h: Vec<Scalar>,
    /// Of points that no other sum has.
    terms: Vec<(Scalar, RistrettoPoint)>,
}

impl WeightedSum {
    /// Adds a multiple of a point.
    pub(crate) fn add(&mut self, multiple: Scalar, point: RistrettoPoint) {
        self.terms.push((multiple, point));
    }
}

/// The total of all sums. Uses rayon.
pub(crate) fn vartime_total(bases: &Bases, sums: &[WeightedSum]) -> RistrettoPoint {
    let shared = shared_terms(bases, sums);
    let terms: Vec<_> = shared.iter().chain(sums.iter().flat_map(|sum| &sum.terms)).collect();
    let a_thread = terms.len().div_ceil(rayon::current_num_threads()).max(CHUNK_POINTS / 16);
    let chunks = terms.par_chunks(a_thread.min(CHUNK_POINTS));
    let multiply = |chunk: &[&(Scalar, RistrettoPoint)]| {
        let (multiples, points) = (chunk.iter().map(|term| term.0), chunk.iter().map(|term| term.1));
        RistrettoPoint::vartime_multiscalar_mul(multiples, points)
    };
    chunks.map(multiply).sum()
}

/// The points that sums share, each with its multiples added up.
fn shared_terms(bases: &Bases, sums: &[WeightedSum]) -> Vec<(Scalar, RistrettoPoint)> {
    let multiple_of = |part: fn(&WeightedSum) -> Scalar| sums.iter().map(part).sum();
    let Bases { blinding, generators } = bases;
    let mut shared = vec![
        (multiple_of(|sum| sum.base), RISTRETTO_BASEPOINT_POINT),
        (multiple_of(|sum| sum.value_base), elgamal::value_base()),
        (multiple_of(|sum| sum.blinding_base), *blinding),
    ];
    shared.extend(add_up(sums.iter().map(|sum| &*sum.g)).into_iter().zip(generators.g.iter().copied()));
    shared.extend(add_up(sums.iter().map(|sum| &*sum.h)).into_iter().zip(generators.h.iter().copied()));
    shared
}

/// The sum of vectors, as long as the longest.
fn add_up<'a>(vectors: impl Iterator<Item = &'a [Scalar]>) -> Vec<Scalar> {
    let mut total: Vec<Scalar> = Vec::new();
    for vector in vectors {
        total.resize(total.len().max(vector.len()), Scalar::ZERO);
        for (total, scalar) in total.iter_mut().zip(vector) {
            *total += scalar;
        }
    }
    total
}

/// Positions of the sums that are not the identity, in order, each found when it is asked for.
///
/// By halving: of a part that is not the identity the left half is multiplied, and the right half is what is left of
/// the total. With n sums that share no generators, the first takes as long as the total did, at most; all of them, if
/// all fail, `log2(n)/2` times that long. Generators are multiplied anew each time.
pub(crate) fn vartime_failing(bases: &Bases, sums: &[WeightedSum]) -> impl Iterator<Item = usize> {
    let mut parts = vec![(0..sums.len(), vartime_total(bases, sums))];
    std::iter::from_fn(move || {
        while let Some((part, total)) = parts.pop() {
            if total.is_identity() {
                continue;
            }
            if part.len() == 1 {
                return Some(part.start);
            }
            let middle = part.start + part.len() / 2;
            let left = vartime_total(bases, &sums[part.start..middle]);
            parts.push((middle..part.end, total - left));
            parts.push((part.start..middle, left));
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, range};

    fn bases() -> Bases {
        range::bases(&fixture::key(1).0)
    }

    /// `multiple·P - multiple·P`, through the shared point and a term; a fault makes it another point.
    fn equation(bases: &Bases, multiple: u64, fault: u64) -> WeightedSum {
        let mut sum = WeightedSum { blinding_base: Scalar::from(multiple + fault), ..WeightedSum::default() };
        sum.add(-Scalar::from(multiple), bases.blinding);
        sum
    }

    #[test]
    fn every_failing_sum_is_found_wherever_it_stands() {
        let bases = bases();
        for size in 0..=7_u64 {
            for failing in 0..1_u64 << size {
                let fails = |position: &u64| failing >> position & 1 == 1;
                let sums: Vec<_> =
                    (0..size).map(|position| equation(&bases, position, u64::from(fails(&position)) * 9)).collect();
                let expected: Vec<usize> = (0..size).filter(fails).map(|position| position as usize).collect();
                assert_eq!(vartime_failing(&bases, &sums).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn shared_generators_count_in_every_sum() {
        let bases = bases();
        let generators = bases.generators;
        let one = WeightedSum { g: vec![Scalar::ONE], h: vec![Scalar::ZERO, Scalar::ONE], ..WeightedSum::default() };
        let two = WeightedSum { g: vec![Scalar::ONE, Scalar::ONE], ..WeightedSum::default() };
        let total = vartime_total(&bases, &[one, two]);
        assert_eq!(total, generators.g[0] + generators.g[0] + generators.g[1] + generators.h[1]);
    }
}
