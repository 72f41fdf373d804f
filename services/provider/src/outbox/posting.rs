//! Table `posting`, one row: how sending goes, for the rounds to come and for `nacre provider status`.

use jiff::SignedDuration;
use serde::Serialize;

use super::{Outbox, OutboxError};
use crate::post::ClockLead;

/// How sending goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Posting {
    /// Rounds in a row that ended in an error.
    pub failures: u32,
    /// The last error, also if all is well since.
    pub last_error: Option<String>,
    /// When it was, in Unix seconds.
    pub last_error_at: Option<i64>,
    /// When it is tried again, in Unix seconds; nothing, if nothing holds it up.
    pub next_attempt_at: Option<i64>,
    /// Leaves of the chain that a seal covers, as far as was seen.
    pub sealed_leaves: u64,
    /// By how many seconds this machine's clock was ahead of the exchange's when that was last asked; behind, if negative.
    pub clock_lead_s: Option<i64>,
}

impl Posting {
    /// Why no month is closed, if it is for the clocks: what differs by how much, and what to do.
    pub fn clock_problem(&self) -> Option<String> {
        let lead = ClockLead(SignedDuration::from_secs(self.clock_lead_s?));
        (!lead.is_small()).then(|| lead.to_string())
    }
}

type Row = (i64, Option<String>, Option<i64>, Option<i64>, i64, Option<i64>);

impl Outbox {
    /// How sending goes.
    pub(crate) async fn posting(&self) -> Result<Posting, OutboxError> {
        let (failures, last_error, last_error_at, next_attempt_at, sealed, clock_lead_s): Row = sqlx::query_as(
            "SELECT failures, last_error, last_error_at, next_attempt_at, sealed_leaves, clock_lead_s
             FROM posting WHERE id = 1",
        )
        .fetch_one(self.connection())
        .await?;
        Ok(Posting {
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            last_error,
            last_error_at,
            next_attempt_at,
            sealed_leaves: sealed.unsigned_abs(),
            clock_lead_s,
        })
    }

    /// Notes by how much this machine's clock is ahead of the exchange's.
    pub(crate) async fn note_clock(&self, lead: ClockLead) -> Result<(), OutboxError> {
        sqlx::query("UPDATE posting SET clock_lead_s = $1 WHERE clock_lead_s IS NOT $1")
            .bind(lead.0.as_secs())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes a round that ended in an error, and when to try again.
    pub(crate) async fn note_failure(&self, error: &str, at: i64, next: i64) -> Result<(), OutboxError> {
        sqlx::query(
            "UPDATE posting SET failures = failures + 1, last_error = $1, last_error_at = $2, next_attempt_at = $3",
        )
        .bind(error)
        .bind(at)
        .bind(next)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes a round in which nothing went wrong.
    pub(crate) async fn note_success(&self) -> Result<(), OutboxError> {
        sqlx::query(
            "UPDATE posting SET failures = 0, next_attempt_at = NULL WHERE failures > 0 OR next_attempt_at IS NOT NULL",
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes that a seal covers so many leaves.
    pub(crate) async fn note_sealed(&self, leaves: u64) -> Result<(), OutboxError> {
        sqlx::query("UPDATE posting SET sealed_leaves = $1 WHERE sealed_leaves < $1")
            .bind(i64::try_from(leaves).unwrap_or(i64::MAX))
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// How many records stand where.
    pub(crate) async fn record_counts(&self) -> Result<RecordCounts, OutboxError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, count(*) FROM record GROUP BY state").fetch_all(self.connection()).await?;
        let of =
            |wanted: &str| rows.iter().find(|(state, _)| state == wanted).map_or(0, |(_, count)| count.unsigned_abs());
        Ok(RecordCounts { queued: of("queued"), posted: of("posted"), refused: of("refused"), erased: of("erased") })
    }

    /// How many posted records have a leaf below that one.
    pub(crate) async fn sealed_records(&self, leaves: u64) -> Result<u64, OutboxError> {
        if leaves == 0 {
            return Ok(0);
        }
        let receipts = self.receipts().await?;
        Ok(receipts.iter().filter(|receipt| receipt.leaf < leaves).count() as u64)
    }

    /// Attempts at the oldest batch that is queued.
    pub(crate) async fn oldest_attempts(&self) -> Result<Option<u64>, OutboxError> {
        let attempts: Option<i64> = sqlx::query_scalar(
            "SELECT attempts FROM batch WHERE state = 'queued' AND set_aside IS NULL ORDER BY position LIMIT 1",
        )
        .fetch_optional(self.connection())
        .await?;
        Ok(attempts.map(i64::unsigned_abs))
    }

    /// What is left out: of which table, why, how many.
    pub(crate) async fn set_aside(&self) -> Result<Vec<(String, String, u64)>, OutboxError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT 'month', problem, count(*) FROM month WHERE problem IS NOT NULL GROUP BY problem
             UNION ALL
             SELECT 'batch', set_aside, count(*) FROM batch WHERE set_aside IS NOT NULL GROUP BY set_aside
             UNION ALL
             SELECT 'record', coalesce(problem, 'refused'), count(*) FROM record WHERE state = 'refused' GROUP BY 2",
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(|(what, why, count)| (what, why, count.unsigned_abs())).collect())
    }
}

/// Records by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordCounts {
    pub(crate) queued: u64,
    pub(crate) posted: u64,
    pub(crate) refused: u64,
    pub(crate) erased: u64,
}
