//! A trust root endorsed between hosts holds under the verifier's own checks; nonces answer once, and whoever sends a
//! wrong signature share is named.

use std::{collections::BTreeSet, fs};

use nacre_custodian::ceremony::{
    CeremonyError, Folder,
    endorsement::{Endorsing, Signer, endorsement_path, jurisdiction_of, pseudonyms_of, root_path},
};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Document as _,
    catalogue::Catalogue,
    ceremony::{KeyPurpose, Message, SharedKey, SignatureShare},
    trust::{Chain, Disclosure, Endorsement, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;

use crate::{
    CEREMONY,
    rig::{Host, agree, agree_on, carry, custodians, jurisdiction, run},
};

const ENDORSING: &str = "endorse";
const SHARE: &str = "guangdong-3.signature-share.json";

/// A trust root of one jurisdiction, from the results in a host's folder.
pub(crate) fn root_of(host: &Host, ceremony: &str, authority: &SigningKey) -> TrustRoot {
    let chain = Chain {
        id: "main/health".parse().unwrap(),
        jurisdiction: jurisdiction(),
        region: None,
        parents: Vec::new(),
        signing_key: authority.public(),
        witnesses: Vec::new(),
    };
    TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![jurisdiction_of(&host.folder(ceremony), authority.public()).unwrap()],
        chains: vec![chain],
    }
}

/// Three of five custodians with a root to endorse.
fn founded() -> (Vec<Host>, TrustRoot) {
    let hosts = custodians(5);
    let all: Vec<&Host> = hosts.iter().collect();
    agree(&all, 3, CEREMONY);
    run(&all, CEREMONY);
    let root = root_of(all[0], CEREMONY, &SigningKey::generate().unwrap());
    all.iter().for_each(|host| state(host, &root));
    (hosts, root)
}

fn state(host: &Host, root: &TrustRoot) {
    let folder = host.folder(ENDORSING);
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(root_path(&folder), toml::to_string(root).unwrap()).unwrap();
}

fn signer(host: &Host) -> Result<Signer<'_>, CeremonyError> {
    Signer::open(host.folder(ENDORSING), &host.folder(CEREMONY), None, &host.key)
}

fn signers(numbers: &[u16]) -> BTreeSet<u16> {
    numbers.iter().copied().collect()
}

fn endorsing(host: &Host) -> Endorsing {
    Endorsing::open(host.folder(ENDORSING), &jurisdiction()).unwrap()
}

fn read(folder: &Folder) -> Endorsement {
    serde_json::from_slice(&fs::read(endorsement_path(folder, &jurisdiction())).unwrap()).unwrap()
}

#[test]
fn a_root_endorsed_between_hosts_verifies() {
    let (hosts, root) = founded();
    let present: Vec<&Host> = [0, 2, 4].map(|place| &hosts[place]).into();
    let among = signers(&[1, 3, 5]);
    for host in &present {
        // Run again, it commits to the same.
        let first = fs::read(signer(host).unwrap().commit(false).unwrap()).unwrap();
        assert_eq!(fs::read(signer(host).unwrap().commit(false).unwrap()).unwrap(), first);
    }
    let error = signer(present[0]).unwrap().sign(&among).unwrap_err().to_string();
    assert_eq!(error, "waiting for nonce of custodian 3 of guangdong, custodian 5 of guangdong");
    carry(&present, ENDORSING);
    for host in &present {
        let first = fs::read(signer(host).unwrap().sign(&among).unwrap()).unwrap();
        assert!(host.secrets(ENDORSING).is_empty());
        assert_eq!(fs::read(signer(host).unwrap().sign(&among).unwrap()).unwrap(), first);
        // What is done is not begun anew by accident.
        signer(host).unwrap().commit(false).unwrap();
        assert!(host.secrets(ENDORSING).is_empty());
    }
    let error = endorsing(present[0]).aggregate(&among).unwrap_err().to_string();
    assert_eq!(error, "waiting for signature-share of custodian 3 of guangdong, custodian 5 of guangdong");
    carry(&present, ENDORSING);
    endorsing(present[0]).aggregate(&among).unwrap();
    let endorsements = vec![read(&present[0].folder(ENDORSING))];
    let network = Network::new(SignedTrustRoot { root: root.clone(), endorsements }).unwrap();
    assert_eq!(network.digest(), root.digest());
}

