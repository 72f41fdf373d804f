//! A trust root that follows a network's own, endorsed by its jurisdictions with their custodians' real shares. Servers go by it
//! once they are started again.

use std::fs;

use anyhow::Context as _;
use nacre_access::secret;
use nacre_schemas::{
    Document as _,
    trust::{Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_zk::{
    custody::{self, GroupKeys, KeyShare},
    share::SecretShare,
};
use rand::rngs::OsRng;

use crate::Running;

/// Puts the next trust root in the place of the present one.
pub fn follow(running: &Running, change: impl FnOnce(&mut TrustRoot)) -> anyhow::Result<()> {
    let network = running.network()?;
    let mut root = network.root().clone();
    root.serial += 1;
    root.earlier.push(network.digest());
    change(&mut root);
    let message = root.to_canonical();
    let mut endorsements = Vec::new();
    for jurisdiction in &root.jurisdictions {
        let shares = shares(running, jurisdiction)?;
        let quorum: Vec<&KeyShare> = shares.iter().take(usize::from(jurisdiction.threshold)).collect();
        let signature = custody::endorse(&quorum, &message, &mut OsRng)?;
        endorsements.push(Endorsement { jurisdiction: jurisdiction.id.clone(), signature });
    }
    let signed = SignedTrustRoot { root, endorsements };
    Network::new(signed.clone())?;
    fs::write(&running.places.trust, toml::to_string(&signed)?)?;
    Ok(())
}

fn shares(running: &Running, jurisdiction: &Jurisdiction) -> anyhow::Result<Vec<KeyShare>> {
    let keys = GroupKeys::of(jurisdiction)?;
    let share = |number: u16| {
        let server = format!("{}-{number}", jurisdiction.id);
        let config =
            running.places.custodians.get(&server).with_context(|| format!("no configuration for {server}"))?;
        let config = nacre_custodian::Config::read(config)?;
        let secret = SecretShare::from_bytes(&*secret::read::<32>(&config.share)?)?;
        Ok(KeyShare::new(keys.clone(), number, secret)?)
    };
    jurisdiction.custodians.iter().map(|custodian| share(custodian.number)).collect()
}
