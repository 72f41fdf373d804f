//! Sums of ciphertexts are ciphertexts of sums; what is not well-formed is not added.

use super::*;
use crate::{MessagePoint, elgamal::Ciphertext, encoding::Place as At, fixture, fixture::rng, key::CollectiveKey};
use curve25519_dalek::scalar::Scalar;

/// Ciphertexts of value, square and two bands.
fn encrypt(key: &CollectiveKey, numbers: [u32; 4], seed: u64) -> (Commitments, EphemeralKeys) {
    let mut rng = rng(seed);
    let [value, square, first, second] =
        numbers.map(|m| Ciphertext::encrypt(key, &Scalar::from(m), &Scalar::random(&mut rng)));
    let side =
        |of: fn(&Ciphertext) -> &RistrettoPoint| [&value, &square, &first, &second].map(|it| encode_point(of(it)));
    let ([cv, cs, c0, c1], [dv, ds, d0, d1]) = (side(|it| &it.commitment), side(|it| &it.key));
    (
        Commitments { value: cv, square: cs, bands: vec![c0, c1] },
        EphemeralKeys { value: dv, square: ds, bands: vec![d0, d1] },
    )
}

#[test]
fn sums_hold_the_sums_of_every_quantity() {
    let (key, x) = fixture::key(1);
    let (mut commitments, mut keys) = (CommitmentSums::new(2), KeySums::new(2));
    for (seed, numbers) in [(1, [3, 9, 1, 0]), (2, [5, 25, 0, 1]), (3, [4, 16, 1, 0])] {
        let (c, d) = encrypt(&key, numbers, seed);
        commitments.add(&c).unwrap();
        keys.add(&d).unwrap();
    }
    let (commitments, keys) = (commitments.finish(), keys.finish());
    let quantities = [
        (Quantity::Count, 3),
        (Quantity::Sum, 12),
        (Quantity::Squares, 50),
        (Quantity::Band(0), 2),
        (Quantity::Band(1), 1),
    ];
    for (quantity, number) in quantities {
        let c = decode_point(&commitment_of(&commitments, quantity).unwrap(), At::of("C")).unwrap();
        let d = decode_point(&key_of(&keys, quantity).unwrap(), At::of("D")).unwrap();
        assert!(MessagePoint(c - x * d).is(number), "{quantity}");
    }
    assert_eq!(commitment_of(&commitments, Quantity::Band(2)), Err(EncodingError::NoSuchBand(2)));
    assert_eq!(key_of(&keys, Quantity::Band(7)), Err(EncodingError::NoSuchBand(7)));
}

#[test]
fn a_malformed_addend_leaves_the_sum_as_it_was() {
    let (key, _) = fixture::key(1);
    let (good, _) = encrypt(&key, [1, 1, 1, 0], 1);
    let mut sums = CommitmentSums::new(2);
    sums.add(&good).unwrap();
    let mut malformed = good.clone();
    malformed.bands[1] = Point([1; 32]);
    assert_eq!(sums.add(&malformed), Err(EncodingError::Point(At::at("band", 1))));
    let mut short = good.clone();
    short.bands.pop();
    let expected = EncodingError::BandCount { place: At::of("the addend"), expected: 2, found: 1 };
    assert_eq!(sums.add(&short), Err(expected));
    assert_eq!(sums.finish(), good);
}

#[test]
fn no_points_add_up_to_the_identity_and_a_bad_one_is_named() {
    assert_eq!(sum_points([]), Ok(Point([0; 32])));
    let (key, _) = fixture::key(1);
    let point = key.bytes();
    assert_eq!(sum_points([&point]), Ok(point));
    assert_eq!(sum_points([&point, &Point([1; 32])]), Err(EncodingError::Point(At::at("summand", 1))));
    let malformed = Commitments { value: Point([1; 32]), square: point, bands: vec![point] };
    assert_eq!(commitment_of(&malformed, Quantity::Sum), Err(EncodingError::Point(At::of("the value"))));
}
