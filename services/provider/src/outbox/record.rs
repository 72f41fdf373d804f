//! Table `record`: which months were sealed, and with which value, as far as the provider must know.

use nacre_schemas::{Digest, batch::Batch, contribution::Contribution};

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
    /// Posted, and erased since.
    Erased,
}

impl State {
    /// As it was stored.
    pub(super) fn of(word: &str) -> Result<Self, OutboxError> {
        match word {
            "queued" => Ok(Self::Queued),
            "posted" => Ok(Self::Posted),
            "refused" => Ok(Self::Refused),
            "erased" => Ok(Self::Erased),
            _ => Err(OutboxError::Damaged(format!("no state {word:?}"))),
        }
    }
}

/// A record that was sealed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What tells its value and cell from others.
    pub(super) fingerprint: Digest,
    /// Where it stands.
    pub(super) state: State,
}

/// What is to become of a value, by what the outbox has of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It is to be sealed: its record is not here, or was refused with another value.
    Seal,
    /// It is receipted.
    Posted,
    /// It is queued.
    Queued,
    /// The exchange refused it, and would again.
    Refused,
    /// Its record was erased, with this value or another: what told the value is destroyed, so nobody can tell which.
    Erased,
    /// Its record is here with another value. What is queued may have arrived, so it counts as posted.
    OtherValue,
}

impl Outbox {
    /// What is to become of a value of that record and that fingerprint.
    pub(crate) async fn plan(&self, record: &Digest, fingerprint: &Digest) -> Result<Plan, OutboxError> {
        let known = self.known(record).await?;
        Ok(match known.map(|known| (known.state, known.fingerprint == *fingerprint)) {
            None | Some((State::Refused, false)) => Plan::Seal,
            Some((State::Posted, true)) => Plan::Posted,
            Some((State::Queued, true)) => Plan::Queued,
            Some((State::Refused, true)) => Plan::Refused,
            Some((State::Erased, _)) => Plan::Erased,
            Some((State::Posted | State::Queued, false)) => Plan::OtherValue,
        })
    }

    /// The record of that id, if it was sealed before.
    pub(super) async fn known(&self, record: &Digest) -> Result<Option<Known>, OutboxError> {
        let row: Option<(Vec<u8>, String)> = sqlx::query_as("SELECT fingerprint, state FROM record WHERE id = $1")
            .bind(&record.0[..])
            .fetch_optional(self.connection())
            .await?;
        let Some((fingerprint, state)) = row else { return Ok(None) };
        Ok(Some(Known { fingerprint: digest(&fingerprint, "record")?, state: State::of(&state)? }))
    }

    /// Destroys what tells the value of a record that was erased at the exchange, and the batch that it was posted in, of
    /// which nothing but the receipt and the keys of its other payloads is needed any more. Durable, and overwritten on
    /// disk, when it returns.
    pub(crate) async fn erase(&self, record: &Digest, batch: &Digest) -> Result<(), OutboxError> {
        let others = self.keys_beside(record, batch).await?;
        let mut transaction = self.connection().begin().await?;
        for (other, wrapped) in others {
            sqlx::query("INSERT INTO payload_key (record, wrapped) VALUES ($1, $2) ON CONFLICT (record) DO NOTHING")
                .bind(other.0.to_vec())
                .bind(wrapped)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("DELETE FROM payload_key WHERE record = $1").bind(&record.0[..]).execute(&mut *transaction).await?;
        sqlx::query(
            "UPDATE record SET state = 'erased', fingerprint = zeroblob(32) WHERE id = $1 AND state = 'posted'",
        )
        .bind(&record.0[..])
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE batch SET bytes = x'' WHERE id = $1 AND state = 'posted'")
            .bind(&batch.0[..])
            .execute(&mut *transaction)
            .await?;
        // The payload's key, as it was encrypted to grantees.
        sqlx::query("DELETE FROM granted WHERE record = $1").bind(&record.0[..]).execute(&mut *transaction).await?;
        // If its month is not finished, what it was reduced from is still in the gateway's spool.
        sqlx::query("UPDATE reading SET sealed = NULL WHERE record = $1")
            .bind(&record.0[..])
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        // The write-ahead file may still hold what was overwritten.
        self.checkpoint().await?;
        Ok(())
    }

    /// The keys of the payloads of a batch but for one record's, as far as the batch is there.
    async fn keys_beside(&self, record: &Digest, batch: &Digest) -> Result<Vec<(Digest, Vec<u8>)>, OutboxError> {
        let Some(batch) = self.kept_batch(batch).await? else { return Ok(Vec::new()) };
        let of =
            |one: Contribution| (one.openings.header.record, one.restricted.payload.wrapped_key.as_bytes().to_vec());
        let keys = batch.contributions.into_iter().map(of);
        Ok(keys.filter(|(other, _)| other != record).collect())
    }

    /// The key of a posted record's payload, under the provider's own; none if the record was erased.
    pub(crate) async fn wrapped_key(&self, record: &Digest, batch: &Digest) -> Result<Option<Vec<u8>>, OutboxError> {
        if let Some(batch) = self.kept_batch(batch).await? {
            let found = batch.contributions.into_iter().find(|one| one.openings.header.record == *record);
            return Ok(found.map(|one| one.restricted.payload.wrapped_key.as_bytes().to_vec()));
        }
        let kept = sqlx::query_scalar("SELECT wrapped FROM payload_key WHERE record = $1");
        Ok(kept.bind(&record.0[..]).fetch_optional(self.connection()).await?)
    }

    /// A batch, unless a record of it was erased.
    async fn kept_batch(&self, id: &Digest) -> Result<Option<Batch>, OutboxError> {
        let length: i64 = sqlx::query_scalar("SELECT length(bytes) FROM batch WHERE id = $1")
            .bind(&id.0[..])
            .fetch_one(self.connection())
            .await?;
        if length == 0 { Ok(None) } else { Ok(Some(self.batch(id).await?.1)) }
    }

    /// How many records are in a batch.
    pub(crate) async fn records_of(&self, batch: &Digest) -> Result<u64, OutboxError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM record WHERE batch = $1").bind(&batch.0[..]);
        let count: i64 = count.fetch_one(self.connection()).await?;
        Ok(count.unsigned_abs())
    }

    /// How many records are queued.
    pub(crate) async fn queued_records(&self) -> Result<u64, OutboxError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM record WHERE state = 'queued'")
            .fetch_one(self.connection())
            .await?;
        Ok(count.unsigned_abs())
    }
}
