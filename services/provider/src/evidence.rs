//! Evidence on a record: gathered from the record's exchange and from those of the chains above it.
//!
//! Kept true: nothing that an exchange answers is believed; what [`gather`] gives passed
//! [`nacre_verifier::evidence::check`]. The way up is by the main chain of the measure's domain, which is where its requests
//! are logged.
//!
//! Errors: [`EvidenceError`], with the chain. Cost: some four requests a chain; and as long as anchoring takes, for a record
//! that was posted just now.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::{
    key::KeyFileError,
    retry::Pauses,
    trust::{self, TrustError},
};
use nacre_ledger::note::SignedCheckpoint;
use nacre_schemas::{
    Digest,
    anchor::Anchored,
    catalogue::Catalogue,
    dossier::{Inclusion, Note},
    entry::AnchorEntry,
    evidence::{AnchorStep, Evidence},
    id::ChainId,
    trust::Chain,
};
use nacre_verifier::{Failure, Network, evidence, note};
use nacre_wire::{
    Route,
    body::{Body, Nothing},
    exchange::{
        GET_ANCHOR, GET_EVIDENCE, GET_FINAL_CHECKPOINT, GET_INCLUSION, LeafOfTree, OfRecord, WhichAnchor,
        WhichCheckpoint,
    },
    parameters::Parameters,
};

use crate::config::Config;

/// Between two attempts while something is not anchored or final yet.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(5));

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The access key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The configuration does not say where a chain is.
    #[error("`exchanges` in the configuration does not say where {0} is")]
    NoAddress(ChainId),
    /// An exchange refused, or is not there.
    #[error("{chain}, {doing}: {source}")]
    Exchange {
        /// Its chain.
        chain: ChainId,
        /// What was asked of it.
        doing: &'static str,
        /// How it ended.
        source: Box<ClientError>,
    },
    /// An exchange answered something that does not hold.
    #[error("what the exchanges show does not hold: {0}")]
    Check(#[from] Failure),
}

/// Gathers the evidence on a record of the provider's, and checks it. What is not anchored yet is waited for, that long.
pub async fn gather(config: &Config, record: Digest, patience: Duration) -> Result<Evidence, EvidenceError> {
    let network = trust::read_of_any_catalogue(&config.trust)?;
    let exchanges = Exchanges::new(config, Instant::now() + patience)?;
    let chain = note::chain(&network, &config.chain)?;
    let wanted = OfRecord { slug: (&chain.id).into(), record };
    let mut gathered = exchanges.ask(chain, "reading the record", GET_EVIDENCE, &wanted).await?;
    // What the file is about is the caller's to say, not the exchange's.
    gathered.record = record;
    gathered.chain = chain.id.clone();
    exchanges.anchor(&mut gathered, chain, &network).await?;
    evidence::check(&gathered, &network)?;
    Ok(gathered)
}

/// The exchanges of the provider's chain and of those above it.
struct Exchanges {
    clients: BTreeMap<ChainId, Client>,
    deadline: Instant,
}

fn blame(chain: &ChainId, doing: &'static str, error: ClientError) -> EvidenceError {
    EvidenceError::Exchange { chain: chain.clone(), doing, source: Box::new(error) }
}

impl Exchanges {
    fn new(config: &Config, deadline: Instant) -> Result<Self, EvidenceError> {
        let key = Arc::new(AccessKey::read(&config.access_key)?);
        let tls = config.tls.read().map_err(KeyFileError::from)?;
        let own = std::iter::once((&config.chain, &config.exchange));
        let mut clients = BTreeMap::new();
        for (chain, url) in config.exchanges.iter().chain(own) {
            let client = Client::new(url, config.member.clone(), Arc::clone(&key), &tls);
            clients.insert(chain.clone(), client.map_err(|error| blame(chain, "its address", error))?);
        }
        Ok(Self { clients, deadline })
    }

    /// Asks a chain's exchange, again while it says that there is nothing yet, until the time is over.
    async fn ask<P: Parameters, S: Body, A>(
        &self,
        chain: &Chain,
        doing: &'static str,
        route: Route<P, Nothing, S, A>,
        parameters: &P,
    ) -> Result<S::Value, EvidenceError> {
        let client = self.clients.get(&chain.id).ok_or_else(|| EvidenceError::NoAddress(chain.id.clone()))?;
        let mut pauses = PAUSES;
        loop {
            match client.get(route, parameters).await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_retryable() => {
                    let pause = pauses.after(error.retry_after());
                    if Instant::now() + pause >= self.deadline {
                        return Err(blame(&chain.id, doing, error));
                    }
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(blame(&chain.id, doing, error)),
            }
        }
    }

