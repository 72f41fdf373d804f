//! A query of the cross lane, from the question to the release.
//!
//! ```text
//! question → seals → request, logged → one evaluator a jurisdiction computes → all agree → shares → cells → release
//! ```
//!
//! Kept true: nothing is believed that was not checked; whoever is at fault is named. An evaluator is believed for the
//! others of its jurisdiction only as far as all jurisdictions' evaluators computed the same bytes.
//!
//! Errors: [`QueryError`]. Cost: the evaluators' computation (some 20 ms of a core a person each); every custodian is asked.

use std::collections::BTreeMap;

use nacre_hosting::{file, trust};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Digest, Document as _,
    catalogue::Catalogue,
    cohort::Period,
    cross::{CrossManifest, CrossMeasure, CrossOutcome, CrossRelease, CrossRequest, CrossStatistic, CrossSubmission},
    dossier::LoggedRequest,
    id::{ChainId, MeasureId, MemberId, Text},
    limits,
    measure::{Measure, MeasureRef},
    query::SignedRequest,
    region::Region,
    summand::PublishedSummands,
};
use nacre_verifier::{Check, Failure, Network, cross};

use crate::{
    config::Config,
    consent::{
        Custodians,
        cross::{Asking, enough},
    },
    error::{CustodianFault, QueryError},
    evaluators::Evaluators,
    exchange::Exchanges,
    progress::{Progress, Stage},
    query::{nonce, off_thread, read_keys},
    question::{self, QuestionError},
};

/// A measure, of a version or the newest.
#[derive(Clone, Debug)]
pub struct NamedMeasure {
    /// Its name.
    pub id: MeasureId,
    /// The version, if one is meant.
    pub version: Option<u16>,
}

impl NamedMeasure {
    /// A measure by its name, `hba1c`, or with its version, `hba1c@1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            let reference: MeasureRef = text.parse()?;
            Ok(Self { id: reference.id, version: Some(reference.version) })
        } else {
            Ok(Self { id: text.parse()?, version: None })
        }
    }

    fn definition(&self) -> Result<&'static Measure, QuestionError> {
        question::definition(&self.id, self.version, Catalogue::built_in())
    }
}

/// What a regulator wants to know of pairs of values.
#[derive(Clone, Debug)]
pub struct CrossQuestion {
    /// A table, or a mean by band.
    pub statistic: CrossStatistic,
    /// By whose bands; the rows of a table.
    pub by: NamedMeasure,
    /// Whose bands are columns, or whose values are averaged.
    pub of: NamedMeasure,
    /// First month.
    pub from: Period,
    /// Last month.
    pub to: Period,
    /// Which regions; none for all that have a chain.
    pub regions: Vec<Region>,
    /// Up to which seal of a chain; its latest if none is named.
    pub through: BTreeMap<ChainId, u64>,
    /// For which purpose, for those who read the log.
    pub purpose: Text<{ limits::MAX_PURPOSE_BYTES }>,
}

/// What a cross query brings.
#[derive(Clone, Debug)]
pub struct CrossAnswered {
    /// The cells that are shown, and everything they rest on.
    pub release: CrossRelease,
    /// The measures' definitions.
    pub definitions: cross::Definitions,
    /// Custodians that failed on the way.
    pub faults: Vec<CustodianFault>,
}

/// Asks, has it computed, opens and verifies.
pub async fn cross_query(
    config: &Config,
    question: &CrossQuestion,
    progress: &dyn Progress,
) -> Result<CrossAnswered, QueryError> {
    let session = Session::open(config)?;
    cross::lane(&session.network).map_err(QueryError::OwnTrustRoot)?;
    let signed = session.request(question, progress).await?;
    let (logged, definitions) = session.log(signed, progress).await?;
    let submission = session.evaluate(logged, progress).await?;
    let (mut answers, mut faults) = session.custodians.cross_answers(&session.network, &submission, progress).await?;
    let disputed = cross::disputed(&answers);
    if !disputed.is_empty() {
        let published = read_summands(config)?;
        let asking = Asking { network: &session.network, submission: &submission, published: &published };
        let liars = session.custodians.settle(&asking, &disputed, &answers).await?;
        answers.retain(|signed| liars.iter().all(|liar| liar.custodian != signed.statement.custodian));
        faults.extend(liars);
        enough(&session.network, &answers, &faults)?;
    }
    progress.report(Stage::Verifying, 0, 1);
    let network = session.network.clone();
    let verified = off_thread(move || {
        let request = &submission.logged.request.request;
        let cells = cross::open(request, &definitions, &submission.result, &answers, &network)
            .map_err(QueryError::CrossShares)?;
        let release = CrossRelease { submission, answers, cells };
        cross::check_release(&release, &network).map_err(QueryError::OwnRelease)?;
        Ok::<_, QueryError>(release)
    });
    let release = verified.await??;
    progress.report(Stage::Verifying, 1, 1);
    Ok(CrossAnswered { release, definitions, faults })
}

/// The commitments that custodians' proofs are checked against.
fn read_summands(config: &Config) -> Result<PublishedSummands, QueryError> {
    let path = config.cross_summands.clone().ok_or_else(|| QueryError::OwnAddresses {
        whom: "the commitments to the cross lane's key".to_owned(),
        reason: "custodians differ, and `cross-summands` does not say where the file is that tells who lies".to_owned(),
    })?;
    let own_file = |reason: String| QueryError::OwnFile { path: path.to_path_buf(), reason };
    let bytes = file::read(&path, PublishedSummands::MAX_BYTES).map_err(|error| own_file(error.source.to_string()))?;
    PublishedSummands::from_canonical(&bytes).map_err(|error| own_file(error.to_string()))
}

