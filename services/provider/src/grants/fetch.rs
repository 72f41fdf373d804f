//! The grantee's side: records that others granted, read.

use nacre_schemas::{
    Digest, Document as _,
    cohort::CellKey,
    grant::{Access, GrantState, Terms},
};
use nacre_verifier::grant::check_delivery;
use nacre_wire::exchange::{OfChain, POST_ACCESS};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{GrantError, GrantList, ListedGrant, Site, Unreachable, blame, now};
use crate::{
    config::Config,
    seal::payload::{OpenError, PayloadRecord, open_with},
};

/// A record that was granted, opened. It has no `Debug`: it is a person's, even without a name.
#[derive(Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fetched {
    /// The grant that it was read by.
    pub grant: Digest,
    /// On which terms.
    pub terms: Terms,
    /// Where it counts.
    pub cell: CellKey,
    /// The person, as the record's provider or all custodians together name it.
    pub pseudonym: Digest,
    /// The record.
    pub record: PayloadRecord,
    /// Leaf of this access in the record's chain.
    pub access_leaf: u64,
}

/// What was read.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FetchSummary {
    /// The records.
    pub records: Vec<Fetched>,
    /// Chains that may have more.
    pub unreachable: Vec<Unreachable>,
}

/// Reads the records of those grants; of all that are in force, if none is named. Each access is logged.
pub async fn fetch(config: &Config, grants: &[Digest]) -> Result<FetchSummary, GrantError> {
    let site = Site::open(config)?;
    let GrantList { grants: listed, unreachable } = site.grants().await?;
    let received = || listed.iter().filter(|one| !one.is_given);
    let wanted: Vec<&ListedGrant> = if grants.is_empty() {
        received().filter(|one| one.state == GrantState::InForce).collect()
    } else {
        let find = |grant: &Digest| received().find(|one| one.grant == *grant).ok_or(GrantError::UnknownGrant(*grant));
        grants.iter().map(find).collect::<Result<_, _>>()?
    };
    let mut fetched = Vec::with_capacity(wanted.len());
    for one in wanted {
        fetched.push(site.fetch(one).await?);
    }
    // Whoever named the grants has them all.
    let unreachable = if grants.is_empty() { unreachable } else { Vec::new() };
    Ok(FetchSummary { records: fetched, unreachable })
}

impl Site {
    async fn fetch(&self, listed: &ListedGrant) -> Result<Fetched, GrantError> {
        let chain = &listed.terms.chain;
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|_| GrantError::NoRandomness)?;
        let access = Access {
            chain: chain.clone(),
            grant: listed.grant,
            grantee: self.member.clone(),
            at: now(),
            nonce: Digest(nonce),
        };
        let access = self.keys.signing.sign(access);
        let client = self.clients.get(chain).ok_or(GrantError::UnknownGrant(listed.grant))?;
        let sent = client.call(POST_ACCESS, &OfChain::new(chain), &access).await;
        let delivery = sent.map_err(|error| blame(chain, error))?;
        let header = check_delivery(&delivery, &access, &self.network, now())?;
        let terms = delivery.grant.statement.terms.clone();
        let key = self.keys.signing.open(&terms.digest(), delivery.key.as_bytes());
        let key = key.and_then(|key| key.as_slice().try_into().ok().map(Zeroizing::new));
        let key: Zeroizing<[u8; 16]> = key.ok_or(GrantError::Key(listed.grant))?;
        let payload = &delivery.restricted.payload;
        let explain = |source: OpenError| GrantError::Payload { record: terms.record, source };
        let record = open_with(&key, header, payload).map_err(explain)?;
        Ok(Fetched {
            grant: listed.grant,
            cell: header.cell.clone(),
            pseudonym: delivery.restricted.pseudonym,
            record,
            access_leaf: delivery.access_inclusion.leaf,
            terms,
        })
    }
}
