//! An exchange that is open: the checked trust root, its members, its tables, its chains.
//!
//! Kept true: it opens only if every chain it hosts is in the trust root with the key it was given, the catalogue is the
//! one the trust root names, and the derived tables have followed every log. Files and folders are its owner's alone.
//!
//! Errors: [`OpenError`]. Cost of opening: reading and checking the logs, and following what the tables lack.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nacre_access::{client::Client, members::Members, server::Gatekeeper};
use nacre_hosting::{
    folder::{self, DataFolder},
    key::{self, KeyFileError},
    roots::Roots,
    tls::ClientTls,
    trust,
};
use nacre_ledger::note::SignedCheckpoint;
use nacre_schemas::trust::Chain as Facts;
use nacre_verifier::{Network, note};
use nacre_wire::parameters::ChainSlug;
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    anchoring::Anchoring,
    chain::{Chain, Opening, log_folder},
    config::{ChainConfig, Config},
    cross, documents,
    error::{ExchangeError, OpenError},
    finality::{self, Finality, Waits, WitnessPeer},
    grants,
    intake::{
        admission,
        proofs::{self, Proofs},
    },
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store},
    work::Queue,
};

/// Batches that are being taken in. At 64 contributions each a second's work of two cores.
const QUEUED_BATCHES: usize = 64;
/// Requests for cells, details, seals and logging that are at work.
const QUEUED_EVIDENCE: usize = 32;
/// Releases that are held in memory: each may have 256 MiB.
const QUEUED_RELEASES: usize = 2;
/// Pages of entries with their bodies that are held in memory until they were taken: each some 2 MB, three times while it is made.
const QUEUED_PAGES: usize = 8;
/// Pages of main chains that are: each some 4 MB, twice while it is written.
const QUEUED_ANSWERS: usize = 8;
/// Inputs of the cross lane that are: each may have 256 MB.
const QUEUED_INPUTS: usize = 4;
/// Tiles and bundles of entries that are: each a megabyte at most.
const QUEUED_TILES: usize = 64;
/// The trust roots it has gone by, in the data folder: a file each.
const ROOTS: &str = "roots";

/// Where the trust roots that it has gone by lie in the data folder.
pub fn roots_folder(data: &Path) -> PathBuf {
    data.join(ROOTS)
}

/// An open exchange.
pub struct Exchange {
    network: Arc<Network>,
    roots: Roots,
    gatekeeper: Arc<Gatekeeper>,
    store: Store,
    /// By slug, as addresses name them.
    chains: BTreeMap<String, Arc<Chain>>,
    intakes: Queue,
    proofs: Proofs,
    evidence: Queue,
    releases: Queue,
    pages: Queue,
    answers: Queue,
    inputs: Queue,
    tiles: Queue,
    /// What runs beside the requests.
    tasks: Mutex<JoinSet<()>>,
    /// Held for as long as anything can be signed.
    _folder: DataFolder,
}

