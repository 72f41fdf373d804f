//! A stretch of a chain with the bodies behind its entries: for its full witnesses, who check and mirror it.
//!
//! Kept true: restricted parts are in it by their digest only; a contribution that was erased has no body; a page never
//! ends inside a batch. Cost: a read of every entry and body.

use std::collections::{HashMap, HashSet};

use nacre_schemas::{
    Blob, Digest, Document as _,
    entry::Entry,
    limits,
    members::{MemberContribution, MemberEntry, MembersPage},
};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    store::{self, Store},
};

/// Entries of one page, at most.
const PAGE_LEAVES: u64 = 1_024;
const _: () = assert!(PAGE_LEAVES as usize <= limits::MAX_MEMBERS_PAGE);
/// A page that has this many bytes takes no further entry but those of its last batch.
const PAGE_BYTES: usize = 2 << 20;
const _: () = assert!(PAGE_BYTES + limits::MAX_BATCH_BYTES * 2 < limits::MAX_MEMBERS_PAGE_BYTES);

/// The entries from a leaf on with their bodies, as many as a page takes.
pub(crate) async fn page(exchange: &Exchange, chain: &Chain, from: u64) -> Result<MembersPage, Error> {
    let size = chain.size();
    if from > size {
        return Err(Refusal::NotInLog(format!("{} has {size} entries", chain.id())).into());
    }
    let end = size.min(from + PAGE_LEAVES);
    let entries = chain.entries(from..end).await?;
    let contributions = contributions(exchange.store(), chain, from, &entries).await?;
    let (mut shown, mut bytes) = (Vec::with_capacity(entries.len()), 0);
    // Contributions that belong to the batch before them.
    let mut left = 0;
    for (leaf, entry) in (from..).zip(&entries) {
        if let Entry::Batch(batch) = entry
            && leaf + u64::from(batch.contributions) >= end
        {
            break;
        }
        if left == 0 && bytes >= PAGE_BYTES {
            break;
        }
        left = match entry {
            Entry::Batch(batch) => batch.contributions,
            _ => left.saturating_sub(1),
        };
        let body = body(exchange.store(), chain, leaf, entry, &contributions).await?;
        let broken = |error: nacre_schemas::DecodeError| chain.inconsistent(leaf, error);
        bytes += body.len() + limits::MAX_ENTRY_BYTES;
        let entry = Blob::new(entry.to_canonical()).map_err(broken)?;
        shown.push(MemberEntry { entry, body: Blob::new(body).map_err(broken)? });
    }
    Ok(MembersPage { first: from, entries: shown })
}

/// The bodies of the contributions among the entries, by leaf hash, as far as they are there.
async fn contributions(
    store: &Store,
    chain: &Chain,
    from: u64,
    entries: &[Entry],
) -> Result<HashMap<Digest, MemberContribution>, ExchangeError> {
    let erased = store::erased::among(store.reader(), chain.id(), from, from + entries.len() as u64).await?;
    let mut hashes = Vec::new();
    for (leaf, entry) in (from..).zip(entries) {
        if matches!(entry, Entry::Contribution(_)) && !erased.contains_key(&leaf) {
            hashes.push(chain.leaf_hash(leaf)?);
        }
    }
    let found = store::contribution::members(store.reader(), chain.id(), &hashes).await?;
    let missing: HashSet<&Digest> = hashes.iter().filter(|hash| !found.contains_key(*hash)).collect();
    if missing.is_empty() { Ok(found) } else { Err(chain.inconsistent(from, "a contribution's body is gone")) }
}

/// Canonical bytes of the body behind an entry; empty if it has none.
async fn body(
    store: &Store,
    chain: &Chain,
    leaf: u64,
    entry: &Entry,
    contributions: &HashMap<Digest, MemberContribution>,
) -> Result<Vec<u8>, ExchangeError> {
    let gone = || chain.inconsistent(leaf, format!("the body of the {} is gone", entry.kind()));
    Ok(match entry {
        Entry::Contribution(_) => {
            contributions.get(&chain.leaf_hash(leaf)?).map(MemberContribution::to_canonical).unwrap_or_default()
        }
        Entry::Batch(batch) => store::batch::body(store.reader(), chain.id(), &batch.body).await?.ok_or_else(gone)?,
        Entry::Anchor(anchor) => {
            store::anchor::body(store.reader(), chain.id(), anchor).await?.ok_or_else(gone)?.to_canonical()
        }
        Entry::Membership(digest)
        | Entry::Request(digest)
        | Entry::Dispute(digest)
        | Entry::CrossRequest(digest)
        | Entry::Grant(digest)
        | Entry::Revocation(digest)
        | Entry::Access(digest) => store::document::body(store.reader(), digest).await?.ok_or_else(gone)?,
        Entry::Erasure(erasure) => store::document::body(store.reader(), &erasure.order).await?.ok_or_else(gone)?,
        // A seal says all there is; a release is checked by itself. The others stand in custodians' own logs.
        Entry::Seal(_)
        | Entry::Release(_)
        | Entry::Answer(_)
        | Entry::Refusal(_)
        | Entry::Confirmation(_)
        | Entry::Preview(_)
        | Entry::CrossAnswer(_)
        | Entry::Evaluation(_) => Vec::new(),
    })
}
