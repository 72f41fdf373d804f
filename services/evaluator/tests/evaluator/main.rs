//! The evaluator over loopback: what it computes against the truth, what it goes on with after a restart, what it refuses.
//!
//! Cost: keys take half a minute of two cores, a computation of forty people some seconds; tests that compute take turns.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod opening;
mod refusals;
mod restarts;
mod scene;

use std::time::Duration;

use nacre_access::client::{Client, ClientError};
use nacre_schemas::{
    Digest,
    cross::{CrossJob, CrossOutcome, CrossRequest, CrossResult},
    dossier::LoggedRequest,
};
use nacre_wire::evaluator::{DELETE_JOB, GET_JOB, GET_JOB_RESULT, OfJob, POST_JOB};
use scene::cross_lane;

async fn submit(client: &Client, logged: &LoggedRequest<CrossRequest>) -> Result<CrossJob, ClientError> {
    client.call(POST_JOB, &(), logged).await
}

async fn state(client: &Client, request: &Digest) -> Result<CrossJob, ClientError> {
    client.get(GET_JOB, &OfJob { request: *request }).await
}

async fn outcome(client: &Client, request: &Digest) -> Result<CrossOutcome, ClientError> {
    client.get(GET_JOB_RESULT, &OfJob { request: *request }).await
}

async fn cancel(client: &Client, request: &Digest) -> Result<(), ClientError> {
    client.get(DELETE_JOB, &OfJob { request: *request }).await
}

/// Waits until a job is in a state.
async fn until(client: &Client, request: &Digest, reached: impl Fn(&CrossJob) -> bool) -> CrossJob {
    loop {
        let job = state(client, request).await.unwrap();
        if reached(&job) {
            return job;
        }
        assert!(!matches!(job, CrossJob::Done | CrossJob::Failed { .. }), "it came to {job:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn problem(error: &ClientError) -> (u16, &str) {
    error.problem().map(|problem| (problem.status, problem.word())).unwrap()
}

/// The integers of a result's cells: counts, then sums.
fn open(result: &CrossResult, cells: usize) -> (Vec<u64>, Vec<u64>) {
    let opened = result.digits.iter().map(|digit| {
        let words: Vec<u128> =
            digit.words.as_bytes().chunks_exact(16).map(|word| u128::from_le_bytes(word.try_into().unwrap())).collect();
        let (body, mask) = words.split_last().unwrap();
        let product = mask.iter().zip(&cross_lane().secret).map(|(mask, key)| mask.wrapping_mul(*key));
        let phase = product.fold(*body, |phase, product| phase.wrapping_sub(product));
        (phase.wrapping_add(1 << 122) >> 123) as u64
    });
    let opened: Vec<u64> = opened.collect();
    let (counts, sums) = opened.split_at(cells * usize::from(result.count_digits));
    let integers = |digits: &[u64]| -> Vec<u64> {
        (0..cells)
            .map(|cell| digits.iter().skip(cell).step_by(cells).rev().fold(0, |sum, digit| sum * 16 + digit))
            .collect()
    };
    (integers(counts), integers(sums))
}
