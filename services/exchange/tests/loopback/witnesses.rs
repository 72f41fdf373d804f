//! Witnesses that hang or answer late: the exchange serves without them, and signs nothing new before it heard them.

use std::time::{Duration, Instant};

use axum::{Router, http::StatusCode, routing::post};
use nacre_schemas::cohort::Sex::Female;
use nacre_verifier::receipt;
use tokio::net::TcpListener;

use super::network::*;

const ROWS: [Row; 1] = [(1, "2026-01", Female, 47, 231)];
/// Ten times what starting takes, on a machine that does much else besides.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A listener for which the system takes connections; nothing is ever answered.
async fn hung() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A witness that thinks for a while and then says that it has countersigned that many entries of whatever chain.
async fn late_witness(entries: u64, thinks: Duration) -> String {
    let (listener, url) = hung().await;
    let conflict = move || async move {
        tokio::time::sleep(thinks).await;
        (StatusCode::CONFLICT, format!("{entries}\n"))
    };
    let routes = Router::new().route("/add-checkpoint", post(conflict));
    tokio::spawn(axum::serve(listener, routes).into_future());
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_with_a_witness_that_hangs_serves_at_once_and_takes_entries_within_seconds() {
    let (_listener, url) = hung().await;
    let world = World::witnessed(url);
    let begun = Instant::now();
    let running = world.start().await;
    assert_eq!(size(&world, &running, GUANGZHOU).await, 0);
    let opened = begun.elapsed();
    println!("open and read with a hung witness: {opened:?}");
    assert!(opened < AT_ONCE, "{opened:?}");
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    let answer = world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    println!("the first receipt: {:?}", begun.elapsed());
    receipt::check(&answer, &batch, &world.network).unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_has_seen_more_is_heard_before_anything_is_signed() {
    let world = World::witnessed(late_witness(1_000, Duration::from_secs(1)).await);
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    let refused = problem(world.post(&running, "hospital", GUANGZHOU, &batch).await);
    assert_eq!((refused.status, refused.word()), (503, "read-only"));
    for chain in CHAINS {
        assert_eq!(size(&world, &running, chain).await, 0, "{chain}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_has_seen_less_stops_nothing() {
    let world = World::witnessed(late_witness(0, Duration::ZERO).await);
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &ROWS);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    // Beside what is served, the admissions are logged.
    let begun = Instant::now();
    while size(&world, &running, MAIN).await < 8 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the admissions, each once");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.stop().await;
}
