//! Closing an epoch: the contributions since the last seal are added up by cell, and the seal commits to the cells.
//!
//! Kept true: a seal covers the leaves from the end of the one before; every contribution among them that was not erased before is in
//! exactly one cell; cells stand in strict key order; a cell's detail is kept with it for ever. Contributions that come in meanwhile
//! fall in the next epoch. Seals of one chain are made one at a time.
//!
//! An epoch ends at the size that the log has when it is closed, or before the contribution that would open its
//! (`MAX_CELLS` + 1)st cell, so that a seal's cells always fit one answer; the rest then waits for the next seal.
//!
//! The steps, and what a crash leaves after each: cells of a number that no seal has (the next attempt replaces
//! them) · the seal's entry, durable and signed for, that the tables do not know (they follow it before the next seal is
//! begun, and at the next opening) · all of it. A log that reports a failure is recovered before the next seal is begun,
//! so the cells behind an entry of unknown fate are not replaced under it.
//!
//! Errors: [`Refusal::NothingToSeal`]. Cost: some 60 µs of a core a contribution, on all cores; memory by cells, not by
//! contributions.

use std::sync::Arc;

use nacre_schemas::{
    Digest,
    contribution::Commitments,
    entry::{Entry, PreviousSeal, SealEntry},
};
use nacre_verifier::epoch::{Contributed, Epoch};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store},
    work::{Place, to_the_end},
};

/// Leaves read and added up at a time.
const STRETCH_LEAVES: u64 = 4_096;

/// Closes the chain's epoch.
pub(crate) async fn close(exchange: &Exchange, chain: Arc<Chain>) -> Result<SealEntry, Error> {
    let place = exchange.evidence().enter()?;
    let store = exchange.store().clone();
    to_the_end(async move {
        let _sealing = chain.sealing().await?;
        close_alone(&store, &chain, &place).await
    })
    .await
}

async fn close_alone(store: &Store, chain: &Chain, place: &Place) -> Result<SealEntry, Error> {
    catch_up(store, chain).await?;
    let (number, previous, from) = match store::seal::latest(store.reader(), chain.id()).await? {
        Some(last) => {
            let sealed = chain.seal_at(last.leaf)?;
            (last.number + 1, Some(PreviousSeal { leaf: last.leaf, hash: sealed.leaf_hash() }), sealed.to)
        }
        None => (1, None, 0),
    };
    let (epoch, to) = add_up(store, chain, place, from, chain.size()).await?;
    if epoch.is_empty() {
        return Err(Refusal::NothingToSeal.into());
    }
    let finished = place.run(move || epoch.finish()).await?;
    let (cells, root) = finished.map_err(|error| chain.inconsistent(from, error))?;
    // Bounded by `MAX_CELLS`.
    let entry = SealEntry { number, previous, from, to, cells: cells.len() as u32, root };
    let mut writing = store.begin().await?;
    store::cell::replace(&mut writing, chain.id(), number, &cells).await?;
    store.commit(writing).await?;
    chain.append(&[Entry::Seal(entry.clone())]).await?;
    catch_up(store, chain).await?;
    tracing::info!(chain = %chain.id(), number, cells = entry.cells, leaves = to - from, "epoch closed");
    Ok(entry)
}

/// Adds up the contributions among the leaves, and says where the epoch ends.
async fn add_up(
    store: &Store,
    chain: &Chain,
    place: &Place,
    from: u64,
    size: u64,
) -> Result<(Epoch, u64), ExchangeError> {
    let mut epoch = Epoch::default();
    let mut next = from;
    while next < size {
        let end = size.min(next + STRETCH_LEAVES);
        let mut contributed = contributions(store, chain, next, end).await?;
        let cut = epoch.first_beyond_cap(&contributed);
        let stop = cut.map(|position| contributed[position].leaf);
        if let Some(position) = cut {
            contributed.truncate(position);
        }
        let (grown, added) = place
            .run(move || {
                let added = epoch.add(contributed);
                (epoch, added)
            })
            .await?;
        epoch = grown;
        added.map_err(|(leaf, fault)| chain.inconsistent(leaf, fault))?;
        if let Some(leaf) = stop {
            return Ok((epoch, leaf));
        }
        next = end;
    }
    Ok((epoch, size))
}

async fn contributions(store: &Store, chain: &Chain, from: u64, to: u64) -> Result<Vec<Contributed>, ExchangeError> {
    let erased = store::erased::among(store.reader(), chain.id(), from, to).await?;
    let mut found: Vec<(u64, Digest, Commitments)> = Vec::new();
    for (leaf, entry) in (from..).zip(chain.entries(from..to).await?) {
        if let Entry::Contribution(entry) = entry
            && !erased.contains_key(&leaf)
        {
            found.push((leaf, chain.leaf_hash(leaf)?, entry.commitments));
        }
    }
    let hashes: Vec<Digest> = found.iter().map(|(_, hash, _)| *hash).collect();
    let mut bodies = store::contribution::openings(store.reader(), chain.id(), &hashes).await?;
    let whole = |(leaf, hash, commitments)| match bodies.remove(&hash) {
        Some(openings) => Ok(Contributed { leaf, commitments, openings }),
        None => Err(chain.inconsistent(leaf, "the contribution's body is gone, or the entry stands twice")),
    };
    found.into_iter().map(whole).collect()
}
