//! What holds verifies; whatever is forged or changed does not, and the fault is named.

mod forgeries;
mod mutations;

use curve25519_dalek::scalar::Scalar;
use nacre_schemas::{Point, batch::Batch, catalogue::Catalogue};
use proptest::prelude::*;

use super::{BatchError, BatchFault, MemberBatch, ProveError, prove, verify, verify_all};
use crate::{
    MessagePoint, RangeProofError,
    encoding::{Place, decode_point},
    fixture::{self, batch, chain, key, measure, provider, record, records, rng},
    key::CollectiveKey,
};

fn check(key: &CollectiveKey, batch: &Batch) -> Result<(), BatchError> {
    verify(key, Catalogue::built_in(), batch, &mut rng(2))
}

/// The fault, and whose it is.
fn fault(key: &CollectiveKey, batch: &Batch) -> (Option<usize>, BatchFault) {
    let error = check(key, batch).unwrap_err();
    (error.contribution, error.fault)
}

/// Opens a ciphertext with the whole secret, which in earnest nobody has.
fn decrypt(x: &Scalar, key: &Point, commitment: &Point) -> MessagePoint {
    let point = |bytes| decode_point(bytes, Place::of("point")).unwrap();
    MessagePoint(point(commitment) - x * point(key))
}

#[test]
fn values_at_every_border_verify_and_hold_what_they_say() {
    let (key, x) = key(1);
    for measure in Catalogue::built_in().measures() {
        let bands = measure.bands();
        let values: Vec<u32> = bands.iter().flat_map(|band| [band.lo, band.hi]).collect();
        let records = (0..).zip(&values).map(|(number, value)| record(measure, number, *value)).collect();
        let batch = fixture::unsigned(prove(&key, &chain(), &provider(), records, &mut rng(1)).unwrap());
        assert_eq!(check(&key, &batch), Ok(()), "{}", measure.id);

        for (contribution, value) in batch.contributions.iter().zip(&values) {
            let (keys, commitments) = (&contribution.openings.keys, &contribution.commitments);
            let value = u64::from(*value);
            assert!(decrypt(&x, &keys.value, &commitments.value).is(value));
            assert!(decrypt(&x, &keys.square, &commitments.square).is(value * value));
            for (band, (key, commitment)) in bands.iter().zip(keys.bands.iter().zip(&commitments.bands)) {
                let inside = (u64::from(band.lo)..=u64::from(band.hi)).contains(&value);
                assert!(decrypt(&x, key, commitment).is(u64::from(inside)), "{} {value} {band:?}", measure.id);
            }
        }
    }
}

#[test]
fn batches_of_every_padding_verify() {
    let (key, _) = key(1);
    // 2, 4, 6, 10 and 128 range-proven values: with none, two and six identities added, and full.
    for size in [1, 2, 3, 5, 64] {
        let values: Vec<_> = (0..size).map(|number| ("systolic-bp", 100 + number)).collect();
        let batch = batch(&key, &values);
        assert_eq!(check(&key, &batch), Ok(()), "{size} contributions");
    }
}

