//! One hosted chain: its log, its key, its facts from the trust root, and the locks that order what changes it.
//!
//! Kept true: only this process has the log open; entries go in whole submissions; what is read back decodes, or the
//! chain is [`ExchangeError::Inconsistent`]. Of [`Chain::sealing`] and [`Chain::documents`] a task holds one at most, and
//! `applied` is taken last, so none waits for another in a circle.
//!
//! After an append that failed it is not known what the log has. So each kind of append (seals and erasures, documents,
//! admissions) is made by one task at a time, which first has the log recovered if it failed ([`Chain::recovered`]), then
//! looks, and then appends: it never decides by a state in which the fate of its own kind's entries was open.
//!
//! Cost: an append is one place in the log's group commit; reading an entry is one read of its file.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::AtomicU64,
};

use nacre_ledger::{
    log::{Log, LogError, LogOptions},
    note::SignedCheckpoint,
    signing::SigningKey,
    tile::TilePath,
};
use nacre_schemas::{
    Digest, Document as _, SigningPublicKey,
    dossier::{Inclusion, Note},
    entry::{Entry, SealEntry},
    id::ChainId,
    topology::ChainKind,
    trust,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    error::{Error, ExchangeError},
    finality::Finality,
    intake::admission::Admissions,
    refusal::Refusal,
};

/// A hosted chain.
#[derive(Debug)]
pub(crate) struct Chain {
    facts: trust::Chain,
    log: Log,
    key: SigningKey,
    finality: Finality,
    /// Where verified batches gather to be appended.
    pub(crate) admissions: Admissions,
    sealing: Mutex<()>,
    documents: Mutex<()>,
    /// Leaves that the derived tables have followed; held while they follow.
    pub(crate) applied: Mutex<u64>,
    /// The same number, to be read without the lock.
    pub(crate) applied_leaves: AtomicU64,
}

/// What a chain is opened with, beside its log.
pub(crate) struct Opening {
    pub(crate) facts: trust::Chain,
    /// Its key, twice, for a key has no copies: for checkpoints, in the log's writer, and for the sums of groups.
    pub(crate) keys: (SigningKey, SigningKey),
    /// Leaves that the derived tables have followed.
    pub(crate) applied: u64,
    /// Those that earlier trust roots name for it.
    pub(crate) earlier_keys: Vec<SigningPublicKey>,
    pub(crate) admissions: Admissions,
    pub(crate) finality: Finality,
}

/// The chains' logs, in the data folder: a folder each.
const CHAINS: &str = "chains";

/// Where a chain's log lies in the data folder.
pub fn log_folder(data: &Path, chain: &ChainId) -> PathBuf {
    data.join(CHAINS).join(chain.slug())
}

/// A chain's register, in the folder of all.
pub fn register_file(registers: &Path, chain: &ChainId) -> PathBuf {
    registers.join(chain.slug())
}

impl Chain {
    /// Opens the chain's log in the data folder, or creates it, and its register, in the folder of all. Blocks: the end of the
    /// log is read and checked.
    pub(crate) fn open(data: &Path, registers: &Path, origin: &str, opening: Opening) -> Result<Self, ExchangeError> {
        let Opening { facts, keys: (signer, key), applied, earlier_keys, admissions, finality } = opening;
        let failed = |source| ExchangeError::Log { chain: facts.id.clone(), source: Box::new(source) };
        let register = Some(register_file(registers, &facts.id));
        let options = LogOptions { register, earlier_keys, ..LogOptions::default() };
        let log = Log::open(&log_folder(data, &facts.id), origin, signer, options).map_err(failed)?;
        let chain = Self {
            facts,
            log,
            key,
            finality,
            admissions,
            sealing: Mutex::default(),
            documents: Mutex::default(),
            applied: Mutex::new(applied),
            applied_leaves: AtomicU64::new(applied),
        };
        if applied > chain.size() {
            // What the log cannot show any more is what is wrong, if it says so.
            if let Some(why) = chain.log.read_only() {
                return Err(chain.failed(LogError::ReadOnly { why: why.to_owned() }));
            }
            return Err(chain.inconsistent(applied, "the tables have followed more entries than the log has"));
        }
        Ok(chain)
    }

    /// What the trust root says of it.
    pub(crate) fn facts(&self) -> &trust::Chain {
        &self.facts
    }

    /// How far its witnesses agree on it.
    pub(crate) fn finality(&self) -> &Finality {
        &self.finality
    }

    /// Its name.
    pub(crate) fn id(&self) -> &ChainId {
        &self.facts.id
    }

    /// Whether requests are logged on it: it is a main chain.
    pub(crate) fn is_main(&self) -> bool {
        self.facts.id.kind() == Some(ChainKind::Main)
    }

    /// Its key, for its word on group sums.
    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Entries committed.
    pub(crate) fn size(&self) -> u64 {
        self.log.size()
    }

