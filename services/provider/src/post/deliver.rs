//! Delivery of one batch: send it until there is an answer that settles it, or enough was tried.
//!
//! Kept true: every attempt sends the same bytes, so an attempt whose answer was lost does no harm. Attempts are
//! bounded and spread: the pause doubles from [`FIRST_PAUSE`] to [`LONGEST_PAUSE`], each shortened by up to half at
//! random so that providers do not return together, and never shorter than the exchange asks for.

use std::time::Duration;

use nacre_access::{
    Scope,
    client::{Client, ClientError},
};
use nacre_schemas::{batch::Batch, problem::Problem, receipt::BatchReceipt};
use nacre_verifier::Network;
use rand::Rng as _;

use crate::summary::Outcome;

/// Attempts at one batch in one run.
pub const MAX_ATTEMPTS: u32 = 6;
/// Batches in flight at once.
pub const MAX_IN_FLIGHT: usize = 2;
/// The pause after the first attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, also if the exchange asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A batch's media type.
const MEDIA_TYPE: &str = "application/vnd.nacre.batch";

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
    bytes: &[u8],
    batch: &Batch,
    attempts: u32,
) -> Delivery {
    let path = format!("/v1/chains/{}/batches", batch.chain.slug());
    for attempt in 1.. {
        let sent = client.post_bytes::<BatchReceipt>(&path, Scope::BatchesWrite, MEDIA_TYPE, bytes.to_vec()).await;
        let error = match sent {
            Ok(receipt) => return checked(receipt, batch, network),
            Err(error) => error,
        };
        if !error.is_retryable() || attempt >= attempts {
            return judged(error);
        }
        let pause = pause_after(attempt, error.retry_after());
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
            Delivery::Unsettled(outcome, error.to_string(), error.retry_after())
        }
    }
}

fn pause_after(attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_PAUSE);
    let spread = doubled.mul_f64(rand::thread_rng().gen_range(0.5..=1.0));
    spread.max(asked.unwrap_or_default()).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_bounded() {
        for attempt in 1..100 {
            let longest = FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_PAUSE);
            let pause = pause_after(attempt, None);
            assert!(longest / 2 <= pause && pause <= longest, "{attempt}: {pause:?}");
        }
        assert_eq!(pause_after(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pause_after(1, Some(Duration::from_secs(3_600))), LONGEST_PAUSE);
    }
}
