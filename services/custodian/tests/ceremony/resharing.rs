//! A key that is shared anew stays the key, so that old ciphertexts open with new shares; old ones do not mix in.

use std::fs;

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT as B,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use nacre_custodian::ceremony::{CeremonyError, Finished};
use nacre_hosting::secret;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Digest, Document as _, Point,
    ceremony::{FirstRound, Message},
    trust::TrustRoot,
};
use nacre_zk::{
    custody::{
        CustodyError, GroupKeys, KeyShare,
        resharing::{Dealer, Resharing},
    },
    elgamal::value_base,
    share::{self, SecretShare},
};
use rand::rngs::OsRng;

use crate::{
    CEREMONY,
    endorsing::root_of,
    rig::{Host, agree, agree_to_reshare, bring, carry, custodians, restore, run},
};

const RESHARING: &str = "reshare";
const VALUE: u64 = 4_711;

/// `(D, C)` of [`VALUE`] under a key.
fn encrypted(key: &Point) -> (Point, Point) {
    let encode = |point: RistrettoPoint| Point(point.compress().to_bytes());
    let key = CompressedRistretto(*key.as_bytes()).decompress().unwrap();
    let r = Scalar::random(&mut OsRng);
    (encode(r * B), encode(Scalar::from(VALUE) * value_base() + r * key))
}

/// Whether these shares, each proven, open the ciphertext.
fn opens((d, c): &(Point, Point), shares: &[&KeyShare]) -> bool {
    let request = Digest::of(b"request");
    let answer = |share: &&KeyShare| {
        let answer = share::answer(share.secret(), &request, &share.custodian(), d, &mut OsRng).unwrap();
        let verifying_share = share.verifying_shares()[&share.number()];
        share::verify(&answer, &request, &share.custodian(), &verifying_share).unwrap();
        (share.custodian(), answer)
    };
    share::combine(c, &shares.iter().map(answer).collect::<Vec<_>>()).unwrap().is(VALUE)
}

fn founded(hosts: &[&Host], threshold: u16) -> (GroupKeys, TrustRoot) {
    agree(hosts, threshold, CEREMONY);
    let keys = run(hosts, CEREMONY).remove(0).keys.unwrap();
    (keys, root_of(hosts[0], CEREMONY, &SigningKey::generate().unwrap()))
}

/// Gives each dealer its old share.
fn remember(hosts: &mut [Host], numbers: &[u16]) {
    for number in numbers {
        let host = &mut hosts[usize::from(*number) - 1];
        let bytes = secret::read::<32>(&host.folder(CEREMONY).share()).unwrap();
        host.old_share = Some(SecretShare::from_bytes(&bytes).unwrap());
    }
}

#[test]
fn a_lost_custodian_is_replaced_and_an_old_ciphertext_opens_with_new_shares_only_together() {
    let mut hosts = custodians(5);
    let (old_keys, root) = founded(&hosts.iter().collect::<Vec<_>>(), 3);
    let ciphertext = encrypted(&old_keys.group_key());
    let old: Vec<KeyShare> =
        (1..=5).map(|number| hosts[usize::from(number) - 1].share(CEREMONY, number, &old_keys)).collect();
    assert!(opens(&ciphertext, &[&old[0], &old[1], &old[2]]));

    // The third is lost: disk, share and signing key. Somebody new takes its number.
    remember(&mut hosts, &[1, 2, 4, 5]);
    let replacement = Host::new("replacement");
    let new: Vec<&Host> = vec![&hosts[0], &hosts[1], &replacement, &hosts[3], &hosts[4]];
    agree_to_reshare(&root, (&[1, 2, 4, 5], &new), &new, 3, RESHARING);
    let finished = run(&new, RESHARING);
    let keys = finished[0].keys.clone().unwrap();
    assert_eq!(keys.group_key(), old_keys.group_key());
    assert!(finished.iter().all(|finished| finished.keys.as_ref() == Some(&keys) && finished.waiting.is_empty()));
    assert!(new.iter().all(|host| host.secrets(RESHARING).is_empty()));

    let new: Vec<KeyShare> = new.iter().zip(1..).map(|(host, number)| host.share(RESHARING, number, &keys)).collect();
    assert!(opens(&ciphertext, &[&new[2], &new[0], &new[4]]));
    assert!(!opens(&ciphertext, &[&new[0], &new[1]]));
    // Old shares and new ones are of two polynomials.
    assert!(!opens(&ciphertext, &[&new[0], &new[2], &old[4]]));
    assert!(!opens(&ciphertext, &[&old[0], &old[1], &new[2]]));
    // The lost share does not count among the new; three old ones still would: dealers destroy theirs.
    assert!(!opens(&ciphertext, &[&new[0], &old[2], &new[4]]));
    assert!(opens(&ciphertext, &[&old[0], &old[2], &old[4]]));
    let stolen = KeyShare::new(keys.clone(), 3, old[2].secret().clone());
    assert_eq!(stolen.err(), Some(CustodyError::SecretShare(3)));
}

