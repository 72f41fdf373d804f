//! What the tests of the whole way share: a network on loopback, run by the same code as the binary's.

pub mod attack;
pub mod bearer;
pub mod forged;
pub mod gateway;
pub mod peers;
pub mod plain;
pub mod points;
pub mod process;
pub mod proxy;
pub mod sender;
pub mod successor;
pub mod truth;
pub mod unsteady;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use nacre::{
    commands::exchange::seal,
    consortium::{self, Addresses, Consortium, Plan, cross::CrossDealing, cross_structure, jurisdictions},
    servers::{Ports, Servers},
};
use nacre_access::{
    client::{Client, PlainClient},
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_hosting::trust;
use nacre_ledger::note::Submission;
use nacre_provider::PostSummary;
use nacre_regulator::{Outcome, QueryError, Question};
use nacre_schemas::{
    Signed,
    cohort::AgeBand,
    id::ChainId,
    preview::Preview,
    query::{Attribute, Statistic},
    topology::Topology,
};
use nacre_verifier::Network;
use nacre_wire::witness::{ADD_CHECKPOINT, GET_EQUIVOCATION, OfWitnessed};
use tempfile::TempDir;

/// A network that runs, in a folder that goes with it.
pub struct Running {
    folder: TempDir,
    /// Its configurations.
    pub places: Consortium,
    /// Its servers.
    pub servers: Servers,
    /// Their addresses.
    pub addresses: BTreeMap<String, String>,
    /// The addresses of their metrics.
    pub metrics: BTreeMap<String, String>,
}

/// A plan with these regions and limit; persons are named by `person_system`.
pub fn plan(regions: &[&str], minimum_people: u32, person_system: &str) -> Plan {
    Plan {
        name: "test.nacre.local".to_owned(),
        topology: Topology::of_regions(
            &regions.iter().map(|region| region.parse().expect("a region")).collect::<Vec<_>>(),
        ),
        tls: false,
        anchor_every_ms: 60_000,
        custodians: 3,
        threshold: 2,
        minimum_people,
        person_system: person_system.to_owned(),
        cross: None,
    }
}

/// Keys of the cross lane, dealt once and kept below the target folder with all of their secrets: for tests alone.
fn cross_keys(plan: &Plan) -> anyhow::Result<CrossDealing> {
    static DEALING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = DEALING.lock().unwrap_or_else(PoisonError::into_inner);
    let structure = cross_structure(plan);
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("a test lies in target/release/deps")?;
    let folder = target.join(format!("cross-keys-{structure:?}-v2").replace(' ', ""));
    let secrets = folder.join("seeds.json");
    if !secrets.exists() {
        // Under another name until all of it is there; who comes second finds it done.
        let making = tempfile::tempdir_in(target)?;
        let dealt = CrossDealing::fresh(making.path(), &jurisdictions()?, &structure)?;
        fs::write(making.path().join("seeds.json"), serde_json::to_vec(&(&dealt.keys, dealt.seeds()))?)?;
        let made = making.keep();
        if fs::rename(&made, &folder).is_err() {
            fs::remove_dir_all(&made)?;
        }
    }
    let (keys, seeds) = serde_json::from_slice(&fs::read(&secrets)?)?;
    Ok(CrossDealing::again(&folder, &structure, keys, &seeds))
}

impl Running {
    /// Makes and starts a network.
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        Ok(Self::start_behind(plan, None).await?.0)
    }

    /// The same; but one server, by name, is reached at another address, where the test has put something before it.
    /// Also where that server really listens.
    pub async fn start_behind(plan: &Plan, elsewhere: Option<(&str, &str)>) -> anyhow::Result<(Self, Option<String>)> {
        let folder = tempfile::tempdir()?;
        let ports = Ports::bind(plan).await?;
        let mut addresses = ports.addresses()?;
        let target =
            elsewhere.and_then(|(server, address)| addresses.callers.insert(server.to_owned(), address.to_owned()));
        let dealing = if plan.cross.is_some() { Some(cross_keys(plan)?) } else { None };
        let places = consortium::init_with(&folder.path().join("network"), plan, &addresses, dealing)?;
        let servers = Servers::start(&places, ports).await?;
        let Addresses { callers: addresses, metrics } = addresses;
        Ok((Self { folder, places, servers, addresses, metrics }, target))
    }

    /// The folder that everything is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The checked trust root.
    pub fn network(&self) -> anyhow::Result<Network> {
        Ok(trust::read(&self.places.trust)?)
    }

    /// The answer of a witness to a submission: status and text.
    pub async fn submit(&self, witness: &str, submission: &Submission) -> anyhow::Result<(u16, String)> {
        self.submit_text(witness, submission.to_text()).await
    }

    /// The metrics of a server, in the Prometheus text format.
    pub async fn metrics(&self, server: &str) -> anyhow::Result<String> {
        Ok(reqwest::get(format!("http://{}/metrics", self.metrics[server])).await?.error_for_status()?.text().await?)
    }

    /// The same, for a text that may be no submission.
    pub async fn submit_text(&self, witness: &str, text: String) -> anyhow::Result<(u16, String)> {
        let answer = self.witness(witness)?.ask(ADD_CHECKPOINT, &(), &text).await?;
        Ok((answer.status.as_u16(), answer.body))
    }

    /// What a witness has against a chain: status and text.
    pub async fn equivocation(&self, witness: &str, chain: &ChainId) -> anyhow::Result<(u16, String)> {
        let answer = self.witness(witness)?.ask(GET_EQUIVOCATION, &OfWitnessed { slug: chain.into() }, &()).await?;
        Ok((answer.status.as_u16(), answer.body))
    }

    fn witness(&self, name: &str) -> anyhow::Result<PlainClient> {
        let url = format!("http://{}", self.addresses[name]);
        Ok(PlainClient::new(&url, Duration::from_secs(120), 1 << 20, &ClientTls::default())?)
    }

    /// A provider's configuration.
    pub fn provider(&self, member: &str) -> anyhow::Result<nacre_provider::Config> {
        Ok(nacre_provider::Config::read(&self.places.providers[member])?)
    }

    /// A client of a provider's exchange, in its name.
    pub fn provider_client(&self, member: &str) -> anyhow::Result<Client> {
        let config = self.provider(member)?;
        let key = AccessKey::read(&config.access_key)?;
        Ok(Client::new(&config.exchange, config.member, Arc::new(key), &config.tls.read()?)?)
    }

    /// Posts files as a provider.
    pub async fn post(&self, member: &str, paths: &[PathBuf]) -> anyhow::Result<PostSummary> {
        Ok(nacre_provider::post(&self.provider(member)?, paths, &()).await?)
    }

    /// Closes every epoch.
    pub async fn seal(&self) -> anyhow::Result<()> {
        for path in self.places.exchanges.values() {
            seal(&nacre_exchange::Config::read(path)?).await?;
        }
        Ok(())
    }

    /// Asks as the regulator.
    pub async fn ask(&self, question: &Question) -> anyhow::Result<Result<Outcome, QueryError>> {
        let config = nacre_regulator::Config::read(&self.places.regulator)?;
        Ok(nacre_regulator::query(&config, question, &()).await)
    }

    /// What would be withheld of the question.
    pub async fn preview(&self, question: &Question) -> anyhow::Result<Signed<Preview>> {
        let config = nacre_regulator::Config::read(&self.places.regulator)?;
        Ok(nacre_regulator::preview(&config, question, &()).await?.0)
    }
}

/// A question over all people of some months.
pub fn question(measure: &str, from: &str, to: &str, by: &[Attribute], statistics: &[Statistic]) -> Question {
    Question {
        measure: measure.parse().expect("a measure"),
        version: None,
        regions: Vec::new(),
        from: from.parse().expect("a month"),
        to: to.parse().expect("a month"),
        sexes: Vec::new(),
        youngest: AgeBand::of_age(0),
        oldest: AgeBand::TOP,
        group_by: by.to_vec(),
        statistics: statistics.to_vec(),
        through: BTreeMap::new(),
        purpose: "a test".parse().expect("a purpose"),
    }
}

/// Where the shared test input lies, if this checkout has it beside it.
pub fn shared_data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    folder.is_dir().then_some(folder)
}

/// Every file below a folder with its bytes.
pub fn files_below(folder: &Path) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path)?;
                files.push((path, bytes));
            }
        }
    }
    Ok(files)
}
