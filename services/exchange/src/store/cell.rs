//! Table `cell`: the cells of each seal with their details, in strict key order. Primary, kept for ever.
//!
//! Written as a whole before the seal's entry is appended. Rows under a number that no seal has yet are the rest of
//! an attempt that failed: [`replace`] takes their place.

use std::ops::Range;

use nacre_schemas::{
    Document as _, Encode as _,
    canonical::Encoder,
    cell::{Cell, CellDetail},
    id::ChainId,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool};

use super::{ROWS_PER_STATEMENT, StoreError, Writing, name, signed};

/// Puts these cells in place of all that stand under the number.
pub(crate) async fn replace(
    writing: &mut Writing,
    chain: &ChainId,
    seal: u64,
    cells: &[(Cell, CellDetail)],
) -> Result<(), StoreError> {
    let seal = signed(seal)?;
    sqlx::query("DELETE FROM cell WHERE chain = $1 AND seal = $2")
        .bind(name(chain))
        .bind(seal)
        .execute(&mut **writing)
        .await?;
    let placed: Vec<(i64, &(Cell, CellDetail))> = (0..).zip(cells).collect();
    for rows in placed.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO cell (chain, seal, position, key, cell, detail) ");
        query.push_values(rows, |mut row, (position, (cell, detail))| {
            let mut key = Encoder::new();
            cell.key.encode(&mut key);
            row.push_bind(name(chain).to_owned())
                .push_bind(seal)
                .push_bind(*position)
                .push_bind(key.into_bytes())
                .push_bind(cell.to_canonical())
                .push_bind(detail.to_canonical());
        });
        query.build().execute(&mut **writing).await?;
    }
    Ok(())
}

/// Canonical [`Cell`]s of a seal, all of them, in order.
pub(crate) async fn of_seal(reader: &SqlitePool, chain: &ChainId, seal: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = sqlx::query("SELECT cell FROM cell WHERE chain = $1 AND seal = $2 ORDER BY position")
        .bind(name(chain))
        .bind(signed(seal)?)
        .fetch_all(reader)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Canonical [`CellDetail`]s of the cells at those positions of a seal, in order.
pub(crate) async fn details(
    reader: &SqlitePool,
    chain: &ChainId,
    seal: u64,
    positions: &Range<usize>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = sqlx::query(
        "SELECT detail FROM cell WHERE chain = $1 AND seal = $2 AND position >= $3 AND position < $4 ORDER BY position",
    )
    .bind(name(chain))
    .bind(signed(seal)?)
    .bind(signed(positions.start as u64)?)
    .bind(signed(positions.end as u64)?)
    .fetch_all(reader)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
