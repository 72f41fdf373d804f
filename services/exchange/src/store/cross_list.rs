//! Table `cross_list`: what the contributions of a batch share in the cross lane, by digest. Primary.

use nacre_schemas::{Digest, Document as _, cross::CrossList, id::ChainId};
use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing, name};

const TABLE: &str = "cross_list";

/// Adds the row unless it is there.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, list: &CrossList) -> Result<(), StoreError> {
    let query =
        "INSERT INTO cross_list (chain, digest, list) VALUES ($1, $2, $3) ON CONFLICT (chain, digest) DO NOTHING";
    let bytes = list.to_canonical();
    sqlx::query(query)
        .bind(name(chain))
        .bind(Digest::of(&bytes).0.to_vec())
        .bind(bytes)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// The list of that digest.
pub(crate) async fn find(
    reader: &SqlitePool,
    chain: &ChainId,
    digest: &Digest,
) -> Result<Option<CrossList>, StoreError> {
    let row = sqlx::query("SELECT list FROM cross_list WHERE chain = $1 AND digest = $2")
        .bind(name(chain))
        .bind(digest.0.to_vec())
        .fetch_optional(reader)
        .await?;
    let Some(row) = row else { return Ok(None) };
    CrossList::from_canonical(row.try_get(0)?).map(Some).map_err(StoreError::undecodable(TABLE))
}
