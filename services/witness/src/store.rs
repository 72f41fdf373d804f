//! The witness's tables, in one SQLite file: what is kept here is durable when a call returns.
//!
//! Kept true, besides what [`nacre_hosting::sqlite`] promises: there is one connection for all, and reads within a transaction
//! see what it wrote; what was countersigned last is compared before it is replaced, so that of two processes on one file one
//! at most goes on from it.
//!
//! Errors: [`StoreError`]. Cost: a commit is one fsync.

use std::{path::Path, time::Duration};

pub use nacre_hosting::sqlite::StoreError;
pub(crate) use nacre_hosting::sqlite::Writing;
use nacre_hosting::sqlite::{Database, OpenError, Usage, digest, signed, unsigned};
use nacre_ledger::{
    merkle::{Frontier, Sm3Hasher},
    note::SignedCheckpoint,
};
use nacre_schemas::{
    Digest, Document as _,
    entry::{AnchorEntry, PreviousSeal},
    equivocation::Equivocation,
    id::ChainId,
};
use sqlx::{Row as _, migrate::Migrator};

/// The tables, in the data folder.
pub(crate) const FILE: &str = "witness.sqlite";

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite/witness");

/// Everything goes through the connection that writes: what is read is what was countersigned last.
const USAGE: Usage = Usage { readers: 1, patience: Duration::from_secs(120) };

/// The tables.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

/// What was countersigned last of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Countersigned {
    /// The note, as the chain sent it.
    pub(crate) note: String,
    /// The one before it.
    pub(crate) previous: Option<String>,
}

/// The last seal of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastSeal {
    pub(crate) number: u64,
    pub(crate) place: PreviousSeal,
    /// First leaf that it no longer covers.
    pub(crate) ends: u64,
}

/// An entry with its body.
pub(crate) struct Kept {
    pub(crate) leaf: u64,
    pub(crate) entry: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Store {
    /// Opens the file in the data folder, making it and its tables where they are missing.
    pub(crate) async fn open(data: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(&data.join(FILE), &MIGRATIONS, USAGE).await? })
    }

    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        self.database.begin().await
    }

    /// Ends the write-ahead file, in which what was overwritten in the database may still stand.
    pub(crate) async fn forget_freed(&self) -> Result<(), StoreError> {
        self.database.forget_freed().await
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// What was countersigned last.
    pub(crate) async fn countersigned(&self, chain: &ChainId) -> Result<Option<Countersigned>, StoreError> {
        let row = sqlx::query("SELECT note, previous FROM countersigned WHERE chain = $1")
            .bind(chain.as_str())
            .fetch_optional(self.database.writer())
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Countersigned { note: row.try_get(0)?, previous: row.try_get(1)? }))
    }

    /// Keeps a checkpoint as the last countersigned, if `last` still is: compared and swapped in one write, whatever other
    /// process has the file open. Says whether it was. Durable when it returns.
    pub(crate) async fn countersign(
        &self,
        chain: &ChainId,
        last: Option<&SignedCheckpoint>,
        next: &SignedCheckpoint,
    ) -> Result<bool, StoreError> {
        let mut writing = self.begin().await?;
        let swapped = match last {
            None => sqlx::query(
                "INSERT INTO countersigned (chain, size, note, previous) VALUES ($1, $2, $3, NULL) \
                 ON CONFLICT (chain) DO NOTHING",
            ),
            Some(_) => sqlx::query(
                "UPDATE countersigned SET size = $2, note = $3, previous = note \
                 WHERE chain = $1 AND size = $4 AND note = $5",
            ),
        };
        let mut swapped =
            swapped.bind(chain.as_str()).bind(signed(next.unverified().size)?).bind(next.as_str().to_owned());
        if let Some(last) = last {
            swapped = swapped.bind(signed(last.unverified().size)?).bind(last.as_str().to_owned());
        }
        let swapped = swapped.execute(&mut *writing).await?.rows_affected() == 1;
        writing.commit().await?;
        Ok(swapped)
    }

    /// The evidence against a chain.
    pub(crate) async fn equivocation(&self, chain: &ChainId) -> Result<Option<Equivocation>, StoreError> {
        let row = sqlx::query("SELECT evidence FROM equivocation WHERE chain = $1")
            .bind(chain.as_str())
            .fetch_optional(self.database.writer())
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Equivocation::from_canonical(row.try_get(0)?).map_err(StoreError::undecodable("equivocation"))?))
    }

    /// Keeps the first evidence against a chain.
    pub(crate) async fn convict(&self, evidence: &Equivocation) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO equivocation (chain, evidence) VALUES ($1, $2) ON CONFLICT (chain) DO NOTHING")
            .bind(evidence.chain.as_str())
            .bind(evidence.to_canonical())
            .execute(self.database.writer())
            .await?;
        Ok(())
    }
}

