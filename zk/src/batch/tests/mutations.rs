//! Every field of a batch in turn is changed; nothing but the provider's signature, which is checked elsewhere, may
//! change without the batch failing.

use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_POINT, ristretto::CompressedRistretto, scalar::Scalar};
use nacre_schemas::{
    Blob, Document, Point,
    batch::Batch,
    canonical::{Field, fields},
    contribution::Contribution,
};

use super::{super::BatchFault, check, fault};
use crate::{
    encoding::{EncodingError, Place},
    fixture::{batch, key},
};

/// The encoding with other bytes in a field.
fn with(encoding: &[u8], field: &Field, bytes: &[u8]) -> Vec<u8> {
    let mut changed = encoding.to_vec();
    changed[field.bytes.clone()].copy_from_slice(bytes);
    changed
}

/// The encoding with one bit of a field flipped.
fn flipped(encoding: &[u8], field: &Field, byte: usize, bit: u8) -> Vec<u8> {
    let mut bytes = encoding[field.bytes.clone()].to_vec();
    bytes[byte] ^= 1 << bit;
    with(encoding, field, &bytes)
}

/// Well-formed replacements for a point or scalar: what a bit flip rarely hits.
fn replacements(bytes: &[u8], path: &str) -> Vec<[u8; 32]> {
    let is_group = ["commitments", "keys", "proof"].iter().any(|part| path.contains(part));
    let Ok(bytes) = <[u8; 32]>::try_from(bytes) else { return Vec::new() };
    if !is_group {
        return Vec::new();
    }
    let scalar: Option<Scalar> = Scalar::from_canonical_bytes(bytes).into();
    match (CompressedRistretto(bytes).decompress(), scalar) {
        (Some(point), _) => {
            [-point, point + RISTRETTO_BASEPOINT_POINT, point + point].map(|point| point.compress().0).to_vec()
        }
        (None, Some(scalar)) => [scalar + Scalar::ONE, -scalar].map(|scalar| scalar.to_bytes()).to_vec(),
        (None, None) => Vec::new(),
    }
}

#[test]
fn no_field_of_a_batch_can_be_changed() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("systolic-bp", 180)]);
    assert_eq!(check(&key, &good), Ok(()));
    let (encoding, fields) = fields(&good);

    let (mut decoded, mut refused) = (0, 0);
    for field in &fields {
        let length = field.bytes.len();
        let mut variants = vec![flipped(&encoding, field, length - 1, 0), flipped(&encoding, field, 0, 1)];
        let replaced = replacements(&encoding[field.bytes.clone()], &field.path);
        variants.extend(replaced.iter().map(|bytes| with(&encoding, field, bytes)));
        for changed in variants {
            assert_ne!(changed, encoding, "{}", field.path);
            let Ok(changed) = Batch::from_canonical(&changed) else {
                refused += 1;
                continue;
            };
            decoded += 1;
            assert_eq!(check(&key, &changed).is_ok(), field.path == "signature", "{}", field.path);
        }
    }
    // The walk went everywhere: two contributions of some 60 fields each, most of which still decode.
    assert!(fields.len() > 120 && decoded > 300 && refused > 20, "{} {decoded} {refused}", fields.len());
}

#[test]
fn negated_ciphertexts_do_not_subtract_a_person() {
    let (key, _) = key(1);
    let mut batch = batch(&key, &[("bmi", 200), ("bmi", 250)]);
    let negate = |point: &mut Point| point.0 = (-CompressedRistretto(point.0).decompress().unwrap()).compress().0;
    let victim = &mut batch.contributions[1];
    let (commitments, keys) = (&mut victim.commitments, &mut victim.openings.keys);
    let singles = [&mut commitments.value, &mut commitments.square, &mut keys.value, &mut keys.square];
    singles.into_iter().chain(&mut commitments.bands).chain(&mut keys.bands).for_each(negate);
    assert_eq!(fault(&key, &batch), (Some(1), BatchFault::SigmaProof));
}

#[test]
fn encodings_that_are_not_canonical_are_refused_and_named() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("bmi", 250)]);
    let refused = |change: &dyn Fn(&mut Contribution), error| {
        let mut batch = good.clone();
        change(&mut batch.contributions[0]);
        assert_eq!(fault(&key, &batch), (Some(0), BatchFault::Encoding(error)));
    };
    // ℓ itself, the first scalar that is not reduced.
    let mut order = [0; 32];
    hex::decode_to_slice("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", &mut order).unwrap();
    refused(&|it| it.openings.proof.u.0 = order, EncodingError::Scalar(Place::of("the response for u")));
    refused(
        &|it| it.openings.proof.bands[3].t.0 = order,
        EncodingError::Scalar(Place::at("response for t of band", 3)),
    );
    // A negative field element, one above the modulus, and one that belongs to no point.
    let pointless = (1..64).map(|byte| [2 * byte; 32]).find(|bytes| CompressedRistretto(*bytes).decompress().is_none());
    for bytes in [[1; 32], [0xff; 32], pointless.unwrap()] {
        refused(
            &|it| it.openings.proof.one_key.0 = bytes,
            EncodingError::Point(Place::of("the announcement of the one band's key")),
        );
        refused(&|it| it.commitments.bands[1].0 = bytes, EncodingError::Point(Place::at("commitment of band", 1)));
    }
}

#[test]
fn the_number_of_bands_is_the_definitions() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200)]);
    type Change = fn(&mut Contribution);
    let cases: [(Change, &str, usize); 3] = [
        (|it| it.commitments.bands.truncate(3), "commitments", 3),
        (|it| it.openings.keys.bands.push(it.openings.keys.value), "ephemeral keys", 5),
        (|it| it.openings.proof.bands.clear(), "sigma proof", 0),
    ];
    for (change, field, found) in cases {
        let mut batch = good.clone();
        change(&mut batch.contributions[0]);
        let error = EncodingError::BandCount { place: Place::of(field), expected: 4, found };
        assert_eq!(fault(&key, &batch), (Some(0), BatchFault::Encoding(error)));
    }
}

#[test]
fn a_range_proof_is_the_batchs_own_and_whole() {
    let (key, _) = key(1);
    let good = batch(&key, &[("bmi", 200), ("bmi", 250)]);
    let refused = |bytes: Vec<u8>| {
        let mut batch = good.clone();
        batch.range_proof = Blob::new(bytes).unwrap();
        matches!(fault(&key, &batch), (None, BatchFault::RangeProof(_)))
    };
    let own = good.range_proof.as_bytes();
    assert!(refused(Vec::new()));
    assert!(refused(own[..own.len() - 1].to_vec()));
    assert!(refused(own[..own.len() - 64].to_vec()), "one round of folding missing");
    assert!(refused([own, &[0; 32]].concat()));
    assert!(refused(vec![0; own.len()]));
    for position in (0..own.len()).step_by(32) {
        let mut changed = own.to_vec();
        changed[position] ^= 2;
        assert!(refused(changed), "element {}", position / 32);
    }
    let other = batch(&key, &[("bmi", 200), ("bmi", 251)]);
    assert!(refused(other.range_proof.as_bytes().to_vec()));
}
