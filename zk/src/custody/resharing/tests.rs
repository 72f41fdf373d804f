//! A key that is shared anew is the same key; old and new shares do not mix; a dealer that cheats is named.

use super::*;
use crate::{custody::generate, elgamal::times_base, fixture::rng};

fn old(threshold: u16, custodians: u16) -> Vec<KeyShare> {
    generate(&"macao".parse().unwrap(), threshold, custodians, &mut rng(21)).unwrap()
}

fn resharing(old: &[KeyShare], dealers: &[u16], threshold: u16, custodians: u16) -> Result<Resharing, CustodyError> {
    Resharing::new(old[0].keys().clone(), &dealers.iter().copied().collect(), threshold, custodians)
}

struct Dealt {
    commitments: BTreeMap<u16, Commitment>,
    /// By receiver, then dealer.
    inboxes: BTreeMap<u16, BTreeMap<u16, Dealing>>,
}

fn deal(resharing: &Resharing, old: &[KeyShare]) -> Dealt {
    let mut states = Vec::new();
    let mut commitments = BTreeMap::new();
    for number in resharing.weights.keys() {
        let share = &old[usize::from(*number) - 1];
        let (state, commitment) = Dealer::begin(resharing, share, &mut rng(u64::from(*number))).unwrap();
        commitments.insert(*number, Commitment::from_bytes(&commitment.to_bytes().unwrap()).unwrap());
        states.push(Dealer::from_bytes(&state.to_bytes().unwrap()).unwrap());
    }
    let mut inboxes: BTreeMap<u16, BTreeMap<u16, Dealing>> = BTreeMap::new();
    for state in states {
        let number = state.number();
        for (receiver, dealing) in state.deal(resharing, &commitments).unwrap() {
            inboxes.entry(receiver).or_default().insert(number, dealing);
        }
    }
    Dealt { commitments, inboxes }
}

fn received(resharing: &Resharing, dealt: &Dealt) -> Vec<KeyShare> {
    let receive = |(number, inbox): (&u16, _)| resharing.receive(*number, &dealt.commitments, inbox).unwrap();
    dealt.inboxes.iter().map(receive).collect()
}

fn interpolated(shares: &[&KeyShare]) -> Point {
    let place = |share: &&KeyShare| polynomial::place(share.jurisdiction(), share.number()).unwrap();
    let places: Vec<Scalar> = shares.iter().map(place).collect();
    let secret = |share: &&KeyShare| Scalar::from_canonical_bytes(*share.secret().to_bytes()).unwrap();
    let weights = polynomial::coefficients(&places, &Scalar::ZERO);
    encode_point(&times_base(&shares.iter().map(secret).zip(weights).map(|(secret, weight)| secret * weight).sum()))
}

#[test]
fn the_key_stays_whatever_becomes_of_threshold_and_number() {
    // A lost custodian replaced; more custodians; fewer; a lower and a higher threshold; all old ones dealing.
    for (dealers, threshold, custodians) in
        [(&[1, 2, 4][..], 3, 5), (&[1, 3, 5], 4, 7), (&[2, 3, 4], 2, 2), (&[1, 2, 3, 4, 5], 2, 3)]
    {
        let old = old(3, 5);
        let resharing = resharing(&old, dealers, threshold, custodians).unwrap();
        let new = received(&resharing, &deal(&resharing, &old));
        assert_eq!(new.len(), usize::from(custodians));
        let all: Vec<&KeyShare> = new.iter().collect();
        let t = usize::from(threshold);
        for present in [&all[..t], &all[all.len() - t..]] {
            assert_eq!(interpolated(present), old[0].group_key());
        }
        assert_ne!(interpolated(&all[..t - 1]), old[0].group_key());
        for share in &new {
            assert_eq!(share.keys(), new[0].keys());
            assert_eq!(share.group_key(), old[0].group_key());
            assert_eq!((share.threshold(), share.verifying_shares().len()), (threshold, usize::from(custodians)));
        }
    }
}

#[test]
fn old_and_new_shares_do_not_combine() {
    let old = old(2, 3);
    let resharing = resharing(&old, &[1, 2], 2, 3).unwrap();
    let new = received(&resharing, &deal(&resharing, &old));
    assert_eq!(interpolated(&[&new[0], &new[2]]), old[0].group_key());
    assert_ne!(interpolated(&[&old[0], &new[2]]), old[0].group_key());
    assert_ne!(interpolated(&[&new[0], &old[1]]), old[0].group_key());
    for number in 0..3 {
        assert_ne!(*old[number].secret().to_bytes(), *new[number].secret().to_bytes());
    }
}

