//! Table `logged_document`: at which leaf each document of a chain stands. Derived.
//!
//! Kept true: if a chain holds a document twice, the row is its first place.

use nacre_schemas::{Digest, id::ChainId};
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, name, signed, unsigned};

/// Adds the row unless the document has an earlier place.
pub(crate) async fn insert(
    writing: &mut Writing,
    chain: &ChainId,
    digest: &Digest,
    leaf: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO logged_document (chain, digest, leaf) VALUES ($1, $2, $3) ON CONFLICT (chain, digest) DO NOTHING",
    )
    .bind(name(chain))
    .bind(digest.0.to_vec())
    .bind(signed(leaf)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Where the document stands, if it was logged.
pub(crate) async fn leaf(reader: &SqlitePool, chain: &ChainId, digest: &Digest) -> Result<Option<u64>, StoreError> {
    let row = sqlx::query("SELECT leaf FROM logged_document WHERE chain = $1 AND digest = $2")
        .bind(name(chain))
        .bind(digest.0.to_vec())
        .fetch_optional(reader)
        .await?;
    row.map(|row| unsigned(row.try_get(0)?, "logged_document")).transpose()
}
