//! The rules: what a witness countersigns, and what it answers when it does not.
//!
//! Kept true: a countersignature leaves only for a checkpoint that the chain signed, that extends the last
//! countersigned, and (full) under which everything was checked; it is kept as the last first, in the tables, where it is compared
//! with what it extends and swapped in one write, and in the register beside them ([`crate::register`]). A chain of which the two
//! do not say the same is not countersigned: an alarm. A chain that was seen to
//! sign two checkpoints which cannot both be true is never countersigned again, and the evidence is kept.
//!
//! Errors: [`Answer`], as the protocol has them. Cost: see [`crate`]; submissions of one chain wait for each other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nacre_access::{
    client::{Client, ClientError},
    members::{Members, MembersError},
};
use nacre_hosting::{
    folder::{DataFolder, FolderError},
    key::{self, KeyFileError},
    roots::{Roots, RootsError},
    sqlite,
    trust::{self, TrustError},
};
use nacre_ledger::{
    log::LogError,
    merkle::{ProofError, Sm3Hasher, consistency},
    note::{SignedCheckpoint, Submission},
    signing::SigningKey,
};
use nacre_schemas::{
    SigningPublicKey,
    equivocation::Equivocation,
    id::{ChainId, MemberId},
    problem::Problem,
    trust::WitnessKind,
};
use nacre_verifier::{Network, equivocation};
use tokio::sync::Mutex;

use crate::{
    config::Config,
    mirror::{Mirror, NotMirrored},
    register::{ChainRegister, Kept, Unsettled, answered},
    store::{self, Store, StoreError},
};

/// The trust roots it has gone by, in the data folder: they name the keys that a chain signed with before.
pub(crate) const ROOTS: &str = "roots";
/// How long a submission waits while what is new is checked; what is left goes on with the next.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Why a witness does not serve.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The trust roots that it keeps.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The admissions cannot be had.
    #[error("the members: {0}")]
    Members(#[from] MembersError),
    /// A key, which may not be the one that a chain lists.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No chain of the trust root lists this witness.
    #[error("no chain of the trust root lists {0} as a witness")]
    Unlisted(MemberId),
    /// A full witness has to know where the chain's bodies are.
    #[error("`[exchanges]` does not say where {0} is, of which this is a full witness")]
    NoExchange(ChainId),
    /// An exchange cannot be called.
    #[error("the exchange of {chain}: {error}")]
    Exchange {
        /// The chain.
        chain: ChainId,
        /// Why not.
        error: ClientError,
    },
    /// The data folder, or that of the registers.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A chain's register does not open.
    #[error("the register of {chain}: {error}")]
    Register {
        /// The chain.
        chain: ChainId,
        /// Why not.
        error: LogError,
    },
    /// The tables do not open.
    #[error(transparent)]
    Tables(#[from] sqlite::OpenError),
    /// The tables cannot be read.
    #[error("{file}: {0}", file = store::FILE)]
    Store(#[from] StoreError),
}

/// What is answered instead of a countersignature.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The status of the problem: the call is not of the route's form, or its body did not arrive.
    Unread(Problem),
    /// 400: not a submission.
    Malformed(String),
    /// 403: the chain did not sign the checkpoint, or has equivocated.
    Forbidden(String),
    /// 404: not a chain that this is a witness of.
    UnknownOrigin,
    /// 404: the chain has signed one history only, or is not known.
    NoEvidence,
    /// 409: another size was countersigned last.
    Conflict(u64),
    /// 422: the proof does not hold, or something under the checkpoint does not.
    Refused(String),
    /// 503: what is new could not be checked now.
    Later(String),
    /// 503: what was countersigned before is not certain, and the operator has to see to it.
    Alarm(ChainId),
    /// 500: ours.
    Failed(String),
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self::Unread(problem)
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        Self::Failed(format!("{}: {error}", store::FILE))
    }
}

