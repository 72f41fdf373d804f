//! `kill -9`, of the exchange and of a provider, at random moments of a post: nothing is lost and nothing is doubled.
//!
//! The victim is a process of its own, the product's `main`; everybody else runs here. Shown at the end: every record
//! has a receipt that verifies and that the exchange gives again byte for byte; the chain holds exactly the batches and
//! records that were posted; the figures are the generator's; a stranger's `verify` passes.
//!
//! `NACRE_CAMPAIGN=full` makes 50 rounds of some; `NACRE_SEED` repeats a campaign's choices (not its races).

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nacre::demo::population::{self, PERSON_SYSTEM, Site, Truth};
use nacre_access::client::Client;
use nacre_hosting::key;
use nacre_ledger::log::{Log, LogOptions};
use nacre_provider::PostSummary;
use nacre_reading::{Progress, Stage};
use nacre_schemas::{
    Document as _,
    batch::Batch,
    catalogue::Catalogue,
    cohort::Period,
    measure::Measure,
    query::{Attribute, Statistic},
    receipt::BatchReceipt,
};
use nacre_tests::{
    Running, files_below, is_full_campaign, plan,
    process::is_open,
    question,
    truth::{assert_true, opened},
};
use nacre_verifier::{receipt, release};
use nacre_wire::exchange::{GET_CHAINS, OfChain, POST_BATCH};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::{sync::watch, task::JoinHandle};

const REGION: &str = "820000";
const MEMBERS: [&str; 2] = ["hospital-820000", "gym-820000"];
/// Kills that may be tried for each that is to meet something under way.
const MAX_TRIES: u32 = 8;
/// What is left of the span that kills are spread over after one that came too late.
const TOO_LATE: f64 = 0.7;
/// Batches that each provider has waiting when a round begins, beside what the rounds before left. Small ones: the less
/// there is to verify, the more of the time is spent at the disk, where a kill can do most.
const BATCHES_A_ROUND: usize = 6;
/// The first month that a slice of the population has records of; each slice has its own.
const FIRST_YEAR: u16 = 1_990;
/// How long a process may take to be ready, or a provider to be done once nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(120);

