//! A cheating provider: it runs the prover on plaintexts that no value has, or moves what was proven elsewhere.

use std::mem::swap;

use curve25519_dalek::scalar::Scalar;
use nacre_schemas::{Point, batch::Batch, contribution::Contribution};

use super::{
    super::{BatchFault, prove_ranges},
    check, fault,
};
use crate::{
    contribution::{Plaintexts, Target, seal},
    encoding::{EncodingError, Place},
    fixture::{self, batch, chain, header, key, measure, provider, restricted, rng},
    key::CollectiveKey,
};

/// A batch of BMI contributions with these plaintexts, proven as well as the prover can.
fn forge(key: &CollectiveKey, plaintexts: Vec<Plaintexts>) -> Batch {
    let (measure, chain, mut rng) = (measure("bmi"), chain(), rng(3));
    let target = Target { key, chain: &chain, measure };
    let (contributions, openings): (Vec<_>, Vec<_>) = (0..)
        .zip(&plaintexts)
        .map(|(number, plaintexts)| seal(&target, header(measure, number), restricted(number), plaintexts, &mut rng))
        .unzip();
    let openings: Vec<_> = openings.into_iter().flatten().collect();
    fixture::unsigned(prove_ranges(key, &chain, &provider(), contributions, &openings, &mut rng).unwrap())
}

/// What an honest provider would encrypt.
fn honest(value: u32) -> Plaintexts {
    Plaintexts::of(&measure("bmi").bands(), value)
}

/// A value with indicators that may not be its own.
fn claim(value: Scalar, bands: [Scalar; 4]) -> Plaintexts {
    Plaintexts { value, square: value * value, bands: bands.to_vec() }
}

const ZERO: Scalar = Scalar::ZERO;
const ONE: Scalar = Scalar::ONE;

#[test]
fn the_forging_prover_convinces_when_it_is_honest() {
    let (key, _) = key(1);
    let claims = vec![honest(80), claim(Scalar::from(200_u32), [ZERO, ONE, ZERO, ZERO]), honest(1000)];
    assert_eq!(check(&key, &forge(&key, claims)), Ok(()));
}

#[test]
fn a_value_outside_the_band_it_claims_fails_the_range_proof() {
    let (key, _) = key(1);
    let bands = measure("bmi").bands();
    let cases = [
        ("above the range", bands[3].hi + 1, 3),
        ("above the range by all 16 bits", bands[3].hi + (1 << 16), 3),
        ("below the range", bands[0].lo - 1, 0),
        ("zero", 0, 0),
        ("just over its band", bands[1].hi + 1, 1),
        ("just under its band", bands[2].lo - 1, 2),
        ("another band altogether", bands[0].lo, 3),
    ];
    for (what, value, band) in cases {
        let mut indicators = [ZERO; 4];
        indicators[band] = ONE;
        let forged = forge(&key, vec![honest(200), claim(Scalar::from(value), indicators)]);
        let found = fault(&key, &forged);
        assert!(matches!(found, (None, BatchFault::RangeProof(_))), "{what}: {found:?}");
    }
}

#[test]
fn a_negative_value_fails_the_range_proof() {
    let (key, _) = key(1);
    let forged = forge(&key, vec![claim(-Scalar::from(200_u32), [ZERO, ONE, ZERO, ZERO])]);
    assert!(matches!(fault(&key, &forged), (None, BatchFault::RangeProof(_))));
}

#[test]
fn indicators_that_are_not_one_bit_fail_the_sigma_proof_and_name_the_contribution() {
    let (key, _) = key(1);
    let two = ONE + ONE;
    let half = two.invert();
    let cases = [
        ("two bands", [ONE, ONE, ZERO, ZERO]),
        ("no band", [ZERO; 4]),
        ("two less one", [ZERO, two, -ONE, ZERO]),
        ("two halves", [ZERO, half, half, ZERO]),
        ("minus one", [ZERO, -ONE, ZERO, ZERO]),
        ("a thousand people", [ZERO, Scalar::from(1000_u32), ZERO, ZERO]),
    ];
    for (what, indicators) in cases {
        let claims = vec![honest(100), honest(200), claim(Scalar::from(200_u32), indicators), honest(300)];
        assert_eq!(fault(&key, &forge(&key, claims)), (Some(2), BatchFault::SigmaProof), "{what}");
    }
}

#[test]
fn indicators_that_add_up_over_two_contributions_still_fail() {
    let (key, _) = key(1);
    // Together they look like two people in one band each.
    let v = Scalar::from(200_u32);
    let claims = vec![claim(v, [ZERO, ONE, ONE, ZERO]), claim(v, [ZERO; 4])];
    assert_eq!(fault(&key, &forge(&key, claims)), (Some(0), BatchFault::SigmaProof));
}

