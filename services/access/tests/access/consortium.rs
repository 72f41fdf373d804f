//! A consortium of one jurisdiction: a trust root that its custodians endorsed, and an authority that admits members.

use std::sync::Arc;

use nacre_access::{key::AccessKey, members::Members};
use nacre_ledger::signing::{Role, SigningKey};
use nacre_schemas::{
    Digest, Document as _,
    membership::{MemberRole, Membership, SignedMembership},
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_zk::custody::{self, KeyShare};

pub(crate) struct Consortium {
    pub(crate) network: Network,
    pub(crate) authority: SigningKey,
    shares: Vec<KeyShare>,
}

impl Consortium {
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

    /// Admits a member under that name, with a fresh access key.
    pub(crate) fn admit(&self, name: &str, role: MemberRole) -> Member {
        let key = Arc::new(AccessKey::generate().unwrap());
        Member { admission: self.sign(membership(name, role, &key)), key }
    }

    pub(crate) fn sign(&self, membership: Membership) -> SignedMembership {
        let signature = self.authority.sign(Role::Membership, &membership.to_canonical());
        SignedMembership { membership, signature }
    }

    pub(crate) fn directory(&self, members: &[&Member]) -> Arc<Members> {
        let admissions = members.iter().map(|member| member.admission.clone()).collect();
        Arc::new(Members::from_signed(admissions, &self.network).unwrap())
    }
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) admission: SignedMembership,
    pub(crate) key: Arc<AccessKey>,
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        self.admission.membership.member.as_str()
    }
}

pub(crate) fn membership(name: &str, role: MemberRole, key: &AccessKey) -> Membership {
    Membership {
        member: name.parse().unwrap(),
        role,
        jurisdiction: "macao".parse().unwrap(),
        chains: vec!["main/health".parse().unwrap()],
        signing_key: SigningKey::generate().unwrap().public(),
        access_key: key.public(),
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
        network: "access.test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Digest::of(b"no measure is asked about"),
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
