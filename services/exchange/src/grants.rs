//! Grants: providers let others read records of theirs; grantees read. Each step is an entry of the record's chain.
//!
//! Kept true: a record is handed over only by a grant that is logged and in force by this exchange's clock, and only after
//! the access is logged; what is handed over shows both under one final checkpoint. The payload's key, encrypted to
//! the grantee, is destroyed when the grant is revoked or the record erased (by [`crate::replay`], so after a crash too),
//! and by [`expire`] when its time is over. To all but its two parties a grant is as if it were not there.
//!
//! Crash consequences: as of documents; what was answered is durable, and sending again is safe at any point.
//! Errors: [`Refusal`]. Cost: as a document; an access also some 70 reads.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use nacre_schemas::{
    Digest, Document as _, Signed,
    entry::Entry,
    grant::{Access, Delivery, Grant, GrantState, GrantsPage, NewGrant, Revocation, SealedKey},
    id::MemberId,
    limits,
    log::Logged,
    membership::Membership,
};
use nacre_verifier::grant;

use crate::{
    chain::Chain,
    documents::{self, log_in_turn},
    error::{Error, ExchangeError},
    exchange::Exchange,
    records,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, document::DocumentKind, granted::Found},
    work::to_the_end,
};

/// How often keys of grants whose time is over are destroyed.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

/// The admission of the member of that name.
pub(crate) fn member(exchange: &Exchange, member: &MemberId) -> Result<Signed<Membership>, Refusal> {
    let found = exchange.gatekeeper().members().find(member);
    found.cloned().ok_or_else(|| Refusal::UnknownMember(member.clone()))
}

/// Checks a grant and logs it.
pub(crate) async fn grant(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    new: NewGrant,
) -> Result<Logged, Error> {
    let NewGrant { signed, key } = new;
    let terms = &signed.statement.terms;
    grant::check(&signed, &caller.statement, chain.id()).map_err(Refusal::CheckFailed)?;
    if Digest::of(key.as_bytes()) != signed.statement.key {
        return Err(Refusal::OtherKey.into());
    }
    let grantee = member(exchange, &terms.grantee)?.statement;
    if !grant::may_read(grantee.role) {
        return Err(Refusal::NoReader { member: grantee.member, role: grantee.role }.into());
    }
    let store = exchange.store().clone();
    let of_chain = Arc::clone(&chain);
    let leaf = to_the_end(async move {
        let _one_at_a_time = of_chain.documents().await?;
        catch_up(&store, &of_chain).await?;
        // Logged before, it stands, whatever has become of it since.
        if let Some(leaf) = store::logged_document::leaf(store.reader(), of_chain.id(), &signed.digest()).await? {
            return Ok(leaf);
        }
        check_new(&store, &of_chain, &signed).await?;
        let mut writing = store.begin().await?;
        store::granted::insert(&mut writing, &signed, key.as_bytes()).await?;
        store.commit(writing).await?;
        Ok(log_in_turn(&store, &of_chain, DocumentKind::Grant, signed.entry(), signed.to_canonical()).await?)
    })
    .await?;
    documents::logged_at(&chain, leaf).await
}

/// Its time is ahead, and its record is there, and the provider's.
async fn check_new(store: &Store, chain: &Chain, signed: &Signed<Grant>) -> Result<(), Error> {
    let terms = &signed.statement.terms;
    let now = now();
    if terms.until <= now || terms.until - now > limits::MAX_GRANT_SECONDS {
        return Err(Refusal::GrantTime { now, until: terms.until }.into());
    }
    let unknown = || Refusal::UnknownRecord(chain.id().clone());
    let placed = store::record::find(store.reader(), chain.id(), &[terms.record]).await?;
    let placed = placed.get(&terms.record).filter(|placed| placed.leaf_hash == terms.entry).ok_or_else(unknown)?;
    let erased = store::erased::among(store.reader(), chain.id(), placed.leaf, placed.leaf + 1).await?;
    if !erased.is_empty() {
        return Err(unknown().into());
    }
    let openings = store::contribution::openings(store.reader(), chain.id(), &[terms.entry]).await?;
    let owner = openings.get(&terms.entry).map(|openings| &openings.header.provider);
    if owner == Some(&terms.provider) { Ok(()) } else { Err(unknown().into()) }
}