#[test]
fn a_square_of_another_value_fails_the_sigma_proof() {
    let (key, _) = key(1);
    let v = Scalar::from(200_u32);
    for square in [v * v + ONE, v, ZERO, (v + ONE) * (v + ONE), -(v * v)] {
        let mut claimed = honest(200);
        claimed.square = square;
        let forged = forge(&key, vec![honest(300), claimed]);
        assert_eq!(fault(&key, &forged), (Some(1), BatchFault::SigmaProof));
    }
}

#[test]
fn proofs_and_parts_do_not_move_between_contributions() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("bmi", 200), ("bmi", 300)]);
    assert_eq!(check(&key, &good), Ok(()));
    type Exchange = fn(&mut Contribution, &mut Contribution);
    let exchanges: [(&str, Exchange); 6] = [
        ("proof", |a, b| swap(&mut a.openings.proof, &mut b.openings.proof)),
        ("commitments", |a, b| swap(&mut a.commitments, &mut b.commitments)),
        ("keys", |a, b| swap(&mut a.openings.keys, &mut b.openings.keys)),
        ("restricted part", |a, b| swap(&mut a.restricted, &mut b.restricted)),
        ("header", |a, b| swap(&mut a.openings.header, &mut b.openings.header)),
        ("ciphertexts and proof", |a, b| {
            swap(&mut a.commitments, &mut b.commitments);
            swap(&mut a.openings.keys, &mut b.openings.keys);
            swap(&mut a.openings.proof, &mut b.openings.proof);
        }),
    ];
    for (what, exchange) in exchanges {
        let mut batch = good.clone();
        let (first, rest) = batch.contributions.split_at_mut(1);
        exchange(&mut first[0], &mut rest[0]);
        assert_eq!(fault(&key, &batch), (Some(0), BatchFault::SigmaProof), "{what}");
    }
}

#[test]
fn a_batch_is_one_list_in_one_order() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("bmi", 250), ("bmi", 300), ("bmi", 350)]);
    let changed = |change: &dyn Fn(&mut Vec<Contribution>)| {
        let mut batch = good.clone();
        change(&mut batch.contributions);
        fault(&key, &batch)
    };
    let range = |found| matches!(found, (None, BatchFault::RangeProof(_)));

    assert!(range(changed(&|list| list.swap(0, 1))));
    // Six values and two identities are not the eight that were proven.
    assert!(range(changed(&|list| list.truncate(3))));
    let five = batch(&key, &[("bmi", 1000), ("bmi", 90), ("bmi", 91), ("bmi", 92), ("bmi", 93)]);
    assert!(range(changed(&|list| list.push(five.contributions[4].clone()))));

    assert_eq!(changed(&|list| list[3] = list[1].clone()), (Some(3), BatchFault::DuplicateRecord(1)));
    assert_eq!(changed(&Vec::clear), (None, BatchFault::Size(0)));
    assert_eq!(changed(&|list| *list = vec![list[0].clone(); 65]), (None, BatchFault::Size(65)));
}

#[test]
fn a_range_proof_holds_for_the_leaves_it_was_made_for() {
    let (key, _) = key(1);
    let (measure, chain) = (measure("bmi"), chain());
    let target = Target { key: &key, chain: &chain, measure };
    // The same random stream gives the same ciphertexts; the restricted part makes another sigma proof of them.
    let sealed = |number| seal(&target, header(measure, 0), restricted(number), &honest(200), &mut rng(3));
    let ((first, openings), (second, _)) = (sealed(0), sealed(1));
    assert_eq!(first.commitments, second.commitments);
    let proven = prove_ranges(&key, &chain, &provider(), vec![first], &openings, &mut rng(4)).unwrap();
    let mut batch = fixture::unsigned(proven);
    assert_eq!(check(&key, &batch), Ok(()));
    batch.contributions = vec![second];
    assert!(matches!(fault(&key, &batch), (None, BatchFault::RangeProof(_))));
}

#[test]
fn identities_are_never_taken_from_the_wire() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("bmi", 250)]);
    type Field = fn(&mut Contribution) -> &mut Point;
    let cases: [(Field, Place); 4] = [
        (|it| &mut it.commitments.value, Place::of("the value's commitment")),
        (|it| &mut it.openings.keys.square, Place::of("the square's key")),
        (|it| &mut it.openings.keys.bands[2], Place::at("key of band", 2)),
        (|it| &mut it.commitments.bands[0], Place::at("commitment of band", 0)),
    ];
    for (field, place) in cases {
        let mut batch = good.clone();
        *field(&mut batch.contributions[1]) = Point([0; 32]);
        assert_eq!(fault(&key, &batch), (Some(1), BatchFault::Encoding(EncodingError::Identity(place))));
    }
}
