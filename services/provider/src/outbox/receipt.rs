//! Table `receipt`: the exchange's proofs that it holds what was posted, each checked before it was stored.

use nacre_ledger::note::SignedCheckpoint;
use nacre_schemas::{Digest, Document as _, id::ChainId, receipt::BatchReceipt};
use serde::Serialize;

use super::{Outbox, OutboxError};

/// A record's receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredReceipt {
    /// The record.
    pub record: Digest,
    /// Leaf hash of its entry.
    pub entry: Digest,
    /// The batch it was posted in.
    pub batch: Digest,
    /// The chain that holds it.
    pub chain: ChainId,
    /// Its leaf in the chain.
    pub leaf: u64,
    /// Leaves of the chain at the checkpoint that covers it.
    pub checkpoint_size: u64,
}

impl Outbox {
    /// A posted record's leaf in the chain.
    pub(crate) async fn leaf(&self, record: &Digest) -> Result<Option<u64>, OutboxError> {
        let bytes: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT receipt.bytes FROM receipt JOIN record ON record.batch = receipt.batch WHERE record.id = $1",
        )
        .bind(&record.0[..])
        .fetch_optional(self.connection())
        .await?;
        let Some(bytes) = bytes else { return Ok(None) };
        let of_batch = BatchReceipt::from_canonical(&bytes)?;
        let receipt = of_batch.receipts.iter().find(|receipt| receipt.record == *record);
        Ok(receipt.map(|receipt| receipt.inclusion.leaf))
    }

    /// All receipts, in the order in which their batches were sealed.
    pub(crate) async fn receipts(&self) -> Result<Vec<StoredReceipt>, OutboxError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT receipt.bytes FROM receipt JOIN batch ON batch.id = receipt.batch ORDER BY batch.position",
        )
        .fetch_all(self.connection())
        .await?;
        let mut listed = Vec::new();
        for bytes in rows {
            let of_batch = BatchReceipt::from_canonical(&bytes)?;
            let note: SignedCheckpoint = of_batch
                .checkpoint
                .as_str()
                .parse()
                .map_err(|error| OutboxError::Damaged(format!("a receipt's checkpoint: {error}")))?;
            listed.extend(of_batch.receipts.iter().map(|receipt| StoredReceipt {
                record: receipt.record,
                entry: receipt.entry,
                batch: of_batch.batch,
                chain: of_batch.chain.clone(),
                leaf: receipt.inclusion.leaf,
                checkpoint_size: note.unverified().size,
            }));
        }
        Ok(listed)
    }
}