    /// The place of a leaf under the checkpoint of that size.
    async fn place(&self, chain: &Chain, leaf: u64, size: u64) -> Result<Inclusion, EvidenceError> {
        self.ask(chain, "proving a place", GET_INCLUSION, &LeafOfTree { slug: (&chain.id).into(), leaf, size }).await
    }

    /// The first anchor of a chain in its parent that covers a leaf.
    async fn anchored(&self, parent: &Chain, child: &Chain, leaf: u64) -> Result<Anchored, EvidenceError> {
        let wanted = WhichAnchor { slug: (&parent.id).into(), child: (&child.id).into(), covering: Some(leaf) };
        self.ask(parent, "looking for an anchor", GET_ANCHOR, &wanted).await
    }

    /// A final checkpoint that covers a leaf, and its size.
    async fn covering(&self, chain: &Chain, leaf: u64) -> Result<(Note, u64), EvidenceError> {
        let wanted = WhichCheckpoint { slug: (&chain.id).into(), covering: Some(leaf) };
        let text = self.ask(chain, "reading a checkpoint", GET_FINAL_CHECKPOINT, &wanted).await?;
        let malformed = |error: String| Failure::new(nacre_verifier::Check::Checkpoint, &chain.id, error);
        let signed: SignedCheckpoint =
            text.parse().map_err(|error: nacre_ledger::note::NoteError| malformed(error.to_string()))?;
        Ok((text.parse().map_err(malformed)?, signed.unverified().size))
    }

    /// Completes a record's evidence with the anchors above it. Each checkpoint is the one that the anchor above it names; the
    /// last is any that is final.
    async fn anchor(&self, gathered: &mut Evidence, chain: &Chain, network: &Network) -> Result<(), EvidenceError> {
        let main = main_chain(gathered);
        let erasure = gathered.erasure.as_ref().map_or(0, |step| step.inclusion.leaf);
        let mut covered = gathered.inclusion.leaf.max(erasure);
        let mut checkpoints: Vec<(Note, u64)> = Vec::new();
        let mut steps: Vec<(&Chain, AnchorEntry, u64)> = Vec::new();
        let mut below = chain;
        while let Some(parent) = way_up(below, main.as_ref()) {
            let parent = note::chain(network, parent)?;
            let anchored = self.anchored(parent, below, covered).await?;
            checkpoints.push((anchored.checkpoint, anchored.anchor.size));
            steps.push((parent, anchored.anchor, anchored.leaf));
            (below, covered) = (parent, anchored.leaf);
        }
        checkpoints.push(self.covering(below, covered).await?);
        let mut checkpoints = checkpoints.into_iter();
        if let Some((checkpoint, size)) = checkpoints.next() {
            gathered.inclusion = self.place(chain, gathered.inclusion.leaf, size).await?;
            if let Some(step) = &mut gathered.erasure {
                step.inclusion = self.place(chain, step.inclusion.leaf, size).await?;
            }
            gathered.checkpoint = checkpoint;
        }
        gathered.anchors.clear();
        for ((parent, anchor, leaf), (checkpoint, size)) in steps.into_iter().zip(checkpoints) {
            let inclusion = self.place(parent, leaf, size).await?;
            gathered.anchors.push(AnchorStep { chain: parent.id.clone(), anchor, inclusion, checkpoint });
        }
        Ok(())
    }
}

/// The main chain of the record's measure, as far as the record still says which that is.
fn main_chain(gathered: &Evidence) -> Option<ChainId> {
    let measure = &gathered.contribution.as_ref()?.openings.header.cell.measure;
    Some(Catalogue::built_in().find(measure)?.main_chain())
}

/// The parent to go on with: that main chain, else the first.
fn way_up<'a>(chain: &'a Chain, main: Option<&ChainId>) -> Option<&'a ChainId> {
    let wanted = chain.parents.iter().find(|parent| Some(*parent) == main);
    wanted.or_else(|| chain.parents.first())
}