impl Exchange {
    /// Opens the exchange: checks what it was given, opens its logs, brings its tables up to date, and logs the
    /// admissions it has on its main chains. No other server is waited for: what asks them runs beside.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let tls = config.tls.read().map_err(KeyFileError::from)?;
        let network = Arc::new(trust::read(&config.trust)?);
        let members = Arc::new(Members::load(&config.members, &network)?);
        let cross_key = config.cross_key.as_deref().map(|path| cross::read_key(path, &network)).transpose()?;
        let taken = DataFolder::take_with_registers(&config.data, &config.registers)?;
        let roots = Roots::open(&roots_folder(&config.data), Arc::clone(&network))?;
        for digest in roots.lineage().lacking() {
            tracing::warn!(%digest, folder = ROOTS, "an earlier trust root is not kept: what was asked under it has no numbers here");
        }
        let store = Store::open(&config.data).await?;
        let (mut chains, mut tasks) = (BTreeMap::new(), JoinSet::new());
        let waits = Waits::default();
        for hosted in &config.chains {
            if chains.contains_key(&hosted.id.slug()) {
                return Err(OpenError::ChainTwice(hosted.id.clone()));
            }
            folder::make_private(&log_folder(&config.data, &hosted.id))?;
            let chain = Arc::new(open_chain(&config, &tls, hosted, &roots, &store, waits.clone()).await?);
            if chain.finality().has_peers() {
                tasks.spawn(finality::follow(Arc::clone(&chain), store.clone()));
            }
            chains.insert(hosted.id.slug(), chain);
        }
        if chains.is_empty() {
            return Err(OpenError::NoChains);
        }
        store::cross_value::fill(&store).await?;
        for chain in chains.values() {
            catch_up(&store, chain).await?;
        }
        for chain in chains.values().filter(|chain| chain.is_main()) {
            let logging = documents::log_admissions(store.clone(), Arc::clone(chain), Arc::clone(&members));
            if chain.finality().has_peers() {
                // Witnesses are waited for first, and nothing else waits for them.
                tasks.spawn(documents::noted(Arc::clone(chain), logging));
            } else {
                logging.await?;
            }
        }
        tasks.spawn(grants::expire(store.clone()));
        for anchoring in anchorings(&config, &tls, &members, &chains)? {
            tasks.spawn(anchoring.run());
        }
        Ok(Self {
            gatekeeper: Arc::new(Gatekeeper::new(&config.url, members)?),
            store,
            chains,
            intakes: Queue::new(QUEUED_BATCHES),
            proofs: proofs::start(Arc::clone(&network), cross_key),
            network,
            roots,
            evidence: Queue::new(QUEUED_EVIDENCE),
            releases: Queue::new(QUEUED_RELEASES),
            pages: Queue::new(QUEUED_PAGES),
            answers: Queue::new(QUEUED_ANSWERS),
            inputs: Queue::new(QUEUED_INPUTS),
            tiles: Queue::new(QUEUED_TILES),
            tasks: Mutex::new(tasks),
            _folder: taken,
        })
    }

    /// Ends what runs beside the requests, and the database's connections. The logs end with the last handle on the exchange.
    pub async fn close(&self) {
        self.tasks.lock().await.shutdown().await;
        self.store.close().await;
    }

    /// The trust root.
    pub(crate) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// It and those before it.
    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Who may call.
    pub(crate) fn gatekeeper(&self) -> &Arc<Gatekeeper> {
        &self.gatekeeper
    }

    /// The tables.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The chains, by slug.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Arc<Chain>> {
        self.chains.values()
    }

    /// The chain that an address names.
    pub(crate) fn chain(&self, slug: &ChainSlug) -> Result<&Arc<Chain>, Refusal> {
        self.chains.get(slug.as_str()).ok_or_else(|| Refusal::UnknownChain(slug.to_string()))
    }

    /// The places of batches that are being taken in.
    pub(crate) fn intakes(&self) -> &Queue {
        &self.intakes
    }

    /// Where batches gather for their proofs to be verified.
    pub(crate) fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Where everything about cells and requests is worked at.
    pub(crate) fn evidence(&self) -> &Queue {
        &self.evidence
    }

    /// Where releases are checked.
    pub(crate) fn releases(&self) -> &Queue {
        &self.releases
    }

    /// The places of pages with bodies, from when one is read until it was taken.
    pub(crate) fn pages(&self) -> &Queue {
        &self.pages
    }

    /// The places of pages of main chains, likewise.
    pub(crate) fn answers(&self) -> &Queue {
        &self.answers
    }

    /// The places of inputs of the cross lane, likewise.
    pub(crate) fn inputs(&self) -> &Queue {
        &self.inputs
    }

    /// Places that are taken of each of these queues.
    pub(crate) fn queues(&self) -> [(&'static str, usize); 7] {
        [
            ("intake", self.intakes.taken()),
            ("evidence", self.evidence.taken()),
            ("releases", self.releases.taken()),
            ("pages", self.pages.taken()),
            ("answers", self.answers.taken()),
            ("inputs", self.inputs.taken()),
            ("tiles", self.tiles.taken()),
        ]
    }

    /// The places of tiles and bundles, likewise.
    pub(crate) fn tiles(&self) -> &Queue {
        &self.tiles
    }
}

