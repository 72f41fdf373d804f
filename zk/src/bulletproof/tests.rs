//! The library's own verifier and this one say the same of every proof.

use std::sync::LazyLock;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use proptest::{prelude::*, sample::Index};
use rand::Rng as _;

use super::*;
use crate::{
    elgamal,
    fixture::{self, rng},
    range::{self, BITS, MAX_VALUES},
    weighted_sum::{Bases, vartime_failing},
};

/// Another width, and values of it.
const WIDE_BITS: usize = 64;
const MAX_WIDE_VALUES: usize = 8;

/// For both widths: of each value's generators, a narrower one takes the first.
static LIBRARY: LazyLock<BulletproofGens> = LazyLock::new(|| BulletproofGens::new(WIDE_BITS, MAX_VALUES));
static WIDE: LazyLock<Generators> = LazyLock::new(|| Generators::new(WIDE_BITS, MAX_WIDE_VALUES));

/// A proof by the library, of values that may not be in range, and what it is about.
struct Case {
    bits: usize,
    bases: Bases,
    commitments: Vec<Commitment>,
    proof: Vec<u8>,
}

fn transcript() -> Transcript {
    Transcript::new(b"test")
}

impl Case {
    fn of(values: &[u64], seed: u64) -> Self {
        Self::of_width(BITS, values, seed)
    }

    fn of_width(bits: usize, values: &[u64], seed: u64) -> Self {
        let mut rng = rng(seed);
        let (key, _) = fixture::key(seed);
        let mut bases = range::bases(&key);
        if bits == WIDE_BITS {
            bases.generators = &WIDE;
        }
        let pedersen = pedersen(&bases);
        let padded = values.len().next_power_of_two();
        let blindings: Vec<_> = values.iter().map(|_| Scalar::random(&mut rng)).collect();
        let commitments = values.iter().zip(&blindings);
        let commitments =
            commitments.map(|(value, r)| Commitment::of(pedersen.commit(Scalar::from(*value), *r))).collect();
        let (mut values, mut blindings) = (values.to_vec(), blindings);
        values.resize(padded, 0);
        blindings.resize(padded, Scalar::ZERO);
        let proven = RangeProof::prove_multiple_with_rng(
            &LIBRARY,
            &pedersen,
            &mut transcript(),
            &values,
            &blindings,
            bits,
            &mut rng,
        );
        Self { bits, bases, commitments, proof: proven.unwrap().0.to_bytes() }
    }

    fn library_accepts(&self, proof: &[u8]) -> bool {
        let mut commitments: Vec<_> = self.commitments.iter().map(|commitment| commitment.encoding).collect();
        commitments.resize(commitments.len().next_power_of_two(), CompressedRistretto::identity());
        let verified = RangeProof::from_bytes(proof).and_then(|proof| {
            let (pedersen, transcript) = (pedersen(&self.bases), &mut transcript());
            proof.verify_multiple_with_rng(&LIBRARY, &pedersen, transcript, &commitments, self.bits, &mut rng(5))
        });
        verified.is_ok()
    }

    fn claim(&self, proof: &[u8], transcript: Transcript) -> Result<RangeClaim, RangeProofError> {
        RangeClaim::new(self.bases.generators, proof, &self.commitments, transcript)
    }

    fn sum(&self, proof: &[u8]) -> Result<WeightedSum, RangeProofError> {
        let mut sum = WeightedSum::default();
        self.claim(proof, transcript())?.add_to(&mut sum, &mut rng(6));
        Ok(sum)
    }

    fn accepts(&self, proof: &[u8]) -> bool {
        self.sum(proof).is_ok_and(|sum| vartime_failing(&self.bases, &[sum]).next().is_none())
    }

    /// The verdict of both.
    fn agreed(&self, proof: &[u8]) -> bool {
        let verdict = self.accepts(proof);
        assert_eq!(verdict, self.library_accepts(proof));
        verdict
    }

    fn elements(&self) -> usize {
        self.proof.len() / ELEMENT_BYTES
    }

    /// The proof with another element.
    fn with(&self, element: usize, bytes: [u8; ELEMENT_BYTES]) -> Vec<u8> {
        let mut proof = self.proof.clone();
        proof[element * ELEMENT_BYTES..][..ELEMENT_BYTES].copy_from_slice(&bytes);
        proof
    }
}

