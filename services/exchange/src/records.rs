//! What a chain has on one record, for its own provider and whom it granted the record to: the beginning of a piece of
//! evidence, without the anchors.
//!
//! Kept true: only the provider that posted a record is shown it, and by a grant in force the grantee; to all others it is as
//! if it were not there. The restricted part is here by its digest only; what was erased is shown as erased. The places are
//! under one final checkpoint.
//! Errors: [`Refusal::UnknownRecord`]. Cost: some 70 reads.

use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    batch::BatchStatement,
    entry::Entry,
    erasure::Erasure,
    evidence::{ErasureStep, Evidence},
    limits,
    membership::Membership,
};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store},
};

/// All there is on a record of that provider's, under a checkpoint of at least so many entries; and how many it has.
pub(crate) async fn evidence(
    exchange: &Exchange,
    chain: &Chain,
    provider: Signed<Membership>,
    record: Digest,
    entries: u64,
) -> Result<(Evidence, u64), Error> {
    let store = exchange.store();
    let unknown = || Refusal::UnknownRecord(chain.id().clone());
    catch_up(store, chain).await?;
    let placed = store::record::find(store.reader(), chain.id(), &[record]).await?.remove(&record);
    let placed = placed.ok_or_else(unknown)?;
    let batch = batch(store, chain, placed.leaf).await?;
    if batch.statement.provider != provider.statement.member {
        return Err(unknown().into());
    }
    let erased = erased(store, chain, placed.leaf).await?;
    let contribution = match &erased {
        Some(_) => None,
        None => {
            let found = store::contribution::members(store.reader(), chain.id(), &[placed.leaf_hash]).await?;
            let gone = || chain.inconsistent(placed.leaf, "the contribution's body is gone");
            Some(found.into_values().next().ok_or_else(gone)?)
        }
    };
    let last = erased.as_ref().map_or(placed.leaf, |(leaf, _)| placed.leaf.max(*leaf));
    let checkpoint = chain.agreed(entries.max(last + 1)).await?;
    let size = checkpoint.unverified().size;
    let erasure = match erased {
        Some((leaf, order)) => Some(ErasureStep { order, inclusion: chain.inclusion(leaf, size)? }),
        None => None,
    };
    let evidence = Evidence {
        record,
        chain: chain.id().clone(),
        entry: entry(chain, placed.leaf).await?,
        contribution,
        erasure,
        batch,
        provider,
        inclusion: chain.inclusion(placed.leaf, size)?,
        checkpoint: chain.note(&checkpoint)?,
        anchors: Vec::new(),
    };
    Ok((evidence, size))
}

/// Canonical bytes of the entry at a leaf.
async fn entry(chain: &Chain, leaf: u64) -> Result<Blob<{ limits::MAX_ENTRY_BYTES }>, ExchangeError> {
    let entries = chain.entries(leaf..leaf + 1).await?;
    let bytes = entries.first().map(Entry::to_canonical).unwrap_or_default();
    Blob::new(bytes).map_err(|error| chain.inconsistent(leaf, error))
}

/// What the provider signed of the batch that the contribution at a leaf came in: its entry stands before its contributions'.
async fn batch(store: &Store, chain: &Chain, leaf: u64) -> Result<Signed<BatchStatement>, ExchangeError> {
    let from = leaf.saturating_sub(limits::MAX_BATCH_CONTRIBUTIONS as u64);
    let entries = chain.entries(from..leaf).await?;
    let digest = entries.iter().rev().find_map(|entry| match entry {
        Entry::Batch(batch) => Some(batch.body),
        _ => None,
    });
    let broken = |what: &str| chain.inconsistent(leaf, what);
    let digest = digest.ok_or_else(|| broken("a contribution outside a batch"))?;
    let body = store::batch::body(store.reader(), chain.id(), &digest).await?;
    let body = body.ok_or_else(|| broken("the batch's body is gone"))?;
    Signed::<BatchStatement>::from_canonical(&body).map_err(|error| chain.inconsistent(leaf, error))
}

/// The order that the contribution at a leaf was erased on, and where that stands.
async fn erased(store: &Store, chain: &Chain, leaf: u64) -> Result<Option<(u64, Signed<Erasure>)>, ExchangeError> {
    let erased = store::erased::among(store.reader(), chain.id(), leaf, leaf + 1).await?;
    let Some(stands) = erased.get(&leaf).copied() else { return Ok(None) };
    let broken = |what: &str| chain.inconsistent(stands, what);
    let entries = chain.entries(stands..stands + 1).await?;
    let Some(Entry::Erasure(entry)) = entries.first() else {
        return Err(broken("the tables have an erasure there, the log has none"));
    };
    let order = store::document::body(store.reader(), &entry.order).await?;
    let order = order.ok_or_else(|| broken("the order to erase is gone"))?;
    let order = Signed::<Erasure>::from_canonical(&order).map_err(|error| chain.inconsistent(stands, error))?;
    Ok(Some((stands, order)))
}