/// What a cross query works with.
struct Session {
    network: Network,
    member: MemberId,
    signing_key: SigningKey,
    exchanges: Exchanges,
    evaluators: Evaluators,
    custodians: Custodians,
}

impl Session {
    fn open(config: &Config) -> Result<Self, QueryError> {
        let network = trust::read(&config.trust)?;
        let (signing_key, access_key) = read_keys(config)?;
        let tls = config.tls.read().map_err(nacre_hosting::key::KeyFileError::from)?;
        Ok(Self {
            member: config.member.clone(),
            signing_key,
            exchanges: Exchanges::new(&config.exchanges, &config.member, &access_key, &tls)?,
            evaluators: Evaluators::new(&config.evaluators, &config.member, &access_key, &tls)?,
            custodians: Custodians::new(&config.custodians, &config.member, &access_key, &tls)?,
            network,
        })
    }

    async fn request(
        &self,
        question: &CrossQuestion,
        progress: &dyn Progress,
    ) -> Result<SignedRequest<CrossRequest>, QueryError> {
        let measure = |named: &NamedMeasure| {
            let definition = named.definition()?;
            Ok::<_, QuestionError>(CrossMeasure { measure: definition.reference(), definition: definition.digest() })
        };
        let (by, of) = (measure(&question.by)?, measure(&question.of)?);
        let regions = question::regions(&question.regions, self.network.root())?;
        progress.report(Stage::Seals, 0, regions.len());
        let (spans, seals) = self.exchanges.spans(&regions, &question.through, progress).await?;
        let request = CrossRequest {
            trust: self.network.digest(),
            requester: self.member.clone(),
            statistic: question.statistic,
            by,
            of,
            from: question.from,
            to: question.to,
            spans,
            purpose: question.purpose.clone(),
            nonce: nonce()?,
        };
        let signature = self.signing_key.sign_detached(&request);
        Ok(SignedRequest { request, seals, signature })
    }

    async fn log(
        &self,
        signed: SignedRequest<CrossRequest>,
        progress: &dyn Progress,
    ) -> Result<(LoggedRequest<CrossRequest>, cross::Definitions), QueryError> {
        progress.report(Stage::Logging, 0, 1);
        let main = cross::main_chain();
        let logged = self.exchanges.log_cross(&main, &signed).await?;
        if logged.request != signed {
            let detail = "it logged another request than the one sent";
            return Err(QueryError::ExchangeFalse(Failure::new(Check::RequestInclusion, &main, detail)));
        }
        let (definitions, _) = cross::check(&logged, &self.network).map_err(QueryError::ExchangeFalse)?;
        progress.report(Stage::Logging, 1, 1);
        Ok((logged, definitions))
    }

    /// Has every jurisdiction's evaluator compute it, and compares.
    async fn evaluate(
        &self,
        logged: LoggedRequest<CrossRequest>,
        progress: &dyn Progress,
    ) -> Result<CrossSubmission, QueryError> {
        let outcomes = self.evaluators.compute(self.network.root(), &logged, progress).await?;
        let network = self.network.clone();
        off_thread(move || agreed(logged, outcomes, &network)).await?
    }
}

/// The one result of all outcomes, in the order of the trust root's jurisdictions.
fn agreed(
    logged: LoggedRequest<CrossRequest>,
    outcomes: Vec<CrossOutcome>,
    network: &Network,
) -> Result<CrossSubmission, QueryError> {
    let digests: Vec<Digest> = outcomes.iter().map(|outcome| outcome.result.digest()).collect();
    if digests.windows(2).any(|pair| pair[0] != pair[1]) {
        let whom = |(outcome, digest): (&CrossOutcome, &Digest)| {
            let arithmetic = outcome.result.arithmetic.to_string();
            format!(
                "{} got {:.8}… (arithmetic {arithmetic:.8}…)",
                outcome.confirmation.confirmation.evaluator,
                digest.to_string()
            )
        };
        let mut what: Vec<String> = outcomes.iter().zip(&digests).map(whom).collect();
        what.extend(two_faced(&outcomes).map(|chain| format!("{chain} handed them different inputs")));
        return Err(QueryError::EvaluatorsDiffer(what.join(", ")));
    }
    let confirmations = outcomes.iter().map(|outcome| outcome.confirmation.clone()).collect();
    let result = outcomes.into_iter().next().map(|outcome| outcome.result);
    let result = result.ok_or_else(|| QueryError::EvaluatorsDiffer("there is no evaluator".to_owned()))?;
    let submission = CrossSubmission { logged, result, confirmations };
    cross::check_submission(&submission, network).map_err(QueryError::EvaluatorFalse)?;
    Ok(submission)
}

/// The chains of which evaluators say that they signed different inputs.
fn two_faced(outcomes: &[CrossOutcome]) -> impl Iterator<Item = &ChainId> {
    let (first, others) = outcomes.split_first().map_or((None, outcomes), |(first, others)| (Some(first), others));
    let manifests = first.into_iter().flat_map(|outcome| &outcome.result.manifests);
    let differs = |manifest: &&CrossManifest| {
        others.iter().any(|outcome| {
            outcome
                .result
                .manifests
                .iter()
                .any(|other| other.chain == manifest.chain && other.inputs != manifest.inputs)
        })
    };
    manifests.filter(differs).map(|manifest| &manifest.chain)
}