fn pedersen(bases: &Bases) -> PedersenGens {
    PedersenGens { B: elgamal::value_base(), B_blinding: bases.blinding }
}

fn values(count: usize, seed: u64) -> Vec<u64> {
    let mut rng = rng(seed);
    (0..count).map(|_| rng.gen_range(0..1 << BITS)).collect()
}

#[test]
fn the_generators_are_the_librarys() {
    let narrow = range::bases(&fixture::key(1).0).generators;
    for value in [0, 1, MAX_VALUES - 1] {
        let of_library: Vec<_> = LIBRARY.share(value).G(BITS).copied().collect();
        assert_eq!(narrow.g[value * BITS..][..BITS], of_library);
    }
    // The library shows no H; that they are the same is shown by every proof that verifies.
    assert_eq!((narrow.g.len(), narrow.h.len()), (MAX_VALUES * BITS, MAX_VALUES * BITS));
}

#[test]
fn proofs_of_every_padding_verify() {
    for count in [1, 2, 3, 4, 6, 17, 64, 100, MAX_VALUES] {
        let case = Case::of(&values(count, 3), 4);
        assert!(case.agreed(&case.proof), "{count} values");
    }
}

#[test]
fn values_that_are_not_16_bits_do_not_verify() {
    for (values, holds) in
        [([0, 65_535], true), ([65_536, 1], false), ([1, 65_536], false), ([u64::MAX, 0], false), ([1 << 32, 0], false)]
    {
        let case = Case::of(&values, 4);
        assert_eq!(case.agreed(&case.proof), holds, "{values:?}");
    }
}

#[test]
fn wide_values_are_proven_to_their_whole_width_and_take_no_narrow_proof() {
    for count in [1, 3, MAX_WIDE_VALUES] {
        let case = Case::of_width(WIDE_BITS, &vec![u64::MAX; count], 4);
        assert!(case.agreed(&case.proof), "{count} values");
    }
    // 8 of 16 bits and 2 of 64: as many bits, hence proofs of one length.
    let narrow = Case::of(&values(8, 3), 4);
    let wide = Case::of_width(WIDE_BITS, &values(2, 3), 4);
    assert_eq!(narrow.proof.len(), wide.proof.len());
    assert!(!narrow.agreed(&wide.proof) && !wide.agreed(&narrow.proof));
}

#[test]
fn no_element_can_be_changed() {
    let case = Case::of(&values(3, 3), 4);
    // ℓ, the first scalar that is not reduced; an element that no point has; the largest string.
    let mut order = [0; 32];
    hex::decode_to_slice("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", &mut order).unwrap();
    let point = elgamal::value_base_bytes().0;
    for element in 0..case.elements() {
        let own: [u8; 32] = case.proof[element * ELEMENT_BYTES..][..ELEMENT_BYTES].try_into().unwrap();
        let mut flipped = own;
        flipped[0] ^= 2;
        let mut negated = own;
        match CompressedRistretto(own).decompress() {
            Some(element) => negated = (-element).compress().to_bytes(),
            None => negated[0] ^= 4,
        }
        for bytes in [[0; 32], [1; 32], [0xff; 32], order, point, flipped, negated] {
            assert!(!case.agreed(&case.with(element, bytes)), "element {element}: {bytes:?}");
        }
    }
}

#[test]
fn identities_and_malformed_elements_are_named() {
    let case = Case::of(&values(1, 3), 4);
    let places = [(0, "A"), (1, "S"), (2, "T_1"), (3, "T_2")].map(|(element, field)| (element, Place::of(field)));
    let rounds = [(7, Place::at("L", 0)), (8, Place::at("R", 0)), (13, Place::at("L", 3)), (14, Place::at("R", 3))];
    for (element, place) in places.into_iter().chain(rounds) {
        let refused = |bytes| case.sum(&case.with(element, bytes)).err();
        assert_eq!(refused([0; 32]), Some(EncodingError::Identity(place).into()));
        assert_eq!(refused([0xff; 32]), Some(EncodingError::Point(place).into()));
    }
    for (element, field) in [(4, "t_x"), (5, "t_x_blinding"), (6, "e_blinding"), (15, "a"), (16, "b")] {
        let refused = case.sum(&case.with(element, [0xff; 32])).err();
        assert_eq!(refused, Some(EncodingError::Scalar(Place::of(field)).into()));
    }
}