/// The right edge of the tree of what was mirrored.
pub(crate) async fn mirrored(writing: &mut Writing, chain: &ChainId) -> Result<Frontier<Sm3Hasher>, StoreError> {
    const TABLE: &str = "mirrored";
    let row = sqlx::query("SELECT leaves, edge FROM mirrored WHERE chain = $1")
        .bind(chain.as_str())
        .fetch_optional(&mut **writing)
        .await?;
    let Some(row) = row else { return Ok(Frontier::default()) };
    let edge: &[u8] = row.try_get(1)?;
    let edge = edge.chunks(32).map(|hash| digest(hash, TABLE)).collect::<Result<_, _>>()?;
    let frontier = Frontier::new(unsigned(row.try_get(0)?, TABLE)?, edge);
    frontier.ok_or_else(|| StoreError::broken(TABLE, "the edge is not that of its size"))
}

/// Says how far the chain was mirrored.
pub(crate) async fn set_mirrored(
    writing: &mut Writing,
    chain: &ChainId,
    frontier: &Frontier<Sm3Hasher>,
) -> Result<(), StoreError> {
    let edge: Vec<u8> = frontier.edge().iter().flat_map(|hash| hash.0).collect();
    sqlx::query(
        "INSERT INTO mirrored (chain, leaves, edge) VALUES ($1, $2, $3) \
         ON CONFLICT (chain) DO UPDATE SET leaves = excluded.leaves, edge = excluded.edge",
    )
    .bind(chain.as_str())
    .bind(signed(frontier.size())?)
    .bind(edge)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Keeps an entry with its body.
pub(crate) async fn keep(
    writing: &mut Writing,
    chain: &ChainId,
    leaf: u64,
    entry: &[u8],
    body: &[u8],
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO entry (chain, leaf, entry, body) VALUES ($1, $2, $3, $4)")
        .bind(chain.as_str())
        .bind(signed(leaf)?)
        .bind(entry)
        .bind(body)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// The entries of the range with their bodies, in order.
pub(crate) async fn kept(writing: &mut Writing, chain: &ChainId, from: u64, to: u64) -> Result<Vec<Kept>, StoreError> {
    let rows =
        sqlx::query("SELECT leaf, entry, body FROM entry WHERE chain = $1 AND leaf >= $2 AND leaf < $3 ORDER BY leaf")
            .bind(chain.as_str())
            .bind(signed(from)?)
            .bind(signed(to)?)
            .fetch_all(&mut **writing)
            .await?;
    let kept = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Kept { leaf: unsigned(row.try_get(0)?, "entry")?, entry: row.try_get(1)?, body: row.try_get(2)? })
    };
    rows.iter().map(kept).collect()
}