/// A witness.
pub(crate) struct Witness {
    network: Arc<Network>,
    name: String,
    key: SigningKey,
    store: Store,
    /// By the origin of their checkpoints.
    watched: BTreeMap<String, Watched>,
    /// Held for as long as anything can be countersigned.
    _folder: DataFolder,
}

/// A chain that is witnessed.
pub(crate) struct Watched {
    pub(crate) id: ChainId,
    /// What it signs with, then what it signed with before.
    keys: Vec<SigningPublicKey>,
    /// Held while a submission is worked at.
    working: Mutex<()>,
    /// If this is a full witness of it.
    mirror: Option<Mirror>,
    register: ChainRegister,
    /// Why nothing of it is countersigned, if what was before is not certain.
    alarm: OnceLock<String>,
    pub(crate) size: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) equivocated: AtomicBool,
}

impl Witness {
    /// Checks what it was given, and opens what it kept.
    pub(crate) async fn open(config: &Config) -> Result<Self, OpenError> {
        let tls = config.tls.read().map_err(KeyFileError::from)?;
        let network = Arc::new(trust::read(&config.trust)?);
        let members = Arc::new(Members::load(&config.members, &network)?);
        let key = key::read_signing(&config.signing_key)?;
        let access_key = Arc::new(members.read_access_key(&config.name, &config.access_key)?);
        let folder = DataFolder::take_with_registers(&config.data, &config.registers())?;
        let store = Store::open(&config.data).await?;
        let lineage = Roots::open(&config.data.join(ROOTS), Arc::clone(&network))?.lineage();
        let mut watched = BTreeMap::new();
        for chain in &network.root().chains {
            let Some(listed) = chain.witnesses.iter().find(|witness| witness.name == config.name) else { continue };
            let whose = format!("{} on {}", config.name, chain.id);
            key::check_signing(&config.signing_key, &key, &listed.signing_key, whose)?;
            let mirror = if listed.kind == WitnessKind::Full {
                let url = config.exchanges.get(&chain.id).ok_or_else(|| OpenError::NoExchange(chain.id.clone()))?;
                let client = Client::new(url, config.name.clone(), Arc::clone(&access_key), &tls)
                    .map_err(|error| OpenError::Exchange { chain: chain.id.clone(), error })?;
                let (network, members, store) = (Arc::clone(&network), Arc::clone(&members), store.clone());
                Some(Mirror { chain: chain.clone(), network, members, client, store })
            } else {
                None
            };
            let origin = network.root().origin(&chain.id);
            let register = ChainRegister::open(&config.registers(), &chain.id.slug(), &origin, config.name.as_str())
                .map_err(|error| OpenError::Register { chain: chain.id.clone(), error })?;
            let keys = lineage.signing_keys(&chain.id);
            let watching = Watched::open(chain.id.clone(), &origin, keys, mirror, register, &store).await?;
            watched.insert(origin, watching);
        }
        if watched.is_empty() {
            return Err(OpenError::Unlisted(config.name.clone()));
        }
        Ok(Self { network, name: config.name.to_string(), key, store, watched, _folder: folder })
    }

    pub(crate) async fn close(&self) {
        self.store.close().await;
    }

