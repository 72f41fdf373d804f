//! Table `batch`: the bytes that are posted, queued until receipted or refused.

use nacre_schemas::{Digest, Document as _, batch::Batch, receipt::BatchReceipt};

use super::{Outbox, OutboxError, digest, month};
use crate::seal::batch::{Sealed, SealedRecord, Spooled};

impl Outbox {
    /// Queues a batch with its records. A record that the exchange refused before is taken again; one that is
    /// queued or posted is not, and then nothing is. Nor is anything if one of the gateway's months has changed since it
    /// was reduced: then the answer is no.
    pub(crate) async fn enqueue(&self, sealed: &Sealed) -> Result<bool, OutboxError> {
        let mut transaction = self.connection().begin().await?;
        for Spooled { month, version } in sealed.records.iter().filter_map(|record| record.month) {
            let found: Option<i64> = sqlx::query_scalar("SELECT version FROM month WHERE id = $1")
                .bind(&month.0[..])
                .fetch_optional(&mut *transaction)
                .await?;
            if found != Some(version) {
                return Ok(false);
            }
        }
        sqlx::query("INSERT INTO batch (id, bytes, state) VALUES ($1, $2, 'queued')")
            .bind(&sealed.id.0[..])
            .bind(&sealed.bytes[..])
            .execute(&mut *transaction)
            .await?;
        for SealedRecord { id: record, fingerprint, month } in &sealed.records {
            let inserted = sqlx::query(
                "INSERT INTO record (id, fingerprint, batch, state, month) VALUES ($1, $2, $3, 'queued', $4)
                 ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, batch = excluded.batch,
                 state = 'queued', problem = NULL, month = excluded.month
                 WHERE record.state = 'refused'",
            )
            .bind(&record.0[..])
            .bind(&fingerprint.0[..])
            .bind(&sealed.id.0[..])
            .bind(month.map(|spooled| spooled.month.0.to_vec()))
            .execute(&mut *transaction)
            .await?;
            if inserted.rows_affected() != 1 {
                return Err(OutboxError::Damaged(format!("record {record} was to be queued twice")));
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The batches still to be posted, in the order in which they were sealed.
    pub(crate) async fn queued(&self) -> Result<Vec<Digest>, OutboxError> {
        let ids: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT id FROM batch WHERE state = 'queued' AND set_aside IS NULL ORDER BY position")
                .fetch_all(self.connection())
                .await?;
        ids.iter().map(|id| digest(id, "batch")).collect()
    }

    /// The bytes of a batch and what they say.
    pub(crate) async fn batch(&self, id: &Digest) -> Result<(Vec<u8>, Batch), OutboxError> {
        let bytes: Vec<u8> = sqlx::query_scalar("SELECT bytes FROM batch WHERE id = $1")
            .bind(&id.0[..])
            .fetch_one(self.connection())
            .await?;
        let batch = Batch::from_canonical(&bytes)?;
        if Digest::of(&bytes) == *id { Ok((bytes, batch)) } else { Err(OutboxError::Damaged(format!("batch {id}"))) }
    }

    /// Leaves a batch out from now on, and says why. It may have arrived: its records count as queued.
    pub(crate) async fn set_batch_aside(&self, id: &Digest, why: &str) -> Result<(), OutboxError> {
        sqlx::query("UPDATE batch SET set_aside = $2 WHERE id = $1")
            .bind(&id.0[..])
            .bind(why)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a batch is about to be sent.
    pub(crate) async fn note_attempt(&self, id: &Digest) -> Result<(), OutboxError> {
        sqlx::query("UPDATE batch SET attempts = attempts + 1 WHERE id = $1")
            .bind(&id.0[..])
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Stores a batch's receipt, which the caller has checked, and takes its records for posted. Of the gateway's months
    /// that are thereby done nothing is kept that tells a value.
    pub(crate) async fn settle(&self, receipt: &BatchReceipt) -> Result<(), OutboxError> {
        let id = &receipt.batch.0[..];
        let mut transaction = self.connection().begin().await?;
        sqlx::query("INSERT INTO receipt (batch, bytes) VALUES ($1, $2)")
            .bind(id)
            .bind(receipt.to_canonical())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE batch SET state = 'posted' WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        sqlx::query("UPDATE record SET state = 'posted' WHERE batch = $1").bind(id).execute(&mut *transaction).await?;
        let months: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT DISTINCT month FROM record WHERE batch = $1 AND month IS NOT NULL")
                .bind(id)
                .fetch_all(&mut *transaction)
                .await?;
        for month in months {
            month::finish(&mut transaction, &month).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Marks a batch refused, and the record that is to blame, if one is. The others go: refused whole, the batch
    /// left nothing of them at the exchange. They are returned, to be sealed anew.
    pub(crate) async fn refuse(
        &self,
        id: &Digest,
        blamed: Option<&Digest>,
        word: &str,
    ) -> Result<Vec<Digest>, OutboxError> {
        let mut transaction = self.connection().begin().await?;
        sqlx::query("UPDATE batch SET state = 'refused', problem = $2 WHERE id = $1")
            .bind(&id.0[..])
            .bind(word)
            .execute(&mut *transaction)
            .await?;
        if let Some(record) = blamed {
            sqlx::query("UPDATE record SET state = 'refused', problem = $3 WHERE id = $1 AND batch = $2")
                .bind(&record.0[..])
                .bind(&id.0[..])
                .bind(word)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "UPDATE month SET refusals = refusals + 1, expected = NULL
             WHERE id IN (SELECT month FROM record WHERE batch = $1 AND month IS NOT NULL)",
        )
        .bind(&id.0[..])
        .execute(&mut *transaction)
        .await?;
        let freed: Vec<Vec<u8>> =
            sqlx::query_scalar("DELETE FROM record WHERE batch = $1 AND state = 'queued' RETURNING id")
                .bind(&id.0[..])
                .fetch_all(&mut *transaction)
                .await?;
        transaction.commit().await?;
        freed.iter().map(|id| digest(id, "batch")).collect()
    }
}