fn nacre() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nacre-under-test"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The choices of a campaign, from a seed that is printed.
fn choices(campaign: &str) -> StdRng {
    let seed = env::var("NACRE_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("{campaign}: NACRE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// A process that is killed, at the latest when this goes.
struct Victim(Child);

impl Victim {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::options().append(true).create(true).open(log).unwrap();
        Self(command.stderr(log).spawn().unwrap())
    }

    /// SIGKILL. Whether it had ended by itself before.
    fn kill(&mut self) -> bool {
        let ended = self.0.try_wait().unwrap().is_some();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        ended
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tells when a run begins to post.
struct Posting(watch::Sender<bool>);

impl Progress for Posting {
    fn stage(&self, stage: Stage, _: u64) {
        if stage == Stage::Posting {
            self.0.send_replace(true);
        }
    }

    fn advance(&self, _: u64) {}
}

type Posted = Result<PostSummary, nacre_provider::PostError>;

/// A network, its records as far as they were generated, and its exchange as a process of its own.
struct Campaign {
    running: Running,
    client: Client,
    truths: Vec<Truth>,
    slices: u16,
    rng: StdRng,
}

impl Campaign {
    async fn prepare(name: &str) -> Self {
        let running = Running::start(&plan(&[REGION], 2, PERSON_SYSTEM)).await.unwrap();
        let client = running.provider_client(MEMBERS[0]).unwrap();
        Self { running, client, truths: Vec::new(), slices: 0, rng: choices(name) }
    }

    fn log(&self) -> PathBuf {
        self.running.folder().join("victim.log")
    }

    /// A few people's records of a month that no slice had before; a folder a provider. The people of one slice have
    /// nothing to do with those of another but for their names, which a provider sees nothing wrong with.
    fn slice(&mut self, people: usize) -> Vec<PathBuf> {
        let month = Period::new(FIRST_YEAR + self.slices / 12, (self.slices % 12 + 1) as u8).unwrap();
        let region = REGION.parse().unwrap();
        let site = |member: &str| Site { member: member.to_owned(), region, hospital: member.starts_with("hospital") };
        let folder = self.running.folder().join("records").join(month.to_string());
        let made = population::generate(&folder, &MEMBERS.map(site), people, self.slices.into(), &[month]).unwrap();
        self.slices += 1;
        self.truths.extend(made.truths);
        made.folders
    }

    /// Starts the exchange on its old folder and port, and waits until it serves.
    async fn start_exchange(&self) -> Victim {
        let mut victim =
            Victim::start(nacre().args(["exchange", "serve"]).arg(&self.running.places.exchanges[REGION]), &self.log());
        let begin = Instant::now();
        while !is_open(self.client.base_url()).await {
            let ended = victim.0.try_wait().unwrap();
            let log = || fs::read_to_string(self.log()).unwrap_or_default();
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "the exchange does not serve: {ended:?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        victim
    }

    /// Leaves small batches in the providers' outboxes: runs that end where posting begins, as there is no exchange.
    async fn queue(&mut self) {
        for _ in 0..BATCHES_A_ROUND {
            let people = self.rng.gen_range(1..=4);
            for (member, folder) in MEMBERS.iter().zip(self.slice(people)) {
                let (config, (posting, mut begun)) = (self.running.provider(member).unwrap(), watched());
                let paths = [folder];
                tokio::select! {
                    done = nacre_provider::post(&config, &paths, &posting) => drop(done.unwrap()),
                    _ = begun.wait_for(|begun| *begun) => {}
                }
            }
        }
    }

    /// Both providers send what they have; and the moment when one of them has begun to.
    async fn send(&self) -> Vec<JoinHandle<Posted>> {
        let (mut runs, mut begun) = (Vec::new(), Vec::new());
        for member in MEMBERS {
            let (config, (posting, watch)) = (self.running.provider(member).unwrap(), watched());
            runs.push(tokio::spawn(async move { nacre_provider::post(&config, &[], &posting).await }));
            begun.push(watch);
        }
        let [hospital, gym] = &mut begun[..] else { unreachable!("one for each of two members") };
        tokio::select! {
            _ = hospital.wait_for(|begun| *begun) => {}
            _ = gym.wait_for(|begun| *begun) => {}
        }
        runs
    }

    /// Runs until nothing is queued any more.
    async fn send_all(&self) {
        let begin = Instant::now();
        for member in MEMBERS {
            loop {
                let summary = self.running.post(member, &[]).await.unwrap();
                assert!(summary.refused_at_exchange.is_empty(), "{:?}", summary.refused_at_exchange);
                if summary.queued == 0 {
                    break;
                }
                assert!(begin.elapsed() < PATIENCE, "{member} cannot post: {:?}", summary.unsettled);
            }
        }
    }

    /// Everything that was to be kept is kept, once.
    async fn check(&mut self) {
        let network = self.running.network().unwrap();
        let (mut batches, mut records, mut leaves) = (0, BTreeSet::new(), BTreeSet::new());
        for member in MEMBERS {
            let client = self.running.provider_client(member).unwrap();
            for (bytes, kept) in outbox(&self.running, member).await {
                let batch = Batch::from_canonical(&bytes).unwrap();
                let kept = kept.expect("every batch has its receipt");
                let receipts = BatchReceipt::from_canonical(&kept).unwrap();
                receipt::check(&receipts, &batch, &network).unwrap();
                let again = client.call(POST_BATCH, &OfChain::new(&batch.chain), &batch).await.unwrap();
                assert_eq!(again.to_canonical(), kept, "asked again, the exchange gives the same receipt");
                for one in &receipts.receipts {
                    assert!(records.insert(one.record) && leaves.insert(one.inclusion.leaf), "each record once");
                }
                batches += 1;
            }
        }
        assert_eq!(records.len(), self.truths.len(), "every record is receipted");
        let size = self.client.get(GET_CHAINS, &()).await.unwrap()[0].size;
        assert_eq!(size, batches + records.len() as u64, "the chain holds the batches and records that were posted");
        self.check_figures().await;
    }

    async fn check_figures(&self) {
        self.running.seal().await.unwrap();
        let network = self.running.network().unwrap();
        let (from, to) = (format!("{FIRST_YEAR}-01"), format!("{}-12", FIRST_YEAR + self.slices / 12));
        // Of versions of a measure one alone is told.
        let newest = |measure: &Measure| Catalogue::built_in().newest(&measure.id) == Some(measure);
        let posted = |measure: &&Measure| {
            newest(measure) && self.truths.iter().any(|truth| truth.key.measure == measure.reference())
        };
        for by in [&[][..], &[Attribute::Period]] {
            for measure in Catalogue::built_in().measures().iter().filter(posted) {
                let statistics = [Statistic::Count, Statistic::Mean];
                let statistics: Vec<_> = statistics.into_iter().filter(|one| measure.offers(*one)).collect();
                let mut question = question(measure.id.as_str(), &from, &to, by, &statistics);
                question.version = Some(measure.version);
                let answer = self.running.ask(&question).await.unwrap().unwrap();
                assert!(opened(&answer.release) >= statistics.len(), "{} over all is opened", measure.reference());
                assert_true(&answer.release, &self.truths);
                release::check(&answer.release, &network).unwrap();
            }
        }
    }
}

fn watched() -> (Posting, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Posting(sender), receiver)
}

async fn open(file: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(file)).await.unwrap()
}

/// The bytes of each batch of a provider with those of its receipt.
async fn outbox(running: &Running, member: &str) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let pool = open(&running.provider(member).unwrap().data.join("outbox.sqlite")).await;
    let rows = "SELECT batch.bytes, receipt.bytes FROM batch LEFT JOIN receipt ON receipt.batch = batch.id \
                ORDER BY batch.position";
    let rows = sqlx::query_as(rows).fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

/// What the exchange had on disk when it was killed.
struct Remains {
    bodies: i64,
    records: i64,
    applied: i64,
    leaves: u64,
}

impl Remains {
    /// Reads a copy: the recovery of the files themselves is left to the exchange.
    async fn read(campaign: &Campaign) -> Self {
        let config = nacre_exchange::Config::read(&campaign.running.places.exchanges[REGION]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for (path, bytes) in files_below(&config.data).unwrap() {
            let path = copy.path().join(path.strip_prefix(&config.data).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let [chain] = &config.chains[..] else { panic!("a regional exchange has one chain") };
        let origin = campaign.running.network().unwrap().root().origin(&chain.id);
        let key = key::read_signing(&chain.key).unwrap();
        let folder = copy.path().join("chains").join(chain.id.slug());
        let leaves = Log::open(&folder, &origin, key, LogOptions::default()).unwrap().size();
        let pool = open(&copy.path().join("exchange.sqlite")).await;
        let counts = "SELECT (SELECT COUNT(*) FROM contribution), (SELECT COUNT(*) FROM record), \
                      (SELECT COALESCE(SUM(leaves), 0) FROM applied)";
        let (bodies, records, applied) = sqlx::query_as(counts).fetch_one(&pool).await.unwrap();
        pool.close().await;
        Self { bodies, records, applied, leaves }
    }

    /// The furthest step of intake that a batch on its way was in.
    fn step(&self, receipted: i64) -> &'static str {
        if self.leaves > self.applied as u64 {
            "3. appended, the tables do not know"
        } else if self.bodies > self.records {
            "2. stored, not appended"
        } else if self.records > receipted {
            "4. done, the answer lost"
        } else {
            "1. nothing of it written"
        }
    }
}

async fn receipted(running: &Running) -> i64 {
    let mut all = 0;
    for member in MEMBERS {
        let pool = open(&running.provider(member).unwrap().data.join("outbox.sqlite")).await;
        let counted = sqlx::query_scalar("SELECT COUNT(*) FROM record WHERE state = 'posted'").fetch_one(&pool).await;
        let counted: i64 = counted.unwrap();
        all += counted;
        pool.close().await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_killed_at_any_moment_of_a_post_loses_and_doubles_nothing() {
    let begin = Instant::now();
    let rounds = if is_full_campaign() { 50 } else { 6 };
    let mut campaign = Campaign::prepare("exchange").await;
    campaign.running.servers.stop(REGION).await.unwrap();

    // A round without a kill says how long sending takes here; the kills are spread over that.
    campaign.queue().await;
    let mut exchange = campaign.start_exchange().await;
    let sending = Instant::now();
    for run in campaign.send().await {
        assert_eq!(run.await.unwrap().unwrap().queued, 0);
    }
    let mut span = sending.elapsed();

    let (mut kills, mut inside, mut steps) = (0, 0, BTreeMap::<&str, u32>::new());
    while inside < rounds {
        kills += 1;
        assert!(kills <= MAX_TRIES * rounds, "only {inside} of {kills} kills met a batch on its way");
        exchange.kill();
        campaign.queue().await;
        exchange = campaign.start_exchange().await;
        let runs = campaign.send().await;
        tokio::time::sleep(span.mul_f64(campaign.rng.gen_range(0.0..1.0))).await;
        assert!(!exchange.kill(), "the exchange ended by itself: {}", fs::read_to_string(campaign.log()).unwrap());
        let hit = runs.iter().any(|run| !run.is_finished());
        if campaign.rng.gen_bool(0.5) {
            runs.iter().for_each(JoinHandle::abort);
        }
        if hit {
            inside += 1;
            let remains = Remains::read(&campaign).await;
            *steps.entry(remains.step(receipted(&campaign.running).await)).or_default() += 1;
        } else {
            span = span.mul_f64(TOO_LATE);
        }
        exchange = campaign.start_exchange().await;
        for run in runs {
            match run.await {
                Ok(summary) => assert!(summary.unwrap().refused_at_exchange.is_empty()),
                Err(ended) => assert!(ended.is_cancelled(), "{ended}"),
            }
        }
    }
    campaign.send_all().await;
    campaign.check().await;
    println!(
        "{kills} kills, {inside} of them while batches were on their way, {} restarts; {} records; {:.1} s; {steps:#?}",
        2 * kills + 1,
        campaign.truths.len(),
        begin.elapsed().as_secs_f64(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_killed_at_any_moment_of_its_run_loses_and_doubles_nothing() {
    let begin = Instant::now();
    let rounds = if is_full_campaign() { 20 } else { 4 };
    let mut campaign = Campaign::prepare("provider").await;
    let log = campaign.log();
    let post = |running: &Running, folder: &Path| {
        let config = &running.places.providers[MEMBERS[0]];
        Victim::start(nacre().args(["provider", "post"]).arg(config).arg(folder), &log)
    };

    let folders = campaign.slice(40);
    let undisturbed = Instant::now();
    assert!(post(&campaign.running, &folders[0]).0.wait().unwrap().success());
    let mut span = undisturbed.elapsed();
    campaign.running.post(MEMBERS[1], &folders[1..]).await.unwrap();

    let (mut kills, mut inside, mut ends) = (0, 0, BTreeMap::<&str, u32>::new());
    while inside < rounds {
        kills += 1;
        assert!(kills <= MAX_TRIES * rounds, "only {inside} of {kills} kills met the run");
        let in_post = kills % 2 == 0;
        let people = campaign.rng.gen_range(30..=40);
        let folders = campaign.slice(people);
        let before = outbox(&campaign.running, MEMBERS[0]).await.len();
        let mut provider = post(&campaign.running, &folders[0]);
        // Most of a run is proving. Every other kill waits for the first batch, to meet the outbox and the post.
        if in_post {
            while provider.0.try_wait().unwrap().is_none()
                && outbox(&campaign.running, MEMBERS[0]).await.len() == before
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let within = if in_post { span.mul_f64(0.3) } else { span };
        tokio::time::sleep(within.mul_f64(campaign.rng.gen_range(0.0..1.0))).await;
        if !provider.kill() {
            inside += 1;
            let all = outbox(&campaign.running, MEMBERS[0]).await;
            let waiting = all.iter().filter(|(_, kept)| kept.is_none()).count();
            let end = match (all.len() - before, waiting) {
                (0, _) => "1. before the first batch",
                (_, 0) => "3. all batches so far receipted",
                _ => "2. batches queued or on their way",
            };
            *ends.entry(end).or_default() += 1;
        } else {
            span = span.mul_f64(TOO_LATE);
        }
        campaign.running.post(MEMBERS[0], &folders[..1]).await.unwrap();
        campaign.running.post(MEMBERS[1], &folders[1..]).await.unwrap();
    }
    campaign.send_all().await;
    campaign.check().await;
    println!(
        "{kills} kills, {inside} of them before the run's end; {} records; {:.1} s; {ends:#?}",
        campaign.truths.len(),
        begin.elapsed().as_secs_f64(),
    );
}
