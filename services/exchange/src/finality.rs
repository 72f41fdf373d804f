//! Finality: the chain's witnesses are asked to countersign each new checkpoint, and the last that a quorum did is what
//! answers stand on.
//!
//! Kept true: a checkpoint passes for final only with the quorum that the trust root names; what was final once is kept
//! over restarts. A chain of which a witness has countersigned more entries than are here was put back to an older state:
//! from then on it takes nothing and signs nothing, for what it would sign contradicts what it signed before.
//!
//! So all witnesses are asked how much they have seen before the chain takes its first entry ([`Chain::probed`]): each for
//! [`PROBE_TIMEOUT`], side by side, while the chain is read already. The first entries wait for that; a new checkpoint is signed
//! for entries only. The register beside the log finds an old copy by itself, unless it was put back as well.
//!
//! Witnesses that are away or slow hold nothing up but finality; they are asked again, ever less often, and so is a disk
//! that does not keep what they signed. A chain without witnesses has its own word only, and verification says so.
//!
//! Whoever needs a final checkpoint that is there gets it at once. Whoever has to wait needs one of the places for that
//! ([`Waits`]), of which strangers have their own: however many wait, nobody else does.
//!
//! Cost: an HTTP exchange a witness for each round; rounds follow one another and take the latest checkpoint, however
//! many there were meanwhile.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, future, stream::FuturesUnordered};
use nacre_access::client::{ClientError, PlainClient, PlainResponse};
use nacre_hosting::{retry::Pauses, tls::ClientTls};
use nacre_ledger::note::{SignedCheckpoint, Submission, WitnessPolicy};
use nacre_schemas::{SigningPublicKey, limits, trust::Witness};
use nacre_wire::witness::ADD_CHECKPOINT;
use tokio::sync::{Notify, OnceCell, watch};

use crate::{
    chain::Chain,
    error::ExchangeError,
    refusal::Refusal,
    store::{self, Store},
    vitals::Vitals,
    work::Queue,
};

/// How long whoever needs a final checkpoint waits for one before being told to ask again.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a witness may take: a full witness checks all that is new first.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(120);
/// What a witness may take when only how much it has seen is asked for.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Pauses between rounds that fail.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(10));
/// Strangers that wait for a final checkpoint at the same time.
pub(crate) const WAITING_STRANGERS: usize = 64;
/// Members that do.
pub(crate) const WAITING_MEMBERS: usize = 192;
/// A witness that has other sizes than we believe says so, and is asked again with its own.
const ATTEMPTS: usize = 3;

/// Places for those that wait for a final checkpoint, of all chains together.
#[derive(Clone, Debug)]
pub(crate) struct Waits {
    strangers: Queue,
    members: Queue,
}

/// Who waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    Stranger,
    Member,
}

/// A chain's finality.
#[derive(Debug)]
pub(crate) struct Finality {
    policy: WitnessPolicy,
    waits: Waits,
    latest: watch::Sender<Option<SignedCheckpoint>>,
    grown: Notify,
    witnesses: Vec<WitnessPeer>,
    /// The names of those that have not countersigned what they were asked for last.
    lacking: Mutex<BTreeSet<String>>,
    /// Set once they were asked how much of the chain they have seen.
    probed: OnceCell<()>,
    pub(crate) vitals: Vitals,
}

/// A witness of a chain, and how to reach it.
pub(crate) struct WitnessPeer {
    name: String,
    public: SigningPublicKey,
    client: Arc<PlainClient>,
    /// Entries that it countersigned last, as far as is known.
    size: Mutex<u64>,
}

/// Why a witness did not countersign.
#[derive(Debug, thiserror::Error)]
enum NotCountersigned {
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    #[error("it answered {status}: {body}")]
    Refused { status: u16, body: String },
    #[error("it countersigned {theirs} entries, more than the {ours} that are here")]
    Behind { theirs: u64, ours: u64 },
    #[error("what it answered is no countersignature: {0}")]
    Malformed(String),
    #[error(transparent)]
    Own(#[from] nacre_ledger::log::LogError),
}

impl Finality {
    /// Of a chain with that policy, by those of its witnesses that can be reached; the last final checkpoint is what an
    /// earlier life kept.
    pub(crate) fn new(
        policy: WitnessPolicy,
        latest: Option<SignedCheckpoint>,
        waits: Waits,
        witnesses: Vec<WitnessPeer>,
    ) -> Self {
        let (latest, grown) = (watch::Sender::new(latest), Notify::new());
        Self {
            policy,
            waits,
            latest,
            grown,
            witnesses,
            lacking: Mutex::default(),
            probed: OnceCell::new(),
            vitals: Vitals::default(),
        }
    }