/// Destroys the body behind an entry.
pub(crate) async fn erase(writing: &mut Writing, chain: &ChainId, leaf: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE entry SET body = x'' WHERE chain = $1 AND leaf = $2")
        .bind(chain.as_str())
        .bind(signed(leaf)?)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// Adds a record, unless it stands in the chain already: then says where.
pub(crate) async fn add_record(
    writing: &mut Writing,
    chain: &ChainId,
    record: &Digest,
    leaf: u64,
) -> Result<Option<u64>, StoreError> {
    let added = sqlx::query("INSERT INTO record (chain, record, leaf) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(chain.as_str())
        .bind(record.0.to_vec())
        .bind(signed(leaf)?)
        .execute(&mut **writing)
        .await?;
    if added.rows_affected() == 1 { Ok(None) } else { record_leaf(writing, chain, record).await }
}

/// Where a record stands.
pub(crate) async fn record_leaf(
    writing: &mut Writing,
    chain: &ChainId,
    record: &Digest,
) -> Result<Option<u64>, StoreError> {
    let row = sqlx::query("SELECT leaf FROM record WHERE chain = $1 AND record = $2")
        .bind(chain.as_str())
        .bind(record.0.to_vec())
        .fetch_optional(&mut **writing)
        .await?;
    row.map(|row| unsigned(row.try_get(0)?, "record")).transpose()
}

/// The last seal.
pub(crate) async fn last_seal(writing: &mut Writing, chain: &ChainId) -> Result<Option<LastSeal>, StoreError> {
    const TABLE: &str = "seal";
    let row = sqlx::query("SELECT number, leaf, hash, ends FROM seal WHERE chain = $1")
        .bind(chain.as_str())
        .fetch_optional(&mut **writing)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let place = PreviousSeal { leaf: unsigned(row.try_get(1)?, TABLE)?, hash: digest(row.try_get(2)?, TABLE)? };
    Ok(Some(LastSeal { number: unsigned(row.try_get(0)?, TABLE)?, place, ends: unsigned(row.try_get(3)?, TABLE)? }))
}

/// Keeps a seal as the last.
pub(crate) async fn set_seal(writing: &mut Writing, chain: &ChainId, seal: &LastSeal) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO seal (chain, number, leaf, hash, ends) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (chain) DO UPDATE \
         SET number = excluded.number, leaf = excluded.leaf, hash = excluded.hash, ends = excluded.ends",
    )
    .bind(chain.as_str())
    .bind(signed(seal.number)?)
    .bind(signed(seal.place.leaf)?)
    .bind(seal.place.hash.0.to_vec())
    .bind(signed(seal.ends)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// The last anchor of a child.
pub(crate) async fn last_anchor(
    writing: &mut Writing,
    chain: &ChainId,
    child: &ChainId,
) -> Result<Option<AnchorEntry>, StoreError> {
    const TABLE: &str = "anchor";
    let row = sqlx::query("SELECT size, root FROM anchor WHERE chain = $1 AND child = $2")
        .bind(chain.as_str())
        .bind(child.as_str())
        .fetch_optional(&mut **writing)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (size, root) = (unsigned(row.try_get(0)?, TABLE)?, digest(row.try_get(1)?, TABLE)?);
    Ok(Some(AnchorEntry { chain: child.clone(), size, root }))
}

/// Keeps an anchor as its child's last.
pub(crate) async fn set_anchor(writing: &mut Writing, chain: &ChainId, anchor: &AnchorEntry) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO anchor (chain, child, size, root) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (chain, child) DO UPDATE SET size = excluded.size, root = excluded.root",
    )
    .bind(chain.as_str())
    .bind(anchor.chain.as_str())
    .bind(signed(anchor.size)?)
    .bind(anchor.root.0.to_vec())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Notes that a body is missing, and that a quorum vouched for it under so many entries; the larger number counts.
pub(crate) async fn add_missing(
    writing: &mut Writing,
    chain: &ChainId,
    leaf: u64,
    vouched: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (chain, leaf, vouched) VALUES ($1, $2, $3) \
         ON CONFLICT (chain, leaf) DO UPDATE SET vouched = max(vouched, excluded.vouched)",
    )
    .bind(chain.as_str())
    .bind(signed(leaf)?)
    .bind(signed(vouched)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Under how many entries a quorum vouched for a missing body, whose erasure has come.
pub(crate) async fn take_missing(writing: &mut Writing, chain: &ChainId, leaf: u64) -> Result<Option<u64>, StoreError> {
    let row = sqlx::query("DELETE FROM missing WHERE chain = $1 AND leaf = $2 RETURNING vouched")
        .bind(chain.as_str())
        .bind(signed(leaf)?)
        .fetch_optional(&mut **writing)
        .await?;
    row.map(|row| unsigned(row.try_get(0)?, "missing")).transpose()
}

/// Whether the body at that leaf is missing, its erasure still to come.
pub(crate) async fn is_missing(writing: &mut Writing, chain: &ChainId, leaf: u64) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM missing WHERE chain = $1 AND leaf = $2")
        .bind(chain.as_str())
        .bind(signed(leaf)?)
        .fetch_optional(&mut **writing)
        .await?;
    Ok(row.is_some())
}

/// The first missing body whose erasure has not come.
pub(crate) async fn first_missing(writing: &mut Writing, chain: &ChainId) -> Result<Option<u64>, StoreError> {
    let row = sqlx::query("SELECT leaf FROM missing WHERE chain = $1 ORDER BY leaf LIMIT 1")
        .bind(chain.as_str())
        .fetch_optional(&mut **writing)
        .await?;
    row.map(|row| unsigned(row.try_get(0)?, "missing")).transpose()
}

#[cfg(test)]
mod tests {
    use nacre_ledger::{note::Checkpoint, signing::SigningKey};

    use super::*;

    fn note(size: u64, root: u8) -> SignedCheckpoint {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "a/b".to_owned(), size, root: Digest([root; 32]) };
        SignedCheckpoint::sign(checkpoint, &key, "a/b").unwrap()
    }

    /// The race, with nothing that keeps the second process away: each has the file open for itself, reads what was
    /// countersigned last, finds that its own fork extends that, and then writes.
    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_that_read_the_same_last_one_writes() {
        let dir = tempfile::tempdir().unwrap();
        let stores = [Store::open(dir.path()).await.unwrap(), Store::open(dir.path()).await.unwrap()];
        let chain: ChainId = "region/440100".parse().unwrap();
        let mut last: Option<SignedCheckpoint> = None;
        for size in 1..=100 {
            let forks = [note(size, 1), note(size, 2)];
            let racing = stores.iter().zip(&forks).map(|(store, fork)| {
                let (store, chain, last, fork) = (store.clone(), chain.clone(), last.clone(), fork.clone());
                tokio::spawn(async move { store.countersign(&chain, last.as_ref(), &fork).await.unwrap() })
            });
            let mut swapped = Vec::new();
            for racer in racing.collect::<Vec<_>>() {
                swapped.push(racer.await.unwrap());
            }
            assert_eq!(swapped.iter().filter(|swapped| **swapped).count(), 1, "try {size}");
            let winner = forks[usize::from(swapped[1])].clone();
            for store in &stores {
                let kept = store.countersigned(&chain).await.unwrap().unwrap();
                let previous = last.as_ref().map(|last| last.as_str().to_owned());
                assert_eq!(kept, Countersigned { note: winner.as_str().to_owned(), previous }, "try {size}");
            }
            last = Some(winner);
        }
    }
}
