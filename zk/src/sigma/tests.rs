//! Each relation is needed: statements that break one of them and fulfil all others are refused.
//!
//! (`Σ D_k = u·B` cannot be broken alone: it follows from the bands' relations and the other half.)

use super::*;
use crate::{
    elgamal::{times_base, times_value_base},
    fixture::{self, rng},
    range,
    weighted_sum::vartime_failing,
};

const DELTA: u64 = 1_000;

/// A true statement of v = 7 in the second of three bands, and its secrets.
fn honest(key: &CollectiveKey) -> (Statement, Secrets) {
    let mut rng = rng(4);
    let mut fresh = || Scalar::random(&mut rng);
    let (v, r, square_r) = (Scalar::from(7_u64), fresh(), fresh());
    let bands: Vec<BandSecrets> = [Scalar::ZERO, Scalar::ONE, Scalar::ZERO]
        .map(|b| (b, fresh()))
        .map(|(b, r)| BandSecrets { b, r, t: r - b * r })
        .into();
    let statement = Statement {
        value: Ciphertext::encrypt(key, &v, &r),
        square: Ciphertext::encrypt(key, &(v * v), &square_r),
        bands: bands.iter().map(|band| Ciphertext::encrypt(key, &band.b, &band.r)).collect(),
    };
    let u = bands.iter().map(|band| band.r).sum();
    (statement, Secrets { v, r, s: square_r - v * r, u, bands })
}

/// Whether a proof of the changed statement, by the changed secrets, is accepted.
fn accepted(change: impl FnOnce(&mut Statement, &mut Secrets)) -> bool {
    let (key, _) = fixture::key(1);
    let (mut statement, mut secrets) = honest(&key);
    change(&mut statement, &mut secrets);
    let transcript = Transcript::new(b"test");
    let proof = prove(&key, &statement, &secrets, transcript.clone(), &mut rng(5));
    let claim = Claim::new(statement, &proof, transcript).unwrap();
    let mut sum = WeightedSum::default();
    claim.add_to(&mut sum, &mut rng(6));
    vartime_failing(&range::bases(&key), &[sum]).next().is_none()
}

#[test]
fn a_true_statement_is_accepted() {
    assert!(accepted(|_, _| ()));
}

#[test]
fn the_values_key_has_the_values_randomness() {
    let error = times_base(&Scalar::from(DELTA));
    assert!(!accepted(|statement, secrets| {
        statement.value.key += error;
        statement.square.key += secrets.v * error;
    }));
}

#[test]
fn the_value_is_the_one_that_is_committed_to() {
    let error = times_value_base(&Scalar::from(DELTA));
    assert!(!accepted(|statement, secrets| {
        statement.value.commitment += error;
        statement.square.commitment += secrets.v * error;
    }));
}

#[test]
fn the_square_is_the_values() {
    assert!(!accepted(|statement, _| statement.square.commitment += times_value_base(&Scalar::from(DELTA))));
}

#[test]
fn the_squares_key_has_the_squares_randomness() {
    assert!(!accepted(|statement, _| statement.square.key += times_base(&Scalar::from(DELTA))));
}

#[test]
fn errors_of_two_bands_keys_do_not_cancel() {
    let error = times_base(&Scalar::from(DELTA));
    assert!(!accepted(|statement, _| {
        statement.bands[0].key += error;
        statement.bands[2].key -= error;
    }));
}

#[test]
fn errors_of_two_bands_commitments_do_not_cancel() {
    // With b = 1 and t = 0 the bit's relation holds for anything: the commitment's own has to tie b to it.
    let error = times_value_base(&Scalar::from(DELTA));
    assert!(!accepted(|statement, secrets| {
        statement.bands[0].commitment += error;
        statement.bands[1].commitment -= error;
        for band in &mut secrets.bands[..2] {
            (band.b, band.t) = (Scalar::ONE, Scalar::ZERO);
        }
    }));
}

#[test]
fn an_indicator_is_a_bit() {
    let (key, _) = fixture::key(1);
    assert!(!accepted(|statement, secrets| {
        for (position, b) in [(0, Scalar::from(DELTA)), (1, Scalar::ONE - Scalar::from(DELTA))] {
            let band = &mut secrets.bands[position];
            (band.b, band.t) = (b, band.r - b * band.r);
            statement.bands[position] = Ciphertext::encrypt(&key, &b, &band.r);
        }
    }));
}

#[test]
fn exactly_one_band_is_set() {
    let (key, _) = fixture::key(1);
    for bits in [[0_u64, 0, 0], [1, 1, 0], [1, 1, 1]] {
        assert!(!accepted(|statement, secrets| {
            for (position, bit) in bits.into_iter().enumerate() {
                let (b, band) = (Scalar::from(bit), &mut secrets.bands[position]);
                (band.b, band.t) = (b, band.r - b * band.r);
                statement.bands[position] = Ciphertext::encrypt(&key, &b, &band.r);
            }
        }));
    }
}

#[test]
fn nonces_differ_with_the_secrets_even_under_one_random_stream() {
    let (key, _) = fixture::key(1);
    let (_, secrets) = honest(&key);
    let (_, mut other) = honest(&key);
    other.v += Scalar::ONE;
    let transcript = Transcript::new(b"test");
    let nonces = |secrets: &Secrets, transcript: &Transcript| secrets.nonces(transcript, &mut rng(9)).v;
    assert_eq!(nonces(&secrets, &transcript), nonces(&secrets, &transcript));
    assert_ne!(nonces(&secrets, &transcript), nonces(&other, &transcript));
    assert_ne!(nonces(&secrets, &transcript), nonces(&secrets, &Transcript::new(b"other")));
}
