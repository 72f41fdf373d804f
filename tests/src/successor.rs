//! A network that goes on under another trust root: endorsed by its custodians, put to every server, and all of them restarted.
//! Panics where the fixture itself fails.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{fs, path::Path};

use nacre_hosting::secret;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Document as _, Signed, SigningPublicKey,
    id::ChainId,
    membership::Membership,
    trust::{Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot, Witness, WitnessKind},
};
use nacre_verifier::Network;
use nacre_zk::{
    custody::{self, GroupKeys, KeyShare},
    share::SecretShare,
};
use rand::rngs::OsRng;

use crate::Running;

/// A trust root with the endorsements of all jurisdictions' custodians.
pub fn endorse(running: &Running, root: TrustRoot) -> SignedTrustRoot {
    let message = root.to_canonical();
    let endorsement = |jurisdiction: &Jurisdiction| {
        let keys = GroupKeys::of(jurisdiction).unwrap();
        let share = |number: u16| {
            let name = format!("{}-{number}", jurisdiction.id);
            let config = nacre_custodian::Config::read(&running.places.custodians[&name]).unwrap();
            let bytes = secret::read::<32>(&config.share).unwrap();
            KeyShare::new(keys.clone(), number, SecretShare::from_bytes(&bytes).unwrap()).unwrap()
        };
        let shares: Vec<KeyShare> = (1..=jurisdiction.threshold).map(share).collect();
        let signature = custody::endorse(&shares.iter().collect::<Vec<_>>(), &message, &mut OsRng).unwrap();
        Endorsement { jurisdiction: jurisdiction.id.clone(), signature }
    };
    let endorsements = root.jurisdictions.iter().map(endorsement).collect();
    SignedTrustRoot { root, endorsements }
}

/// The root that follows the present one, with a change.
pub fn successor(running: &Running, change: impl FnOnce(&mut TrustRoot)) -> SignedTrustRoot {
    let old = running.network().unwrap();
    let mut root = old.root().clone();
    root.serial += 1;
    root.earlier.push(old.digest());
    change(&mut root);
    endorse(running, root)
}

/// The network goes on under a new trust root. `meanwhile` is done while no server runs.
pub async fn adopt(running: &mut Running, signed: SignedTrustRoot, meanwhile: impl FnOnce(&Running)) {
    Network::new(signed.clone()).unwrap();
    running.servers.stop_all().await.unwrap();
    fs::write(&running.places.trust, toml::to_string(&signed).unwrap()).unwrap();
    meanwhile(running);
    let Running { places, servers, addresses, .. } = running;
    for (name, address) in addresses.iter() {
        servers.restart(places, name, address).await.unwrap();
    }
}

/// Makes exchanges, witnesses and custodians such as never knew another trust root: what they keep of earlier ones goes, and
/// all that custodians said.
pub fn begin_anew(running: &Running) {
    let exchanges = running.places.exchanges.values().map(|config| nacre_exchange::Config::read(config).unwrap().data);
    let witnesses = running.places.witnesses.values().map(|config| nacre_witness::Config::read(config).unwrap().data);
    for data in exchanges.chain(witnesses) {
        fs::remove_dir_all(data.join("roots")).unwrap();
    }
    for config in running.places.custodians.values() {
        let config = nacre_custodian::Config::read(config).unwrap();
        fs::remove_dir_all(&config.data).unwrap();
        fs::remove_dir_all(config.registers()).unwrap();
    }
}

/// Takes from every custodian what it can get again from others: how far it followed, and earlier trust roots.
pub fn empty_custodians(running: &Running) {
    for config in running.places.custodians.values() {
        let data = nacre_custodian::Config::read(config).unwrap().data;
        for folder in ["heads", "roots"] {
            fs::remove_dir_all(data.join(folder)).unwrap();
        }
    }
}

fn replace_key(file: &Path) -> SigningPublicKey {
    let fresh = SigningKey::generate().unwrap();
    fs::write(file, format!("{}\n", hex::encode(*fresh.to_bytes()))).unwrap();
    fresh.public()
}

/// Gives a witness another key, in its file and in the root.
pub fn replace_witness_key(running: &Running, root: &mut TrustRoot, name: &str) {
    let config = nacre_witness::Config::read(&running.places.witnesses[name]).unwrap();
    let public = replace_key(&config.signing_key);
    let witnesses = root.chains.iter_mut().flat_map(|chain| &mut chain.witnesses);
    witnesses.filter(|witness| witness.name.as_str() == name).for_each(|witness| witness.signing_key = public);
}

/// Gives a chain another key, in its exchange's file and in the root.
pub fn replace_chain_key(running: &Running, root: &mut TrustRoot, chain: &ChainId) {
    for config in running.places.exchanges.values() {
        let config = nacre_exchange::Config::read(config).unwrap();
        for hosted in config.chains.iter().filter(|hosted| hosted.id == *chain) {
            let public = replace_key(&hosted.key);
            root.chains.iter_mut().filter(|listed| listed.id == *chain).for_each(|listed| listed.signing_key = public);
        }
    }
}

/// Gives every authority another key, in the root; what each admitted is admitted by its new key.
pub fn replace_authority_keys(running: &Running, root: &mut TrustRoot) {
    let members = running.folder().join("network/members");
    for jurisdiction in &mut root.jurisdictions {
        let fresh = SigningKey::generate().unwrap();
        jurisdiction.authority_key = fresh.public();
        for entry in fs::read_dir(&members).unwrap() {
            let path = entry.unwrap().path();
            let mut signed: Signed<Membership> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            if signed.statement.jurisdiction == jurisdiction.id {
                signed.signature = fresh.sign_detached(&signed.statement);
                fs::write(&path, serde_json::to_vec(&signed).unwrap()).unwrap();
            }
        }
    }
}

/// Lists another append witness of every chain, which is not started: the others are enough.
pub fn add_witness(root: &mut TrustRoot) {
    let signing_key = SigningKey::generate().unwrap().public();
    for chain in &mut root.chains {
        let jurisdiction = chain.witnesses[0].jurisdiction.clone();
        let name = "witness-of-elsewhere".parse().unwrap();
        chain.witnesses.push(Witness { name, jurisdiction, kind: WitnessKind::Append, signing_key });
    }
}