#[test]
fn threshold_and_number_change_and_who_leaves_ends_without_a_share() {
    let mut hosts = custodians(3);
    let (old_keys, root) = founded(&hosts.iter().collect::<Vec<_>>(), 2);
    let ciphertext = encrypted(&old_keys.group_key());
    remember(&mut hosts, &[1, 2]);
    let fresh: Vec<Host> = (1..=4).map(|number| Host::new(&format!("fresh-{number}"))).collect();
    // The first stays, as number 5; the second deals and leaves.
    let new: Vec<&Host> = fresh.iter().chain([&hosts[0]]).collect();
    let leaving = &hosts[1];
    let everyone: Vec<&Host> = new.iter().copied().chain([leaving]).collect();
    agree_to_reshare(&root, (&[1, 2], &everyone), &new, 4, RESHARING);
    let finished = run(&everyone, RESHARING);
    let Finished { keys: Some(keys), share: None, waiting } = &finished[5] else { panic!("{:?}", finished[5]) };
    assert!(waiting.is_empty() && !leaving.folder(RESHARING).share().exists());
    assert!(leaving.secrets(RESHARING).is_empty());
    assert_eq!((keys.group_key(), keys.threshold()), (old_keys.group_key(), 4));
    let shares: Vec<KeyShare> = new.iter().zip(1..).map(|(host, number)| host.share(RESHARING, number, keys)).collect();
    assert!(opens(&ciphertext, &[&shares[4], &shares[1], &shares[2], &shares[3]]));
    assert!(!opens(&ciphertext, &[&shares[4], &shares[1], &shares[2]]));
}

#[test]
fn a_resharing_is_interrupted_and_resumed_at_each_step() {
    let mut hosts = custodians(3);
    let (old_keys, root) = founded(&hosts.iter().collect::<Vec<_>>(), 2);
    remember(&mut hosts, &[1, 2]);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree_to_reshare(&root, (&[1, 2], &hosts), &hosts, 2, RESHARING);
    for host in &hosts {
        let path = host.round_1(RESHARING).unwrap();
        let sent = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(fs::read(host.round_1(RESHARING).unwrap()).unwrap(), sent);
    }
    carry(&hosts, RESHARING);
    for host in &hosts {
        let kept = fs::read(host.path(RESHARING, "secret/round-1.hex")).unwrap();
        let first: Vec<_> = host.round_2(RESHARING).unwrap().iter().map(|path| fs::read(path).unwrap()).collect();
        if !first.is_empty() {
            restore(&host.path(RESHARING, "secret/round-1.hex"), kept.as_ref());
        }
        let again: Vec<_> = host.round_2(RESHARING).unwrap().iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(first, again);
    }
    // The third receives without dealing: it keeps its key of round 1, and sends nothing.
    assert_eq!(hosts[2].secrets(RESHARING), ["round-1.hex"]);
    let error = hosts[2].finish(RESHARING).unwrap_err().to_string();
    assert!(error.starts_with("waiting for round-2 of custodian 1"), "{error}");
    carry(&hosts, RESHARING);
    for host in &hosts {
        let first = host.finish(RESHARING).unwrap();
        assert_eq!(host.finish(RESHARING).unwrap().keys, first.keys);
        assert_eq!(first.keys.unwrap().group_key(), old_keys.group_key());
    }
}

