//! Delivery of one batch: send it until there is an answer that settles it, or enough was tried.
//!
//! Kept true: every attempt sends the same bytes, so an attempt whose answer was lost does no harm. Attempts are
//! bounded and spread ([`PAUSES`]), never closer than the exchange asks for. One that the exchange was silent at is the last of a
//! run: an exchange that hangs does not come back by being asked again, and the batch is in the outbox.

use nacre_hosting::retry::Pauses;
use std::time::Duration;

use nacre_access::client::{Client, ClientError};
use nacre_schemas::{batch::Batch, problem::Problem, receipt::BatchReceipt};
use nacre_verifier::Network;
use nacre_wire::{
    body::{Canonical, Encoded},
    exchange::{OfChain, POST_BATCH},
};

use crate::summary::Outcome;

/// Attempts at one batch in one run.
pub const MAX_ATTEMPTS: u32 = 6;
/// Batches in flight at once.
pub const MAX_IN_FLIGHT: usize = 2;
/// The pauses between attempts; the longest also if the exchange asks for more.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(250), Duration::from_secs(30));

/// How a delivery ended.
pub(super) enum Delivery {
    /// With receipts that hold.
    Receipted(Box<BatchReceipt>),
    /// With the exchange's judgement that it does not take the batch.
    Refused(Box<Problem>),
    /// With neither; and how long the exchange asks to be left alone, if it does.
    Unsettled(Outcome, String, Option<Duration>),
}

/// Sends a batch, at most so many times.
pub(super) async fn deliver(
    client: &Client,
    network: &Network,
    encoded: &Encoded<Canonical<Batch>>,
    batch: &Batch,
    attempts: u32,
) -> Delivery {
    let chain = OfChain::new(&batch.chain);
    let mut pauses = PAUSES;
    for attempt in 1.. {
        let error = match client.call_encoded(POST_BATCH, &chain, encoded).await {
            Ok(receipt) => return checked(receipt, batch, network),
            Err(error) => error,
        };
        let hangs = matches!(error, ClientError::Silent { .. });
        if hangs || !error.is_retryable() || attempt >= attempts {
            return judged(error);
        }
        let pause = pauses.after(error.retry_after());
        tracing::info!(chain = %batch.chain, attempt, pause_ms = pause.as_millis(), "a batch is sent again after a pause");
        tokio::time::sleep(pause).await;
    }
    unreachable!("the last attempt returns")
}

fn checked(receipt: BatchReceipt, batch: &Batch, network: &Network) -> Delivery {
    match nacre_verifier::receipt::check(&receipt, batch, network) {
        Ok(()) => Delivery::Receipted(Box::new(receipt)),
        Err(failure) => Delivery::Unsettled(Outcome::NotReceipted, failure.to_string(), None),
    }
}

/// Whether an error is a judgement of the batch. Not being let in, a chain that is not there, and everything between
/// us and the exchange are not: they say nothing of the batch, which stays queued.
fn judged(error: ClientError) -> Delivery {
    let is_judgement = |problem: &Problem| (400..500).contains(&problem.status) && !matches!(problem.status, 401..=405);
    match error.problem() {
        Some(problem) if !error.is_retryable() && is_judgement(problem) => Delivery::Refused(Box::new(problem.clone())),
        _ => {
            let answered = matches!(error, ClientError::Malformed { .. } | ClientError::TooLong { .. });
            let outcome = if answered { Outcome::NotReceipted } else { Outcome::NotDelivered };
            let retry_after = error.retry_after();
            let detail = match error {
                ClientError::Silent { .. } => {
                    format!("{error}; what is sealed is kept in the outbox: post again when the exchange answers")
                }
                error => error.to_string(),
            };
            Delivery::Unsettled(outcome, detail, retry_after)
        }
    }
}
