//! A query, from the question to the published release.
//!
//! ```text
//! question → seals → request, logged → cells → dossier, checked → confirmations → answers → integers → figures → release
//! ```
//!
//! Kept true: nothing that an exchange or custodian says is passed on unchecked: the dossier is verified before a
//! custodian is bothered, each confirmation and answer before it counts, the release before it is published. Whoever is at fault is
//! named.
//!
//! Errors: [`QueryError`]. Cost: three round trips to each chain concerned, two to each custodian asked, and the
//! verification of a release, twice.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use nacre_access::key::AccessKey;
use nacre_hosting::{
    key::{self, KeyFileError},
    trust,
};
use nacre_ledger::{
    merkle::{Sm3Hasher, inclusion},
    signing::SigningKey,
};
use nacre_schemas::{
    Digest, Document as _, Signed,
    catalogue::Catalogue,
    dossier::{ChainAnswer, ChainEvidence, ChainSums, Dossier, LoggedRequest, Submission},
    entry::Entry,
    id::ChainId,
    log::Logged,
    measure::Measure,
    preview::Preview,
    query::{Request, SealProof, SealSpan, SignedRequest},
    region::Region,
    release::{GroupFigures, Release},
    trust::Chain,
};
use nacre_verifier::{Failure, Network, dossier, logged, note, release, release::Report, sums};
use nacre_wire::body::{BodyError, Encoded, Json};

use crate::{
    config::Config,
    consent::{Custodians, Subject},
    error::{CustodianFault, QueryError},
    exchange::Exchanges,
    opening::Opening,
    progress::{Progress, Stage},
    question::{Context, Question},
};

/// Chains that are asked at a time.
const CONCURRENT_CHAINS: usize = 8;

/// What a query brings.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The release: figures, and everything that proves them.
    pub release: Release,
    /// What was checked of it, and what it rests on.
    pub report: Report,
    /// Custodians that failed on the way, be it in confirming or answering; others took their places.
    pub faults: Vec<CustodianFault>,
    /// Where the main chain holds the release.
    pub publication: Logged,
}

/// Asks, opens, verifies and publishes.
pub async fn query(config: &Config, question: &Question, progress: &dyn Progress) -> Result<Outcome, QueryError> {
    let session = Session::open(config, question)?;
    let request = session.request(question, progress).await?;
    let logged = session.log(request, progress).await?;
    let (subject, submission) = session.dossier(logged, progress).await?;
    let subject = Arc::new(subject);
    let (submission, mut faults) = session.confirm(&subject, submission, progress).await?;
    let (encoded, submission) = encoded(submission).await?;
    let consent = session.custodians.answers(&subject, &encoded, progress).await?;
    faults.extend(consent.faults);
    faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
    // Who was away twice is named once.
    faults.dedup();
    let answers = Arc::new(consent.given);
    let figures = session.open_groups(&subject, &answers, progress).await?;
    let release = Release {
        catalogue: Catalogue::built_in().index(),
        definition: session.definition.clone(),
        dossier: submission.dossier,
        answers: Arc::unwrap_or_clone(answers),
        figures,
    };
    let (release, report) = session.verify(release, progress).await?;
    let publication = session.publish(&release, progress).await?;
    Ok(Outcome { release, report, faults, publication })
}

/// What would be withheld of the question if it were asked now, and why, by the word of one custodian. Nothing is logged
/// on a main chain and nothing is opened; the custodian logs that it looked.
pub async fn preview(
    config: &Config,
    question: &Question,
    progress: &dyn Progress,
) -> Result<(Signed<Preview>, Vec<CustodianFault>), QueryError> {
    let session = Session::open(config, question)?;
    let signed = session.request(question, progress).await?;
    progress.report(Stage::Previewing, 0, 1);
    let previewed = session.custodians.preview(&session.network, &signed).await?;
    progress.report(Stage::Previewing, 1, 1);
    Ok(previewed)
}

/// What a query works with.
struct Session {
    network: Network,
    definition: &'static Measure,
    main: Chain,
    member: nacre_schemas::id::MemberId,
    signing_key: SigningKey,
    exchanges: Exchanges,
    custodians: Custodians,
}

impl Session {
    fn open(config: &Config, question: &Question) -> Result<Self, QueryError> {
        let network = trust::read(&config.trust)?;
        let definition = question.definition(Catalogue::built_in())?;
        let main = network.main_chain(definition).map_err(QueryError::OwnTrustRoot)?.clone();
        let (signing_key, access_key) = read_keys(config)?;
        let tls = config.tls.read().map_err(KeyFileError::from)?;
        Ok(Self {
            definition,
            main,
            member: config.member.clone(),
            signing_key,
            exchanges: Exchanges::new(&config.exchanges, &config.member, &access_key, &tls)?,
            custodians: Custodians::new(&config.custodians, &config.member, &access_key, &tls)?,
            network,
        })
    }

