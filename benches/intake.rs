//! Intake from end to end: batches posted over HTTP to an exchange on loopback, and once more by TLS, until their receipts are
//! there. Tokens,
//! signatures, all proofs, SQLite, the log, every fsync; clients and exchange share the machine's cores.
//!
//! No statistics: each row is one run, as long as it takes to take in what was prepared. The processor time a contribution
//! is what the whole process used, clients included; it suffers less from what else the machine does than the wall clock.

use std::{collections::VecDeque, sync::Mutex, time::Instant};

use futures::future::try_join_all;
use nacre_access::client::Client;
use nacre_benches::{
    network::{Hospital, Network},
    processor, region,
};

/// Contributions in a batch; clients at work; batches of each.
const RUNS: [(usize, usize, usize); 6] = [(64, 1, 12), (64, 8, 6), (64, 32, 3), (1, 1, 100), (1, 8, 40), (1, 64, 12)];
/// Posts all batches, each as soon as a client is free; gives how long each took, in seconds.
async fn post_all(hospital: &Hospital, clients: &[Client], batches: Vec<Vec<u8>>) -> anyhow::Result<Vec<f64>> {
    let queue = Mutex::new(VecDeque::from(batches));
    let post = async |client| {
        let mut seconds = Vec::new();
        loop {
            let Some(batch) = queue.lock().expect("no client panics").pop_front() else { return anyhow::Ok(seconds) };
            let start = Instant::now();
            hospital.post(client, batch).await?;
            seconds.push(start.elapsed().as_secs_f64());
        }
    };
    Ok(try_join_all(clients.iter().map(post)).await?.concat())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Run as a test, as `cargo test --all-targets` does, it measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    println!(
        "by | contributions a batch | clients | contributions/s | median ms | slowest ms | processor µs a contribution"
    );
    for (by, tls) in [("http", false), ("tls", true)] {
        let network = Network::start_by(&[region()], tls).await?;
        measure(by, &network.hospitals[0]).await?;
        network.stop().await?;
    }
    Ok(())
}

/// A row for each of the runs.
async fn measure(by: &str, hospital: &Hospital) -> anyhow::Result<()> {
    for (size, clients, batches_each) in RUNS {
        let batches = clients * batches_each;
        let clients = (0..clients).map(|_| hospital.client()).collect::<anyhow::Result<Vec<_>>>()?;
        let prepared = (0..batches).map(|_| hospital.sign(hospital.provider.prove(size))).collect();
        // Tokens are fetched, and everything is warm.
        post_all(hospital, &clients, clients.iter().map(|_| hospital.sign(hospital.provider.prove(1))).collect())
            .await?;

        let (start, processor) = (Instant::now(), processor::now());
        let mut latencies = post_all(hospital, &clients, prepared).await?;
        let (elapsed, processor) = (start.elapsed().as_secs_f64(), (processor::now() - processor).as_secs_f64());
        latencies.sort_by(f64::total_cmp);
        let (contributions, ms) = ((batches * size) as f64, |seconds: f64| seconds * 1e3);
        println!(
            "{by:>4} | {size:>21} | {:>7} | {:>15.0} | {:>9.1} | {:>10.1} | {:>28.0}",
            clients.len(),
            contributions / elapsed,
            ms(latencies[latencies.len() / 2]),
            ms(latencies[latencies.len() - 1]),
            processor / contributions * 1e6,
        );
    }
    Ok(())
}
