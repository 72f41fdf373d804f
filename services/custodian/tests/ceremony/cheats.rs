//! Whoever cheats is named: by a wrong proof, two stories, a wrong dealing, an old message, another's name.

use std::fs;

use nacre_custodian::ceremony::CeremonyError;
use nacre_ledger::signing::{self, SigningKey};
use nacre_schemas::{
    Blob, Signature, Signed,
    ceremony::{FirstRound, Head, Message, Outcome, SecondRound},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CEREMONY,
    rig::{Host, agree, bring, carry, custodians, jurisdiction, restore},
};

const FIRST: &str = "custodian-3.round-1.json";
const THIRD: &str = "custodian 3 (custodian-3)";
const SECOND: &str = "custodian-3.round-2.to.custodian-1.json";

fn agreed(hosts: &[&Host]) {
    agree(hosts, 2, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_1(CEREMONY).unwrap()));
}

fn dealt(hosts: &[&Host]) {
    agreed(hosts);
    carry(hosts, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    carry(hosts, CEREMONY);
}

/// Changes a message that a host sent, and signs it again with that key.
fn forge<B: DeserializeOwned + Serialize + nacre_schemas::Document>(
    host: &Host,
    file: &str,
    key: &SigningKey,
    change: impl FnOnce(&mut Message<B>),
) {
    let path = host.path(CEREMONY, "out").join(file);
    let mut message: Message<B> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut message);
    message.signed.statement.body = message.body.digest();
    message.signed.signature = key.sign_detached(&message.signed.statement);
    fs::write(path, serde_json::to_vec(&message).unwrap()).unwrap();
}

fn message<B: DeserializeOwned>(host: &Host, file: &str) -> Message<B> {
    serde_json::from_slice(&fs::read(host.path(CEREMONY, "out").join(file)).unwrap()).unwrap()
}

fn all(hosts: &[Host]) -> Vec<&Host> {
    hosts.iter().collect()
}

#[test]
fn a_wrong_proof_of_knowledge_names_its_sender() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    // The third passes off the second's commitment as its own.
    let stolen = message::<FirstRound>(hosts[1], "custodian-2.round-1.json").body.commitment;
    forge::<FirstRound>(hosts[2], FIRST, &hosts[2].key, |message| message.body.commitment = stolen);
    carry(&hosts, CEREMONY);
    let error = hosts[0].round_2(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Guilty { culprits, .. } if *culprits == [THIRD]), "{error}");
}

#[test]
fn a_commitment_that_is_none_names_its_sender() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    let garbage = Some(Blob::new(vec![0; 40]).unwrap());
    forge::<FirstRound>(hosts[2], FIRST, &hosts[2].key, |message| message.body.commitment = garbage);
    carry(&hosts, CEREMONY);
    let error = hosts[0].round_2(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Unreadable { sender, .. } if sender.starts_with("custodian 3")), "{error}");
    forge::<FirstRound>(hosts[2], FIRST, &hosts[2].key, |message| message.body.commitment = None);
    carry(&hosts, CEREMONY);
    let error = hosts[0].round_2(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Incomplete { sender, .. } if sender.starts_with("custodian 3")), "{error}");
}

#[test]
fn whoever_tells_two_stories_is_named_with_both_signed() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    carry(&hosts, CEREMONY);
    // The second gets another of the third's messages than the first, good by itself.
    let commitment = {
        use nacre_zk::custody::ceremony::Committed;
        let (_, commitment) = Committed::begin(&jurisdiction(), 3, 2, 3, &mut rand::rngs::OsRng).unwrap();
        Some(Blob::new(commitment.to_bytes().unwrap()).unwrap())
    };
    forge::<FirstRound>(hosts[2], FIRST, &hosts[2].key, |message| message.body.commitment = commitment);
    bring(hosts[2], hosts[1], CEREMONY);
    hosts[0].round_2(CEREMONY).unwrap();
    hosts[1].round_2(CEREMONY).unwrap();
    bring(hosts[0], hosts[1], CEREMONY);
    bring(hosts[1], hosts[0], CEREMONY);
    for (receiver, told) in [(0, "custodian 2"), (1, "custodian 1")] {
        let error = hosts[receiver].finish(CEREMONY).unwrap_err();
        let CeremonyError::Equivocation { cheat, told: found, evidence } = error else { panic!("{error}") };
        assert!(cheat.starts_with("custodian 3") && found.starts_with(told), "{cheat}, {found}");
        let [here, there]: [Signed<Head>; 2] = serde_json::from_slice(&fs::read(evidence).unwrap()).unwrap();
        assert_ne!(here.statement.body, there.statement.body);
        for signed in [here, there] {
            assert_eq!(signing::verify(&hosts[2].key.public(), &signed), Ok(()));
        }
        assert!(!hosts[receiver].folder(CEREMONY).share().exists());
    }
}

