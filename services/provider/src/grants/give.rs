//! Granting and revoking.

use std::collections::{BTreeSet, HashMap};

use nacre_ledger::sealing;
use nacre_schemas::{
    Digest, Document as _, Signed,
    catalogue::Catalogue,
    cohort::Period,
    entry::Entry,
    grant::{Grant, NewGrant, Revocation, SealedKey, Terms},
    id::MemberId,
    membership::Membership,
    problem::Retry,
};
use nacre_verifier::{Check, grant::may_read, membership};
use nacre_wire::exchange::{GET_MEMBER, OfChain, OfMember, POST_GRANT, POST_REVOCATION};
use serde::Serialize;

use super::{
    GrantError, GrantTerms, Site, blame,
    consent::{Consent, ConsentProblem, Permission},
    now,
};
use crate::{
    StoredReceipt,
    config::Config,
    logged,
    outbox::{Outbox, owner::Owner},
    seal::{name, payload::unwrap_key},
};

/// A grant that stands in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Given {
    /// Its name.
    pub grant: Digest,
    /// What is granted.
    pub terms: Terms,
}

/// What a Consent came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConsentSummary {
    /// The grants that follow from it, those given before included.
    pub given: Vec<Given>,
    /// Grants that followed from it as it was before, and do not any more.
    pub revoked: Vec<Digest>,
}

/// Grants posted records. On the same terms each is granted once.
pub async fn grant(config: &Config, records: &[Digest], terms: &GrantTerms) -> Result<Vec<Given>, GrantError> {
    let site = Site::open(config)?;
    let outbox = Outbox::open(&config.data, &site.owner(config)).await?;
    let given = async {
        let giving = Giving::new(&site, &outbox).await?;
        let mut given = Vec::with_capacity(records.len());
        for record in records {
            given.push(giving.give(*record, terms, None).await?);
        }
        Ok(given)
    }
    .await;
    outbox.close().await;
    given
}

/// Follows FHIR Consents: grants what each permits of the posted records of its patient, and revokes what it permitted before
/// and does not any more. What a Consent leaves open the defaults say.
pub async fn grant_by_consent(
    config: &Config,
    text: &str,
    defaults: &Permission,
) -> Result<ConsentSummary, GrantError> {
    let consents = Consent::read(text, config)?;
    let site = Site::open(config)?;
    let outbox = Outbox::open(&config.data, &site.owner(config)).await?;
    let followed = async {
        let giving = Giving::new(&site, &outbox).await?;
        let mut summary = ConsentSummary::default();
        for consent in &consents {
            giving.follow(config, consent, defaults, &mut summary).await?;
        }
        Ok(summary)
    }
    .await;
    outbox.close().await;
    followed
}

/// Revokes grants: their keys are destroyed at the exchange. What was read before stays read.
pub async fn revoke(config: &Config, grants: &[Digest]) -> Result<Vec<Digest>, GrantError> {
    let site = Site::open(config)?;
    let outbox = Outbox::open(&config.data, &site.owner(config)).await?;
    let revoked = async {
        for grant in grants {
            site.revoke(&outbox, *grant).await?;
        }
        Ok(grants.to_vec())
    }
    .await;
    outbox.close().await;
    revoked
}

impl Site {
    fn owner(&self, config: &Config) -> Owner {
        Owner::of(config, &self.network, &self.keys)
    }

    async fn revoke(&self, outbox: &Outbox, grant: Digest) -> Result<(), GrantError> {
        let revocation = Revocation { chain: self.home.clone(), grant, provider: self.member.clone() };
        let signed = self.keys.signing.sign(revocation);
        let sent = self.own().call(POST_REVOCATION, &OfChain::new(&self.home), &signed).await;
        let stands = sent.map_err(|error| blame(&self.home, error))?;
        logged::check(&stands, &Entry::Revocation(signed.digest()), &self.home, &self.network, Check::Grant)?;
        outbox.note_revocation(&grant).await?;
        Ok(())
    }
}

/// Grants being given.
struct Giving<'g> {
    site: &'g Site,
    outbox: &'g Outbox,
    receipts: HashMap<Digest, StoredReceipt>,
}

impl<'g> Giving<'g> {
    async fn new(site: &'g Site, outbox: &'g Outbox) -> Result<Self, GrantError> {
        let receipts = outbox.receipts().await?.into_iter().map(|receipt| (receipt.record, receipt)).collect();
        Ok(Self { site, outbox, receipts })
    }

    /// Grants a record, unless it is granted on these terms.
    async fn give(&self, record: Digest, wanted: &GrantTerms, consent: Option<&Digest>) -> Result<Given, GrantError> {
        let receipt = self.receipts.get(&record).ok_or(GrantError::Unknown(record))?;
        let terms = Terms {
            chain: receipt.chain.clone(),
            record,
            entry: receipt.entry,
            provider: self.site.member.clone(),
            grantee: wanted.grantee.clone(),
            purpose: wanted.purpose,
            until: wanted.until,
        };
        if self.outbox.given(&terms).await?.is_none() {
            let new = self.make(receipt, terms.clone()).await?;
            self.outbox.keep_grant(&new, consent).await?;
        }
        let kept = self.outbox.given(&terms).await?.ok_or(GrantError::Unknown(record))?;
        if !kept.is_logged {
            self.send(&kept.digest, &kept.new).await?;
        }
        Ok(Given { grant: kept.digest, terms })
    }