    /// The request, signed: each chain from its first seal to the one named, or its latest.
    async fn request(
        &self,
        question: &Question,
        progress: &dyn Progress,
    ) -> Result<SignedRequest<Request>, QueryError> {
        let regions = question.regions(self.network.root())?;
        progress.report(Stage::Seals, 0, regions.len());
        let (spans, seals) = self.exchanges.spans(&regions, &question.through, progress).await?;
        let nonce = nonce()?;
        let context = Context {
            trust: self.network.digest(),
            requester: &self.member,
            definition: self.definition,
            regions: &regions,
            spans,
            nonce,
        };
        let request = question.request(context)?;
        let signature = self.signing_key.sign_detached(&request);
        Ok(SignedRequest { request, seals, signature })
    }

    /// Has the main chain log the request.
    async fn log(
        &self,
        signed: SignedRequest<Request>,
        progress: &dyn Progress,
    ) -> Result<LoggedRequest<Request>, QueryError> {
        progress.report(Stage::Logging, 0, 1);
        let logged = self.exchanges.log(&self.main.id, &signed).await?;
        if logged.request != signed {
            return Err(QueryError::ExchangeFalse(Failure::new(
                nacre_verifier::Check::RequestInclusion,
                &self.main.id,
                "it logged another request than the one sent",
            )));
        }
        logged::check(&logged, &self.network, self.definition).map_err(QueryError::ExchangeFalse)?;
        progress.report(Stage::Logging, 1, 1);
        Ok(logged)
    }

    /// Every chain's cells and sums, checked.
    async fn dossier(
        &self,
        logged: LoggedRequest<Request>,
        progress: &dyn Progress,
    ) -> Result<(Subject, Submission), QueryError> {
        let spans = &logged.request.request.spans;
        progress.report(Stage::Cells, 0, spans.len());
        let logged_ref = &logged;
        let fetches = spans.iter().map(|span| async move {
            let answer = self.exchanges.cells(&span.chain, logged_ref).await?;
            Ok::<_, QueryError>((span.chain.clone(), answer))
        });
        let answers: BTreeMap<ChainId, ChainAnswer> =
            gather(fetches, Stage::Cells, spans.len(), progress).await?.into_iter().collect();
        let (chains, sums) = in_span_order(spans, answers);
        let submission = Submission { dossier: Dossier { logged, chains }, sums, confirmations: Vec::new() };
        progress.report(Stage::Checking, 0, 1);
        let (network, definition) = (self.network.clone(), self.definition);
        let checked = off_thread(move || check(submission, network, definition)).await??;
        progress.report(Stage::Checking, 1, 1);
        Ok(checked)
    }

    /// The submission with the word of each chain's own custodians on its sums.
    async fn confirm(
        &self,
        subject: &Arc<Subject>,
        submission: Submission,
        progress: &dyn Progress,
    ) -> Result<(Submission, Vec<CustodianFault>), QueryError> {
        let (encoded, mut submission) = encoded(submission).await?;
        let consent = self.custodians.confirmations(subject, &encoded, progress).await?;
        submission.confirmations = consent.given;
        Ok((submission, consent.faults))
    }

    async fn open_groups(
        &self,
        subject: &Arc<Subject>,
        answers: &Arc<Vec<nacre_schemas::Signed<nacre_schemas::answer::Answer>>>,
        progress: &dyn Progress,
    ) -> Result<Vec<GroupFigures>, QueryError> {
        let groups = subject.dossier.groups.len();
        progress.report(Stage::Opening, 0, groups);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let definition = self.definition;
        let opened = (0..groups).map(|position| {
            let (subject, answers) = (Arc::clone(subject), Arc::clone(answers));
            off_thread(move || Opening { definition, dossier: &subject.dossier, answers: &answers }.group(position))
        });
        let mut opened = stream::iter(opened).buffered(threads);
        let mut figures = Vec::with_capacity(groups);
        while let Some(group) = opened.next().await {
            figures.push(group??);
            progress.report(Stage::Opening, figures.len(), groups);
        }
        Ok(figures)
    }

    async fn verify(&self, release: Release, progress: &dyn Progress) -> Result<(Release, Report), QueryError> {
        progress.report(Stage::Verifying, 0, 1);
        let network = self.network.clone();
        let verified = off_thread(move || {
            let report = release::check(&release, &network).map_err(QueryError::OwnRelease)?;
            Ok::<_, QueryError>((release, report))
        });
        let verified = verified.await??;
        progress.report(Stage::Verifying, 1, 1);
        Ok(verified)
    }

