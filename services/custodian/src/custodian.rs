//! A custodian, running: check → confirm, check → decide → share, or check → decide alone for a preview; then record, then
//! send.
//!
//! Kept true: nothing signed leaves before it is durable in the custodian's own log; a share is made only after all
//! parts of [`crate::check`] held, the word of every chain's own custodians among them. What is nobody's fault (an exchange of its own that cannot be reached) ends in a
//! [`Problem`] and not in a signed refusal.
//!
//! Errors: [`OpenError`] when it starts, [`Problem`] to callers. Cost: see [`crate::check`] and [`crate::share`]; all
//! of it away from the async threads.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
    members::{Members, MembersError},
    server::{Gatekeeper, GatekeeperError},
};
use nacre_hosting::{
    file::FileError,
    key::{self, KeyFile, KeyFileError},
    roots::{Roots, RootsError},
    secret,
    trust::{self, TrustError},
};
use nacre_schemas::{
    Digest, Document as _, Point, Signed,
    answer::{Answer, CustodianId, Refusal, Verdict},
    cell::ChainDetails,
    confirmation::{Confirmation, Finding},
    cross::{CrossAnswer, CrossSubmission},
    dossier::{ChainEvidence, ChainSums, LoggedRequest, NumbersRequest, Submission},
    id::{ChainId, MemberId},
    measure::Domain,
    membership::Membership,
    preview::Preview,
    problem::Problem,
    query::{Request, SignedRequest},
    summand::{SummandDispute, SummandProof},
};
use nacre_verifier::Network;
use nacre_wire::{
    custodian::{CHAIN_UNAVAILABLE, NO_OWN_CHAIN, TOO_MANY_PREVIEWS, UNEXPECTED_CONFIRMATIONS, UNRECORDED},
    exchange::{OfChain, POST_DETAILS},
    problem::{CHECK_FAILED, INTERNAL, READ_ONLY},
};
use nacre_zk::share::SecretShare;

use crate::{
    check::{self, Checked},
    config::Config,
    cross::{CrossShare, ShareFileError},
    fault::Fault,
    history::History,
    own::Own,
    previews::{ChargeError, Previews, Spent},
    pseudonyms::Pseudonyms,
    record::{Record, RecordError, Statement},
    share::Signer,
};

/// How long an exchange may take to show what is behind a chain's cells.
const DETAILS_TIMEOUT: Duration = Duration::from_secs(30);
/// Chains whose details are fetched at a time.
pub(crate) const CONCURRENT_CHAINS: usize = 8;

/// Why a custodian does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A key, or a share of one.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Its share of the cross lane's key.
    #[error(transparent)]
    CrossShare(#[from] ShareFileError),
    /// The admissions of members.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// Its own URL, or this machine's randomness.
    #[error(transparent)]
    Gatekeeper(#[from] GatekeeperError),
    /// The trust root has no such custodian.
    #[error("the trust root has no custodian {0}")]
    Unknown(CustodianId),
    /// It has a share of a pseudonyms' key, and the trust root knows of none.
    #[error("the configuration names a share of a pseudonyms' key, and the trust root has no such key")]
    NoPseudonyms,
    /// The configuration does not say where a chain is.
    #[error("`[exchanges]` does not say where {0} is; a custodian asks every regional and main chain of its network")]
    NoExchange(ChainId),
    /// The configuration names a chain that the trust root does not have.
    #[error("`[exchanges]` names {0}, which is no chain of the trust root")]
    UnknownChain(ChainId),
    /// An exchange's address.
    #[error("`[exchanges]` {chain}: {reason}")]
    Exchange {
        /// The chain.
        chain: ChainId,
        /// What is wrong.
        reason: String,
    },
    /// What the cross lane answers about cannot be taken back.
    #[error(
        "this custodian gave shares of results of the cross lane, and the trust root has none: the tally lane would answer about \
         the same people"
    )]
    LaneDropped,
    /// The trust roots it has gone by.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// What it told in previews, or how far main chains were followed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The custodian's own record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A custodian.
pub struct Custodian {
    network: Arc<Network>,
    pub(crate) signer: Signer,
    /// None if it takes no part.
    pub(crate) pseudonyms: Option<Arc<Pseudonyms>>,
    gatekeeper: Arc<Gatekeeper>,
    exchanges: BTreeMap<ChainId, Client>,
    history: History,
    previews: Arc<Previews>,
    cross: Option<CrossShare>,
    record: Record,
}