    /// The chains that are witnessed, by origin.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.watched.values()
    }

    /// The evidence against the chain of that slug, if it has equivocated.
    pub(crate) async fn evidence(&self, slug: &str) -> Result<Option<Equivocation>, StoreError> {
        let Some(watched) = self.watched.values().find(|watched| watched.id.slug() == slug) else { return Ok(None) };
        self.store.equivocation(&watched.id).await
    }

    /// Countersigns what was submitted: the signature line.
    pub(crate) async fn countersign(&self, text: &str) -> Result<String, Answer> {
        let submission = Submission::parse(text).map_err(|error| Answer::Malformed(error.to_string()))?;
        let origin = &submission.checkpoint.unverified().origin;
        let watched = self.watched.get(origin).ok_or(Answer::UnknownOrigin)?;
        let chain = self.network.root().chain(&watched.id).ok_or(Answer::UnknownOrigin)?;
        let signed = submission.checkpoint.verify(origin, origin, &chain.signing_key);
        signed.map_err(|error| Answer::Forbidden(error.to_string()))?;
        let _one_at_a_time = watched.working.lock().await;
        if watched.equivocated.load(Ordering::Acquire) {
            return Err(Answer::Forbidden(format!("{} has signed two histories; see /evidence", watched.id)));
        }
        let outcome = self.countersign_alone(watched, submission).await;
        if let Err(answer @ (Answer::Refused(_) | Answer::Failed(_))) = &outcome {
            watched.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(chain = %watched.id, ?answer, "a checkpoint is not countersigned");
        }
        outcome
    }

    /// What is kept of the chain, if tables and register agree on it.
    async fn settled(&self, watched: &Watched) -> Result<Option<Kept>, Answer> {
        if watched.alarm.get().is_some() {
            return Err(Answer::Alarm(watched.id.clone()));
        }
        let countersigned = self.store.countersigned(&watched.id).await?;
        let kept = Kept::of(countersigned.as_ref(), &self.network.root().origin(&watched.id), &watched.keys);
        let kept = kept.map_err(|error| watched.unsettled(error))?;
        watched.register.settle(kept.as_ref()).await.map_err(|error| watched.unsettled(error))?;
        Ok(kept)
    }

    async fn countersign_alone(&self, watched: &Watched, submission: Submission) -> Result<String, Answer> {
        let last = self.settled(watched).await?.map(|kept| kept.last);
        self.check_extends(watched, last.as_ref(), &submission).await?;
        let checkpoint = submission.checkpoint.unverified();
        if let Some(mirror) = &watched.mirror {
            let advanced = tokio::time::timeout(PATIENCE, mirror.advance(checkpoint)).await;
            match advanced.unwrap_or_else(|_| Err(NotMirrored::Unavailable("it takes longer than this".to_owned()))) {
                Ok(()) => {}
                Err(NotMirrored::Failed(failure)) => return Err(Answer::Refused(failure.to_string())),
                Err(error @ NotMirrored::Unavailable(_)) => return Err(Answer::Later(error.to_string())),
                Err(error) => return Err(Answer::Failed(error.to_string())),
            }
        }
        if last.as_ref().map(answered) != Some(answered(&submission.checkpoint)) {
            if !self.store.countersign(&watched.id, last.as_ref(), &submission.checkpoint).await? {
                return Err(self.overtaken(watched).await);
            }
            // From here on the tables have it. Without the register nothing leaves, and the next submission writes it first.
            let registered = watched.register.write(answered(&submission.checkpoint)).await;
            registered.map_err(|error| watched.unsettled(error))?;
        }
        watched.size.store(checkpoint.size, Ordering::Relaxed);
        let line = submission.checkpoint.cosignature(&self.key, &self.name);
        line.map_err(|error| Answer::Failed(error.to_string()))
    }

    /// Another process countersigned since this one looked: what is the last now.
    async fn overtaken(&self, watched: &Watched) -> Answer {
        tracing::error!(chain = %watched.id, "another process countersigns from the same tables: stop it");
        match self.store.countersigned(&watched.id).await {
            Ok(last) => {
                let last = last.and_then(|last| last.note.parse::<SignedCheckpoint>().ok());
                Answer::Conflict(last.map_or(0, |last| last.unverified().size))
            }
            Err(error) => error.into(),
        }
    }

    /// The checkpoint extends the last countersigned, by the proof submitted.
    async fn check_extends(
        &self,
        watched: &Watched,
        last: Option<&SignedCheckpoint>,
        submission: &Submission,
    ) -> Result<(), Answer> {
        let new = submission.checkpoint.unverified();
        if submission.old_size > new.size {
            return Err(Answer::Malformed(format!("a proof from {} to {} entries", submission.old_size, new.size)));
        }
        let Some(last) = last else {
            let first = submission.old_size == 0 && submission.proof.is_empty();
            return if first { Ok(()) } else { Err(Answer::Conflict(0)) };
        };
        let old = last.unverified();
        if new.size == old.size && new.root != old.root {
            self.convict(watched, last, submission, new.root).await?;
            return Err(Answer::Conflict(old.size));
        }
        if submission.old_size != old.size {
            return Err(Answer::Conflict(old.size));
        }
        match consistency::verify::<Sm3Hasher>(old.size, &old.root, new.size, &new.root, &submission.proof) {
            Ok(()) => Ok(()),
            Err(error) => {
                let earlier = consistency::earlier_root::<Sm3Hasher>(old.size, new.size, &new.root, &submission.proof);
                if let Some(root) = earlier.filter(|_| error == ProofError::RootMismatch) {
                    self.convict(watched, last, submission, root).await?;
                }
                Err(Answer::Refused(format!("the proof that it extends {} entries: {error}", old.size)))
            }
        }
    }

    /// Keeps the evidence that the chain signed two histories, if it is any.
    async fn convict(
        &self,
        watched: &Watched,
        last: &SignedCheckpoint,
        submission: &Submission,
        root: nacre_schemas::Digest,
    ) -> Result<(), Answer> {
        let same_size = last.unverified().size == submission.checkpoint.unverified().size;
        let proof = if same_size { Vec::new() } else { submission.proof.clone() };
        let evidence = equivocation::find(&watched.id, last, &submission.checkpoint, root, proof, &self.network);
        let Some(evidence) = evidence else { return Ok(()) };
        self.store.convict(&evidence).await?;
        watched.equivocated.store(true, Ordering::Release);
        tracing::error!(chain = %watched.id, "the chain has signed two histories; it is countersigned no more");
        Ok(())
    }
}