#[test]
fn a_proof_is_as_long_as_its_values_need() {
    let case = Case::of(&values(5, 3), 4);
    let expected = case.proof.len();
    let other = Case::of(&values(9, 3), 4);
    for proof in [&[][..], &case.proof[..1], &case.proof[..expected - 1], &case.proof[..expected - 64], &other.proof] {
        assert!(!case.agreed(proof));
        assert_eq!(case.sum(proof).err(), Some(RangeProofError::Length { expected, found: proof.len() }));
    }
    for extra in [1, 32, 64] {
        let extended = [&case.proof[..], &vec![0; extra]].concat();
        assert!(!case.agreed(&extended));
    }
}

#[test]
fn a_proof_holds_for_its_commitments_its_key_and_its_transcript() {
    let case = Case::of(&values(3, 3), 4);
    let mut swapped = Case { commitments: case.commitments.clone(), ..Case::of(&values(3, 3), 4) };
    assert!(swapped.agreed(&case.proof));
    swapped.commitments.swap(0, 2);
    assert!(!swapped.agreed(&case.proof));
    let mut fewer = Case::of(&values(3, 3), 4);
    fewer.commitments.pop();
    assert!(!fewer.agreed(&case.proof));
    let mut more = Case::of(&values(3, 3), 4);
    more.commitments.push(Commitment::of(RistrettoPoint::identity()));
    assert!(more.agreed(&case.proof), "the identity is what is padded with");
    more.commitments[3] = more.commitments[0];
    assert!(!more.agreed(&case.proof));
    let bases = range::bases(&fixture::key(9).0);
    assert!(!Case { bases, ..Case::of(&values(3, 3), 4) }.agreed(&case.proof));
    let mut sum = WeightedSum::default();
    let elsewhere = Transcript::new(b"elsewhere");
    case.claim(&case.proof, elsewhere).unwrap().add_to(&mut sum, &mut rng(6));
    assert_eq!(vartime_failing(&case.bases, &[sum]).next(), Some(0));
}

#[test]
fn proofs_of_several_sizes_add_up_and_a_false_one_is_found_among_them() {
    let mut cases: Vec<_> = [1, 8, 2, 5, 64].map(|count| Case::of(&values(count, 3), 4)).into();
    cases[3] = Case::of(&[1, 2, 65_536, 4, 5], 4);
    let sums: Vec<_> = cases.iter().map(|case| case.sum(&case.proof).unwrap()).collect();
    assert_eq!(vartime_failing(&cases[0].bases, &sums).collect::<Vec<_>>(), [3]);
}

#[test]
#[should_panic(expected = "1 to 128 values")]
fn there_is_no_verifying_beyond_the_generators() {
    let commitments = vec![Commitment::of(elgamal::value_base()); MAX_VALUES + 1];
    let _ = RangeClaim::new(range::bases(&fixture::key(1).0).generators, &[], &commitments, transcript());
}

#[test]
fn neither_equation_can_fail_alone() {
    let case = Case::of(&values(2, 3), 4);
    let fails = |change: fn(&mut Responses)| {
        let mut claim = case.claim(&case.proof, transcript()).unwrap();
        change(&mut claim.responses);
        let mut sum = WeightedSum::default();
        claim.add_to(&mut sum, &mut rng(6));
        vartime_failing(&case.bases, &[sum]).next().is_some()
    };
    assert!(!fails(|_| ()));
    // Each is in one of the equations only; the challenges are kept.
    assert!(fails(|responses| responses.e_blinding += Scalar::ONE));
    assert!(fails(|responses| responses.a += Scalar::ONE));
    assert!(fails(|responses| responses.b += Scalar::ONE));
    assert!(fails(|responses| responses.t_blinding += Scalar::ONE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_verifiers_agree(
        wide: bool, count in 1..=MAX_VALUES, seed: u64, byte: Index, bit in 0..8_u8, cut: Index,
    ) {
        let (bits, count) = if wide { (WIDE_BITS, count.div_ceil(MAX_VALUES / MAX_WIDE_VALUES)) } else { (BITS, count) };
        let case = Case::of_width(bits, &values(count, seed), seed);
        prop_assert!(case.agreed(&case.proof));
        let mut flipped = case.proof.clone();
        flipped[byte.index(case.proof.len())] ^= 1 << bit;
        prop_assert!(!case.agreed(&flipped));
        prop_assert!(!case.agreed(&case.proof[..cut.index(case.proof.len())]));
    }
}
