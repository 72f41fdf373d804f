//! Table `month`: people's months that have readings, until every record that they came to is receipted.
//!
//! A month is due once its time has come and not all of its records are queued, which is the case before it was reduced
//! for the first time and after the exchange has refused a batch. Any change of its readings makes it due anew.

use nacre_schemas::Digest;
use sqlx::SqliteConnection;

use super::{Outbox, OutboxError, digest, person::PersonRow};
use crate::seal::batch::{Spooled, Subject};

/// A month that is due, with its readings.
pub(crate) struct DueMonth {
    /// Which, as it was read.
    pub(crate) spooled: Spooled,
    /// Whose.
    pub(crate) person: PersonRow,
    /// Batches refused with a record of it.
    pub(crate) refusals: i64,
    /// Observation, record, and the reading, encrypted.
    pub(crate) readings: Vec<(Digest, Digest, Vec<u8>)>,
}

/// When a month is reduced, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    /// Not before its grace is over.
    pub(crate) ends_at: i64,
    /// And not before its readings have been left alone for so long.
    pub(crate) closes_at: i64,
}

/// Months, by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MonthCounts {
    /// Those that wait for their time or for being sealed.
    pub(crate) waiting: u64,
    /// When the first of them closes, in Unix seconds.
    pub(crate) first_closes_at: Option<i64>,
}

impl Outbox {
    /// The months that are due at that time (Unix seconds), the first to close first.
    pub(crate) async fn due_months(&self, now: i64, limit: u32) -> Result<Vec<DueMonth>, OutboxError> {
        type Row = (Vec<u8>, i64, i64, Vec<u8>, Vec<u8>, Vec<u8>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT month.id, month.version, month.refusals, person.id, person.pseudonym, person.sealed
             FROM month JOIN person ON person.id = month.person
             WHERE closes_at <= $1 AND problem IS NULL AND (expected IS NULL OR expected > (
                 SELECT count(*) FROM record WHERE record.month = month.id AND state IN ('queued', 'posted', 'erased')))
             ORDER BY closes_at, month.id LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(self.connection())
        .await?;
        let mut months = Vec::new();
        for (id, version, refusals, name, pseudonym, sealed) in rows {
            let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
                "SELECT observation, record, sealed FROM reading WHERE month = $1 AND sealed IS NOT NULL",
            )
            .bind(&id)
            .fetch_all(self.connection())
            .await?;
            let readings = rows.into_iter().map(|(observation, record, sealed)| {
                Ok((digest(&observation, "month")?, digest(&record, "month")?, sealed))
            });
            let subject = Subject { name: digest(&name, "month")?, pseudonym: digest(&pseudonym, "month")? };
            months.push(DueMonth {
                spooled: Spooled { month: digest(&id, "month")?, version },
                person: PersonRow { subject, sealed },
                refusals,
                readings: readings.collect::<Result<_, OutboxError>>()?,
            });
        }
        Ok(months)
    }

    /// Notes how many records a month comes to beside those of it that are queued or posted already. If it has changed
    /// since it was read, nothing is noted.
    pub(crate) async fn expect(&self, spooled: Spooled, records: u64) -> Result<(), OutboxError> {
        let mut transaction = self.connection().begin().await?;
        let noted = sqlx::query(
            "UPDATE month SET expected = $3 + (
                 SELECT count(*) FROM record WHERE record.month = month.id AND state IN ('queued', 'posted', 'erased'))
             WHERE id = $1 AND version = $2",
        )
        .bind(&spooled.month.0[..])
        .bind(spooled.version)
        .bind(i64::try_from(records).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        if noted.rows_affected() == 1 {
            finish(&mut transaction, &spooled.month.0).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Cuts waits that end after the longest one that begins now. A clock that was ahead when a month changed has made them.
    pub(crate) async fn shorten_waits(&self, latest: i64) -> Result<(), OutboxError> {
        sqlx::query("UPDATE month SET closes_at = max(ends_at, $1) WHERE closes_at > max(ends_at, $1)")
            .bind(latest)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Leaves a month out until it changes, and says why.
    pub(crate) async fn set_month_aside(&self, spooled: Spooled, why: &str) -> Result<(), OutboxError> {
        sqlx::query("UPDATE month SET problem = $3 WHERE id = $1 AND version = $2")
            .bind(&spooled.month.0[..])
            .bind(spooled.version)
            .bind(why)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// How many months wait.
    pub(crate) async fn month_counts(&self) -> Result<MonthCounts, OutboxError> {
        let (waiting, first_closes_at): (i64, Option<i64>) = sqlx::query_as(
            "SELECT count(*), min(closes_at) FROM month WHERE problem IS NULL AND (expected IS NULL OR expected > (
                 SELECT count(*) FROM record WHERE record.month = month.id AND state IN ('queued', 'posted', 'erased')))",
        )
        .fetch_one(self.connection())
        .await?;
        Ok(MonthCounts { waiting: waiting.unsigned_abs(), first_closes_at })
    }
}

/// Counts a change of a month's readings.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    month: &Digest,
    person: &Digest,
    closing: Closing,
) -> Result<(), OutboxError> {
    sqlx::query(
        "INSERT INTO month (id, person, version, ends_at, closes_at) VALUES ($1, $2, 1, $3, $4)
         ON CONFLICT (id) DO UPDATE SET version = version + 1, ends_at = max(ends_at, excluded.ends_at),
         closes_at = max(closes_at, excluded.closes_at), expected = NULL, problem = NULL, refusals = 0",
    )
    .bind(&month.0[..])
    .bind(&person.0[..])
    .bind(closing.ends_at)
    .bind(closing.closes_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Destroys a month's readings once everything that they came to is receipted.
pub(super) async fn finish(connection: &mut SqliteConnection, month: &[u8]) -> Result<(), OutboxError> {
    let done = sqlx::query(
        "DELETE FROM month WHERE id = $1 AND problem IS NULL AND expected <= (
             SELECT count(*) FROM record WHERE record.month = month.id AND state IN ('posted', 'erased'))",
    )
    .bind(month)
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 1 {
        sqlx::query("UPDATE reading SET sealed = NULL WHERE month = $1").bind(month).execute(connection).await?;
    }
    Ok(())
}