#[test]
fn nonces_are_gone_before_the_share_is_there_and_what_was_lost_starts_over() {
    let (hosts, _) = founded();
    let present: Vec<&Host> = [0, 2, 4].map(|place| &hosts[place]).into();
    let among = signers(&[1, 3, 5]);
    present.iter().for_each(|host| drop(signer(host).unwrap().commit(false).unwrap()));
    carry(&present, ENDORSING);
    // Nothing can be written where the share is to go: the nonces are spent all the same.
    let blocked = present[1].path(ENDORSING, "out").join(format!("{SHARE}.tmp"));
    fs::create_dir(&blocked).unwrap();
    assert!(signer(present[1]).unwrap().sign(&among).is_err());
    assert!(present[1].secrets(ENDORSING).is_empty());
    fs::remove_dir(&blocked).unwrap();
    assert!(matches!(signer(present[1]).unwrap().sign(&among), Err(CeremonyError::SpentNonces)));
    assert!(matches!(signer(present[1]).unwrap().commit(false), Err(CeremonyError::SpentNonces)));
    // Over again: those who did not sign yet go on with the nonces they have.
    signer(present[1]).unwrap().commit(true).unwrap();
    carry(&present, ENDORSING);
    present.iter().for_each(|host| drop(signer(host).unwrap().sign(&among).unwrap()));
    carry(&present, ENDORSING);
    endorsing(present[2]).aggregate(&among).unwrap();
}

#[test]
fn a_share_made_among_others_or_a_wrong_one_names_its_sender() {
    let (hosts, _) = founded();
    let present: Vec<&Host> = hosts.iter().collect();
    present.iter().for_each(|host| drop(signer(host).unwrap().commit(false).unwrap()));
    carry(&present, ENDORSING);
    let (among, others) = (signers(&[1, 3, 5]), signers(&[1, 3, 4]));
    signer(present[0]).unwrap().sign(&among).unwrap();
    signer(present[4]).unwrap().sign(&among).unwrap();
    signer(present[2]).unwrap().sign(&others).unwrap();
    carry(&present, ENDORSING);
    let error = endorsing(present[0]).aggregate(&among).unwrap_err();
    assert!(matches!(&error, CeremonyError::OtherSigners(who) if who.starts_with("custodian 3")), "{error}");
    // It does not sign twice on its nonces.
    assert!(matches!(signer(present[2]).unwrap().sign(&among), Err(CeremonyError::OtherSigners(_))));
    signer(present[2]).unwrap().commit(true).unwrap();
    assert!(!present[2].path(ENDORSING, "out").join(SHARE).exists(), "the share on the old nonces is withdrawn");
    carry(&present, ENDORSING);
    signer(present[2]).unwrap().sign(&among).unwrap();
    carry(&present, ENDORSING);
    // The others' shares are on the third's old nonces now.
    let error = endorsing(present[0]).aggregate(&among).unwrap_err();
    assert!(matches!(&error, CeremonyError::OtherSigners(who) if who.starts_with("custodian 1")), "{error}");

    for host in [present[0], present[4]] {
        signer(host).unwrap().commit(true).unwrap();
    }
    signer(present[2]).unwrap().commit(true).unwrap();
    carry(&present, ENDORSING);
    for place in [0, 2, 4] {
        signer(present[place]).unwrap().sign(&among).unwrap();
    }
    let path = present[2].path(ENDORSING, "out").join(SHARE);
    let mut message: Message<SignatureShare> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut share = message.body.share.as_bytes().to_vec();
    share[0] ^= 1;
    message.body.share = Blob::new(share).unwrap();
    message.signed.statement.body = message.body.digest();
    message.signed.signature = present[2].key.sign_detached(&message.signed.statement);
    fs::write(&path, serde_json::to_vec(&message).unwrap()).unwrap();
    carry(&present, ENDORSING);
    let error = endorsing(present[0]).aggregate(&among).unwrap_err();
    assert!(
        matches!(&error, CeremonyError::Guilty { culprits, .. } if *culprits == ["custodian 3 of guangdong"]),
        "{error}"
    );
}

