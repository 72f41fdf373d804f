//! Table `record`: where each record id of a chain stands. Derived.
//!
//! Kept true: a record id has one row, hence one place in its chain.

use std::collections::HashMap;

use nacre_schemas::{Digest, id::ChainId};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool, sqlite::SqliteRow};

use super::{ROWS_PER_STATEMENT, StoreError, Writing, digest, name, signed, unsigned};

const TABLE: &str = "record";

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The record id.
    pub(crate) record: Digest,
    /// Position of its entry.
    pub(crate) leaf: u64,
    /// Leaf hash of its entry.
    pub(crate) leaf_hash: Digest,
    /// The batch it came in.
    pub(crate) batch: Digest,
}

/// Adds the rows that are not there; says how many were added. A row that is there is not changed.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, placed: &[Placed]) -> Result<u64, StoreError> {
    let mut added = 0;
    for placed in placed.chunks(ROWS_PER_STATEMENT) {
        let mut rows = Vec::with_capacity(placed.len());
        for row in placed {
            rows.push((row, signed(row.leaf)?));
        }
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO record (chain, record, leaf, leaf_hash, batch) ");
        query.push_values(rows, |mut row, (placed, leaf)| {
            row.push_bind(name(chain).to_owned())
                .push_bind(placed.record.0.to_vec())
                .push_bind(leaf)
                .push_bind(placed.leaf_hash.0.to_vec())
                .push_bind(placed.batch.0.to_vec());
        });
        query.push(" ON CONFLICT (chain, record) DO NOTHING");
        added += query.build().execute(&mut **writing).await?.rows_affected();
    }
    Ok(added)
}

fn select(chain: &ChainId, records: &[Digest]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT record, leaf, leaf_hash, batch FROM record WHERE chain = ");
    query.push_bind(name(chain).to_owned()).push(" AND record IN (");
    let mut list = query.separated(", ");
    for record in records {
        list.push_bind(record.0.to_vec());
    }
    query.push(")");
    query
}

fn parse(row: &SqliteRow) -> Result<Placed, StoreError> {
    Ok(Placed {
        record: digest(row.try_get(0)?, TABLE)?,
        leaf: unsigned(row.try_get(1)?, TABLE)?,
        leaf_hash: digest(row.try_get(2)?, TABLE)?,
        batch: digest(row.try_get(3)?, TABLE)?,
    })
}

/// The places of those records, as far as they are known.
pub(crate) async fn find(
    reader: &SqlitePool,
    chain: &ChainId,
    records: &[Digest],
) -> Result<HashMap<Digest, Placed>, StoreError> {
    let mut found = HashMap::with_capacity(records.len());
    for records in records.chunks(ROWS_PER_STATEMENT) {
        for row in select(chain, records).build().fetch_all(reader).await? {
            let placed = parse(&row)?;
            found.insert(placed.record, placed);
        }
    }
    Ok(found)
}

/// The same within a transaction, its own changes included.
pub(crate) async fn find_within(
    writing: &mut Writing,
    chain: &ChainId,
    records: &[Digest],
) -> Result<Vec<Placed>, StoreError> {
    let mut found = Vec::with_capacity(records.len());
    for records in records.chunks(ROWS_PER_STATEMENT) {
        for row in select(chain, records).build().fetch_all(&mut **writing).await? {
            found.push(parse(&row)?);
        }
    }
    Ok(found)
}
