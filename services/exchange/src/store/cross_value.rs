//! Table `cross_value`: which contributions have words for the cross lane, by measure and month. Primary.

use std::ops::{Range, RangeInclusive};

use futures::{Stream, StreamExt as _};
use nacre_schemas::{
    Digest, Document as _,
    cohort::Period,
    contribution::{Contribution, Restricted},
    id::ChainId,
    measure::MeasureRef,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool, sqlite::SqliteRow};

use super::{ROWS_PER_STATEMENT, StoreError, Writing, name, signed, unsigned};

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

/// Adds the rows of those contributions that have words, unless they are there.
pub(crate) async fn insert<'a>(
    writing: &mut Writing,
    chain: &ChainId,
    contributions: impl Iterator<Item = (&'a Contribution, &'a Digest)>,
) -> Result<(), StoreError> {
    let with_words: Vec<_> = contributions.filter(|(part, _)| part.restricted.cross.is_some()).collect();
    for values in with_words.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO cross_value (chain, measure, period, leaf_hash, record) ");
        query.push_values(values, |mut row, (contribution, leaf_hash)| {
            let header = &contribution.openings.header;
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