    async fn publish(&self, release: &Release, progress: &dyn Progress) -> Result<Logged, QueryError> {
        progress.report(Stage::Publishing, 0, 1);
        let fault = |reason: String| QueryError::NotPublished {
            chain: self.main.id.clone(),
            reason,
            release: Box::new(release.clone()),
        };
        let publication = self.exchanges.publish(&self.main.id, release).await.map_err(fault)?;
        check_publication(&publication, release, &self.main, &self.network).map_err(fault)?;
        progress.report(Stage::Publishing, 1, 1);
        Ok(publication)
    }
}

/// The main chain signed a checkpoint that covers the release.
fn check_publication(publication: &Logged, release: &Release, main: &Chain, network: &Network) -> Result<(), String> {
    let (checkpoint, _) = note::check(&publication.checkpoint, main, network).map_err(|failure| failure.to_string())?;
    let entry = Entry::Release(release.digest()).leaf_hash();
    let (leaf, proof) = (publication.leaf, &publication.proof);
    inclusion::verify::<Sm3Hasher>(&entry, leaf, checkpoint.size, &checkpoint.root, proof)
        .map_err(|error| format!("its proof that it holds the release: {error}"))
}

/// The dossier as custodians will check it, and the sums likewise.
fn check(submission: Submission, network: Network, definition: &Measure) -> Result<(Subject, Submission), QueryError> {
    let checked = dossier::check(&submission.dossier, &network, definition).map_err(QueryError::ExchangeFalse)?;
    let keys =
        sums::check(&submission.sums, &submission.dossier, &checked, &network).map_err(QueryError::ExchangeFalse)?;
    Ok((Subject { network, dossier: checked, keys, sums: submission.sums.clone() }, submission))
}

/// The submission as it is sent.
async fn encoded(submission: Submission) -> Result<(Encoded<Json<Submission>>, Submission), QueryError> {
    let written = off_thread(move || Ok((Encoded::of(&submission)?, submission))).await?;
    let explain = |error: BodyError| format!("the submission cannot be written: {error}");
    written.map_err(|error| QueryError::OwnMachine(explain(error)))
}

/// The chains' answers in the order of the spans. Those missing are noticed by the checks that follow.
fn in_span_order(
    spans: &[SealSpan],
    mut answers: BTreeMap<ChainId, ChainAnswer>,
) -> (Vec<ChainEvidence>, Vec<Signed<ChainSums>>) {
    let answered = spans.iter().filter_map(|span| answers.remove(&span.chain));
    answered.map(|answer| (answer.evidence, answer.sums)).unzip()
}

impl Exchanges {
    /// The spans of the regions' chains, each from its first seal to the one named, or its latest, and the proofs of these.
    pub(crate) async fn spans(
        &self,
        regions: &[(Region, ChainId)],
        through: &BTreeMap<ChainId, u64>,
        progress: &dyn Progress,
    ) -> Result<(Vec<SealSpan>, Vec<SealProof>), QueryError> {
        let latest = regions.iter().map(|(_, chain)| async move {
            let proof = self.seal(chain, through.get(chain).copied()).await?;
            let (last, hash) = (proof.seal.number, proof.seal.leaf_hash());
            Ok::<_, QueryError>((SealSpan { chain: chain.clone(), first: 1, last, hash }, proof))
        });
        let mut found = gather(latest, Stage::Seals, regions.len(), progress).await?;
        found.sort_by(|one, other| one.0.chain.cmp(&other.0.chain));
        Ok(found.into_iter().unzip())
    }
}

/// Random, so that the same question twice is two requests.
pub(crate) fn nonce() -> Result<Digest, QueryError> {
    let mut nonce = Digest([0; 32]);
    getrandom::fill(&mut nonce.0).map_err(|error| QueryError::OwnMachine(format!("no randomness: {error}")))?;
    Ok(nonce)
}

/// Runs the calls, some at a time, and counts them.
async fn gather<T>(
    calls: impl Iterator<Item = impl Future<Output = Result<T, QueryError>>>,
    stage: Stage,
    total: usize,
    progress: &dyn Progress,
) -> Result<Vec<T>, QueryError> {
    let mut done = 0;
    let counted = stream::iter(calls).buffer_unordered(CONCURRENT_CHAINS).inspect_ok(|_| {
        done += 1;
        progress.report(stage, done, total);
    });
    counted.try_collect().await
}

pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QueryError> {
    let stopped = |error| QueryError::OwnMachine(format!("a computation stopped: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(stopped)
}

/// What it signs with, and what it is let in with.
pub(crate) fn read_keys(config: &Config) -> Result<(SigningKey, Arc<AccessKey>), QueryError> {
    Ok((key::read_signing(&config.signing_key)?, Arc::new(AccessKey::read(&config.access_key)?)))
}
