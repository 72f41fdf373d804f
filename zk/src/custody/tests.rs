//! A key that is generated together is one key; a share that was tampered with, or a round that was cheated in, is
//! refused; what is endorsed is what was signed.

use curve25519_dalek::scalar::Scalar;

use super::{
    ceremony::Committed,
    endorsement::{NonceCommitment, Nonces, SignatureShare, aggregate},
    *,
};
use crate::{elgamal::times_base, encoding::encode_point, fixture::rng, polynomial};

fn jurisdiction() -> JurisdictionId {
    "guangdong".parse().unwrap()
}

fn shares(threshold: u16, custodians: u16) -> Vec<KeyShare> {
    generate(&jurisdiction(), threshold, custodians, &mut rng(5)).unwrap()
}

/// f(0), from the secrets of these custodians.
fn interpolated(shares: &[&KeyShare]) -> Scalar {
    let place = |share: &&KeyShare| polynomial::place(share.jurisdiction(), share.number()).unwrap();
    let places: Vec<Scalar> = shares.iter().map(place).collect();
    let secret = |share: &&KeyShare| Scalar::from_canonical_bytes(*share.secret.to_bytes()).unwrap();
    let coefficients = polynomial::coefficients(&places, &Scalar::ZERO);
    shares.iter().map(secret).zip(coefficients).map(|(secret, coefficient)| secret * coefficient).sum()
}

#[test]
fn any_threshold_of_shares_is_the_group_key_and_fewer_are_not() {
    for (threshold, custodians) in [(2, 2), (2, 3), (3, 5)] {
        let shares = shares(threshold, custodians);
        let numbers: Vec<u16> = shares.iter().map(KeyShare::number).collect();
        assert_eq!(numbers, (1..=custodians).collect::<Vec<_>>());
        let key = |shares: &[&KeyShare]| encode_point(&times_base(&interpolated(shares)));
        let (t, all): (_, Vec<&KeyShare>) = (usize::from(threshold), shares.iter().collect());
        for present in [&all[..t], &all[all.len() - t..], &all[..]] {
            assert_eq!(key(present), shares[0].group_key());
        }
        assert_ne!(key(&all[..t - 1]), shares[0].group_key());
        for share in &shares {
            assert_eq!(shares[0].verifying_shares()[&share.number()], share.secret().verifying_share());
            assert_eq!(share.group_key(), shares[0].group_key());
        }
    }
}

#[test]
fn thresholds_that_share_nothing_are_refused() {
    let error = |threshold, custodians| generate(&jurisdiction(), threshold, custodians, &mut rng(5)).unwrap_err();
    assert_eq!(error(1, 1), CustodyError::Unshared(1));
    for (threshold, custodians) in [(2, 4), (1, 2), (4, 3)] {
        let expected = KeyError::Threshold { threshold, custodians: custodians.into() };
        assert_eq!(error(threshold, custodians), CustodyError::Keys(expected));
    }
    assert_eq!(error(20, 33), CustodyError::Keys(KeyError::TooManyCustodians(33)));
}

