//! Anchoring: each hosted chain's latest final checkpoint is sent to the chains that the trust root anchors it in.
//!
//! Kept true: a parent is sent a checkpoint that is final, with the proof that it extends the one the parent has, as the
//! parent itself says; at most once in the interval that the configuration names. A parent that is away or refuses holds
//! nothing up: it is asked again, ever less often. Every anchor makes the parent grow and be anchored in turn; that ends
//! at a chain without parents.
//!
//! Cost: a request a parent and interval in which the chain grew.

use nacre_hosting::retry::Pauses;
use std::{sync::Arc, time::Duration};

use nacre_access::client::{Client, ClientError};
use nacre_ledger::{log::LogError, note::SignedCheckpoint};
use nacre_schemas::{anchor::Anchor, id::ChainId};
use nacre_wire::exchange::{self as wire, OfChain, WhichAnchor};

use crate::{chain::Chain, error::ExchangeError};

/// Pauses after rounds that fail.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(250), Duration::from_secs(60));

/// From this pause on a failure is worth a warning.
const NEWS: Duration = Duration::from_secs(2);

/// A chain and one of its parents.
pub(crate) struct Anchoring {
    /// The chain.
    pub(crate) chain: Arc<Chain>,
    /// The parent.
    pub(crate) parent: ChainId,
    /// A client of the parent's exchange, in the operator's name.
    pub(crate) client: Arc<Client>,
    /// The least time between two anchors.
    pub(crate) interval: Duration,
}

/// Why nothing was anchored.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    Parent(#[from] ClientError),
    #[error(transparent)]
    Proof(#[from] LogError),
    #[error(transparent)]
    Own(#[from] ExchangeError),
    #[error("{theirs} entries are anchored, and {ours} are here: the data folder was put back to an older state")]
    Behind { theirs: u64, ours: u64 },
}

impl Anchoring {
    /// Anchors for as long as the exchange runs.
    pub(crate) async fn run(self) {
        // Entries that the parent has anchored, once it is known.
        let mut anchored = None;
        let mut pauses = PAUSES;
        loop {
            match self.round(&mut anchored).await {
                Ok(()) => {
                    pauses.begin_again();
                    tokio::time::sleep(self.interval).await;
                }
                Err(error) => {
                    let asked = match &error {
                        NotSent::Parent(error) => error.retry_after(),
                        _ => None,
                    };
                    let pause = pauses.after(asked);
                    let (chain, parent) = (self.chain.id(), &self.parent);
                    // A parent that starts or ends with this exchange is no news.
                    if pause < NEWS {
                        tracing::info!(%chain, %parent, %error, "not anchored yet");
                    } else {
                        tracing::warn!(%chain, %parent, %error, "not anchored");
                    }
                    anchored = None;
                    tokio::time::sleep(pause.max(self.interval)).await;
                }
            }
        }
    }

    /// Anchors the last final checkpoint, if it has more entries than the parent knows.
    async fn round(&self, anchored: &mut Option<u64>) -> Result<(), NotSent> {
        let Some(checkpoint) = self.chain.last_agreed().filter(|checkpoint| checkpoint.unverified().size > 0) else {
            return Ok(());
        };
        let (before, ours) = match anchored {
            Some(before) => (*before, checkpoint.unverified().size),
            None => (self.ask().await?, checkpoint.unverified().size),
        };
        *anchored = Some(before);
        if before > self.chain.size() {
            return Err(NotSent::Behind { theirs: before, ours: self.chain.size() });
        }
        if ours > before {
            *anchored = Some(self.send(&checkpoint, before).await?);
        }
        self.chain.finality().vitals.anchored(&self.parent);
        Ok(())
    }

    /// Entries that the parent has anchored, by its own word.
    async fn ask(&self) -> Result<u64, ClientError> {
        let latest = WhichAnchor { slug: (&self.parent).into(), child: self.chain.id().into(), covering: None };
        match self.client.get(wire::GET_ANCHOR, &latest).await {
            Ok(anchored) => Ok(anchored.anchor.size),
            Err(error) if error.problem().is_some_and(|problem| problem.word() == "not-anchored") => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sends the checkpoint, and says how many entries are anchored then.
    async fn send(&self, checkpoint: &SignedCheckpoint, before: u64) -> Result<u64, NotSent> {
        let size = checkpoint.unverified().size;
        let proof = if before == 0 { Vec::new() } else { self.chain.try_consistency(before, size)? };
        let anchor = Anchor { checkpoint: self.chain.note(checkpoint)?, proof };
        let anchored = self.client.call(wire::POST_ANCHOR, &OfChain::new(&self.parent), &anchor).await?;
        Ok(anchored.anchor.size)
    }
}
