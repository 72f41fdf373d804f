//! A consortium of one jurisdiction: a trust root that its custodians endorsed, and an authority that admits members.

use std::sync::Arc;

use nacre_access::{key::AccessKey, members::Members};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Signed,
    membership::{MemberRole, Membership},
};
use nacre_verifier::Network;

use super::founding::Founding;

pub(crate) struct Consortium {
    pub(crate) network: Network,
    pub(crate) authority: SigningKey,
}

impl Consortium {
    pub(crate) fn new() -> Self {
        let Founding { network, authority, .. } = Founding::new();
        Self { network, authority }
    }

    /// Admits a member under that name, with a fresh access key.
    pub(crate) fn admit(&self, name: &str, role: MemberRole) -> Member {
        let key = Arc::new(AccessKey::generate().unwrap());
        Member { admission: self.sign(membership(name, role, &key)), key }
    }

    pub(crate) fn sign(&self, membership: Membership) -> Signed<Membership> {
        self.authority.sign(membership)
    }

    pub(crate) fn directory(&self, members: &[&Member]) -> Arc<Members> {
        let admissions = members.iter().map(|member| member.admission.clone()).collect();
        Arc::new(Members::from_signed(admissions, &self.network).unwrap())
    }
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) admission: Signed<Membership>,
    pub(crate) key: Arc<AccessKey>,
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        self.admission.statement.member.as_str()
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
