//! Closing an epoch: the contributions since the last seal are added up by cell, and the seal commits to the cells.
//!
//! Kept true: a seal covers the leaves from the end of the one before; every contribution among them is in exactly one
//! cell; cells stand in strict key order; a cell's detail is kept with it for ever. Contributions that come in meanwhile
//! fall in the next epoch. Seals of one chain are made one at a time.
//!
//! An epoch ends at the size that the log has when it is closed, or before the contribution that would open its
//! (`MAX_CELLS` + 1)st cell, so that a seal's cells always fit one answer; the rest then waits for the next seal.
//!
//! The steps, and what a crash leaves after each: cells of a number that no seal has (the next attempt replaces
//! them) · the seal's entry, durable and signed for, that the tables do not know (they follow it before the next seal is
//! begun, and at the next opening) · all of it. A log that reports a failure takes nothing more until it is opened again,
//! so the cells behind an entry of unknown fate are not replaced under it.
//!
//! Errors: [`Refusal::NothingToSeal`]. Cost: some 60 µs of a core a contribution, on all cores; memory by cells, not by
//! contributions.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use nacre_ledger::seal;
use nacre_schemas::{
    Digest, Document as _,
    cell::{Cell, CellDetail, ProviderCount},
    cohort::CellKey,
    contribution::{Commitments, Openings},
    entry::{Entry, PreviousSeal, SealEntry},
    id::MemberId,
    limits,
};
use nacre_zk::tally::{CommitmentSums, KeySums};
use rayon::prelude::*;

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
        let _sealing = chain.sealing.lock().await;
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
    let (tally, to) = add_up(store, chain, place, from, chain.size()).await?;
    if tally.cells.is_empty() {
        return Err(Refusal::NothingToSeal.into());
    }
    let finished = place.run(move || tally.finish()).await?;
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
) -> Result<(Tally, u64), ExchangeError> {
    let mut tally = Tally::default();
    let mut next = from;
    while next < size {
        let end = size.min(next + STRETCH_LEAVES);
        let mut contributed = contributions(store, chain, next, end).await?;
        let cut = tally.first_beyond_cap(&contributed);
        let stop = cut.map(|position| contributed[position].leaf);
        if let Some(position) = cut {
            contributed.truncate(position);
        }
        let (grown, added) = place
            .run(move || {
                let added = tally.add(contributed);
                (tally, added)
            })
            .await?;
        tally = grown;
        added.map_err(|(leaf, fault)| chain.inconsistent(leaf, fault))?;
        if let Some(leaf) = stop {
            return Ok((tally, leaf));
        }
        next = end;
    }
    Ok((tally, size))
}

/// A contribution with the part of its body that cells are made of.
struct Contributed {
    leaf: u64,
    commitments: Commitments,
    openings: Openings,
}

async fn contributions(store: &Store, chain: &Chain, from: u64, to: u64) -> Result<Vec<Contributed>, ExchangeError> {
    let mut found: Vec<(u64, Digest, Commitments)> = Vec::new();
    for (leaf, entry) in (from..).zip(chain.entries(from..to).await?) {
        if let Entry::Contribution(entry) = entry {
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

/// One cell while it is added up.
struct Sums {
    commitments: CommitmentSums,
    keys: KeySums,
    contributions: BTreeMap<MemberId, u64>,
}

impl Sums {
    fn new(bands: usize) -> Self {
        Self { commitments: CommitmentSums::new(bands), keys: KeySums::new(bands), contributions: BTreeMap::new() }
    }

    fn add(&mut self, contributed: &Contributed) -> Result<(), String> {
        let Contributed { commitments, openings, .. } = contributed;
        self.commitments.add(commitments).map_err(|error| error.to_string())?;
        self.keys.add(&openings.keys).map_err(|error| error.to_string())?;
        *self.contributions.entry(openings.header.provider.clone()).or_default() += 1;
        Ok(())
    }

    fn finish(self, key: CellKey) -> (Cell, CellDetail) {
        let count = |(provider, contributions)| ProviderCount { provider, contributions };
        let detail =
            CellDetail { contributions: self.contributions.into_iter().map(count).collect(), keys: self.keys.finish() };
        (Cell { key, sums: self.commitments.finish(), numbers: detail.numbers().digest() }, detail)
    }
}

/// All cells of an epoch while they are added up.
#[derive(Default)]
struct Tally {
    cells: HashMap<CellKey, Sums>,
}

impl Tally {
    /// The first of the contributions that would open more cells than a seal can have.
    fn first_beyond_cap(&self, contributed: &[Contributed]) -> Option<usize> {
        let mut opened = std::collections::HashSet::new();
        contributed.iter().position(|contributed| {
            let key = &contributed.openings.header.cell;
            !self.cells.contains_key(key) && opened.insert(key) && self.cells.len() + opened.len() > limits::MAX_CELLS
        })
    }

    /// Adds contributions, each cell on a core of its own. Names the leaf that does not add up.
    fn add(&mut self, contributed: Vec<Contributed>) -> Result<(), (u64, String)> {
        let mut by_cell: HashMap<CellKey, Vec<Contributed>> = HashMap::new();
        for contributed in contributed {
            by_cell.entry(contributed.openings.header.cell.clone()).or_default().push(contributed);
        }
        let cells: Vec<(CellKey, Vec<Contributed>, Sums)> = by_cell
            .into_iter()
            .map(|(key, contributed)| {
                let bands = contributed.first().map_or(0, |first| first.commitments.bands.len());
                let sums = self.cells.remove(&key).unwrap_or_else(|| Sums::new(bands));
                (key, contributed, sums)
            })
            .collect();
        let added: Result<Vec<(CellKey, Sums)>, (u64, String)> = cells
            .into_par_iter()
            .map(|(key, contributed, mut sums)| {
                for contributed in &contributed {
                    sums.add(contributed).map_err(|fault| (contributed.leaf, fault))?;
                }
                Ok((key, sums))
            })
            .collect();
        self.cells.extend(added?);
        Ok(())
    }

    /// The cells in strict key order, and their root.
    fn finish(self) -> Result<(Vec<(Cell, CellDetail)>, Digest), seal::SealError> {
        let mut cells: Vec<(Cell, CellDetail)> =
            self.cells.into_par_iter().map(|(key, sums)| sums.finish(key)).collect();
        cells.sort_unstable_by(|left, right| left.0.key.cmp(&right.0.key));
        let public: Vec<Cell> = cells.iter().map(|(cell, _)| cell.clone()).collect();
        let root = seal::cells_root(&public)?;
        Ok((cells, root))
    }
}