#[test]
fn a_root_that_states_something_else_of_the_jurisdiction_is_not_endorsed() {
    let (hosts, root) = founded();
    let foreign = SigningKey::generate().unwrap().public();
    let mut changed = [root.clone(), root.clone(), root.clone()];
    changed[0].jurisdictions[0].custodians[1].signing_key = foreign;
    changed[1].jurisdictions[0].custodians.swap_remove(4);
    changed[2].jurisdictions[0].id = "macao".parse().unwrap();
    for changed in &changed {
        state(&hosts[0], changed);
        assert!(matches!(signer(&hosts[0]).err(), Some(CeremonyError::Agreement { .. })));
    }
    // A nonce for another root is no nonce for this one.
    let mut other = root.clone();
    other.serial = 2;
    state(&hosts[0], &other);
    signer(&hosts[0]).unwrap().commit(false).unwrap();
    signer(&hosts[1]).unwrap().commit(false).unwrap();
    carry(&[&hosts[0], &hosts[1]], ENDORSING);
    let error = signer(&hosts[1]).unwrap().sign(&signers(&[1, 2, 3])).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherCeremony { .. }), "{error}");
}

const PSEUDONYMS: &str = "pseudonyms";

#[test]
fn a_pseudonyms_key_is_endorsed_by_who_made_it_alone() {
    let (hosts, mut root) = founded();
    let all: Vec<&Host> = hosts.iter().collect();
    agree_on(KeyPurpose::Pseudonyms, &all, 3, PSEUDONYMS);
    run(&all, PSEUDONYMS);
    let pseudonyms = pseudonyms_of(&all[0].folder(PSEUDONYMS), &root.jurisdictions[0]).unwrap();
    root.jurisdictions[0].pseudonyms = Some(pseudonyms.clone());
    state(all[0], &root);
    let open = |folder: Option<&str>| {
        let folder = folder.map(|name| all[0].folder(name));
        let opened = Signer::open(all[0].folder(ENDORSING), &all[0].folder(CEREMONY), folder.as_ref(), &all[0].key);
        opened.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(open(Some(PSEUDONYMS)), Ok(()));
    assert!(open(None).unwrap_err().contains("name the folder of that ceremony, too"));
    // The ceremony of one key is none of the other.
    assert!(open(Some(CEREMONY)).unwrap_err().contains("the key for decryption, not about that for pseudonyms"));
    let swapped = jurisdiction_of(&all[0].folder(PSEUDONYMS), root.jurisdictions[0].authority_key);
    assert!(swapped.unwrap_err().to_string().contains("the key for pseudonyms, not about that for decryption"));

    // Somebody else's key, which would name everyone to somebody else.
    let foreign = custodians(5);
    let foreign: Vec<&Host> = foreign.iter().collect();
    agree_on(KeyPurpose::Pseudonyms, &foreign, 3, PSEUDONYMS);
    run(&foreign, PSEUDONYMS);
    let error = pseudonyms_of(&foreign[0].folder(PSEUDONYMS), &root.jurisdictions[0]).unwrap_err().to_string();
    assert!(error.contains("are others than those who hold this key"), "{error}");
    let stolen = key_of(&foreign[0].folder(PSEUDONYMS));
    root.jurisdictions[0].pseudonyms = Some(stolen);
    state(all[0], &root);
    assert!(open(Some(PSEUDONYMS)).unwrap_err().contains("is not what its ceremony came to"));
    // None, where they made one.
    root.jurisdictions[0].pseudonyms = None;
    state(all[0], &root);
    assert!(open(Some(PSEUDONYMS)).unwrap_err().contains("is not what its ceremony came to"));
    assert_eq!(open(None), Ok(()));
}

/// The key of a ceremony, whoever holds it.
fn key_of(folder: &Folder) -> SharedKey {
    nacre_custodian::ceremony::results(folder).unwrap().1.keys.unwrap().stated()
}