/// Why there is no answer, confirmation or preview.
pub(crate) enum Obstacle {
    /// A check failed: a refusal is due.
    Fault(Fault),
    /// It is not the submission's fault.
    Problem(Problem),
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Custodian {
    /// Reads keys, trust root and members, and opens the record. Refuses to start with a key that is not its own.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let network = Arc::new(trust::read(&config.trust)?);
        let custodian = CustodianId { jurisdiction: config.jurisdiction.clone(), number: config.number };
        let signer = read_signer(config, &network, custodian.clone())?;
        let pseudonyms = Pseudonyms::open(config, &network, &custodian)?.map(Arc::new);
        let members = Arc::new(Members::load(&config.members, &network)?);
        let access_key = Arc::new(members.read_access_key(&config.member, &config.access_key)?);
        let exchanges = open_exchanges(config, &network, &access_key)?;
        let gatekeeper = Arc::new(Gatekeeper::new(&config.url, members)?);
        let log_key = key::read_signing(&config.signing_key)?;
        let (name, registers) = (network.root().network.as_str(), config.registers());
        let record = Record::open(&config.data, &registers, name, &custodian, log_key)?;
        let roots = Arc::new(Roots::open(&config.data.join("roots"), Arc::clone(&network))?);
        // What cannot be trusted says nothing, and needs to know of nothing.
        let own = if record.read_only().is_some() { Own::default() } else { record.own()? };
        if own.has_any_crossed() && network.root().cross.is_none() {
            return Err(OpenError::LaneDropped);
        }
        let history = History::open(&config.data, roots, own)?;
        let previews = Arc::new(Previews::open(&config.data, config.preview_groups_per_day)?);
        let cross = read_cross_share(config, &network, &signer.custodian)?;
        Ok(Self { network, signer, pseudonyms, gatekeeper, exchanges, history, previews, cross, record })
    }

    /// That its shares and its signing key are those that the trust root knows it by.
    pub fn check_keys(config: &Config, network: &Network) -> Result<CustodianId, OpenError> {
        let custodian = CustodianId { jurisdiction: config.jurisdiction.clone(), number: config.number };
        let signer = read_signer(config, network, custodian.clone())?;
        Pseudonyms::open(config, network, &custodian)?;
        read_cross_share(config, network, &signer.custodian)?;
        Ok(custodian)
    }

    /// Who it is.
    pub fn id(&self) -> &CustodianId {
        &self.signer.custodian
    }

    /// Refuses everything while its own log takes nothing: a damaged one, an older copy, or one without its register.
    pub(crate) fn check_writable(&self) -> Result<(), Problem> {
        if self.record.read_only().is_none() {
            return Ok(());
        }
        let detail = "the custodian's own log is damaged, was put back to an older state, or has lost its register: it says \
                      nothing until its operator has seen to it";
        Err(READ_ONLY.problem(detail))
    }

    /// Why its own log takes nothing, if it takes nothing.
    pub(crate) fn read_only(&self) -> Option<&str> {
        self.record.read_only()
    }

    /// Entries of its own log.
    pub(crate) fn entries(&self) -> u64 {
        self.record.entries()
    }

    /// Tells callers apart.
    pub(crate) fn gatekeeper(&self) -> &Arc<Gatekeeper> {
        &self.gatekeeper
    }

    /// Its verdict on a submission, recorded. The caller was told apart before.
    pub async fn judge(self: &Arc<Self>, submission: Submission) -> Result<Verdict<Answer>, Problem> {
        let submission = Arc::new(submission);
        let asked = &submission.dossier.logged.request;
        let request = asked.request.digest();
        let verdict = match self.weigh(Arc::clone(&submission)).await {
            Ok(answer) => Verdict::Answered(answer),
            Err(obstacle) => Verdict::Refused(self.refuse(request, obstacle)?),
        };
        self.keep(&request, Statement::of_verdict(&verdict, asked)).await?;
        Ok(verdict)
    }

    /// What it finds of its own chains' sums, recorded. The caller was told apart before.
    pub async fn confirm(self: &Arc<Self>, submission: Submission) -> Result<Finding, Problem> {
        if !submission.confirmations.is_empty() {
            let detail = "who is asked for confirmations is sent none";
            return Err(UNEXPECTED_CONFIRMATIONS.problem(detail));
        }
        let request = submission.dossier.logged.request.request.digest();
        let finding = match self.compare(Arc::new(submission)).await {
            Ok(confirmations) => Finding::Confirmed(confirmations),
            Err(obstacle) => Finding::Refused(self.refuse(request, obstacle)?),
        };
        self.keep(&request, Statement::of_finding(&finding)).await?;
        Ok(finding)
    }