#[test]
fn whoever_accuses_another_falsely_is_named_itself() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    forge::<SecondRound>(hosts[2], SECOND, &hosts[2].key, |message| {
        message.body.seen[1].statement.body = nacre_schemas::Digest::of(b"another story");
    });
    bring(hosts[2], hosts[0], CEREMONY);
    let error = hosts[0].finish(CEREMONY).unwrap_err();
    let CeremonyError::FalseWitness { sender, about } = error else { panic!("{error}") };
    assert!(sender.starts_with("custodian 3") && about.starts_with("custodian 2"), "{sender}, {about}");
    // Or with a true signature of something else.
    forge::<SecondRound>(hosts[2], SECOND, &hosts[2].key, |message| {
        message.body.seen[1] = message.body.seen[0].clone();
    });
    bring(hosts[2], hosts[0], CEREMONY);
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::FalseWitness { .. })));
    forge::<SecondRound>(hosts[2], SECOND, &hosts[2].key, |message| drop(message.body.seen.pop()));
    bring(hosts[2], hosts[0], CEREMONY);
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::Incomplete { .. })));
}

#[test]
fn a_dealing_that_was_meant_for_another_or_changed_names_its_dealer() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    let elsewhere = message::<SecondRound>(hosts[2], "custodian-3.round-2.to.custodian-2.json").body.sealed;
    forge::<SecondRound>(hosts[2], SECOND, &hosts[2].key, |message| message.body.sealed = elsewhere);
    bring(hosts[2], hosts[0], CEREMONY);
    let error = hosts[0].finish(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Sealed { sender } if sender.starts_with("custodian 3")), "{error}");
}

#[test]
fn a_dealing_that_is_not_the_committed_one_names_its_dealer() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    carry(&hosts, CEREMONY);
    let kept = fs::read(hosts[2].path(CEREMONY, "secret/round-1.hex")).unwrap();
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    carry(&hosts, CEREMONY);
    // The third deals from another polynomial than it committed to: that of a second, private run.
    let polynomial = {
        use nacre_zk::custody::ceremony::Committed;
        let (state, _) = Committed::begin(&jurisdiction(), 3, 2, 3, &mut rand::rngs::OsRng).unwrap();
        state.to_bytes().unwrap()
    };
    let text = String::from_utf8(kept).unwrap();
    let bytes = hex::decode(text.trim()).unwrap();
    let message_length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
    let tail = 4 + message_length;
    let old_length = u32::from_be_bytes(bytes[tail..tail + 4].try_into().unwrap()) as usize;
    assert_eq!(old_length, polynomial.len(), "states of one ceremony are of one length");
    let mut forged = bytes.clone();
    forged[tail + 4..tail + 4 + old_length].copy_from_slice(&polynomial);
    fs::remove_file(hosts[2].path(CEREMONY, "secret/round-2.hex")).unwrap();
    restore(&hosts[2].path(CEREMONY, "secret/round-1.hex"), hex::encode(forged).as_ref());
    hosts[2].round_2(CEREMONY).unwrap();
    bring(hosts[2], hosts[0], CEREMONY);
    let error = hosts[0].finish(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Guilty { culprits, .. } if *culprits == [THIRD]), "{error}");
    assert!(!hosts[0].folder(CEREMONY).share().exists());
}

#[test]
fn a_message_of_another_ceremony_of_the_same_people_is_refused() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    agree(&hosts, 2, "again");
    hosts.iter().for_each(|host| drop(host.round_1("again").unwrap()));
    carry(&hosts, "again");
    let from = |file: &str| hosts[2].path(CEREMONY, "out").join(file);
    fs::copy(from(FIRST), hosts[0].path("again", "in").join(FIRST)).unwrap();
    let error = hosts[0].round_2("again").unwrap_err();
    assert!(
        matches!(&error, CeremonyError::OtherCeremony { sender, .. } if sender.starts_with("custodian 3")),
        "{error}"
    );
    carry(&hosts, "again");
    hosts.iter().for_each(|host| drop(host.round_2("again").unwrap()));
    carry(&hosts, "again");
    fs::copy(from(SECOND), hosts[0].path("again", "in").join(SECOND)).unwrap();
    assert!(matches!(hosts[0].finish("again"), Err(CeremonyError::OtherCeremony { .. })));
}