impl Watched {
    async fn open(
        id: ChainId,
        origin: &str,
        keys: Vec<SigningPublicKey>,
        mirror: Option<Mirror>,
        register: ChainRegister,
        store: &Store,
    ) -> Result<Self, OpenError> {
        let countersigned = store.countersigned(&id).await?;
        let equivocated = AtomicBool::new(store.equivocation(&id).await?.is_some());
        let (size, refused, alarm) = (AtomicU64::new(0), AtomicU64::new(0), OnceLock::new());
        let watched = Self { id, keys, working: Mutex::default(), mirror, register, alarm, size, refused, equivocated };
        let kept = match Kept::of(countersigned.as_ref(), origin, &watched.keys) {
            Ok(kept) => {
                watched.size.store(kept.as_ref().map_or(0, |kept| kept.last.unverified().size), Ordering::Relaxed);
                watched.register.settle(kept.as_ref()).await
            }
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => Ok(watched),
            Err(Unsettled::Register(error)) => Err(OpenError::Register { chain: watched.id, error }),
            Err(error) => {
                watched.unsettled(error);
                Ok(watched)
            }
        }
    }

    /// Raises the alarm, if it is one. What to answer.
    fn unsettled(&self, error: Unsettled) -> Answer {
        match error {
            Unsettled::Alarm(why) => {
                tracing::error!(chain = %self.id, why, "ALARM: the chain is not countersigned");
                self.alarm.get_or_init(|| why);
                Answer::Alarm(self.id.clone())
            }
            error => Answer::Failed(error.to_string()),
        }
    }

    /// Why nothing of it is countersigned, if what was countersigned before is not certain.
    pub(crate) fn alarm(&self) -> Option<&str> {
        self.alarm.get().map(String::as_str)
    }

    /// Whether this is a full witness of it.
    pub(crate) fn is_full(&self) -> bool {
        self.mirror.is_some()
    }
}