    /// Its shares of a cross result, recorded. The caller was told apart before.
    pub async fn judge_cross(self: &Arc<Self>, submission: CrossSubmission) -> Result<Verdict<CrossAnswer>, Problem> {
        let asked = submission.logged.request.clone();
        let request = asked.digest();
        let verdict = match self.share_cross(submission).await {
            Ok(answer) => Verdict::Answered(answer),
            Err(obstacle) => Verdict::Refused(self.refuse(request, obstacle)?),
        };
        self.keep(&request, Statement::of_cross(&verdict, &asked)).await?;
        Ok(verdict)
    }

    /// The proof of its shares under one summand, for who got other shares from another holder. What was refused is not
    /// proven. The caller was told apart before.
    pub async fn prove_cross(self: &Arc<Self>, dispute: SummandDispute) -> Result<SummandProof, Problem> {
        let SummandDispute { submission, summand } = dispute;
        let proven = async {
            let submission = self.check_cross(submission).await?;
            let own = Arc::clone(self);
            let prove = move || match &own.cross {
                Some(share) => share.prove(own.id(), &submission.result, summand),
                None => Err(Fault::NoCrossShare),
            };
            Ok::<_, Obstacle>(off_thread(prove).await??)
        };
        proven.await.map_err(|obstacle| match obstacle {
            Obstacle::Fault(fault) => {
                let check = fault.check();
                CHECK_FAILED.problem(fault).by_check(check)
            }
            Obstacle::Problem(problem) => problem,
        })
    }

    /// Whether a result may be answered: it holds, and so does the rule over all that was logged before.
    async fn check_cross(self: &Arc<Self>, submission: CrossSubmission) -> Result<CrossSubmission, Obstacle> {
        let own = Arc::clone(self);
        let check = move || {
            // First whether there is a lane at all: a share without one answers nothing.
            nacre_verifier::cross::lane(&own.network)?;
            if own.cross.is_none() {
                return Err(Fault::NoCrossShare);
            }
            nacre_verifier::cross::check_submission(&submission, &own.network)?;
            Ok(submission)
        };
        let submission = off_thread(check).await??;
        self.history.judge_cross(&self.exchanges, &submission.logged).await?;
        Ok(submission)
    }

    async fn share_cross(self: &Arc<Self>, submission: CrossSubmission) -> Result<Signed<CrossAnswer>, Obstacle> {
        let submission = self.check_cross(submission).await?;
        let own = Arc::clone(self);
        let answer = move || match &own.cross {
            Some(share) => share.answer(own.id(), &own.signer.signing_key, &submission.result),
            None => Err(Fault::NoCrossShare),
        };
        Ok(off_thread(answer).await??)
    }

    /// What it would withhold of a request if it were logged next, recorded. The caller was told apart before, and is the
    /// requester. Nothing is opened.
    pub async fn preview(
        self: &Arc<Self>,
        request: SignedRequest<Request>,
        caller: Signed<Membership>,
    ) -> Result<Signed<Preview>, Problem> {
        let digest = request.request.digest();
        // One group first, so that what comes to nothing is charged too.
        let problem = |obstacle| match obstacle {
            Obstacle::Fault(fault) => {
                let check = fault.check();
                CHECK_FAILED.problem(fault).by_check(check)
            }
            Obstacle::Problem(problem) => problem,
        };
        self.charge(request.request.requester.clone(), 1).await.map_err(problem)?;
        let preview = self.look(request, caller).await.map_err(problem)?;
        self.keep(&digest, vec![Statement::of_preview(&preview)]).await?;
        Ok(preview)
    }

    async fn look(
        self: &Arc<Self>,
        request: SignedRequest<Request>,
        admission: Signed<Membership>,
    ) -> Result<Signed<Preview>, Obstacle> {
        let own = Arc::clone(self);
        let check = move || {
            let definition = check::definition(&request.request)?;
            nacre_verifier::logged::check_request(&request, &admission.statement, &own.network, definition)?;
            Ok::<_, Fault>((NumbersRequest { request, admission }, definition))
        };
        let (wanted, definition) = off_thread(check).await??;
        let digest = wanted.request.request.digest();
        let quantities = wanted.request.request.quantities(definition.bands().len());
        let requester = wanted.request.request.requester.clone();
        let (decisions, size) = self.history.preview(&self.exchanges, wanted, definition).await?;
        self.charge(requester, decisions.len().saturating_sub(1)).await?;
        Ok(self.signer.preview(digest, size, &quantities, &decisions))
    }

