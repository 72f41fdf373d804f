//! An evaluator, open: what it was given is checked before it serves.
//!
//! Kept true: it signs with the key it was admitted with, computes with the keys that the trust root names, and knows an
//! exchange for every chain that a request can name. Errors: [`OpenError`]. Cost: that of loading the keys ([`crate::keys`]).

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
    members::{Members, MembersError},
    server::{Gatekeeper, GatekeeperError},
};
use nacre_fhe::matching;
use nacre_hosting::{
    file::FileError,
    folder::{DataFolder, FolderError},
    key::{self, KeyFileError},
    trust::{self, TrustError},
};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Document as _, Signed,
    cross::CrossDelivery,
    id::{ChainId, MemberId},
    membership::{MemberRole, Membership},
};
use nacre_verifier::{Failure, Network, cross, membership};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{config::Config, folder, inputs, jobs::Registry, keys::Keys};

// A chain's inputs that the limits let through fit a response.
const _: () = assert!(matching::MAX_LISTS * nacre_schemas::cross::MASK_BYTES <= CrossDelivery::MAX_BYTES);

/// Jobs whose inputs are fetched at a time.
const FETCHING: usize = 2;

/// Why an evaluator does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The network has no cross lane, or its own admission is for something else.
    #[error(transparent)]
    Network(#[from] Failure),
    /// The admissions of members.
    #[error("the members: {0}")]
    Members(#[from] MembersError),
    /// Its own URL, or this machine's randomness.
    #[error(transparent)]
    Gatekeeper(#[from] GatekeeperError),
    /// A key, which may not be the one it was admitted with.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// It was never admitted.
    #[error("{0} is not among the members")]
    NotAdmitted(MemberId),
    /// The folder of jobs is another's.
    #[error(
        "{} belongs to another evaluator or network ({owner}): give `data` a folder of its own; nothing was changed",
        .path.display()
    )]
    OtherOwner {
        /// The folder.
        path: PathBuf,
        /// Its network, that one's collective key, and the member.
        owner: String,
    },
    /// The trust root names other keys of the cross lane.
    #[error("the evaluation keys are not those that the trust root names")]
    OtherEvaluationKeys,
    /// The configuration does not say where a chain is.
    #[error("`[exchanges]` does not say where {0} is; an evaluator asks every regional chain of its network")]
    NoExchange(ChainId),
    /// The configuration names a chain that the trust root does not have.
    #[error("`[exchanges]` names {0}, which is no chain of the trust root")]
    UnknownChain(ChainId),
    /// An exchange cannot be called.
    #[error("the exchange of {chain}: {error}")]
    Exchange {
        /// The chain.
        chain: ChainId,
        /// Why not.
        error: ClientError,
    },
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There are no threads to compute on.
    #[error("no threads to compute on: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// An evaluator.
pub struct Evaluator {
    pub(crate) network: Network,
    pub(crate) admission: Signed<Membership>,
    pub(crate) signing_key: SigningKey,
    pub(crate) gatekeeper: Arc<Gatekeeper>,
    pub(crate) exchanges: BTreeMap<ChainId, Client>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) threads: rayon::ThreadPool,
    pub(crate) keep_inputs: bool,
    /// Jobs that are not finished, at most.
    pub(crate) queue: usize,
    pub(crate) folders: folder::Jobs,
    pub(crate) registry: Mutex<Registry>,
    /// Taken in turn, so jobs come in the order they were asked in.
    pub(crate) fetching: Semaphore,
    /// One.
    pub(crate) computing: Semaphore,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    /// Held for as long as jobs are worked at: another process would take what is under way for what a crash left.
    _folder: DataFolder,
}

impl Evaluator {
    /// Checks what it was given. Jobs are taken up by [`Evaluator::resume`].
    pub fn open(config: &Config, keys: Arc<Keys>) -> Result<Arc<Self>, OpenError> {
        let network = trust::read(&config.trust)?;
        let known = &cross::lane(&network)?.keys;
        let parameters = keys.evaluation.parameters().name;
        if known.evaluation_keys != keys.digest || known.parameters.as_str() != parameters {
            return Err(OpenError::OtherEvaluationKeys);
        }
        let members = Arc::new(Members::load(&config.members, &network)?);
        let admission = members.find(&config.member).ok_or_else(|| OpenError::NotAdmitted(config.member.clone()))?;
        let admission = admission.clone();
        membership::check_role(&admission.statement, MemberRole::Evaluator, &cross::main_chain())?;
        let known = &admission.statement.signing_key;
        let signing_key = key::read_signing_of(&config.signing_key, known, &config.member)?;
        let access_key = Arc::new(members.read_access_key(&config.member, &config.access_key)?);
        let exchanges = open_exchanges(config, &network, &access_key)?;
        let taken = DataFolder::take(&config.data)?;
        let opened = folder::Jobs::open(&config.data, &folder::Owner::of(&network, &config.member))?;
        let folders = opened.map_err(|owner| OpenError::OtherOwner { path: config.data.to_path_buf(), owner })?;
        let threads = config.threads.map_or(0, NonZeroUsize::get);
        Ok(Arc::new(Self {
            gatekeeper: Arc::new(Gatekeeper::new(&config.url, members)?),
            threads: rayon::ThreadPoolBuilder::new().num_threads(threads).build()?,
            keep_inputs: config.keep_inputs,
            queue: config.queue.get(),
            registry: Mutex::default(),
            fetching: Semaphore::new(FETCHING),
            computing: Semaphore::new(1),
            tasks: Mutex::default(),
            network,
            admission,
            signing_key,
            exchanges,
            keys,
            folders,
            _folder: taken,
        }))
    }

    /// The name it was admitted under.
    pub fn name(&self) -> &MemberId {
        &self.admission.statement.member
    }
}

/// A client for each chain named; every regional one must be.
fn open_exchanges(
    config: &Config,
    network: &Network,
    access_key: &Arc<AccessKey>,
) -> Result<BTreeMap<ChainId, Client>, OpenError> {
    let mut regional = network.root().chains.iter().filter(|chain| chain.region.is_some()).map(|chain| &chain.id);
    if let Some(chain) = regional.find(|id| !config.exchanges.contains_key(*id)) {
        return Err(OpenError::NoExchange(chain.clone()));
    }
    let tls = config.tls.read().map_err(KeyFileError::from)?;
    let mut clients = BTreeMap::new();
    for (chain, url) in &config.exchanges {
        network.root().chain(chain).ok_or_else(|| OpenError::UnknownChain(chain.clone()))?;
        let client = Client::new(url, config.member.clone(), Arc::clone(access_key), &tls)
            .map(|client| client.timeout(inputs::TIMEOUT))
            .map_err(|error| OpenError::Exchange { chain: chain.clone(), error })?;
        clients.insert(chain.clone(), client);
    }
    Ok(clients)
}
