//! Table `erased`: which contributions of a chain were erased, and at which leaf that stands. Derived.

use std::collections::HashMap;

use nacre_schemas::id::ChainId;
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, name, signed, sought, unsigned};

const TABLE: &str = "erased";

/// Adds or confirms a row.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, leaf: u64, entry: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO erased (chain, leaf, entry) VALUES ($1, $2, $3) \
         ON CONFLICT (chain, leaf) DO UPDATE SET entry = excluded.entry",
    )
    .bind(name(chain))
    .bind(signed(leaf)?)
    .bind(signed(entry)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// The leaves in the range whose contributions were erased, each with the leaf where that stands.
pub(crate) async fn among(
    reader: &SqlitePool,
    chain: &ChainId,
    from: u64,
    to: u64,
) -> Result<HashMap<u64, u64>, StoreError> {
    let rows = sqlx::query("SELECT leaf, entry FROM erased WHERE chain = $1 AND leaf >= $2 AND leaf < $3")
        .bind(name(chain))
        .bind(sought(from))
        .bind(sought(to))
        .fetch_all(reader)
        .await?;
    rows.iter().map(|row| Ok((unsigned(row.try_get(0)?, TABLE)?, unsigned(row.try_get(1)?, TABLE)?))).collect()
}