    /// Charges a preview of that many groups; after an error it must not be given.
    async fn charge(&self, requester: MemberId, groups: usize) -> Result<(), Obstacle> {
        let previews = Arc::clone(&self.previews);
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let charged = off_thread(move || previews.charge(&requester, groups, now_s)).await?;
        charged.map_err(|error| match error {
            ChargeError::Spent(Spent { left, groups_per_day, wait_s }) => {
                let detail = format!(
                    "a requester is told of {groups_per_day} groups a day in previews, and this would be {groups}, with {left} \
                     left; ask for coarser groups, or again in {wait_s} s, or ask the question itself"
                );
                Obstacle::Problem(TOO_MANY_PREVIEWS.problem(detail).retry_after(wait_s))
            }
            ChargeError::File(error) => {
                tracing::error!(%error, "a preview could not be charged and was not given");
                let detail = "the custodian cannot record what it would tell, so it tells nothing";
                Obstacle::Problem(UNRECORDED.problem(detail))
            }
        })
    }

    /// Its refusal, if a check failed.
    fn refuse(&self, request: Digest, obstacle: Obstacle) -> Result<Signed<Refusal>, Problem> {
        match obstacle {
            Obstacle::Fault(fault) => {
                tracing::warn!(%request, check = %fault.check(), "refused");
                Ok(self.signer.refuse(request, &fault))
            }
            Obstacle::Problem(problem) => Err(problem),
        }
    }

    /// Records what is about to be said of a request. After an error it must not be said.
    pub(crate) async fn keep(&self, request: &Digest, statements: Vec<Statement>) -> Result<(), Problem> {
        let index = self.record.keep(statements).await.map_err(|error| {
            tracing::error!(%request, %error, "a statement could not be recorded and was not sent");
            let detail = "the custodian cannot record what it would say, so it says nothing";
            UNRECORDED.problem(detail)
        })?;
        tracing::info!(%request, index, "recorded");
        Ok(())
    }

    async fn weigh(self: &Arc<Self>, submission: Arc<Submission>) -> Result<Signed<Answer>, Obstacle> {
        let checked = self.check_offline(&submission, check::confirmed).await?;
        let logged = &submission.dossier.logged;
        let decisions = self.history.decisions(&self.exchanges, logged, checked.definition).await?;
        self.on_own_chains(submission, checked, move |own, _, checked| {
            own.signer.answer(&checked.dossier, &checked.keys, &decisions)
        })
        .await
    }

    async fn compare(self: &Arc<Self>, submission: Arc<Submission>) -> Result<Vec<Signed<Confirmation>>, Obstacle> {
        let checked = self.check_offline(&submission, |_, _, _| Ok(())).await?;
        if self.own_evidence(&submission).next().is_none() {
            let detail = "the dossier has no chain of this custodian's jurisdiction, so there is nothing to confirm";
            return Err(Obstacle::Problem(NO_OWN_CHAIN.problem(detail)));
        }
        self.on_own_chains(submission, checked, |own, submission, checked| {
            let chains = own.own_evidence(submission);
            Ok(chains
                .map(|(_, signed)| own.signer.confirm(checked.dossier.request_digest, &signed.statement))
                .collect())
        })
        .await
    }

    /// What is checked before any exchange is asked.
    async fn check_offline(
        self: &Arc<Self>,
        submission: &Arc<Submission>,
        further: fn(&Submission, &Checked, &Network) -> Result<(), Fault>,
    ) -> Result<Checked, Obstacle> {
        let (own, submission) = (Arc::clone(self), Arc::clone(submission));
        let check = move || {
            let checked = check::offline(&submission, &own.network)?;
            further(&submission, &checked, &own.network)?;
            Ok::<_, Fault>(checked)
        };
        Ok(off_thread(check).await??)
    }

    /// Does something once the own chains' sums were found to be those of their sealed details.
    async fn on_own_chains<T: Send + 'static>(
        self: &Arc<Self>,
        submission: Arc<Submission>,
        checked: Checked,
        act: impl FnOnce(&Self, &Submission, &Checked) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Obstacle> {
        let details = self.details(&submission).await?;
        let own = Arc::clone(self);
        let compare = move || {
            check::own_chains(&submission, &own.network, &own.id().jurisdiction, checked.definition, &details)?;
            act(&own, &submission, &checked)
        };
        Ok(off_thread(compare).await??)
    }