async fn open_chain(
    config: &Config,
    tls: &ClientTls,
    hosted: &ChainConfig,
    roots: &Roots,
    store: &Store,
    waits: Waits,
) -> Result<Chain, OpenError> {
    let lineage = roots.lineage();
    let network = lineage.present();
    let facts = network.root().chain(&hosted.id).ok_or_else(|| OpenError::UnknownChain(hosted.id.clone()))?.clone();
    let read_key = || key::read_signing_of(&hosted.key, &facts.signing_key, &hosted.id);
    let keys = (read_key()?, read_key()?);
    let applied = store::applied::leaves(store.reader(), &hosted.id).await?;
    let (data, registers) = (config.data.to_path_buf(), config.registers.to_path_buf());
    let origin = network.root().origin(&hosted.id);
    let admissions = admission::start(store.clone());
    let finality = open_finality(config, tls, &facts, network, store, waits).await?;
    let earlier_keys =
        lineage.earlier().filter_map(|earlier| Some(earlier.root().chain(&hosted.id)?.signing_key)).collect();
    let opening = Opening { facts, keys, applied, earlier_keys, admissions, finality };
    let opening = move || Chain::open(&data, &registers, &origin, opening);
    let opened = tokio::task::spawn_blocking(opening).await;
    Ok(opened.map_err(|_| ExchangeError::Panicked)??)
}

/// What an earlier life kept of the chain's finality. What is not final under the present keys is asked for again.
async fn open_finality(
    config: &Config,
    tls: &ClientTls,
    facts: &Facts,
    network: &Network,
    store: &Store,
    waits: Waits,
) -> Result<Finality, OpenError> {
    let kept = store::final_checkpoint::latest(store.reader(), &facts.id).await?;
    let broken = |what: String| ExchangeError::Inconsistent { chain: facts.id.clone(), leaf: 0, what };
    let parse = |note: String| note.parse().map_err(|error| broken(format!("a final checkpoint: {error}")));
    let kept: Option<SignedCheckpoint> = kept.map(parse).transpose()?;
    let (policy, origin) = (note::policy(facts)?, network.root().origin(&facts.id));
    let holds = |note: &SignedCheckpoint| {
        note.verify(&origin, &origin, &facts.signing_key).is_ok() && policy.check(note).is_ok()
    };
    let kept = kept.filter(holds);
    Ok(Finality::new(policy, kept, waits, witnesses(config, tls, facts)?))
}

/// The chain's witnesses, as far as the configuration says where they are.
fn witnesses(config: &Config, tls: &ClientTls, chain: &Facts) -> Result<Vec<WitnessPeer>, OpenError> {
    let mut peers = Vec::new();
    for witness in &chain.witnesses {
        let Some(url) = config.witnesses.get(&witness.name) else {
            tracing::warn!(chain = %chain.id, witness = %witness.name, "the configuration does not say where it is");
            continue;
        };
        let peer = WitnessPeer::new(witness, url, tls).map_err(|error| OpenError::Witness {
            chain: chain.id.clone(),
            name: witness.name.to_string(),
            reason: error.to_string(),
        })?;
        peers.push(peer);
    }
    Ok(peers)
}

/// What is to be anchored where, as far as the configuration says where that is.
fn anchorings(
    config: &Config,
    tls: &ClientTls,
    members: &Members,
    chains: &BTreeMap<String, Arc<Chain>>,
) -> Result<Vec<Anchoring>, OpenError> {
    let failed = |error: &dyn std::fmt::Display| OpenError::Anchoring(error.to_string());
    let mut clients: BTreeMap<&str, Arc<Client>> = BTreeMap::new();
    if !config.parents.is_empty() {
        let missing = "`[parents]` is given, and no `[operator]`, in whose name the chains are anchored";
        let operator = config.operator.as_ref().ok_or_else(|| OpenError::Anchoring(missing.to_owned()))?;
        let key = Arc::new(members.read_access_key(&operator.member, &operator.access_key)?);
        for url in config.parents.values() {
            let client =
                Client::new(url, operator.member.clone(), Arc::clone(&key), tls).map_err(|error| failed(&error))?;
            clients.insert(url, Arc::new(client));
        }
    }
    let mut anchorings = Vec::new();
    for chain in chains.values() {
        for parent in &chain.facts().parents {
            let Some(url) = config.parents.get(parent) else {
                tracing::warn!(chain = %chain.id(), %parent, "the configuration does not say where its parent is");
                continue;
            };
            anchorings.push(Anchoring {
                chain: Arc::clone(chain),
                parent: parent.clone(),
                client: Arc::clone(&clients[url.as_str()]),
                interval: Duration::from_millis(config.anchor_every_ms),
            });
        }
    }
    Ok(anchorings)
}