/// Checks a revocation, logs it, and destroys the grant's key. Revoked again, it says the same.
pub(crate) async fn revoke(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    signed: Signed<Revocation>,
) -> Result<Logged, Error> {
    grant::check_revocation(&signed, &caller.statement, chain.id()).map_err(Refusal::CheckFailed)?;
    let (store, of_chain) = (exchange.store().clone(), Arc::clone(&chain));
    let leaf = to_the_end(async move {
        let _one_at_a_time = of_chain.documents().await?;
        let found = find(&store, &of_chain, &signed.statement.grant).await?;
        if found.logged.signed.statement.terms.provider != signed.statement.provider {
            return Err(Refusal::UnknownGrant(of_chain.id().clone()).into());
        }
        let entry = Entry::Revocation(signed.digest());
        let leaf = log_in_turn(&store, &of_chain, DocumentKind::Revocation, entry, signed.to_canonical()).await?;
        store.forget_freed().await?;
        Ok(leaf)
    })
    .await?;
    documents::logged_at(&chain, leaf).await
}

/// Logs an access, and hands the record over.
pub(crate) async fn access(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    signed: Signed<Access>,
) -> Result<Delivery, Error> {
    grant::check_access(&signed, &caller.statement, chain.id()).map_err(Refusal::CheckFailed)?;
    let (at, now) = (signed.statement.at, now());
    if at.abs_diff(now) > limits::MAX_CLOCK_SKEW_SECONDS {
        return Err(Refusal::ClockOff { now, at }.into());
    }
    let (store, of_chain) = (exchange.store().clone(), Arc::clone(&chain));
    let (leaf, found) = to_the_end(async move {
        let _one_at_a_time = of_chain.documents().await?;
        let found = find(&store, &of_chain, &signed.statement.grant).await?;
        if found.logged.signed.statement.terms.grantee != signed.statement.grantee {
            return Err(Refusal::UnknownGrant(of_chain.id().clone()).into());
        }
        if found.logged.state != GrantState::InForce {
            return Err(Refusal::GrantEnded(found.logged.state).into());
        }
        let entry = Entry::Access(signed.digest());
        let leaf = log_in_turn(&store, &of_chain, DocumentKind::Access, entry, signed.to_canonical()).await?;
        Ok((leaf, found))
    })
    .await?;
    deliver(exchange, &chain, leaf, found).await
}

/// What stands behind a grant, under a checkpoint that covers the access.
async fn deliver(exchange: &Exchange, chain: &Chain, access: u64, found: Found) -> Result<Delivery, Error> {
    let Found { logged, key } = found;
    let terms = &logged.signed.statement.terms;
    let provider = member(exchange, &terms.provider)?;
    let (evidence, size) = records::evidence(exchange, chain, provider, terms.record, access + 1).await?;
    // Erased since the access was logged.
    let restricted = store::contribution::restricted(exchange.store().reader(), chain.id(), &terms.entry).await?;
    let restricted = restricted.ok_or(Refusal::GrantEnded(GrantState::Erased))?;
    let broken = |error: nacre_schemas::DecodeError| chain.inconsistent(logged.leaf, error);
    Ok(Delivery {
        grant_inclusion: chain.inclusion(logged.leaf, size)?,
        access_inclusion: chain.inclusion(access, size)?,
        key: SealedKey::new(key).map_err(broken)?,
        grant: logged.signed,
        evidence,
        restricted,
    })
}

/// The caller's grants from a leaf on, those it gave and those it was given.
pub(crate) async fn page(
    exchange: &Exchange,
    chain: &Chain,
    caller: &MemberId,
    from: u64,
) -> Result<GrantsPage, Error> {
    catch_up(exchange.store(), chain).await?;
    let grants = store::granted::of_member(exchange.store().reader(), chain.id(), caller, from, now()).await?;
    let is_full = grants.len() == limits::MAX_GRANTS_PAGE;
    let next = grants.last().filter(|_| is_full).map(|last| last.leaf + 1);
    Ok(GrantsPage { grants, next })
}

async fn find(store: &Store, chain: &Chain, grant: &Digest) -> Result<Found, Error> {
    catch_up(store, chain).await?;
    let found = store::granted::find(store.reader(), chain.id(), grant, now()).await?;
    Ok(found.ok_or_else(|| Refusal::UnknownGrant(chain.id().clone()))?)
}

/// Destroys keys of grants whose time is over, now and then.
pub(crate) async fn expire(store: Store) {
    loop {
        match expire_once(&store).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "keys of grants whose time is over were destroyed"),
            Err(error) => tracing::error!(%error, "keys of grants whose time is over cannot be destroyed"),
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

async fn expire_once(store: &Store) -> Result<u64, ExchangeError> {
    let mut writing = store.begin().await?;
    let count = store::granted::expire(&mut writing, now()).await?;
    store.commit(writing).await?;
    if count > 0 {
        store.forget_freed().await?;
    }
    Ok(count)
}
