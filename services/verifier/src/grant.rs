//! Grants: a provider's leave to read a record of its own, its revocation, each access, and what is handed over for one.
//!
//! Kept true of a delivery that passes: the record stands in its chain under a final checkpoint, unerased; its own provider
//! granted it to this grantee for a time that is not over, and both the grant and this access are logged under the same
//! checkpoint; the payload is the one that the record's entry commits to, and the key the one that was granted. So an
//! exchange cannot hand over another payload, nor this one without the access on record.
//!
//! What no check can show is that a grant was not revoked since: that is the word of the chain's exchange, which destroys the
//! key then. Errors: [`Check::Grant`] and the checks of the evidence. Cost: some four SM2 checks.

use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Document as _, Signed,
    contribution::Header,
    entry::Entry,
    grant::{Access, Delivery, Grant, Revocation},
    id::ChainId,
    membership::{MemberRole, Membership},
};

use crate::{
    Network,
    evidence::check_place,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged::check_inclusion,
    membership,
};

/// Whether members of that role can be granted records: providers alone, who hold records of people anyway.
pub fn may_read(role: MemberRole) -> bool {
    role == MemberRole::Provider
}

/// Checks that the provider granted a record of this chain to another member. That the record is its own is for whoever has
/// the record's entry or body to see.
pub fn check(signed: &Signed<Grant>, provider: &Membership, chain: &ChainId) -> Result<(), Failure> {
    let terms = &signed.statement.terms;
    let place = format_args!("{} record {}", terms.chain, terms.record);
    ensure(terms.chain == *chain, Check::Grant, place, format_args!("the grant is not for {chain}"))?;
    ensure(terms.provider == provider.member, Check::Grant, place, "another than the provider grants it")?;
    ensure(terms.grantee != terms.provider, Check::Grant, place, "a provider needs no grant for its own record")?;
    membership::check_role(provider, MemberRole::Provider, chain)?;
    signing::verify(&provider.signing_key, signed).or_failure(Check::Grant, place)
}

/// Checks that the provider revoked a grant on this chain. That the grant is its own is for whoever has the grant to see.
pub fn check_revocation(signed: &Signed<Revocation>, provider: &Membership, chain: &ChainId) -> Result<(), Failure> {
    let order = &signed.statement;
    let place = format_args!("{} grant {}", order.chain, order.grant);
    ensure(order.chain == *chain, Check::Grant, place, format_args!("the revocation is not for {chain}"))?;
    ensure(order.provider == provider.member, Check::Grant, place, "another than the provider revokes it")?;
    membership::check_role(provider, MemberRole::Provider, chain)?;
    signing::verify(&provider.signing_key, signed).or_failure(Check::Grant, place)
}

/// Checks that the member signed that it reads by a grant on this chain. The grant is its admission to the chain.
pub fn check_access(signed: &Signed<Access>, grantee: &Membership, chain: &ChainId) -> Result<(), Failure> {
    let access = &signed.statement;
    let place = format_args!("{} grant {}", access.chain, access.grant);
    ensure(access.chain == *chain, Check::Grant, place, format_args!("the access is not to {chain}"))?;
    ensure(access.grantee == grantee.member, Check::Grant, place, "another than the grantee reads it")?;
    let role = format_args!("{} was admitted as {}, whom nothing is granted", grantee.member, grantee.role);
    ensure(may_read(grantee.role), Check::Grant, place, role)?;
    signing::verify(&grantee.signing_key, signed).or_failure(Check::Grant, place)
}

/// Checks what is handed over for an access of one's own, at a time in Unix seconds. Gives the header that the payload was
/// encrypted for.
pub fn check_delivery<'a>(
    delivery: &'a Delivery,
    access: &Signed<Access>,
    network: &Network,
    now: u64,
) -> Result<&'a Header, Failure> {
    let (evidence, terms) = (&delivery.evidence, &delivery.grant.statement.terms);
    let at = check_place(evidence, network)?;
    let place = format_args!("{} record {}", at.chain.id, evidence.record);
    let asked = delivery.grant.digest() == access.statement.grant && terms.grantee == access.statement.grantee;
    ensure(asked, Check::Grant, place, "it is handed over by another grant than was asked by")?;
    check(&delivery.grant, at.provider, &at.chain.id)?;
    let same = terms.record == evidence.record && terms.entry == at.entry;
    ensure(same, Check::Grant, place, "another record is shown than was granted")?;
    ensure(now < terms.until, Check::Grant, place, "the grant's time is over")?;
    let key = Digest::of(delivery.key.as_bytes()) == delivery.grant.statement.key;
    ensure(key, Check::Grant, place, "the payload's key is not the one that was granted")?;
    let erased = || Failure::new(Check::Grant, place, "the record was erased");
    let body = evidence.contribution.as_ref().ok_or_else(erased)?;
    let payload = delivery.restricted.digest() == body.restricted;
    ensure(payload, Check::Grant, place, "the payload is not the one that the record's entry commits to")?;
    let logged = [
        (delivery.grant.entry(), &delivery.grant_inclusion),
        (Entry::Access(access.digest()), &delivery.access_inclusion),
    ];
    for (entry, inclusion) in logged {
        check_inclusion(&entry.leaf_hash(), inclusion, &at.checkpoint, Check::Grant, place)?;
    }
    Ok(&body.openings.header)
}