    /// Encrypts the payload's key to the grantee, and signs.
    async fn make(&self, receipt: &StoredReceipt, terms: Terms) -> Result<NewGrant, GrantError> {
        let record = terms.record;
        let grantee = self.admission(&terms.grantee).await?;
        let wrapped = self.outbox.wrapped_key(&record, &receipt.batch).await?.ok_or(GrantError::Erased(record))?;
        let key = unwrap_key(&self.site.keys.payload, &record, &wrapped)
            .map_err(|source| GrantError::Payload { record, source })?;
        let sealed = sealing::seal(&grantee.statement.signing_key, &terms.digest(), &key[..]);
        let unusable = |detail: &str| GrantError::Grantee { grantee: terms.grantee.clone(), detail: detail.to_owned() };
        let sealed = sealed.ok_or_else(|| unusable("nothing can be encrypted to its key"))?;
        let sealed = SealedKey::new(sealed).map_err(|error| unusable(&error.to_string()))?;
        let grant = Grant { key: Digest::of(sealed.as_bytes()), terms };
        Ok(NewGrant { signed: self.site.keys.signing.sign(grant), key: sealed })
    }

    /// The grantee's admission, on its authority's word.
    async fn admission(&self, grantee: &MemberId) -> Result<Signed<Membership>, GrantError> {
        let asked = self.site.own().get(GET_MEMBER, &OfMember { member: grantee.clone() }).await;
        let signed = asked.map_err(|error| blame(&self.site.home, error))?;
        let admitted = membership::check(&signed, &self.site.network)?;
        let refuse = |detail: String| GrantError::Grantee { grantee: grantee.clone(), detail };
        if admitted.member != *grantee {
            return Err(refuse(format!("the exchange shows the admission of {}", admitted.member)));
        }
        if !may_read(admitted.role) {
            return Err(refuse(format!("it was admitted as {}", admitted.role)));
        }
        Ok(signed)
    }

    async fn send(&self, digest: &Digest, new: &NewGrant) -> Result<(), GrantError> {
        let chain = &new.signed.statement.terms.chain;
        let stands = match self.site.own().call(POST_GRANT, &OfChain::new(chain), new).await {
            Ok(stands) => stands,
            Err(error) => {
                // What is refused for good is no grant; anything else may have arrived, and is sent again.
                if error.problem().is_some_and(|problem| problem.retry == Retry::No) {
                    self.outbox.forget_grant(digest).await?;
                }
                return Err(blame(chain, error));
            }
        };
        logged::check(&stands, &new.signed.entry(), chain, &self.site.network, Check::Grant)?;
        self.outbox.note_grant(digest).await?;
        Ok(())
    }

    async fn follow(
        &self,
        config: &Config,
        consent: &Consent,
        defaults: &Permission,
        summary: &mut ConsentSummary,
    ) -> Result<(), GrantError> {
        let handle = name::held(&self.site.keys.record, "consent", &[consent.id.as_bytes()]);
        let permission = consent.permission(defaults)?;
        let mut wanted = BTreeSet::new();
        if let Some(permission) = &permission {
            let person = name::person(&self.site.keys.record, config.person_system.as_str(), &consent.person);
            let records = self.records_of(&person, permission).await?;
            for record in records {
                for terms in permission.terms()? {
                    let given = self.give(record, &terms, Some(&handle)).await?;
                    wanted.insert(given.grant);
                    summary.given.push(given);
                }
            }
        }
        for given in self.outbox.given_by(&handle).await? {
            let is_over = given.new.signed.statement.terms.until <= now();
            if !wanted.contains(&given.digest) && !is_over {
                match self.site.revoke(self.outbox, given.digest).await {
                    // It never arrived.
                    Err(error) if !given.is_logged && error.is_unknown_grant() => {
                        self.outbox.forget_grant(&given.digest).await?;
                    }
                    other => other?,
                }
                summary.revoked.push(given.digest);
            }
        }
        Ok(())
    }

    /// The person's posted records that the permission is about. Ids are found by making those of all measures and months.
    async fn records_of(&self, person: &Digest, permission: &Permission) -> Result<Vec<Digest>, GrantError> {
        let posted = self.outbox.posted().await?;
        let mut records = Vec::new();
        let mut period = Period::new(1900, 1).map_err(ConsentProblem::Month)?;
        let last = Period::new(2199, 12).map_err(ConsentProblem::Month)?;
        loop {
            if permission.covers_month(period) {
                for measure in Catalogue::built_in().measures() {
                    let record = name::record(&self.site.keys.record, person, &measure.reference(), period);
                    if permission.covers_measure(measure) && posted.contains(&record) {
                        records.push(record);
                    }
                }
            }
            match period.next() {
                Ok(next) if period != last => period = next,
                _ => return Ok(records),
            }
        }
    }
}
