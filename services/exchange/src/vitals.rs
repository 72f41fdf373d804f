//! What an exchange says of itself to its operator: what it lacks, and its metrics.
//!
//! | metric | |
//! |---|---|
//! | `nacre_chain_entries{chain}`, `nacre_chain_seals{chain}` | |
//! | `nacre_chain_read_only{chain}` | 1: it takes nothing until its operator has seen to it |
//! | `nacre_chain_final_entries{chain}` | under the last checkpoint that its witnesses made final |
//! | `nacre_chain_final_timestamp_seconds{chain}` | when that became final, or this process began |
//! | `nacre_chain_anchor_timestamp_seconds{chain,parent}` | when its parent was last seen to have all that is final |
//! | `nacre_witness_up{chain,witness}` | 1 if it countersigned when it was asked last |
//! | `nacre_queue_taken{queue}` | work that waits or is under way |
//!
//! Kept true: times are this process's: a checkpoint that was final before it began counts from its beginning.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use futures::future::BoxFuture;
use nacre_hosting::{
    Gauges,
    host::{Host, Hosted},
    ready::Lack,
};
use nacre_schemas::id::ChainId;

use crate::{chain::Chain, exchange::Exchange, store};

/// How a chain fares among its peers.
#[derive(Debug)]
pub(crate) struct Vitals {
    final_at_s: AtomicU64,
    /// Whether each witness countersigned when it was asked last.
    witnesses: Mutex<BTreeMap<String, bool>>,
    /// When each parent was last seen to have all that is final.
    anchored_at_s: Mutex<BTreeMap<ChainId, u64>>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { final_at_s: AtomicU64::new(now_s()), witnesses: Mutex::default(), anchored_at_s: Mutex::default() }
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Vitals {
    /// A checkpoint has become final.
    pub(crate) fn became_final(&self) {
        self.final_at_s.store(now_s(), Ordering::Relaxed);
    }

    /// A witness was asked.
    pub(crate) fn asked(&self, witness: &str, countersigned: bool) {
        let mut witnesses = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner);
        witnesses.insert(witness.to_owned(), countersigned);
    }

    /// A parent has all that is final.
    pub(crate) fn anchored(&self, parent: &ChainId) {
        self.anchored_at_s.lock().unwrap_or_else(PoisonError::into_inner).insert(parent.clone(), now_s());
    }

    /// The witnesses that did not countersign when they were asked last.
    fn away(&self) -> Vec<String> {
        let witnesses = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner);
        witnesses.iter().filter(|(_, countersigned)| !**countersigned).map(|(name, _)| name.clone()).collect()
    }
}

/// The exchange's own metrics.
struct Metrics {
    entries: Gauges,
    seals: Gauges,
    read_only: Gauges,
    final_entries: Gauges,
    final_at: Gauges,
    anchored_at: Gauges,
    witness_up: Gauges,
    queues: Gauges,
}

impl Metrics {
    fn register(host: &Host) -> Self {
        let of_chain = |name, help| host.gauges(name, help, &["chain"]);
        Self {
            entries: of_chain("chain_entries", "Entries of the chain"),
            seals: of_chain("chain_seals", "Sealed epochs of the chain"),
            read_only: of_chain("chain_read_only", "1 if the chain takes nothing"),
            final_entries: of_chain("chain_final_entries", "Entries under the last final checkpoint"),
            final_at: of_chain("chain_final_timestamp_seconds", "When the last checkpoint became final"),
            anchored_at: host.gauges(
                "chain_anchor_timestamp_seconds",
                "When the parent was last seen to have all that is final",
                &["chain", "parent"],
            ),
            witness_up: host.gauges(
                "witness_up",
                "1 if the witness countersigned when it was asked last",
                &["chain", "witness"],
            ),
            queues: host.gauges("queue_taken", "Pieces of work that wait or are under way", &["queue"]),
        }
    }

    async fn observe(&self, exchange: &Exchange) {
        for chain in exchange.chains() {
            let id = chain.id().as_str();
            self.entries.set(&[id], chain.size() as f64);
            self.read_only.set(&[id], f64::from(chain.is_read_only()));
            self.final_entries.set(&[id], chain.last_agreed().map_or(0, |note| note.unverified().size) as f64);
            // What cannot be read now is told by readiness.
            if let Ok(latest) = store::seal::latest(exchange.store().reader(), chain.id()).await {
                self.seals.set(&[id], latest.map_or(0, |seal| seal.number) as f64);
            }
            self.observe_peers(chain);
        }
        for (queue, taken) in exchange.queues() {
            self.queues.set(&[queue], taken as f64);
        }
    }

    fn observe_peers(&self, chain: &Chain) {
        let (id, vitals) = (chain.id().as_str(), &chain.finality().vitals);
        self.final_at.set(&[id], vitals.final_at_s.load(Ordering::Relaxed) as f64);
        for (parent, at) in &*vitals.anchored_at_s.lock().unwrap_or_else(PoisonError::into_inner) {
            self.anchored_at.set(&[id, parent.as_str()], *at as f64);
        }
        for (witness, up) in &*vitals.witnesses.lock().unwrap_or_else(PoisonError::into_inner) {
            self.witness_up.set(&[id, witness], f64::from(*up));
        }
    }
}

/// The exchange as its host sees it.
pub(crate) struct Seen {
    exchange: Arc<Exchange>,
    metrics: Metrics,
}

impl Seen {
    /// Registers the exchange's metrics.
    pub(crate) fn by(host: &Host, exchange: Arc<Exchange>) -> Arc<Self> {
        Arc::new(Self { exchange, metrics: Metrics::register(host) })
    }

    fn lacks_of(chain: &Chain) -> Option<Lack> {
        let id = chain.id();
        if let Some(reason) = chain.read_only() {
            return Some(Lack::new("read-only", format!("{id} takes nothing: {reason}")));
        }
        let away = chain.finality().vitals.away();
        let is_late = chain.last_agreed().is_none_or(|note| note.unverified().size < chain.size());
        let why = || format!("{id} has entries that are not final: {} did not countersign", away.join(", "));
        (is_late && !away.is_empty()).then(|| Lack::new("witnesses", why()))
    }
}

impl Hosted for Seen {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        Box::pin(async {
            let mut lacks: Vec<Lack> = self.exchange.chains().filter_map(|chain| Self::lacks_of(chain)).collect();
            if let Err(error) = self.exchange.store().check().await {
                lacks.push(Lack::new("store", error));
            }
            lacks
        })
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.metrics.observe(&self.exchange))
    }
}