    fn own_evidence<'a>(
        &'a self,
        submission: &'a Submission,
    ) -> impl Iterator<Item = (&'a ChainEvidence, &'a Signed<ChainSums>)> {
        check::evidence_of(submission, &self.network, &self.id().jurisdiction)
    }

    /// The details of the dossier's chains of its own jurisdiction, from their exchanges.
    async fn details(&self, submission: &Submission) -> Result<BTreeMap<ChainId, ChainDetails>, Obstacle> {
        let chains: Vec<ChainId> = self.own_evidence(submission).map(|(evidence, _)| evidence.chain.clone()).collect();
        let logged = &submission.dossier.logged;
        let fetches = chains.into_iter().map(|chain| self.details_of(chain, logged));
        stream::iter(fetches).buffer_unordered(CONCURRENT_CHAINS).try_collect().await
    }

    async fn details_of(
        &self,
        chain: ChainId,
        logged: &LoggedRequest<Request>,
    ) -> Result<(ChainId, ChainDetails), Obstacle> {
        // Every regional chain of the jurisdiction has a client, since `open`; a dossier speaks of no other.
        let Some(client) = self.exchanges.get(&chain) else {
            return Err(unavailable(&chain, "the custodian does not know its exchange"));
        };
        match client.call(POST_DETAILS, &OfChain::new(&chain), logged).await {
            Ok(details) => Ok((chain, details)),
            Err(error) if is_final(&error) => Err(Fault::DetailsRefused { chain, reason: error.to_string() }.into()),
            Err(error) => Err(unavailable(&chain, &error.to_string())),
        }
    }
}

/// Whether the exchange spoke, and asking again will not change what it says.
pub(crate) fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Problem(_) => !error.is_retryable(),
        ClientError::Malformed { .. } | ClientError::TooLong { .. } => true,
        _ => false,
    }
}

pub(crate) fn unavailable(chain: &ChainId, reason: &str) -> Obstacle {
    tracing::warn!(%chain, reason, "what was needed could not be had");
    let detail = format!("{chain} cannot be checked now; nothing was decided, ask again later");
    Obstacle::Problem(CHAIN_UNAVAILABLE.problem(detail))
}

pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Obstacle> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a check stopped");
        Obstacle::Problem(INTERNAL.problem("the custodian could not finish its checks"))
    })
}

fn read_cross_share(
    config: &Config,
    network: &Network,
    custodian: &CustodianId,
) -> Result<Option<CrossShare>, OpenError> {
    let Some(path) = &config.cross_share else { return Ok(None) };
    let jurisdiction = network.root().jurisdiction(&custodian.jurisdiction);
    let jurisdiction = jurisdiction.ok_or_else(|| OpenError::Unknown(custodian.clone()))?;
    Ok(Some(CrossShare::read(path, jurisdiction, custodian.number)?))
}

/// A share of one of the keys, which the trust root knows the custodian by.
pub(crate) fn read_share(
    path: &Path,
    what: &'static str,
    known: &Point,
    custodian: &CustodianId,
) -> Result<SecretShare, KeyFileError> {
    let (file, bytes) = (KeyFile { path, what }, secret::read::<32>(path)?);
    let share = SecretShare::from_bytes(&bytes).map_err(|error| file.malformed(error))?;
    file.check(share.verifying_share().as_bytes(), known.as_bytes(), custodian)?;
    Ok(share)
}

fn read_signer(config: &Config, network: &Network, custodian: CustodianId) -> Result<Signer, OpenError> {
    let known = network.root().custodian(&custodian).ok_or_else(|| OpenError::Unknown(custodian.clone()))?;
    let secret = read_share(&config.share, "share", &known.verifying_share, &custodian)?;
    let signing_key = key::read_signing_of(&config.signing_key, &known.signing_key, &custodian)?;
    Ok(Signer { custodian, secret, signing_key })
}

/// A client for each chain named; every regional and every main chain must be.
fn open_exchanges(
    config: &Config,
    network: &Network,
    access_key: &Arc<AccessKey>,
) -> Result<BTreeMap<ChainId, Client>, OpenError> {
    let is_main = |id: &ChainId| Domain::ALL.iter().any(|domain| domain.main_chain() == *id);
    let needed = network.root().chains.iter().filter(|chain| chain.region.is_some() || is_main(&chain.id));
    let missing = needed.map(|chain| &chain.id).find(|id| !config.exchanges.contains_key(*id));
    if let Some(chain) = missing {
        return Err(OpenError::NoExchange(chain.clone()));
    }
    let tls = config.tls.read().map_err(KeyFileError::from)?;
    let mut clients = BTreeMap::new();
    for (chain, url) in &config.exchanges {
        network.root().chain(chain).ok_or_else(|| OpenError::UnknownChain(chain.clone()))?;
        let client = Client::new(url, config.member.clone(), Arc::clone(access_key), &tls)
            .map(|client| client.timeout(DETAILS_TIMEOUT))
            .map_err(|error| OpenError::Exchange { chain: chain.clone(), reason: error.to_string() })?;
        clients.insert(chain.clone(), client);
    }
    Ok(clients)
}
