//! Erasure: a posted record is destroyed at the exchange, at its full witnesses, and here. The commitments stay on the
//! chain, and hide perfectly.
//!
//! Kept true: what is here is destroyed only once the exchange has logged the order, so that a failure leaves all of it
//! in place; erasing again does what is left to do. With the restricted part goes the payload's key, which is nowhere
//! else. The record's row stays, without what tells its value, so that its source does not bring it back: whoever posts it again
//! is told that it was erased. That is for good: the chain has the record's id, and the exchange takes no second one.
//!
//! Errors: [`EraseError`]. Cost: one exchange with the server a record.

use std::sync::Arc;

use nacre_access::client::{Client, ClientError};
use nacre_hosting::trust;
use nacre_schemas::{
    Digest, Document as _,
    entry::{Entry, ErasureEntry},
    erasure::Erasure,
};
use nacre_verifier::{Check, Failure, Network};
use nacre_wire::exchange::{OfChain, POST_ERASURE};
use serde::Serialize;

use crate::{
    Config, OutboxError, PostError,
    keys::Keys,
    logged,
    outbox::{Outbox, owner::Owner},
};

/// Why a record was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing of that name was posted from here.
    #[error("no record {0} was posted from here; `nacre provider receipts` lists those that were")]
    Unknown(Digest),
    /// The exchange did not.
    #[error("the exchange did not erase it: {0}")]
    Exchange(#[from] ClientError),
    /// What the exchange says of it does not hold.
    #[error("the exchange does not show that it logged the order: {0}")]
    NotShown(#[from] Failure),
    /// What posting needs too.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl From<OutboxError> for EraseError {
    fn from(error: OutboxError) -> Self {
        Self::Post(error.into())
    }
}

/// A record that is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The record.
    pub record: Digest,
    /// Leaf of the order in its chain.
    pub leaf: u64,
}

/// Has a posted record erased, then destroys what is left of it here.
pub async fn erase(config: &Config, record: Digest) -> Result<Erased, EraseError> {
    let network = trust::read_of_any_catalogue(&config.trust).map_err(PostError::from)?;
    let keys = Keys::read(config).map_err(PostError::from)?;
    let outbox = Outbox::open(&config.data, &Owner::of(config, &network, &keys)).await?;
    let lock = outbox.lock()?;
    let erased = erase_from(config, &network, &keys, &outbox, record).await;
    outbox.close().await;
    drop(lock);
    erased
}

async fn erase_from(
    config: &Config,
    network: &Network,
    keys: &Keys,
    outbox: &Outbox,
    record: Digest,
) -> Result<Erased, EraseError> {
    let receipts = outbox.receipts().await?;
    let receipt = receipts.into_iter().find(|receipt| receipt.record == record).ok_or(EraseError::Unknown(record))?;
    let chain = receipt.chain.clone();
    let erasure = Erasure { chain, record, entry: receipt.entry, provider: config.member.clone() };
    let signed = keys.signing.sign(erasure);
    let client = Client::new(&config.exchange, config.member.clone(), Arc::clone(&keys.access), &keys.tls)?;
    let stands = client.call(POST_ERASURE, &OfChain::new(&receipt.chain), &signed).await?;
    let entry = Entry::Erasure(ErasureEntry { leaf: receipt.leaf, order: signed.digest() });
    logged::check(&stands, &entry, &receipt.chain, network, Check::Erasure)?;
    outbox.erase(&record, &receipt.batch).await?;
    Ok(Erased { record, leaf: stands.leaf })
}