#[test]
fn a_message_that_its_sender_did_not_sign_is_refused() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    forge::<FirstRound>(hosts[2], FIRST, &hosts[1].key, |_| ());
    carry(&hosts, CEREMONY);
    let error = hosts[0].round_2(CEREMONY).unwrap_err();
    assert!(
        matches!(&error, CeremonyError::WrongSigner { sender, .. } if sender.starts_with("custodian 3")),
        "{error}"
    );
}

#[test]
fn a_message_under_anothers_name_or_with_another_body_is_refused() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    let path = hosts[0].path(CEREMONY, "in").join(SECOND);
    let good = fs::read(&path).unwrap();
    // What the third sent the second, renamed.
    fs::copy(hosts[2].path(CEREMONY, "out/custodian-3.round-2.to.custodian-2.json"), &path).unwrap();
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::Mislabelled { .. })));
    let mut message: Message<SecondRound> = serde_json::from_slice(&good).unwrap();
    message.body.sealed = Blob::new(vec![1; 100]).unwrap();
    fs::write(&path, serde_json::to_vec(&message).unwrap()).unwrap();
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::Altered { .. })));
    let mut message: Message<SecondRound> = serde_json::from_slice(&good).unwrap();
    message.signed.signature = Signature([0; 64]);
    fs::write(&path, serde_json::to_vec(&message).unwrap()).unwrap();
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::WrongSigner { .. })));
    fs::write(&path, good).unwrap();
    hosts[0].finish(CEREMONY).unwrap();
}

#[test]
fn a_truncated_file_is_named_with_its_sender() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    agreed(&hosts);
    carry(&hosts, CEREMONY);
    let path = hosts[0].path(CEREMONY, "in").join(FIRST);
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 3] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = hosts[0].round_2(CEREMONY).unwrap_err();
        let CeremonyError::Malformed { path: found, sender, .. } = &error else { panic!("{error}") };
        assert!(*found == path && sender.starts_with("custodian 3"), "{error}");
    }
    fs::write(&path, vec![b' '; 300 << 10]).unwrap();
    assert!(matches!(hosts[0].round_2(CEREMONY), Err(CeremonyError::Malformed { .. })));
}

#[test]
fn a_round_1_that_was_exchanged_after_dealing_is_noticed() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    let path = hosts[0].path(CEREMONY, "in").join(FIRST);
    fs::copy(&path, hosts[2].path(CEREMONY, "out").join(FIRST)).unwrap();
    forge::<FirstRound>(hosts[2], FIRST, &hosts[2].key, |message| {
        message.body.encryption_key = Some(SigningKey::generate().unwrap().public());
    });
    bring(hosts[2], hosts[0], CEREMONY);
    let error = hosts[0].finish(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Equivocation { cheat, .. } if cheat.starts_with("custodian 3")), "{error}");
}

#[test]
fn a_custodian_that_claims_other_keys_voids_the_ceremony() {
    let hosts = custodians(3);
    let hosts = all(&hosts);
    dealt(&hosts);
    hosts.iter().for_each(|host| drop(host.finish(CEREMONY).unwrap()));
    // The third states the keys of a run of its own.
    let alone = nacre_zk::custody::generate(&jurisdiction(), 2, 3, &mut rand::rngs::OsRng).unwrap();
    forge::<Outcome>(hosts[2], "custodian-3.result.json", &hosts[2].key, |message| {
        message.body.keys.group_key = alone[0].group_key();
        for (stated, (_, key)) in message.body.keys.verifying_shares.iter_mut().zip(alone[0].verifying_shares()) {
            stated.verifying_share = *key;
        }
    });
    carry(&hosts, CEREMONY);
    let error = hosts[0].finish(CEREMONY).unwrap_err();
    assert!(matches!(&error, CeremonyError::Disagreement(who) if who.starts_with("custodian 3")), "{error}");
}
