//! The derived tables follow the log. The same code runs when an exchange opens and after every append, so there is no
//! state that only a restart, or only a live exchange, can make.
//!
//! Kept true: entries are followed in the order of their leaves, and how far ([`crate::store::applied`]) changes in the
//! transaction that writes their rows. So whoever calls [`catch_up`] sees, when it returns, every entry that was
//! committed when it was called: which is how an intake whose append or last step failed is noticed before any of its
//! records could be appended again.
//!
//! Crash consequences: before the commit, nothing of the stretch is there and it is followed again; after it, all is.
//! Following a stretch twice changes nothing.
//!
//! An erasure or revocation in the log is carried out here, in the transaction that follows it.
//!
//! Errors: a record twice in a log, or an entry whose body is gone, is [`ExchangeError::Inconsistent`], and the exchange
//! does not open over it. Cost: a read of an entry and of a row's key each; one transaction for each stretch of at most
//! [`STRETCH_LEAVES`].

use std::sync::atomic::Ordering;

use nacre_schemas::{
    Digest, Document, Signed,
    entry::Entry,
    grant::{Access, Revocation},
    limits,
};

use crate::{
    chain::Chain,
    error::ExchangeError,
    store::{self, Store, Writing, anchor::AnchorPlace, record::Placed, seal::SealPlace},
};

/// Most leaves followed in one transaction. More than a batch has, so a stretch never has to end inside one.
const STRETCH_LEAVES: u64 = 4_096;
const _: () = assert!(STRETCH_LEAVES > 1 + limits::MAX_BATCH_CONTRIBUTIONS as u64);

/// Follows the chain's log to the size that it has now.
pub(crate) async fn catch_up(store: &Store, chain: &Chain) -> Result<(), ExchangeError> {
    let size = chain.size();
    if chain.applied_leaves.load(Ordering::Acquire) >= size {
        return Ok(());
    }
    let mut applied = chain.applied.lock().await;
    while *applied < size {
        let stretch = read(store, chain, *applied, size).await?;
        let mut writing = store.begin().await?;
        write(&mut writing, chain, &stretch).await?;
        store::applied::set(&mut writing, chain.id(), stretch.end).await?;
        store.commit(writing).await?;
        *applied = stretch.end;
        chain.applied_leaves.store(stretch.end, Ordering::Release);
    }
    Ok(())
}

/// What a stretch of entries adds to the derived tables.
#[derive(Default)]
struct Stretch {
    records: Vec<Placed>,
    seals: Vec<SealPlace>,
    documents: Vec<(Digest, u64)>,
    anchors: Vec<AnchorPlace>,
    /// Leaves of contributions, and those of their erasures.
    erased: Vec<(u64, u64)>,
    /// Grants revoked, and the leaves where that stands.
    revoked: Vec<(Digest, u64)>,
    /// Grants used, and the leaves where that stands.
    accessed: Vec<(Digest, u64)>,
    /// First leaf that is not in it.
    end: u64,
}

/// A contribution's entry, before its record id is looked up.
struct Contributed {
    leaf: u64,
    leaf_hash: Digest,
    batch: Digest,
}

async fn read(store: &Store, chain: &Chain, from: u64, size: u64) -> Result<Stretch, ExchangeError> {
    let end = size.min(from + STRETCH_LEAVES);
    let entries = chain.entries(from..end).await?;
    let mut stretch = Stretch { end, ..Stretch::default() };
    let mut contributed = Vec::new();
    // The batch that contributions belong to, and how many more of them follow.
    let mut open: Option<(Digest, u32)> = None;
    for (leaf, entry) in (from..).zip(entries) {
        match (entry, &mut open) {
            (Entry::Contribution(_), Some((batch, left))) => {
                contributed.push(Contributed { leaf, leaf_hash: chain.leaf_hash(leaf)?, batch: *batch });
                *left -= 1;
                if *left == 0 {
                    open = None;
                }
            }
            (Entry::Contribution(_), None) => return Err(chain.inconsistent(leaf, "a contribution outside a batch")),
            (_, Some(_)) => return Err(chain.inconsistent(leaf, "a batch is not whole")),
            (Entry::Batch(entry), None) => {
                if leaf + u64::from(entry.contributions) >= end && end < size {
                    stretch.end = leaf;
                    break;
                }
                let batch = store::batch::id(store.reader(), chain.id(), &entry.body).await?;
                let batch = batch.ok_or_else(|| chain.inconsistent(leaf, "the batch's body is gone"))?;
                open = (entry.contributions > 0).then_some((batch, entry.contributions));
            }
            (Entry::Anchor(entry), None) => stretch.anchors.push(AnchorPlace { entry, leaf }),
            (Entry::Erasure(erasure), None) => {
                stretch.documents.push((erasure.order, leaf));
                stretch.erased.push((erasure.leaf, leaf));
            }
            (Entry::Revocation(digest), None) => {
                let signed: Signed<Revocation> = document(store, chain, leaf, &digest).await?;
                stretch.documents.push((digest, leaf));
                stretch.revoked.push((signed.statement.grant, leaf));
            }
            (Entry::Access(digest), None) => {
                let signed: Signed<Access> = document(store, chain, leaf, &digest).await?;
                stretch.documents.push((digest, leaf));
                stretch.accessed.push((signed.statement.grant, leaf));
            }
            (Entry::Seal(seal), None) => stretch.seals.push(SealPlace { number: seal.number, leaf }),
            (
                Entry::Membership(digest)
                | Entry::Request(digest)
                | Entry::Release(digest)
                | Entry::Answer(digest)
                | Entry::Refusal(digest)
                | Entry::Confirmation(digest)
                | Entry::Preview(digest)
                | Entry::Dispute(digest)
                | Entry::CrossRequest(digest)
                | Entry::CrossAnswer(digest)
                | Entry::Evaluation(digest)
                | Entry::Grant(digest),
                None,
            ) => stretch.documents.push((digest, leaf)),
        }
    }
    if open.is_some() {
        return Err(chain.inconsistent(end, "the log ends inside a batch"));
    }
    stretch.records = name_records(store, chain, contributed).await?;
    Ok(stretch)
}