    /// The right to close an epoch or erase, held while that is done: so seals follow each other.
    pub(crate) async fn sealing(&self) -> Result<MutexGuard<'_, ()>, ExchangeError> {
        let alone = self.sealing.lock().await;
        self.recovered().await?;
        Ok(alone)
    }

    /// The right to log a document, held while that is done: so none is logged twice.
    pub(crate) async fn documents(&self) -> Result<MutexGuard<'_, ()>, ExchangeError> {
        let alone = self.documents.lock().await;
        self.recovered().await?;
        Ok(alone)
    }

    /// Has the log recovered, if a write to it failed. To be called before what an append depends on is looked up.
    pub(crate) async fn recovered(&self) -> Result<(), ExchangeError> {
        if self.log.is_failing() {
            self.log.recover().await.map_err(|error| self.failed(error))?;
            // It may have more than was published.
            self.finality.grown();
        }
        Ok(())
    }

    /// Appends the entries next to each other; when this returns they are durable and signed for. Says where the first
    /// stands. On an error they may be in the log or not, and the log takes nothing more until it was recovered. The first
    /// after a start waits for the witnesses' word that nothing longer was seen.
    pub(crate) async fn append(&self, entries: &[Entry]) -> Result<u64, ExchangeError> {
        self.probed().await;
        let bytes = entries.iter().map(Entry::to_canonical).collect();
        let appended = self.log.append(bytes).await.map_err(|error| self.failed(error))?;
        self.finality.grown();
        Ok(appended.first)
    }

    /// The entries of the range, in order; all of it must be committed.
    pub(crate) async fn entries(&self, range: Range<u64>) -> Result<Vec<Entry>, ExchangeError> {
        let (log, wanted) = (self.log.clone(), range.clone());
        let read = tokio::task::spawn_blocking(move || log.entries(wanted, usize::MAX)).await;
        let bytes = read.map_err(|_| ExchangeError::Panicked)?.map_err(|error| self.failed(error))?;
        range.zip(bytes).map(|(leaf, bytes)| self.decode(leaf, &bytes)).collect()
    }

    fn decode(&self, leaf: u64, bytes: &[u8]) -> Result<Entry, ExchangeError> {
        Entry::from_canonical(bytes).map_err(|error| self.inconsistent(leaf, error))
    }

    /// The seal whose entry stands at the leaf.
    pub(crate) fn seal_at(&self, leaf: u64) -> Result<SealEntry, ExchangeError> {
        let bytes = self.log.entry(leaf).map_err(|error| self.failed(error))?;
        match self.decode(leaf, &bytes)? {
            Entry::Seal(seal) => Ok(seal),
            other => Err(self.inconsistent(leaf, format!("a {} stands where the tables have a seal", other.kind()))),
        }
    }

    /// Hash of a leaf.
    pub(crate) fn leaf_hash(&self, leaf: u64) -> Result<Digest, ExchangeError> {
        self.log.leaf_hash(leaf).map_err(|error| self.failed(error))
    }

    /// The latest checkpoint.
    pub(crate) fn checkpoint(&self) -> SignedCheckpoint {
        self.log.checkpoint()
    }

    /// The first checkpoint that covers the leaf: the same whenever it is asked for.
    pub(crate) fn checkpoint_covering(&self, leaf: u64) -> Result<SignedCheckpoint, ExchangeError> {
        self.log.checkpoint_covering(leaf).map_err(|error| self.failed(error))
    }

    /// The place of a leaf under the checkpoint of that size, both known to be committed.
    pub(crate) fn inclusion(&self, leaf: u64, size: u64) -> Result<Inclusion, ExchangeError> {
        self.try_inclusion(leaf, size).map_err(|error| self.failed(error))
    }

    /// The same for numbers that a stranger chose.
    pub(crate) fn try_inclusion(&self, leaf: u64, size: u64) -> Result<Inclusion, LogError> {
        Ok(Inclusion { leaf, proof: self.log.inclusion(leaf, size)? })
    }

    /// Proof that the log of one size extends that of another, for numbers that a stranger chose.
    pub(crate) fn try_consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, LogError> {
        self.log.consistency(from, to)
    }

    /// A checkpoint as messages carry it.
    pub(crate) fn note(&self, checkpoint: &SignedCheckpoint) -> Result<Note, ExchangeError> {
        let size = checkpoint.unverified().size;
        checkpoint.as_str().parse().map_err(|error| self.inconsistent(size, error))
    }

    /// Takes nothing more: a witness has seen more of the chain than is here.
    pub(crate) fn refuse_writes(&self, reason: &str) {
        self.log.refuse_writes(reason);
    }

    /// Whether the log takes no entries.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only().is_some()
    }

    /// Why the log takes no entries, if it takes none.
    pub(crate) fn read_only(&self) -> Option<&str> {
        self.log.read_only()
    }

    /// A tile or bundle that a stranger named.
    pub(crate) fn tile(&self, path: TilePath) -> Result<Vec<u8>, Error> {
        let read = match path {
            TilePath::Hashes { level, index, width } => self.log.tile(level, index, width),
            TilePath::Entries { index, width } => self.log.bundle(index, width),
        };
        read.map_err(|error| match error {
            LogError::NotCommitted { .. } | LogError::NoTile(_) => Refusal::NotInLog(error.to_string()).into(),
            other => self.failed(other).into(),
        })
    }

    /// A failure of the log.
    pub(crate) fn failed(&self, source: LogError) -> ExchangeError {
        ExchangeError::Log { chain: self.facts.id.clone(), source: Box::new(source) }
    }

    /// A contradiction at the leaf.
    pub(crate) fn inconsistent(&self, leaf: u64, what: impl ToString) -> ExchangeError {
        ExchangeError::Inconsistent { chain: self.facts.id.clone(), leaf, what: what.to_string() }
    }
}
