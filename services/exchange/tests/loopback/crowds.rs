//! Intake under many posts at once: each batch gets its own verdict, a full queue says so, a client that goes leaves
//! nothing behind.
//!
//! Where it matters what comes together, all of rayon's threads are held: posts then gather before their first check.

use std::{
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use nacre_access::client::{Client, ClientError};
use nacre_schemas::{
    batch::Batch,
    cohort::Sex::{Female, Male},
    receipt::BatchReceipt,
};
use nacre_verifier::receipt;

use super::network::*;

/// Places in the queue of batches.
const QUEUED_BATCHES: usize = 64;

/// Keeps rayon's threads from working until what it returns is dropped.
fn hold_rayon() -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    rayon::spawn_broadcast(move |_| {
        // Ends with an error when the sender is dropped: for whoever has the lock first, and then for all others.
        let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
    });
    release
}

async fn post(client: &Client, batch: &Batch) -> Result<BatchReceipt, ClientError> {
    client.call(nacre_wire::exchange::POST_BATCH, &of(GUANGZHOU), batch).await
}

/// A batch of one value of its own.
fn single(world: &World, number: u8) -> Batch {
    world.batch("hospital", GUANGZHOU, &[(number, "2026-01", Female, 47, 231)])
}

/// A client that has its token, for a post was made.
async fn warm_client(world: &World, running: &Running) -> Client {
    let client = world.client(running, "hospital");
    post(&client, &single(world, 200)).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_batch_is_named_among_others_that_pass() {
    let world = World::new();
    let running = world.start().await;
    let client = warm_client(&world, &running).await;
    let mut batches: Vec<Batch> = (0..6).map(|number| single(&world, number)).collect();
    let pair = [(6, "2026-01", Male, 30, 250), (7, "2026-01", Male, 30, 251)];
    batches.push(world.batch("hospital", GUANGZHOU, &pair));
    batches[6].contributions[1].openings.proof.v = batches[6].contributions[1].openings.proof.r;
    world.sign(&mut batches[6]);
    batches[2].range_proof = batches[3].range_proof.clone();
    world.sign(&mut batches[2]);

    let held = hold_rayon();
    let (answers, ()) = tokio::join!(join_all(batches.iter().map(|batch| post(&client, batch))), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
    });
    for (position, (answer, batch)) in answers.into_iter().zip(&batches).enumerate() {
        match position {
            2 | 6 => {
                let refused = problem(answer);
                assert_eq!((refused.word(), refused.entry), ("proof-rejected", (position == 6).then_some(1)));
            }
            _ => receipt::check(&answer.unwrap(), batch, &world.network).unwrap(),
        }
    }
    // The batch that warmed the client, and five others, of two entries each.
    assert_eq!(size(&world, &running, GUANGZHOU).await, 12);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_batches_at_once_that_share_a_record_one_is_taken() {
    let world = World::new();
    let running = world.start().await;
    let client = warm_client(&world, &running).await;
    let rows = |numbers: [u8; 2]| numbers.map(|number| (number, "2026-01", Female, 47, 231));
    let batches = [[1, 2], [2, 3], [3, 1]].map(|numbers| world.batch("hospital", GUANGZHOU, &rows(numbers)));
    let held = hold_rayon();
    let (answers, ()) = tokio::join!(join_all(batches.iter().map(|batch| post(&client, batch))), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (1, 2));
    for answer in refused {
        assert_eq!(problem(answer).word(), "record-exists");
    }
    assert_eq!(size(&world, &running, GUANGZHOU).await, 5);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_at_once_and_says_when_to_return() {
    let world = World::new();
    let running = world.start().await;
    let client = warm_client(&world, &running).await;
    let batch = single(&world, 1);
    let held = hold_rayon();
    let mut answers: FuturesUnordered<_> = (0..=QUEUED_BATCHES).map(|_| post(&client, &batch)).collect();
    // Nothing else can be answered while rayon is held.
    let error = answers.next().await.unwrap().unwrap_err();
    assert!(error.retry_after().is_some() && error.is_retryable());
    let refused = problem::<BatchReceipt>(Err(error));
    assert_eq!((refused.word(), refused.status), ("busy", 503));
    drop(held);
    while let Some(answer) = answers.next().await {
        receipt::check(&answer.unwrap(), &batch, &world.network).unwrap();
    }
    assert_eq!(size(&world, &running, GUANGZHOU).await, 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_gives_its_place_back_and_can_send_again() {
    let world = World::new();
    let running = world.start().await;
    let client = warm_client(&world, &running).await;
    let batch = single(&world, 1);
    let held = hold_rayon();
    let mut answers: FuturesUnordered<_> = (0..=QUEUED_BATCHES).map(|_| post(&client, &batch)).collect();
    assert_eq!(problem(answers.next().await.unwrap()).word(), "busy");
    // The other posts have all places, and are given up.
    drop(answers);
    drop(held);
    let receipts = loop {
        match post(&client, &batch).await {
            Ok(receipts) => break receipts,
            Err(error) => assert_eq!(problem::<BatchReceipt>(Err(error)).word(), "busy"),
        }
    };
    receipt::check(&receipts, &batch, &world.network).unwrap();
    assert_eq!(size(&world, &running, GUANGZHOU).await, 4);
    running.stop().await;
}