#[test]
fn measures_may_be_mixed_in_one_batch() {
    let (key, _) = key(1);
    let batch = batch(&key, &[("bmi", 239), ("steps", 4000), ("systolic-bp", 140), ("diastolic-bp", 20)]);
    assert_eq!(check(&key, &batch), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_value_in_range_verifies(position in 0..4_usize, part in 0..=10_000_u32, seed: u64) {
        let measure = &Catalogue::built_in().measures()[position];
        let value = measure.lo + (measure.hi - measure.lo) * part / 10_000;
        let (key, _) = key(seed);
        let proven = prove(&key, &chain(), &provider(), vec![record(measure, 1, value)], &mut rng(seed)).unwrap();
        prop_assert_eq!(check(&key, &fixture::unsigned(proven)), Ok(()));
    }
}

#[test]
fn what_cannot_be_proven_is_refused_before_it_is_sealed() {
    let (key, _) = key(1);
    let refusal = |records| prove(&key, &chain(), &provider(), records, &mut rng(1)).unwrap_err();

    assert_eq!(refusal(Vec::new()), ProveError::Size(0));
    let many: Vec<_> = (0..65).map(|number| ("bmi", 200 + number)).collect();
    assert_eq!(refusal(records(&many)), ProveError::Size(65));

    let range = measure("bmi").lo..=measure("bmi").hi;
    for value in [range.start() - 1, range.end() + 1, u32::MAX] {
        assert_eq!(refusal(records(&[("bmi", 200), ("bmi", value)])), ProveError::OutOfRange { contribution: 1 });
    }
    let mut twice = records(&[("bmi", 200), ("bmi", 210), ("bmi", 220)]);
    twice[2].header.record = twice[0].header.record;
    assert_eq!(refusal(twice), ProveError::DuplicateRecord { first: 0, contribution: 2 });

    let mut foreign = records(&[("bmi", 200)]);
    foreign[0].header.provider = "other.example".parse().unwrap();
    assert_eq!(refusal(foreign), ProveError::Provider { contribution: 0 });

    let mut other = records(&[("bmi", 200), ("bmi", 200)]);
    other[1].header.cell.measure = measure("steps").reference();
    assert_eq!(refusal(other), ProveError::Measure { contribution: 1 });

    let mut wide = measure("bmi").clone();
    wide.hi = 8191;
    let unsound = vec![record(&wide, 0, 200)];
    assert!(matches!(refusal(unsound), ProveError::Definition { contribution: 0, .. }));
}

#[test]
fn a_batch_holds_for_one_key_one_chain_one_definition() {
    let (key, _) = key(1);
    let batch = batch(&key, &[("hba1c", 57), ("hba1c", 65)]);
    assert_eq!(check(&key, &batch), Ok(()));

    let (other_key, _) = fixture::key(2);
    assert_eq!(fault(&other_key, &batch), (Some(0), BatchFault::SigmaProof));

    let mut elsewhere = batch.clone();
    elsewhere.chain = "region/440300".parse().unwrap();
    assert_eq!(fault(&key, &elsewhere), (Some(0), BatchFault::SigmaProof));

    // The same name and bands, another conversion of a unit.
    let source = include_str!("../../../schemas/measures/hba1c.toml").replace(r#"plus = "2.152""#, r#"plus = "2.15""#);
    let catalogue = Catalogue::from_sources(&[&source]).unwrap();
    let error = verify(&key, &catalogue, &batch, &mut rng(2)).unwrap_err();
    assert_eq!(error, BatchError { contribution: Some(0), fault: BatchFault::SigmaProof });

    let empty = Catalogue::from_sources(&[]).unwrap();
    let error = verify(&key, &empty, &batch, &mut rng(2)).unwrap_err();
    assert_eq!(error.fault, BatchFault::UnknownMeasure(measure("hba1c").reference()));
}

#[test]
fn of_many_batches_those_that_fail_are_named_and_the_others_pass() {
    let (key, _) = key(1);
    let lists: [&[(&str, u32)]; 6] = [
        &[("bmi", 200), ("systolic-bp", 140)],
        &[("steps", 4000)],
        &[("bmi", 210), ("bmi", 220), ("bmi", 230), ("diastolic-bp", 80), ("bmi", 240)],
        &[("systolic-bp", 120), ("systolic-bp", 121), ("bmi", 199)],
        &[("diastolic-bp", 70)],
        &[("steps", 1), ("bmi", 300)],
    ];
    let good = lists.map(|values| batch(&key, values));
    let check_all = |batches: &[Batch]| {
        let batches: Vec<_> = batches.iter().map(MemberBatch::from).collect();
        verify_all(&key, Catalogue::built_in(), &batches, &mut rng(2))
    };
    assert_eq!(check_all(&[]), []);
    assert_eq!(check_all(&good), [const { Ok(()) }; 6]);

    let mut bad = good.clone();
    bad[1].contributions[0].openings.proof.v = bad[0].contributions[0].openings.proof.v;
    bad[2].contributions.swap(1, 2);
    bad[3].contributions[2].openings.keys.square = Point([0; 32]);
    let response = bad[5].contributions[1].openings.proof.r;
    bad[5].contributions[1].openings.proof.u = response;
    let range = RangeProofError::Equations;
    let identity = crate::encoding::EncodingError::Identity(Place::of("the square's key"));
    let expected = [
        Ok(()),
        Err(BatchError { contribution: Some(0), fault: BatchFault::SigmaProof }),
        Err(BatchError { contribution: None, fault: range.into() }),
        Err(BatchError { contribution: Some(2), fault: identity.into() }),
        Ok(()),
        Err(BatchError { contribution: Some(1), fault: BatchFault::SigmaProof }),
    ];
    assert_eq!(check_all(&bad), expected);
    // The same as each gets alone.
    for (batch, expected) in bad.iter().zip(&expected) {
        assert_eq!(check(&key, batch), *expected);
    }
}

#[test]
fn the_first_of_several_guilty_contributions_is_named() {
    let (key, _) = key(1);
    let mut batch = batch(&key, &[("bmi", 200), ("bmi", 210), ("bmi", 220), ("bmi", 230), ("bmi", 240)]);
    for guilty in [4, 3, 1] {
        let response = batch.contributions[guilty].openings.proof.r;
        batch.contributions[guilty].openings.proof.v = response;
        assert_eq!(fault(&key, &batch), (Some(guilty), BatchFault::SigmaProof));
    }
}
