//! Table `applied`: how many leaves of each log the derived tables have followed. Derived.
//!
//! Kept true: it changes in the transaction that changes the other derived tables, so they are never ahead of it nor
//! behind it.

use nacre_schemas::id::ChainId;
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, name, signed, unsigned};

/// Leaves followed.
pub(crate) async fn leaves(reader: &SqlitePool, chain: &ChainId) -> Result<u64, StoreError> {
    let row =
        sqlx::query("SELECT leaves FROM applied WHERE chain = $1").bind(name(chain)).fetch_optional(reader).await?;
    row.map_or(Ok(0), |row| unsigned(row.try_get(0)?, "applied"))
}

/// Notes that the entries before `leaves` have been followed.
pub(crate) async fn set(writing: &mut Writing, chain: &ChainId, leaves: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO applied (chain, leaves) VALUES ($1, $2) ON CONFLICT (chain) DO UPDATE SET leaves = excluded.leaves",
    )
    .bind(name(chain))
    .bind(signed(leaves)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}
