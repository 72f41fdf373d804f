//! Where everything stands, for `nacre provider status` and for `/metrics`. Nothing of a person is in it.

use nacre_schemas::id::ChainId;
use serde::Serialize;

use crate::{
    config::Config,
    outbox::{Outbox, OutboxError, owner::Owner, posting::Posting},
};

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The chain.
    pub chain: ChainId,
    /// People's months in the gateway's spool that wait for their time, or for being sealed.
    pub waiting_months: u64,
    /// When the first of them closes, in Unix seconds.
    pub first_closes_at: Option<i64>,
    /// Records sealed and not receipted.
    pub queued: u64,
    /// Attempts at the oldest batch that is queued.
    pub oldest_attempts: Option<u64>,
    /// Records receipted; those in sealed epochs included.
    pub posted: u64,
    /// Of them, in sealed epochs, as far as the gateway has seen.
    pub sealed: u64,
    /// Records refused by the exchange.
    pub refused: u64,
    /// Records destroyed.
    pub erased: u64,
    /// What is left out until somebody looks at it, and why.
    pub set_aside: Vec<SetAside>,
    /// How sending goes.
    pub posting: Posting,
}

/// Things that are left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// `month` of a person, `batch` or `record`.
    pub what: String,
    /// Why.
    pub why: String,
    /// How many.
    pub count: u64,
}

/// Where everything stands. It may be asked while the gateway runs.
pub async fn status(config: &Config) -> Result<Status, OutboxError> {
    let outbox = Outbox::open(&config.data, &Owner::configured(config)).await?;
    let found = of(&outbox, &config.chain).await;
    outbox.close().await;
    found
}

pub(super) async fn of(outbox: &Outbox, chain: &ChainId) -> Result<Status, OutboxError> {
    let (months, posting) = (outbox.month_counts().await?, outbox.posting().await?);
    let counts = outbox.record_counts().await?;
    let set_aside = outbox.set_aside().await?;
    Ok(Status {
        chain: chain.clone(),
        waiting_months: months.waiting,
        first_closes_at: months.first_closes_at,
        queued: counts.queued,
        oldest_attempts: outbox.oldest_attempts().await?,
        posted: counts.posted,
        sealed: outbox.sealed_records(posting.sealed_leaves).await?,
        refused: counts.refused,
        erased: counts.erased,
        set_aside: set_aside.into_iter().map(|(what, why, count)| SetAside { what, why, count }).collect(),
        posting,
    })
}