#[test]
fn a_dealer_without_the_right_share_deals_nothing() {
    let mut hosts = custodians(3);
    let (_, root) = founded(&hosts.iter().collect::<Vec<_>>(), 2);
    remember(&mut hosts, &[1, 2]);
    hosts[0].old_share = None;
    hosts[1].old_share = Some(SecretShare::from_bytes(&[1; 32]).unwrap());
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree_to_reshare(&root, (&[1, 2], &hosts), &hosts, 2, RESHARING);
    assert!(matches!(hosts[0].round_1(RESHARING), Err(CeremonyError::NoOldShare(1))));
    let error = hosts[1].round_1(RESHARING).unwrap_err();
    assert!(matches!(error, CeremonyError::Custody(CustodyError::SecretShare(2))), "{error}");
    assert!(hosts[1].secrets(RESHARING).is_empty());
}

#[test]
fn a_dealer_that_deals_something_else_than_its_share_is_named_by_name() {
    let mut hosts = custodians(3);
    let (_, root) = founded(&hosts.iter().collect::<Vec<_>>(), 2);
    remember(&mut hosts, &[1, 2, 3]);
    let hosts: Vec<&Host> = hosts.iter().collect();
    // The old third is to be the new first, and so on.
    let renumbered = [hosts[2], hosts[0], hosts[1]];
    agree_to_reshare(&root, (&[2, 3], &hosts), &renumbered, 2, RESHARING);
    hosts.iter().for_each(|host| drop(host.round_1(RESHARING).unwrap()));
    // The old third's commitment is one weighted for other dealers.
    let share = {
        let keys = GroupKeys::of(&root.jurisdictions[0]).unwrap();
        hosts[2].share(CEREMONY, 3, &keys)
    };
    let other = Resharing::new(share.keys().clone(), &[1, 3].into(), 2, 3).unwrap();
    let (_, commitment) = Dealer::begin(&other, &share, &mut OsRng).unwrap();
    let path = hosts[2].path(RESHARING, "out/custodian-3.round-1.json");
    let mut message: Message<FirstRound> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    message.body.commitment = Some(Blob::new(commitment.to_bytes().unwrap()).unwrap());
    message.signed.statement.body = message.body.digest();
    message.signed.signature = hosts[2].key.sign_detached(&message.signed.statement);
    fs::write(&path, serde_json::to_vec(&message).unwrap()).unwrap();
    carry(&hosts, RESHARING);
    let error = hosts[1].round_2(RESHARING).unwrap_err();
    let CeremonyError::Guilty { culprits, reason } = error else { panic!("{error}") };
    assert_eq!((culprits, reason), (vec!["custodian 1 (custodian-3)".to_owned()], CustodyError::NotItsShare(3)));
}

#[test]
fn a_receiver_that_is_told_another_story_than_the_dealers_names_the_cheat() {
    let mut hosts = custodians(3);
    let (_, root) = founded(&hosts.iter().collect::<Vec<_>>(), 2);
    remember(&mut hosts, &[1, 2]);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree_to_reshare(&root, (&[1, 2], &hosts), &hosts, 2, RESHARING);
    hosts.iter().for_each(|host| drop(host.round_1(RESHARING).unwrap()));
    carry(&hosts, RESHARING);
    // The second makes another round 1, and tells it to the third, who deals nothing, alone.
    let secret = hosts[1].path(RESHARING, "secret/round-1.hex");
    let kept = fs::read(&secret).unwrap();
    let out = hosts[1].path(RESHARING, "out/custodian-2.round-1.json");
    let told = fs::read(&out).unwrap();
    fs::remove_file(&secret).unwrap();
    fs::remove_file(&out).unwrap();
    hosts[1].round_1(RESHARING).unwrap();
    bring(hosts[1], hosts[2], RESHARING);
    restore(&secret, &kept);
    fs::write(&out, told).unwrap();
    hosts.iter().for_each(|host| drop(host.round_2(RESHARING).unwrap()));
    for from in [hosts[0], hosts[1]] {
        let file = format!("{}.round-2.to.custodian-3.json", from.name);
        fs::copy(from.path(RESHARING, "out").join(&file), hosts[2].path(RESHARING, "in").join(&file)).unwrap();
    }
    let error = hosts[2].finish(RESHARING).unwrap_err();
    assert!(matches!(&error, CeremonyError::Equivocation { cheat, .. } if cheat.starts_with("custodian 2")), "{error}");
}
