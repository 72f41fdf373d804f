//! Table `seal`: at which leaf each seal of a chain stands. Derived; what it says is in the entry.

use nacre_schemas::id::ChainId;
use sqlx::{Row as _, SqlitePool, sqlite::SqliteRow};

use super::{StoreError, Writing, name, signed, sought, unsigned};

const TABLE: &str = "seal";

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealPlace {
    /// Number of the seal, from 1.
    pub(crate) number: u64,
    /// Position of its entry.
    pub(crate) leaf: u64,
}

/// Adds or confirms a row.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, place: SealPlace) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO seal (chain, number, leaf) VALUES ($1, $2, $3) \
         ON CONFLICT (chain, number) DO UPDATE SET leaf = excluded.leaf",
    )
    .bind(name(chain))
    .bind(signed(place.number)?)
    .bind(signed(place.leaf)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn parse(row: &SqliteRow) -> Result<SealPlace, StoreError> {
    Ok(SealPlace { number: unsigned(row.try_get(0)?, TABLE)?, leaf: unsigned(row.try_get(1)?, TABLE)? })
}

/// The last seal.
pub(crate) async fn latest(reader: &SqlitePool, chain: &ChainId) -> Result<Option<SealPlace>, StoreError> {
    let row = sqlx::query("SELECT number, leaf FROM seal WHERE chain = $1 ORDER BY number DESC LIMIT 1")
        .bind(name(chain))
        .fetch_optional(reader)
        .await?;
    row.as_ref().map(parse).transpose()
}

/// The seals with those numbers, in order, as far as they exist.
pub(crate) async fn span(
    reader: &SqlitePool,
    chain: &ChainId,
    first: u64,
    last: u64,
) -> Result<Vec<SealPlace>, StoreError> {
    let rows =
        sqlx::query("SELECT number, leaf FROM seal WHERE chain = $1 AND number BETWEEN $2 AND $3 ORDER BY number")
            .bind(name(chain))
            .bind(sought(first))
            .bind(sought(last))
            .fetch_all(reader)
            .await?;
    rows.iter().map(parse).collect()
}
