//! Intake: what is receipted, what is refused, and that a refusal leaves nothing behind.

use nacre_schemas::{
    Blob,
    batch::Batch,
    cohort::Sex::{Female, Male},
    problem::Retry,
};
use nacre_verifier::receipt;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::network::*;

const ROWS: [Row; 3] =
    [(1, "2026-01", Female, 47, 231), (2, "2026-01", Male, 62, 287), (3, "2026-02", Female, 47, 190)];

async fn stored_bodies(world: &World) -> i64 {
    let options = SqliteConnectOptions::new().filename(world.data().join("exchange.sqlite")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let rows = "SELECT (SELECT COUNT(*) FROM contribution) + (SELECT COUNT(*) FROM batch)";
    sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gets_receipts_that_verify_and_the_same_again_when_sent_again() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    let receipt = world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    receipt::check(&receipt, &batch, &world.network).unwrap();
    assert_eq!(size(&world, &running, GUANGZHOU).await, 4);

    let other = world.batch("gym", GUANGZHOU, &[(9, "2026-01", Male, 30, 250)]);
    receipt::check(&world.post(&running, "gym", GUANGZHOU, &other).await.unwrap(), &other, &world.network).unwrap();
    let again = world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    assert_eq!(again, receipt);
    assert_eq!(size(&world, &running, GUANGZHOU).await, 6);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_the_chain_are_not_taken_again_in_another_form_or_company() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();

    let new: Row = (4, "2026-02", Male, 20, 222);
    let altered = world.batch("hospital", GUANGZHOU, &[new, (2, "2026-01", Male, 62, 288)]);
    let refused = problem(world.post(&running, "hospital", GUANGZHOU, &altered).await);
    assert_eq!((refused.word(), refused.status, refused.entry), ("record-exists", 409, Some(1)));

    let mut mixed = world.batch("hospital", GUANGZHOU, &[new]);
    mixed.contributions.push(batch.contributions[2].clone());
    world.sign(&mut mixed);
    let refused = problem(world.post(&running, "hospital", GUANGZHOU, &mixed).await);
    assert_eq!((refused.word(), refused.status, refused.entry), ("record-exists", 409, Some(1)));

    // The provider splits it: the known part is receipted as it stands.
    mixed.contributions.remove(0);
    world.sign(&mut mixed);
    let receipt = world.post(&running, "hospital", GUANGZHOU, &mixed).await.unwrap();
    receipt::check(&receipt, &mixed, &world.network).unwrap();
    assert_eq!(receipt.receipts[0].inclusion.leaf, 3);
    assert_eq!(size(&world, &running, GUANGZHOU).await, 4);
    running.stop().await;
}

type Change = fn(&World, &mut Batch);

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_named_at_its_entry_and_nothing_is_stored() {
    let world = World::new();
    let running = world.start().await;
    let good = world.batch("hospital", GUANGZHOU, &ROWS);
    let cases: [(&str, Option<u32>, Change); 10] = [
        ("bad-signature", None, |_, batch| batch.signature.0[40] ^= 1),
        ("bad-signature", None, |world, batch| {
            batch.provider = "gym".parse().unwrap();
            world.sign(batch);
            batch.provider = "hospital".parse().unwrap();
        }),
        ("other-sender", None, |world, batch| {
            batch.provider = "gym".parse().unwrap();
            world.sign(batch);
        }),
        ("other-chain", None, |world, batch| {
            batch.chain = SHENZHEN.parse().unwrap();
            world.sign(batch);
        }),
        ("other-provider", Some(1), |world, batch| {
            batch.contributions[1].openings.header.provider = "gym".parse().unwrap();
            world.sign(batch);
        }),
        ("other-region", Some(2), |world, batch| {
            batch.contributions[2].openings.header.cell.region = "440300".parse().unwrap();
            world.sign(batch);
        }),
        ("unknown-measure", Some(0), |world, batch| {
            batch.contributions[0].openings.header.cell.measure = "mood@1".parse().unwrap();
            world.sign(batch);
        }),
        ("record-repeated", Some(2), |world, batch| {
            batch.contributions[2] = batch.contributions[0].clone();
            world.sign(batch);
        }),
        ("proof-rejected", Some(1), |world, batch| {
            batch.contributions[1].openings.proof.v.0[0] ^= 1;
            world.sign(batch);
        }),
        ("proof-rejected", None, |world, batch| {
            let mut bytes = batch.range_proof.as_bytes().to_vec();
            // A scalar of the proof, which stays one: only the equation fails.
            bytes[4 * 32] ^= 1;
            batch.range_proof = Blob::new(bytes).unwrap();
            world.sign(batch);
        }),
    ];
    for (word, entry, change) in cases {
        let mut batch = good.clone();
        change(&world, &mut batch);
        let refused = problem(world.post(&running, "hospital", GUANGZHOU, &batch).await);
        assert_eq!((refused.word(), refused.entry, refused.retry), (word, entry, Retry::No), "{}", refused.detail);
    }
    let early = world.batch("hospital", GUANGZHOU, &[ROWS[0], (5, "2199-12", Female, 47, 231)]);
    let refused = problem(world.post(&running, "hospital", GUANGZHOU, &early).await);
    assert_eq!((refused.word(), refused.entry, refused.retry), ("open-period", Some(1), Retry::Later));

    assert_eq!(size(&world, &running, GUANGZHOU).await, 0);
    assert_eq!(stored_bodies(&world).await, 0);
    world.post(&running, "hospital", GUANGZHOU, &good).await.unwrap();
    assert_eq!(stored_bodies(&world).await, 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_posts_only_to_chains_that_it_was_admitted_to_and_that_serve_a_region() {
    let world = World::new();
    let running = world.start().await;
    let elsewhere = world.batch("hospital", SHENZHEN, &ROWS);
    let refused = problem(world.post(&running, "hospital", SHENZHEN, &elsewhere).await);
    assert_eq!((refused.word(), refused.status), ("not-admitted", 403));
    let refused = problem(world.post(&running, "gym", SHENZHEN, &elsewhere).await);
    assert_eq!((refused.word(), refused.status), ("other-sender", 403));
    assert_eq!(size(&world, &running, SHENZHEN).await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_posted_many_times_at_once_is_one_batch() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    let client = world.client(&running, "hospital");
    let post = || {
        let (batch, client) = (&batch, &client);
        async move { client.call(nacre_wire::exchange::POST_BATCH, &of(GUANGZHOU), batch).await.unwrap() }
    };
    let receipts: [nacre_schemas::receipt::BatchReceipt; 6] =
        tokio::join!(post(), post(), post(), post(), post(), post()).into();
    for receipt in &receipts {
        assert_eq!(receipt, &receipts[0]);
        receipt::check(receipt, &batch, &world.network).unwrap();
    }
    assert_eq!(size(&world, &running, GUANGZHOU).await, 4);
    running.stop().await;
}
