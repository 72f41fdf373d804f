//! A year of all 23 regions: how long it takes from the question to the dossier, and to the release, over HTTP.
//!
//! 24 exchanges and 6 custodians are served by this process on both cores, so all of them wait for each other. A
//! query costs by sealed cells and not by records: each month's seal of a chain has one cell. Printed in wall time, the
//! median and the slowest of some rounds; every round is a request of its own, judged by custodians after those before.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use nacre_benches::{measure, network::Network};
use nacre_regulator::{Config, Progress, Question, Stage};
use nacre_schemas::{
    cohort::{AgeBand, Sex},
    query::Statistic,
    region::Region,
};

const MONTHS: u32 = 12;
const ROUNDS: usize = 9;

/// When each stage was last heard of, since the question was put.
struct Clock {
    begun: Instant,
    heard: Mutex<BTreeMap<Stage, Duration>>,
}

impl Progress for Clock {
    fn report(&self, stage: Stage, _: usize, _: usize) {
        if let Ok(mut heard) = self.heard.lock() {
            heard.insert(stage, self.begun.elapsed());
        }
    }
}

fn question() -> anyhow::Result<Question> {
    Ok(Question {
        measure: measure().id.clone(),
        version: None,
        regions: Vec::new(),
        from: "2025-01".parse().map_err(anyhow::Error::msg)?,
        to: "2025-12".parse().map_err(anyhow::Error::msg)?,
        sexes: Vec::new(),
        youngest: AgeBand::of_age(0),
        oldest: AgeBand::TOP,
        group_by: Vec::new(),
        statistics: vec![Statistic::Count, Statistic::Mean],
        through: BTreeMap::new(),
        purpose: "a benchmark".parse().map_err(anyhow::Error::msg)?,
    })
}

async fn run() -> anyhow::Result<()> {
    let regions: Vec<Region> = Region::all().collect();
    let network = Network::start(&regions).await?;
    for month in 1..=MONTHS {
        for hospital in &network.hospitals {
            let cell = (format!("2025-{month:02}"), Sex::Female, 47);
            let batch = hospital.sign(hospital.provider.prove_cells(&[cell]));
            hospital.post(&hospital.client()?, batch).await?;
        }
        network.seal().await?;
    }
    let config = Config::read(&network.places.regulator)?;
    let (mut to_dossier, mut to_release) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let clock = Clock { begun: Instant::now(), heard: Mutex::default() };
        nacre_regulator::query(&config, &question()?, &clock).await?;
        to_release.push(clock.begun.elapsed());
        let heard = clock.heard.into_inner().unwrap_or_default();
        to_dossier.extend(heard.get(&Stage::Checking));
    }
    println!("{} regions, {MONTHS} months, one seal a month; {ROUNDS} questions", regions.len());
    for (what, mut took) in [("to the dossier, checked", to_dossier), ("to the published release", to_release)] {
        took.sort();
        let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
        println!("{what}: median {} ms, slowest {} ms", median.as_millis(), slowest.as_millis());
    }
    network.stop().await
}

fn main() -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}
