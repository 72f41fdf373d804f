//! Table `final_checkpoint`: the checkpoints that a quorum of the chain's witnesses countersigned. Primary.

use nacre_schemas::id::ChainId;
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, name, signed, sought};

/// Adds a checkpoint, or the same one with other countersignatures.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, size: u64, note: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO final_checkpoint (chain, size, note) VALUES ($1, $2, $3) \
         ON CONFLICT (chain, size) DO UPDATE SET note = excluded.note",
    )
    .bind(name(chain))
    .bind(signed(size)?)
    .bind(note)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// The last one.
pub(crate) async fn latest(reader: &SqlitePool, chain: &ChainId) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT note FROM final_checkpoint WHERE chain = $1 ORDER BY size DESC LIMIT 1")
        .bind(name(chain))
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The first one that covers the leaf.
pub(crate) async fn covering(reader: &SqlitePool, chain: &ChainId, leaf: u64) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT note FROM final_checkpoint WHERE chain = $1 AND size > $2 ORDER BY size LIMIT 1")
        .bind(name(chain))
        .bind(sought(leaf))
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
