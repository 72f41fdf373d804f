//! Table `cross_value`: which contributions have words for the cross lane, by measure and month. Primary.

use std::ops::{Range, RangeInclusive};

use futures::{Stream, StreamExt as _};
use nacre_schemas::{
    Digest, Document as _,
    cohort::Period,
    contribution::{Header, Openings, Restricted},
    id::ChainId,
    measure::MeasureRef,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool, sqlite::SqliteRow};

use super::{ROWS_PER_STATEMENT, Store, StoreError, Writing, digest, name, signed, unsigned};

const TABLE: &str = "cross_value";

/// A contribution that has words.
pub(crate) struct Value {
    /// Position of its entry.
    pub(crate) leaf: u64,
    /// Its month.
    pub(crate) period: Period,
    /// Whose it is, and the words.
    pub(crate) restricted: Restricted,
}

/// Adds the rows of contributions that have words, by their headers and leaf hashes, unless they are there.
pub(crate) async fn insert<'a>(
    writing: &mut Writing,
    chain: &ChainId,
    with_words: impl Iterator<Item = (&'a Header, &'a Digest)>,
) -> Result<(), StoreError> {
    let with_words: Vec<_> = with_words.collect();
    for values in with_words.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO cross_value (chain, measure, period, leaf_hash, record) ");
        query.push_values(values, |mut row, (header, leaf_hash)| {
            row.push_bind(name(chain).to_owned())
                .push_bind(header.cell.measure.to_string())
                .push_bind(header.cell.period.to_string())
                .push_bind(leaf_hash.0.to_vec())
                .push_bind(header.record.0.to_vec());
        });
        query.push(" ON CONFLICT (chain, measure, period, leaf_hash) DO NOTHING");
        query.build().execute(&mut **writing).await?;
    }
    Ok(())
}

/// Adds the rows of what builds took in that had no such table; once.
pub(crate) async fn fill(store: &Store) -> Result<(), StoreError> {
    let done = sqlx::query("SELECT 1 FROM filled WHERE name = $1").bind(TABLE);
    if done.fetch_optional(store.reader()).await?.is_some() {
        return Ok(());
    }
    let mut from = 0_i64;
    loop {
        let rows = sqlx::query(
            "SELECT rowid, chain, leaf_hash, openings, restricted FROM contribution
             WHERE rowid > $1 AND length(restricted) > 0 ORDER BY rowid LIMIT $2",
        )
        .bind(from)
        .bind(ROWS_PER_STATEMENT as i64)
        .fetch_all(store.reader())
        .await?;
        let mut writing = store.begin().await?;
        for row in &rows {
            from = row.try_get(0)?;
            let restricted = Restricted::from_canonical(row.try_get(4)?).map_err(StoreError::undecodable(TABLE))?;
            if restricted.cross.is_none() {
                continue;
            }
            let chain: ChainId =
                row.try_get::<&str, _>(1)?.parse().map_err(|error| StoreError::broken(TABLE, error))?;
            let leaf_hash = digest(row.try_get(2)?, TABLE)?;
            let openings = Openings::from_canonical(row.try_get(3)?).map_err(StoreError::undecodable(TABLE))?;
            insert(&mut writing, &chain, std::iter::once((&openings.header, &leaf_hash))).await?;
        }
        if rows.is_empty() {
            sqlx::query("INSERT INTO filled (name) VALUES ($1)").bind(TABLE).execute(&mut *writing).await?;
            return store.commit(writing).await;
        }
        store.commit(writing).await?;
    }
}

/// A measure's values of those months among those leaves, in no order, without what was erased.
pub(crate) fn among<'a>(
    reader: &'a SqlitePool,
    chain: &ChainId,
    measure: &MeasureRef,
    months: RangeInclusive<Period>,
    leaves: Range<u64>,
) -> Result<impl Stream<Item = Result<Value, StoreError>> + 'a, StoreError> {
    // What was stored and never appended has no place in the log.
    let query = "SELECT record.leaf, cross_value.period, contribution.restricted FROM cross_value \
                 JOIN record ON record.chain = cross_value.chain AND record.record = cross_value.record \
                 AND record.leaf_hash = cross_value.leaf_hash \
                 JOIN contribution ON contribution.chain = cross_value.chain \
                 AND contribution.leaf_hash = cross_value.leaf_hash AND length(contribution.restricted) > 0 \
                 WHERE cross_value.chain = $1 AND cross_value.measure = $2 AND cross_value.period BETWEEN $3 AND $4 \
                 AND record.leaf >= $5 AND record.leaf < $6";
    let rows = sqlx::query(query)
        .bind(name(chain).to_owned())
        .bind(measure.to_string())
        .bind(months.start().to_string())
        .bind(months.end().to_string())
        .bind(signed(leaves.start)?)
        .bind(signed(leaves.end)?)
        .fetch(reader);
    Ok(rows.map(|row| parse(&row?)))
}

fn parse(row: &SqliteRow) -> Result<Value, StoreError> {
    let period = row.try_get::<&str, _>(1)?.parse().map_err(|error| StoreError::broken(TABLE, error))?;
    Ok(Value {
        leaf: unsigned(row.try_get(0)?, TABLE)?,
        period,
        restricted: Restricted::from_canonical(row.try_get(2)?).map_err(StoreError::undecodable(TABLE))?,
    })
}