#[test]
fn too_few_or_unknown_dealers_reshare_nothing() {
    let old = old(3, 5);
    let error = |dealers: &[u16], threshold, custodians| resharing(&old, dealers, threshold, custodians).unwrap_err();
    assert_eq!(error(&[1, 2], 3, 5), CustodyError::TooFew { present: 2, threshold: 3 });
    assert_eq!(error(&[1, 2, 6], 3, 5), CustodyError::NoSuchCustodian(6));
    assert_eq!(error(&[1, 2, 3], 1, 1), CustodyError::Unshared(1));
    assert!(matches!(error(&[1, 2, 3], 2, 5), CustodyError::Keys(KeyError::Threshold { .. })));
}

#[test]
fn a_dealer_that_deals_another_secret_than_its_share_is_named() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let mut dealt = deal(&plan, &old);
    // What 2 would deal among other dealers: weighted for another set.
    let other = resharing(&old, &[2, 3], 2, 3).unwrap();
    let (_, commitment) = Dealer::begin(&other, &old[1], &mut rng(9)).unwrap();
    dealt.commitments.insert(2, commitment);
    assert_eq!(plan.keys(&dealt.commitments).unwrap_err(), CustodyError::NotItsShare(2));
    let (honest, _) = Dealer::begin(&plan, &old[0], &mut rng(9)).unwrap();
    assert_eq!(honest.deal(&plan, &dealt.commitments).err(), Some(CustodyError::NotItsShare(2)));
}

#[test]
fn a_dealer_that_commits_to_another_degree_is_named() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let mut dealt = deal(&plan, &old);
    let steeper = resharing(&old, &[1, 2], 3, 3).unwrap();
    let (_, commitment) = Dealer::begin(&steeper, &old[1], &mut rng(9)).unwrap();
    dealt.commitments.insert(2, commitment);
    let expected = CustodyError::Coefficients { number: 2, found: 3, threshold: 2 };
    assert_eq!(plan.keys(&dealt.commitments).unwrap_err(), expected);
}

#[test]
fn a_dealing_that_is_not_the_committed_one_names_its_dealer() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let mut dealt = deal(&plan, &old);
    let meant_for_another = dealt.inboxes[&3][&2].clone();
    dealt.inboxes.get_mut(&1).unwrap().insert(2, meant_for_another);
    let error = plan.receive(1, &dealt.commitments, &dealt.inboxes[&1]).unwrap_err();
    assert!(matches!(&error, CustodyError::Protocol { culprits, .. } if *culprits == [2]), "{error}");
}

#[test]
fn a_round_takes_one_message_of_each_dealer() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let dealt = deal(&plan, &old);
    let mut commitments = dealt.commitments.clone();
    commitments.remove(&2);
    assert_eq!(plan.keys(&commitments).unwrap_err(), CustodyError::Messages(2));
    commitments.insert(3, dealt.commitments[&2].clone());
    assert_eq!(plan.keys(&commitments).unwrap_err(), CustodyError::Messages(3));
    let mut inbox = dealt.inboxes[&1].clone();
    inbox.remove(&1);
    assert_eq!(plan.receive(1, &dealt.commitments, &inbox).unwrap_err(), CustodyError::Messages(1));
}

#[test]
fn a_share_of_another_key_or_of_no_dealer_is_not_dealt() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let foreign = generate(&"macao".parse().unwrap(), 2, 3, &mut rng(22)).unwrap();
    assert_eq!(Dealer::begin(&plan, &foreign[0], &mut rng(9)).err(), Some(CustodyError::OtherKey(1)));
    assert_eq!(Dealer::begin(&plan, &old[2], &mut rng(9)).err(), Some(CustodyError::NoSuchCustodian(3)));
}

#[test]
fn truncated_or_lengthened_bytes_are_no_message_and_no_state() {
    let old = old(2, 3);
    let plan = resharing(&old, &[1, 2], 2, 3).unwrap();
    let (state, commitment) = Dealer::begin(&plan, &old[0], &mut rng(9)).unwrap();
    let (state, commitment) = (state.to_bytes().unwrap(), commitment.to_bytes().unwrap());
    for length in 0..state.len() {
        assert!(Dealer::from_bytes(&state[..length]).is_err());
    }
    for length in 0..commitment.len() {
        let read = Commitment::from_bytes(&commitment[..length]);
        assert!(read.is_err() || read.is_ok_and(|read| read.points().unwrap().len() < 2));
    }
    assert!(Dealer::from_bytes(&[&state[..], &[0]].concat()).is_err());
    assert!(Commitment::from_bytes(&[&commitment[..], &[0]].concat()).is_err());
}