#[test]
fn a_key_share_comes_back_from_its_bytes_and_every_changed_byte_is_refused() {
    let share = &shares(2, 3)[1];
    let bytes = share.to_bytes();
    let again = KeyShare::from_bytes(&bytes).unwrap();
    assert_eq!(*again.to_bytes(), *bytes);
    assert_eq!(again.custodian(), share.custodian());
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        assert!(KeyShare::from_bytes(&changed).is_err(), "byte {position}");
    }
    for length in 0..bytes.len() {
        assert!(KeyShare::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(KeyShare::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let share = &shares(2, 3)[0];
    let secret = hex::encode(*share.secret().to_bytes());
    for printed in [format!("{share:?}"), format!("{:?}", share.secret())] {
        assert!(!printed.contains(&secret) && printed.len() < 60, "{printed}");
    }
}

type Round = BTreeMap<u16, (Committed, ceremony::Commitment)>;

fn begun(custodians: u16) -> Round {
    let mut rng = rng(6);
    let begin = |number| Committed::begin(&jurisdiction(), number, 2, custodians, &mut rng).unwrap();
    (1..=custodians).zip((1..=custodians).map(begin)).collect()
}

/// The first custodian's state, and the others' commitments.
fn first_of(mut round: Round) -> (Committed, BTreeMap<u16, ceremony::Commitment>) {
    let (state, _) = round.remove(&1).unwrap();
    (state, round.into_iter().map(|(number, (_, commitment))| (number, commitment)).collect())
}

#[test]
fn a_round_takes_one_message_from_each_other_custodian() {
    let (state, mut others) = first_of(begun(3));
    others.remove(&3);
    assert_eq!(state.deal(&others).err(), Some(CustodyError::Messages(3)));
    let (state, mut others) = first_of(begun(3));
    others.insert(4, others[&2].clone());
    assert_eq!(state.deal(&others).err(), Some(CustodyError::Messages(4)));
}

#[test]
fn a_commitment_under_anothers_number_names_the_cheat() {
    let (state, mut others) = first_of(begun(3));
    others.insert(3, others[&2].clone());
    let error = state.deal(&others).err().unwrap();
    assert!(matches!(&error, CustodyError::Protocol { culprits, .. } if *culprits == [3]), "{error}");
}

#[test]
fn a_dealing_meant_for_another_is_refused() {
    let mut round = begun(3);
    let commitments: BTreeMap<u16, _> = round.iter().map(|(number, (_, sent))| (*number, sent.clone())).collect();
    let mut deal = |number: u16| {
        let mut others = commitments.clone();
        others.remove(&number);
        round.remove(&number).unwrap().0.deal(&others).unwrap()
    };
    let ((first, _), (_, second), (_, third)) = (deal(1), deal(2), deal(3));
    // The third sends the first what was meant for the second.
    let inbox = BTreeMap::from([(2, second[&1].clone()), (3, third[&2].clone())]);
    assert!(matches!(first.finish(&inbox), Err(CustodyError::Protocol { .. })));
}

#[test]
fn a_commitment_of_another_degree_names_its_sender() {
    let (state, mut others) = first_of(begun(3));
    let (_, steeper) = Committed::begin(&jurisdiction(), 3, 3, 3, &mut rng(9)).unwrap();
    others.insert(3, steeper);
    assert_eq!(state.deal(&others).err(), Some(CustodyError::Coefficients { number: 3, found: 3, threshold: 2 }));
}

#[test]
fn states_wait_on_disk_between_the_rounds() {
    let mut round = begun(3);
    let commitments: BTreeMap<u16, _> = round.iter().map(|(number, (_, sent))| (*number, sent.clone())).collect();
    let others = |number: u16| {
        let mut others = commitments.clone();
        others.remove(&number);
        others
    };
    let mut dealt = BTreeMap::new();
    let mut inbox = BTreeMap::new();
    for number in 1..=3 {
        let (state, _) = round.remove(&number).unwrap();
        let kept = state.to_bytes().unwrap();
        for length in 0..kept.len() {
            assert!(Committed::from_bytes(&kept[..length]).is_err(), "{length} bytes");
        }
        // Resumed twice, it deals the same.
        let (again, first) = Committed::from_bytes(&kept).unwrap().deal(&others(number)).unwrap();
        let (_, second) = Committed::from_bytes(&kept).unwrap().deal(&others(number)).unwrap();
        for (to, dealing) in &first {
            assert_eq!(*dealing.to_bytes().unwrap(), *second[to].to_bytes().unwrap());
        }
        dealt.insert(number, again.to_bytes().unwrap());
        if number != 1 {
            inbox.insert(number, first[&1].clone());
        }
    }
    let kept = &dealt[&1];
    for length in 0..kept.len() {
        assert!(ceremony::Dealt::from_bytes(&kept[..length], &others(1)).is_err(), "{length} bytes");
    }
    let share = ceremony::Dealt::from_bytes(kept, &others(1)).unwrap().finish(&inbox).unwrap();
    assert_eq!(share.number(), 1);
    let mut exchanged = others(1);
    exchanged.insert(3, exchanged[&2].clone());
    assert_eq!(ceremony::Dealt::from_bytes(kept, &exchanged).err(), Some(CustodyError::OtherCommitments));
    // One custodian's state is no other's.
    assert!(Committed::from_bytes(kept).is_err());
}

#[test]
fn custodians_that_are_apart_endorse_in_two_rounds_and_a_wrong_share_names_its_sender() {
    let shares = shares(3, 5);
    let (mut nonces, mut commitments) = (BTreeMap::new(), BTreeMap::new());
    for share in [&shares[0], &shares[2], &shares[4]] {
        let (nonce, commitment) = Nonces::commit(share, &mut rng(share.number().into())).unwrap();
        nonces.insert(share.number(), nonce.to_bytes().unwrap());
        let wire = NonceCommitment::from_bytes(&commitment.to_bytes().unwrap()).unwrap();
        commitments.insert(share.number(), wire);
    }
    let sign = |number: u16, message: &[u8]| {
        let nonces = Nonces::from_bytes(&nonces[&number]).unwrap();
        let part = nonces.sign(&shares[usize::from(number) - 1], message, &commitments).unwrap();
        SignatureShare::from_bytes(&part.to_bytes()).unwrap()
    };
    let mut parts: BTreeMap<u16, _> = [1, 3, 5].map(|number| (number, sign(number, b"root"))).into();
    let keys = shares[0].keys();
    let signature = aggregate(keys, b"root", &commitments, &parts).unwrap();
    assert_eq!(verify_endorsement(&keys.group_key(), b"root", &signature), Ok(()));
    parts.insert(3, sign(3, b"roof"));
    let error = aggregate(keys, b"root", &commitments, &parts).unwrap_err();
    assert!(matches!(&error, CustodyError::Protocol { culprits, .. } if *culprits == [3]), "{error}");
    parts.remove(&3);
    assert_eq!(aggregate(keys, b"root", &commitments, &parts), Err(CustodyError::Messages(3)));
    commitments.remove(&3);
    let few = CustodyError::TooFew { present: 2, threshold: 3 };
    assert_eq!(aggregate(keys, b"root", &commitments, &parts), Err(few));
}

#[test]
fn messages_of_the_rounds_survive_the_wire() {
    let mut round = begun(2);
    let wire =
        |commitment: &ceremony::Commitment| ceremony::Commitment::from_bytes(&commitment.to_bytes().unwrap()).unwrap();
    let (one, from_one) = round.remove(&1).unwrap();
    let (two, from_two) = round.remove(&2).unwrap();
    let (one, _) = one.deal(&BTreeMap::from([(2, wire(&from_two))])).unwrap();
    let (_, to_one) = two.deal(&BTreeMap::from([(1, wire(&from_one))])).unwrap();
    let dealing = ceremony::Dealing::from_bytes(&to_one[&1].to_bytes().unwrap()).unwrap();
    let share = one.finish(&BTreeMap::from([(2, dealing)])).unwrap();
    assert_eq!(share.number(), 1);
    assert!(ceremony::Commitment::from_bytes(&[0; 40]).is_err() && ceremony::Dealing::from_bytes(&[]).is_err());
}

#[test]
fn an_endorsement_holds_for_its_message_and_key_alone() {
    let shares = shares(2, 3);
    let key = shares[0].group_key();
    for present in [vec![&shares[0], &shares[1]], vec![&shares[2], &shares[0]], shares.iter().collect()] {
        let signature = endorse(&present, b"root", &mut rng(7)).unwrap();
        assert_eq!(verify_endorsement(&key, b"root", &signature), Ok(()));
        assert_eq!(verify_endorsement(&key, b"roof", &signature), Err(CustodyError::Endorsement));
        let other = generate(&jurisdiction(), 2, 3, &mut rng(8)).unwrap()[0].group_key();
        assert_eq!(verify_endorsement(&other, b"root", &signature), Err(CustodyError::Endorsement));
        for position in 0..64 {
            let mut changed = signature;
            changed.0[position] ^= 1;
            assert_eq!(verify_endorsement(&key, b"root", &changed), Err(CustodyError::Endorsement));
        }
    }
}

#[test]
fn an_endorsement_is_made_under_its_role_only() {
    let shares = shares(2, 3);
    let signature = endorse(&[&shares[0], &shares[1]], b"root", &mut rng(7)).unwrap();
    let signature = frost_ristretto255::Signature::deserialize(signature.as_bytes()).unwrap();
    let key = frost_ristretto255::VerifyingKey::deserialize(shares[0].group_key().as_bytes()).unwrap();
    assert!(key.verify(b"root", &signature).is_err());
    assert!(key.verify(b"nacre trust root v1\nroot", &signature).is_ok());
}

#[test]
fn too_few_repeated_or_foreign_shares_endorse_nothing() {
    let shares = shares(2, 3);
    let others = generate(&jurisdiction(), 2, 3, &mut rng(8)).unwrap();
    let error = |shares: &[&KeyShare]| endorse(shares, b"root", &mut rng(7)).unwrap_err();
    assert_eq!(error(&[&shares[0]]), CustodyError::TooFew { present: 1, threshold: 2 });
    assert_eq!(error(&[&shares[0], &shares[0]]), CustodyError::OtherKey(1));
    assert_eq!(error(&[&shares[0], &others[1]]), CustodyError::OtherKey(2));
    assert!(endorse(&[], b"root", &mut rng(7)).is_err());
}

#[test]
fn a_group_key_that_is_no_key_verifies_nothing() {
    let shares = shares(2, 3);
    let signature = endorse(&[&shares[0], &shares[1]], b"root", &mut rng(7)).unwrap();
    for bytes in [[0; 32], [1; 32]] {
        assert!(verify_endorsement(&Point(bytes), b"root", &signature).is_err());
    }
}
