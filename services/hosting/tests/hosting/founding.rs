//! A network of one jurisdiction: a trust root that its custodians endorsed, and the authority that admits members.

#![allow(dead_code, reason = "the tests of nacre-access build on it too; each needs a part")]

use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Document as _,
    catalogue::Catalogue,
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_zk::custody::{self, KeyShare};

pub(crate) struct Founding {
    pub(crate) network: Network,
    pub(crate) authority: SigningKey,
    shares: Vec<KeyShare>,
}

impl Founding {
    pub(crate) fn new() -> Self {
        let mut rng = rand::rngs::OsRng;
        let authority = SigningKey::generate().unwrap();
        let shares = custody::generate(&"macao".parse().unwrap(), 2, 2, &mut rng).unwrap();
        let root = trust_root(&shares, &authority);
        Self { network: endorse(&shares, root), authority, shares }
    }

    /// Another trust root under the same collective key.
    pub(crate) fn endorse(&self, root: TrustRoot) -> Network {
        endorse(&self.shares, root)
    }
}

fn endorse(shares: &[KeyShare], root: TrustRoot) -> Network {
    let both: Vec<&KeyShare> = shares.iter().collect();
    let signature = custody::endorse(&both, &root.to_canonical(), &mut rand::rngs::OsRng).unwrap();
    let endorsements = vec![Endorsement { jurisdiction: "macao".parse().unwrap(), signature }];
    Network::new(SignedTrustRoot { root, endorsements }).unwrap()
}

fn trust_root(shares: &[KeyShare], authority: &SigningKey) -> TrustRoot {
    let custodians = shares[0].verifying_shares().iter().map(|(number, share)| Custodian {
        number: *number,
        verifying_share: *share,
        signing_key: SigningKey::generate().unwrap().public(),
    });
    TrustRoot {
        network: "hosting.test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 1 },
        cross: None,
        jurisdictions: vec![Jurisdiction {
            id: "macao".parse().unwrap(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: authority.public(),
            custodians: custodians.collect(),
            pseudonyms: None,
        }],
        chains: vec![Chain {
            id: "main/health".parse().unwrap(),
            jurisdiction: "macao".parse().unwrap(),
            region: None,
            parents: Vec::new(),
            signing_key: SigningKey::generate().unwrap().public(),
            witnesses: Vec::new(),
        }],
    }
}
