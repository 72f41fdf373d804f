//! Table `batch`: what the provider signed for each batch, by digest of that body.
//!
//! Primary. Written before the entry is appended. The body binds the batch (ordered leaf hashes, range proof,
//! signature), so a row that is there already is the same row, and stays.

use nacre_schemas::{Digest, Document as _, Signed, batch::BatchStatement, id::ChainId};
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, digest, name};

const TABLE: &str = "batch";

/// Adds the row unless it is there.
pub(crate) async fn insert(
    writing: &mut Writing,
    chain: &ChainId,
    batch: &Digest,
    body: &Signed<BatchStatement>,
) -> Result<(), StoreError> {
    let bytes = body.to_canonical();
    sqlx::query(
        "INSERT INTO batch (chain, digest, batch, body) VALUES ($1, $2, $3, $4) ON CONFLICT (chain, digest) DO NOTHING",
    )
    .bind(name(chain))
    .bind(Digest::of(&bytes).0.to_vec())
    .bind(batch.0.to_vec())
    .bind(bytes)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// The canonical body of this digest.
pub(crate) async fn body(
    reader: &SqlitePool,
    chain: &ChainId,
    body_digest: &Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT body FROM batch WHERE chain = $1 AND digest = $2")
        .bind(name(chain))
        .bind(body_digest.0.to_vec())
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The batch whose body has this digest.
pub(crate) async fn id(
    reader: &SqlitePool,
    chain: &ChainId,
    body_digest: &Digest,
) -> Result<Option<Digest>, StoreError> {
    let row = sqlx::query("SELECT batch FROM batch WHERE chain = $1 AND digest = $2")
        .bind(name(chain))
        .bind(body_digest.0.to_vec())
        .fetch_optional(reader)
        .await?;
    row.map(|row| digest(row.try_get(0)?, TABLE)).transpose()
}
