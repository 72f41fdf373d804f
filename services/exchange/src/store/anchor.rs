//! Tables `anchor` (derived: where each anchor of a child stands) and `anchor_body` (primary: what shows it to be one;
//! written before the entry).

use nacre_schemas::{Document as _, anchor::Anchor, entry::AnchorEntry, id::ChainId};
use sqlx::{Row as _, SqlitePool, sqlite::SqliteRow};

use super::{StoreError, Writing, digest, name, signed, sought, unsigned};

const TABLE: &str = "anchor";
const BODIES: &str = "anchor_body";

/// An anchor and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnchorPlace {
    /// Its entry.
    pub(crate) entry: AnchorEntry,
    /// Position of the entry.
    pub(crate) leaf: u64,
}

/// Adds or confirms a row.
pub(crate) async fn insert(writing: &mut Writing, chain: &ChainId, place: &AnchorPlace) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO anchor (chain, child, size, root, leaf) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (chain, child, size) DO UPDATE SET root = excluded.root, leaf = excluded.leaf",
    )
    .bind(name(chain))
    .bind(name(&place.entry.chain))
    .bind(signed(place.entry.size)?)
    .bind(place.entry.root.0.to_vec())
    .bind(signed(place.leaf)?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn parse(child: &ChainId, row: &SqliteRow) -> Result<AnchorPlace, StoreError> {
    let (size, root) = (unsigned(row.try_get(0)?, TABLE)?, digest(row.try_get(1)?, TABLE)?);
    let entry = AnchorEntry { chain: child.clone(), size, root };
    Ok(AnchorPlace { entry, leaf: unsigned(row.try_get(2)?, TABLE)? })
}

/// The last anchor of a child.
pub(crate) async fn latest(
    reader: &SqlitePool,
    chain: &ChainId,
    child: &ChainId,
) -> Result<Option<AnchorPlace>, StoreError> {
    let row =
        sqlx::query("SELECT size, root, leaf FROM anchor WHERE chain = $1 AND child = $2 ORDER BY size DESC LIMIT 1")
            .bind(name(chain))
            .bind(name(child))
            .fetch_optional(reader)
            .await?;
    row.as_ref().map(|row| parse(child, row)).transpose()
}

/// The first anchor of a child that covers the leaf of the child.
pub(crate) async fn covering(
    reader: &SqlitePool,
    chain: &ChainId,
    child: &ChainId,
    leaf: u64,
) -> Result<Option<AnchorPlace>, StoreError> {
    let row = sqlx::query(
        "SELECT size, root, leaf FROM anchor WHERE chain = $1 AND child = $2 AND size > $3 ORDER BY size LIMIT 1",
    )
    .bind(name(chain))
    .bind(name(child))
    .bind(sought(leaf))
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(|row| parse(child, row)).transpose()
}

/// Keeps the body of an anchor.
pub(crate) async fn keep_body(
    writing: &mut Writing,
    chain: &ChainId,
    entry: &AnchorEntry,
    body: &Anchor,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO anchor_body (chain, child, size, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (chain, child, size) DO UPDATE SET body = excluded.body",
    )
    .bind(name(chain))
    .bind(name(&entry.chain))
    .bind(signed(entry.size)?)
    .bind(body.to_canonical())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// The body of an anchor.
pub(crate) async fn body(
    reader: &SqlitePool,
    chain: &ChainId,
    entry: &AnchorEntry,
) -> Result<Option<Anchor>, StoreError> {
    let row = sqlx::query("SELECT body FROM anchor_body WHERE chain = $1 AND child = $2 AND size = $3")
        .bind(name(chain))
        .bind(name(&entry.chain))
        .bind(signed(entry.size)?)
        .fetch_optional(reader)
        .await?;
    let decode = |row: SqliteRow| Anchor::from_canonical(row.try_get(0)?).map_err(StoreError::undecodable(BODIES));
    row.map(decode).transpose()
}
