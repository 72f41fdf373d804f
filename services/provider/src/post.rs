//! Posting, top-down: agree with the exchange, read the files, name the people of what is new, seal it, put it in the outbox, send
//! what is queued.
//!
//! Kept true: nothing is sealed that the exchange is known to refuse (`agreement`); an exchange that is away holds up sending, not
//! sealing; a batch is on disk before it is on the wire, and is sent in the same bytes until the exchange has
//! answered for it; a receipt counts once [`nacre_verifier::receipt::check`] has found it to hold; a month that was
//! posted is never sealed again. A crash at any point is mended by running again.
//!
//! Cost: some 5 ms of one core a new record, on rayon's threads; one transaction a batch; two batches in flight.

pub(crate) mod agreement;
mod deliver;
pub(crate) mod run;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use nacre_access::client::ClientError;
use nacre_fhe::keys::PublicKey;
use nacre_hosting::{
    key::KeyFileError,
    trust::{self, TrustError},
};
use nacre_reading::{PrepareError, Progress};
use nacre_schemas::{id::ChainId, region::Region};
use nacre_verifier::{Failure, Network, cross};

pub use agreement::{ClockLead, Disagreement};
pub use deliver::{MAX_ATTEMPTS, MAX_IN_FLIGHT};

use crate::{
    config::Config,
    keys::Keys,
    outbox::{Outbox, OutboxError, owner::Owner, receipt::StoredReceipt},
    pseudonyms::PseudonymsError,
    seal::batch::{SealError, Sealer},
    summary::PostSummary,
};

/// Why nothing could be posted, or no more than was. What the exchange does is in the [`PostSummary`] instead.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The trust root's file.
    #[error(transparent)]
    TrustFile(#[from] TrustError),
    /// The trust root lacks what posting takes.
    #[error("the trust root: {0}")]
    Trust(#[from] Failure),
    /// The cross lane's public key.
    #[error("{}: {detail}", path.display())]
    CrossKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// It knows no such chain.
    #[error("the trust root knows no chain {0}")]
    NoChain(ChainId),
    /// The chain serves another region, or none.
    #[error("{chain} does not serve region {region}")]
    OtherRegion {
        /// The chain.
        chain: ChainId,
        /// The region configured.
        region: Region,
    },
    /// The exchange would take nothing of what was about to be sealed.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// The files or the register of people cannot be read.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Something cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// People cannot be named as configured.
    #[error(transparent)]
    Pseudonyms(#[from] PseudonymsError),
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The client cannot be set up.
    #[error("the exchange's client: {0}")]
    Client(ClientError),
    /// A thread was lost: the process is ending, or there is a defect.
    #[error("work was cut short: {0}")]
    Interrupted(String),
}

/// Posts what the files or folders come to, and whatever earlier runs left queued.
pub async fn post(config: &Config, paths: &[PathBuf], progress: &dyn Progress) -> Result<PostSummary, PostError> {
    post_at(config, paths, Timestamp::now(), progress).await
}

/// The same as if it were that time.
pub async fn post_at(
    config: &Config,
    paths: &[PathBuf],
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<PostSummary, PostError> {
    let sealer = Arc::new(sealer(config)?);
    let outbox = Outbox::open(&config.data, &sealer.owner()).await?;
    let lock = outbox.lock()?;
    let posted = match run::Run::new(sealer, &outbox, progress, MAX_ATTEMPTS) {
        Ok(run) => run.all(paths, now).await,
        Err(error) => Err(error),
    };
    outbox.close().await;
    drop(lock);
    posted
}

/// Everything that sealing for that provider takes, checked against the trust root.
pub(crate) fn sealer(config: &Config) -> Result<Sealer, PostError> {
    let network = trust::read(&config.trust)?;
    check_place(config, &network)?;
    let cross = config.cross_key.as_deref().map(|path| read_cross_key(path, &network)).transpose()?;
    Ok(Sealer { config: config.clone(), keys: Keys::read(config)?, network, cross })
}

/// The receipts of everything that was posted.
pub async fn receipts(config: &Config) -> Result<Vec<StoredReceipt>, PostError> {
    let outbox = Outbox::open(&config.data, &Owner::configured(config)).await?;
    let listed = outbox.receipts().await;
    outbox.close().await;
    Ok(listed?)
}

/// Reads the cross lane's public key, and compares it with the trust root.
fn read_cross_key(path: &Path, network: &Network) -> Result<PublicKey, PostError> {
    let lane = cross::lane(network)?;
    let wrong = |detail: String| PostError::CrossKey { path: path.to_owned(), detail };
    let file = fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let (key, digest) = PublicKey::read(io::BufReader::new(file)).map_err(|error| wrong(error.to_string()))?;
    if lane.keys.public_key == digest {
        Ok(key)
    } else {
        Err(wrong("not the key of the cross lane that the trust root names".to_owned()))
    }
}

/// That what is about to be sealed would be taken: proofs name the chain and the definitions.
fn check_place(config: &Config, network: &Network) -> Result<(), PostError> {
    let chain = network.root().chain(&config.chain).ok_or_else(|| PostError::NoChain(config.chain.clone()))?;
    if chain.region != Some(config.region) {
        return Err(PostError::OtherRegion { chain: config.chain.clone(), region: config.region });
    }
    Ok(())
}