    /// Whether any witness can be asked for anything.
    pub(crate) fn has_peers(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// Whether any witness is listed.
    pub(crate) fn is_witnessed(&self) -> bool {
        self.policy.needed() > 0
    }

    /// The last final checkpoint.
    pub(crate) fn latest(&self) -> Option<SignedCheckpoint> {
        self.latest.borrow().clone()
    }

    fn lacking(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the log has grown.
    pub(crate) fn grown(&self) {
        self.grown.notify_one();
    }

    /// A final checkpoint of that many entries or more. Waits for one, if there is a place to wait; none after a while.
    async fn wait(&self, size: u64, asker: Asker) -> Result<Option<SignedCheckpoint>, Refusal> {
        let enough = |note: &Option<SignedCheckpoint>| note.as_ref().is_some_and(|note| note.unverified().size >= size);
        if let Some(note) = self.latest().filter(|note| note.unverified().size >= size) {
            return Ok(Some(note));
        }
        let _place = match asker {
            Asker::Stranger => self.waits.strangers.enter()?,
            Asker::Member => self.waits.members.enter()?,
        };
        let mut latest = self.latest.subscribe();
        Ok(match tokio::time::timeout(PATIENCE, latest.wait_for(enough)).await {
            Ok(Ok(note)) => note.clone(),
            _ => None,
        })
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self { strangers: Queue::new(WAITING_STRANGERS), members: Queue::new(WAITING_MEMBERS) }
    }
}

impl WitnessPeer {
    /// That witness, at that address.
    pub(crate) fn new(witness: &Witness, url: &str, tls: &ClientTls) -> Result<Self, ClientError> {
        let client = PlainClient::new(url, WITNESS_TIMEOUT, limits::MAX_NOTE_BYTES, tls)?;
        let (name, public) = (witness.name.to_string(), witness.signing_key);
        Ok(Self { name, public, client: Arc::new(client), size: Mutex::new(0) })
    }

    /// Learns how much of the chain it has countersigned: any other size than the one it is told is answered as a conflict.
    async fn probe(&self, checkpoint: SignedCheckpoint) -> Result<(), NotCountersigned> {
        let ours = checkpoint.unverified().size;
        self.learn(ours);
        let body = Submission { old_size: ours, proof: Vec::new(), checkpoint }.to_text();
        let answer = self.client.ask(ADD_CHECKPOINT, &(), &body).await?;
        match answer.status.as_u16() {
            200 => Ok(()),
            409 => {
                let theirs = size_of(&answer)?;
                self.learn(theirs);
                if theirs > ours { Err(NotCountersigned::Behind { theirs, ours }) } else { Ok(()) }
            }
            status => Err(refused(status, &answer)),
        }
    }

    fn known(&self) -> u64 {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, size: u64) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
    }

    /// Has the checkpoint countersigned, and gives the signature lines.
    async fn countersign(&self, chain: &Chain, checkpoint: &SignedCheckpoint) -> Result<String, NotCountersigned> {
        let ours = checkpoint.unverified().size;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let old_size = self.known();
            if old_size > ours {
                return Err(NotCountersigned::Behind { theirs: old_size, ours });
            }
            let proof = if old_size == 0 { Vec::new() } else { chain.try_consistency(old_size, ours)? };
            let body = Submission { old_size, proof, checkpoint: checkpoint.clone() }.to_text();
            let answer = self.client.ask(ADD_CHECKPOINT, &(), &body).await?;
            match answer.status.as_u16() {
                200 => {
                    self.learn(ours);
                    return Ok(answer.body);
                }
                409 if attempts < ATTEMPTS => {
                    let theirs = size_of(&answer)?;
                    if theirs == old_size {
                        return Err(refused(409, &answer));
                    }
                    self.learn(theirs);
                }
                status => return Err(refused(status, &answer)),
            }
        }
    }
}

impl fmt::Debug for WitnessPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessPeer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The size in a conflict.
fn size_of(answer: &PlainResponse) -> Result<u64, NotCountersigned> {
    let malformed = |_| NotCountersigned::Malformed("a conflict without its size".to_owned());
    answer.body.trim_end().parse().map_err(malformed)
}

fn refused(status: u16, answer: &PlainResponse) -> NotCountersigned {
    NotCountersigned::Refused { status, body: answer.body.chars().take(300).collect() }
}

/// Asks the witnesses how much of the chain they have seen. Those that do not answer at once are taken to have seen no more
/// than is here, which the register beside the log vouches for.
async fn probe(chain: &Chain) {
    let asked = chain.finality().witnesses.iter().map(|witness| async move {
        match tokio::time::timeout(PROBE_TIMEOUT, witness.probe(chain.checkpoint())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => note_failure(chain, witness, &error),
            Err(_) => {
                let (id, name, after_s) = (chain.id(), &witness.name, PROBE_TIMEOUT.as_secs());
                tracing::warn!(chain = %id, witness = name, after_s, "it did not say how much it has seen");
            }
        }
    });
    future::join_all(asked).await;
}

/// Has every new checkpoint of the chain countersigned, for as long as the task lives.
pub(crate) async fn follow(chain: Arc<Chain>, store: Store) {
    chain.probed().await;
    let finality = chain.finality();
    let mut pauses = PAUSES;
    loop {
        let checkpoint = chain.checkpoint();
        let done = finality.latest().map_or(0, |note| note.unverified().size);
        if checkpoint.unverified().size <= done || chain.is_read_only() {
            finality.grown.notified().await;
            continue;
        }
        let kept = match round(&chain, checkpoint).await {
            Some(note) => keep(&chain, &store, note).await.map(|()| true),
            None => Ok(false),
        };
        if let Err(error) = &kept {
            tracing::error!(chain = %chain.id(), %error, "a final checkpoint could not be kept");
        }
        match kept {
            Ok(true) => pauses.begin_again(),
            Ok(false) | Err(_) => pauses.wait(None).await,
        }
    }
}

/// Asks all witnesses at once, until a quorum has countersigned.
async fn round(chain: &Chain, checkpoint: SignedCheckpoint) -> Option<SignedCheckpoint> {
    let of_round = checkpoint.clone();
    let Finality { witnesses, policy, .. } = chain.finality();
    *chain.finality().lacking() = witnesses.iter().map(|witness| witness.name.clone()).collect();
    let mut asked: FuturesUnordered<_> = witnesses
        .iter()
        .map(|witness| {
            let asking = witness.countersign(chain, &of_round);
            async move { (witness, asking.await) }
        })
        .collect();
    let mut note = checkpoint;
    while let Some((witness, answer)) = asked.next().await {
        let added = answer.and_then(|lines: String| {
            note.with_cosignature(&lines, &witness.name, &witness.public)
                .map_err(|error| NotCountersigned::Malformed(error.to_string()))
        });
        chain.finality().vitals.asked(&witness.name, added.is_ok());
        match added {
            Ok(added) => {
                note = added;
                chain.finality().lacking().remove(&witness.name);
            }
            Err(error) => note_failure(chain, witness, &error),
        }
        if policy.check(&note).is_ok() {
            return Some(note);
        }
    }
    None
}

fn note_failure(chain: &Chain, witness: &WitnessPeer, error: &NotCountersigned) {
    let (id, name) = (chain.id(), &witness.name);
    if matches!(error, NotCountersigned::Behind { .. }) {
        let reason = format!(
            "the witness {name}: {error}. The data folder was put back to an older state: nothing is signed over it. \
             Restore the newest copy, or mirror the chain from a full witness"
        );
        tracing::error!(chain = %id, reason, "the chain takes nothing more");
        chain.refuse_writes(&reason);
    } else {
        tracing::warn!(chain = %id, witness = name, %error, "a checkpoint was not countersigned");
    }
}

/// Keeps a final checkpoint, then lets it be seen.
async fn keep(chain: &Chain, store: &Store, note: SignedCheckpoint) -> Result<(), ExchangeError> {
    let size = note.unverified().size;
    let mut writing = store.begin().await?;
    store::final_checkpoint::insert(&mut writing, chain.id(), size, note.as_str()).await?;
    store.commit(writing).await?;
    chain.finality().latest.send_replace(Some(note));
    chain.finality().vitals.became_final();
    Ok(())
}

impl Chain {
    /// Waits until the witnesses were asked how much of the chain they have seen: for [`PROBE_TIMEOUT`] at most, and once in
    /// the life of the process. From then on an old copy takes nothing.
    pub(crate) async fn probed(&self) {
        self.finality().probed.get_or_init(|| probe(self)).await;
    }

    /// A checkpoint that answers to members can stand on: final, and of that many entries or more. Waits for one.
    pub(crate) async fn agreed(&self, size: u64) -> Result<SignedCheckpoint, Refusal> {
        self.agreed_for(Asker::Member, size).await
    }

    /// The same, for whoever asks.
    pub(crate) async fn agreed_for(&self, asker: Asker, size: u64) -> Result<SignedCheckpoint, Refusal> {
        if !self.finality().is_witnessed() {
            return Ok(self.checkpoint());
        }
        self.finality().wait(size, asker).await?.ok_or_else(|| self.not_final(size))
    }

    /// That no checkpoint of that many entries is final yet, and for want of which witnesses.
    pub(crate) fn not_final(&self, size: u64) -> Refusal {
        let lacking = self.finality().lacking().iter().cloned().collect();
        Refusal::NotFinal { chain: self.id().clone(), size, lacking }
    }

    /// The last such checkpoint, of however many entries.
    pub(crate) fn last_agreed(&self) -> Option<SignedCheckpoint> {
        if self.finality().is_witnessed() { self.finality().latest() } else { Some(self.checkpoint()) }
    }
}
