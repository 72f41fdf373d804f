//! Table `record`: which months were sealed, and with which value, as far as the provider must know.

use nacre_schemas::Digest;

use super::{Outbox, OutboxError, digest};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Sealed, and not receipted yet.
    Queued,
    /// Receipted.
    Posted,
    /// Refused by the exchange.
    Refused,
}

/// A record that was sealed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// What tells its value and cell from others.
    pub(crate) fingerprint: Digest,
    /// Where it stands.
    pub(crate) state: State,
}

impl Outbox {
    /// The record of that id, if it was sealed before.
    pub(crate) async fn known(&self, record: &Digest) -> Result<Option<Known>, OutboxError> {
        let row: Option<(Vec<u8>, String)> = sqlx::query_as("SELECT fingerprint, state FROM record WHERE id = $1")
            .bind(&record.0[..])
            .fetch_optional(&self.pool)
            .await?;
        let Some((fingerprint, state)) = row else { return Ok(None) };
        let state = match state.as_str() {
            "queued" => State::Queued,
            "posted" => State::Posted,
            "refused" => State::Refused,
            _ => return Err(OutboxError::Damaged(format!("no state {state:?}"))),
        };
        Ok(Some(Known { fingerprint: digest(&fingerprint)?, state }))
    }

    /// How many records are queued.
    pub(crate) async fn queued_records(&self) -> Result<u64, OutboxError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM record WHERE state = 'queued'").fetch_one(&self.pool).await?;
        Ok(count.unsigned_abs())
    }
}
