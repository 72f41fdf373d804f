//! Table `contribution`: openings and restricted part of each contribution, by the leaf hash of its entry.
//!
//! Primary. Both are empty once the contribution was erased. Written before the entry is appended; the leaf hash binds both blobs, so a row that is there already is
//! the same row, and stays.

use std::collections::HashMap;

use nacre_schemas::{
    Digest, Document as _,
    contribution::{Openings, Restricted},
    id::ChainId,
    members::MemberContribution,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool};

use super::{ROWS_PER_STATEMENT, StoreError, Writing, digest, name};

const TABLE: &str = "contribution";

/// One row.
pub(crate) struct Body {
    /// Leaf hash of the entry.
    pub(crate) leaf_hash: Digest,
    /// The record id.
    pub(crate) record: Digest,
    /// Canonical [`Openings`].
    pub(crate) openings: Vec<u8>,
    /// Canonical restricted part.
    pub(crate) restricted: Vec<u8>,
}

/// Adds the rows that are not there yet.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, bodies: &[Body]) -> Result<(), StoreError> {
    for bodies in bodies.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO contribution (chain, leaf_hash, record, openings, restricted) ");
        query.push_values(bodies, |mut row, body| {
            row.push_bind(name(chain).to_owned())
                .push_bind(body.leaf_hash.0.to_vec())
                .push_bind(body.record.0.to_vec())
                .push_bind(body.openings.clone())
                .push_bind(body.restricted.clone());
        });
        query.push(" ON CONFLICT (chain, leaf_hash) DO NOTHING");
        query.build().execute(&mut **writing).await?;
    }
    Ok(())
}

/// Destroys openings and restricted part; the record's name stays, so that it does not come again.
pub(crate) async fn erase(writing: &mut Writing, chain: &ChainId, leaf_hash: &Digest) -> Result<(), StoreError> {
    sqlx::query("UPDATE contribution SET openings = x'', restricted = x'' WHERE chain = $1 AND leaf_hash = $2")
        .bind(name(chain).to_owned())
        .bind(leaf_hash.0.to_vec())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

fn select(columns: &str, chain: &ChainId, leaf_hashes: &[Digest]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(format!("SELECT {columns} FROM contribution WHERE chain = "));
    query.push_bind(name(chain).to_owned()).push(" AND leaf_hash IN (");
    let mut list = query.separated(", ");
    for hash in leaf_hashes {
        list.push_bind(hash.0.to_vec());
    }
    query.push(")");
    query
}

/// The record ids of those entries, as far as they are there.
pub(crate) async fn records(
    reader: &SqlitePool,
    chain: &ChainId,
    leaf_hashes: &[Digest],
) -> Result<HashMap<Digest, Digest>, StoreError> {
    let mut found = HashMap::with_capacity(leaf_hashes.len());
    for hashes in leaf_hashes.chunks(ROWS_PER_STATEMENT) {
        for row in select("leaf_hash, record", chain, hashes).build().fetch_all(reader).await? {
            found.insert(digest(row.try_get(0)?, TABLE)?, digest(row.try_get(1)?, TABLE)?);
        }
    }
    Ok(found)
}

/// The openings of those entries, as far as they are there.
pub(crate) async fn openings(
    reader: &SqlitePool,
    chain: &ChainId,
    leaf_hashes: &[Digest],
) -> Result<HashMap<Digest, Openings>, StoreError> {
    let mut found = HashMap::with_capacity(leaf_hashes.len());
    for hashes in leaf_hashes.chunks(ROWS_PER_STATEMENT) {
        for row in select("leaf_hash, openings", chain, hashes).build().fetch_all(reader).await? {
            let openings = Openings::from_canonical(row.try_get(1)?).map_err(StoreError::undecodable(TABLE))?;
            found.insert(digest(row.try_get(0)?, TABLE)?, openings);
        }
    }
    Ok(found)
}

/// The restricted part of a contribution; none if it is not there or was erased.
pub(crate) async fn restricted(
    reader: &SqlitePool,
    chain: &ChainId,
    leaf_hash: &Digest,
) -> Result<Option<Restricted>, StoreError> {
    let row = select("restricted", chain, &[*leaf_hash]).build().fetch_optional(reader).await?;
    let Some(row) = row else { return Ok(None) };
    let bytes: &[u8] = row.try_get(0)?;
    let decode = || Restricted::from_canonical(bytes).map_err(StoreError::undecodable(TABLE));
    if bytes.is_empty() { Ok(None) } else { decode().map(Some) }
}

/// What members see of those contributions, as far as it is there.
pub(crate) async fn members(
    reader: &SqlitePool,
    chain: &ChainId,
    leaf_hashes: &[Digest],
) -> Result<HashMap<Digest, MemberContribution>, StoreError> {
    let mut found = HashMap::with_capacity(leaf_hashes.len());
    for hashes in leaf_hashes.chunks(ROWS_PER_STATEMENT) {
        for row in select("leaf_hash, openings, restricted", chain, hashes).build().fetch_all(reader).await? {
            let openings = Openings::from_canonical(row.try_get(1)?).map_err(StoreError::undecodable(TABLE))?;
            // A document's digest is that of its canonical bytes, which are what is stored.
            let restricted = Digest::of(row.try_get(2)?);
            found.insert(digest(row.try_get(0)?, TABLE)?, MemberContribution { openings, restricted });
        }
    }
    Ok(found)
}