/// The document behind an entry.
async fn document<T: Document>(store: &Store, chain: &Chain, leaf: u64, digest: &Digest) -> Result<T, ExchangeError> {
    let body = store::document::body(store.reader(), digest).await?;
    let body = body.ok_or_else(|| chain.inconsistent(leaf, "the document behind it is gone"))?;
    T::from_canonical(&body).map_err(|error| chain.inconsistent(leaf, error))
}

async fn name_records(
    store: &Store,
    chain: &Chain,
    contributed: Vec<Contributed>,
) -> Result<Vec<Placed>, ExchangeError> {
    let hashes: Vec<Digest> = contributed.iter().map(|entry| entry.leaf_hash).collect();
    let records = store::contribution::records(store.reader(), chain.id(), &hashes).await?;
    let placed = |Contributed { leaf, leaf_hash, batch }| match records.get(&leaf_hash) {
        Some(record) => Ok(Placed { record: *record, leaf, leaf_hash, batch }),
        None => Err(chain.inconsistent(leaf, "the contribution's body is gone")),
    };
    contributed.into_iter().map(placed).collect()
}

async fn write(writing: &mut Writing, chain: &Chain, stretch: &Stretch) -> Result<(), ExchangeError> {
    let added = store::record::insert(writing, chain.id(), &stretch.records).await?;
    if added != stretch.records.len() as u64 {
        refuse_doubles(writing, chain, &stretch.records).await?;
    }
    for place in &stretch.seals {
        store::seal::insert(writing, chain.id(), *place).await?;
    }
    for (digest, leaf) in &stretch.documents {
        store::logged_document::insert(writing, chain.id(), digest, *leaf).await?;
    }
    for place in &stretch.anchors {
        store::anchor::insert(writing, chain.id(), place).await?;
    }
    for (leaf, entry) in &stretch.erased {
        store::erased::insert(writing, chain.id(), *leaf, *entry).await?;
        let hash = chain.leaf_hash(*leaf)?;
        store::contribution::erase(writing, chain.id(), &hash).await?;
        store::granted::erase(writing, chain.id(), &hash).await?;
    }
    for (grant, leaf) in &stretch.revoked {
        store::granted::revoke(writing, chain.id(), grant, *leaf).await?;
    }
    for (grant, leaf) in &stretch.accessed {
        store::granted::note_access(writing, chain.id(), grant, *leaf).await?;
    }
    Ok(())
}

/// Some records were there before: the same rows if a stretch is followed again, else a record stands twice in the log.
async fn refuse_doubles(writing: &mut Writing, chain: &Chain, records: &[Placed]) -> Result<(), ExchangeError> {
    let names: Vec<Digest> = records.iter().map(|placed| placed.record).collect();
    let there = store::record::find_within(writing, chain.id(), &names).await?;
    let there: std::collections::HashMap<Digest, u64> =
        there.into_iter().map(|placed| (placed.record, placed.leaf)).collect();
    match records.iter().find(|placed| there.get(&placed.record) != Some(&placed.leaf)) {
        Some(double) => Err(chain.inconsistent(double.leaf, "its record stands in the log twice")),
        None => Ok(()),
    }
}
