//! `nacre provider post` from files to receipts, by stage: the shared export of Synthea, 16,782 Observations, against an
//! exchange on loopback that shares the machine's cores.
//!
//! No statistics: each row is one stage of one run, the second run being of what was posted before. Where the shared data is
//! absent it says so and ends.

use std::{
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nacre_benches::{network::Network, processor, region};
use nacre_provider::Config;
use nacre_reading::{Progress, Stage};

/// When each stage began, its total, and the processor time by then.
#[derive(Default)]
struct Stages(Mutex<Vec<(Stage, u64, Instant, Duration)>>);

impl Progress for Stages {
    fn stage(&self, stage: Stage, total: u64) {
        self.0.lock().expect("nobody panics").push((stage, total, Instant::now(), processor::now()));
    }
    fn advance(&self, _: u64) {}
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Run as a test, as `cargo test --all-targets` does, it measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir-r4/synthea-ndjson");
    if !data.is_dir() {
        println!("skipped: {} is absent", data.display());
        return Ok(());
    }
    let network = Network::start(&[region()]).await?;
    let path = network.places.providers.get(&format!("hospital-{}", region())).context("a region has a hospital")?;
    let mut config = Config::read(path)?;
    config.person_system = "https://github.com/synthetichealth/synthea".parse().map_err(anyhow::Error::msg)?;
    println!("run | stage | parts | seconds | parts/s | processor seconds, exchange included");
    for run in ["first", "again"] {
        let stages = Stages::default();
        let summary = nacre_provider::post(&config, std::slice::from_ref(&data), &stages).await?;
        let (end, processor) = (Instant::now(), processor::now());
        let stages = stages.0.into_inner().expect("nobody panics");
        for (position, (stage, total, began, before)) in stages.iter().enumerate() {
            let (ended, after) = stages.get(position + 1).map_or((end, processor), |next| (next.2, next.3));
            let seconds = (ended - *began).as_secs_f64();
            let parts = match stage {
                Stage::Observations => summary.observations,
                Stage::Posting => summary.posted,
                _ => *total,
            };
            println!(
                "{run} | {stage:?} | {parts} | {seconds:.2} | {:.0} | {:.2}",
                parts as f64 / seconds,
                (after - *before).as_secs_f64(),
            );
        }
        println!(
            "{run} | all | {} observations, {} records posted, {} before | {:.1} | |",
            summary.observations,
            summary.posted,
            summary.already_posted,
            stages.first().map_or(0.0, |first| (end - first.2).as_secs_f64()),
        );
    }
    network.stop().await
}
