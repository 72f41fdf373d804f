//! The custodian's routes.
//!
//! ```text
//! POST /oauth/token        access tokens
//! POST /v1/confirmations   Submission without confirmations → Finding; scope and caller as below
//! POST /v1/answers         Submission → Verdict; scope answers.request, by the request's own requester
//! POST /v1/cross/answers    CrossSubmission → CrossVerdict; scope and caller as above
//! POST /v1/cross/proofs     SummandDispute → SummandProof; scope and caller as above
//! POST /v1/previews        SignedRequest → SignedPreview; scope and caller as above, so many groups a day
//! POST /v1/pseudonyms      EvaluationRequest → SignedEvaluation; scope pseudonyms.request, by the request's own provider,
//!                          so many people a day
//! ```
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no
//! memory, and callers at most [`PLACES`] submissions and as many requests for pseudonyms, which do not take each
//! other's places. What was begun is finished even if the caller hangs up, so work never
//! outgrows the places. A body has to keep arriving, so one that is half sent gives its place back soon. Token requests take no
//! place. While its own log takes nothing, all of this is refused (503 `read-only`). Connections, health and metrics are the
//! host's ([`nacre_hosting::host`]). Errors: problem+json.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    routing::post,
};
use futures::future::BoxFuture;
use nacre_access::{Scope, server};
use nacre_hosting::{
    Gauges,
    body::Cap,
    host::{Host, HostError, Hosted},
    load,
    problem::ProblemResponse,
    ready::Lack,
    request_id,
    server::Listeners,
};
use nacre_schemas::{
    answer::Verdict,
    confirmation::Finding,
    cross::{CrossSubmission, CrossVerdict},
    dossier::Submission,
    id::MemberId,
    limits,
    membership::SignedMembership,
    preview::SignedPreview,
    problem::Problem,
    pseudonym::{EvaluationRequest, SignedEvaluation},
    query::SignedRequest,
    summand::{SummandDispute, SummandProof},
};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::{
    config::Config,
    custodian::{Custodian, OpenError},
};

/// Submissions in work at a time.
pub const PLACES: usize = 4;
/// Largest submission, in bytes of JSON.
pub const MAX_SUBMISSION_BYTES: usize = 64 << 20;
/// Largest request for pseudonyms, in bytes of JSON: 67 a person.
pub const MAX_PSEUDONYMS_BYTES: usize = limits::MAX_BLINDED * 80 + 1_024;
/// How long a caller may take to send its submission.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a custodian does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be reached.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The thread that opens the log stopped.
    #[error("the custodian could not be opened")]
    Stopped,
}

#[derive(Clone)]
struct Desk {
    custodian: Arc<Custodian>,
    submissions: Arc<Semaphore>,
    pseudonyms: Arc<Semaphore>,
}

/// What differs between what callers send.
struct Kind<B> {
    scope: Scope,
    max_bytes: usize,
    places: Arc<Semaphore>,
    /// Who alone may send it.
    sender: fn(&B) -> &MemberId,
}

impl Desk {
    fn new(custodian: Arc<Custodian>) -> Self {
        let places = || Arc::new(Semaphore::new(PLACES));
        Self { custodian, submissions: places(), pseudonyms: places() }
    }

    /// What a regulator sends, which is its own.
    fn of_requester<B>(&self, sender: fn(&B) -> &MemberId) -> Kind<B> {
        let places = Arc::clone(&self.submissions);
        Kind { scope: Scope::AnswersRequest, max_bytes: MAX_SUBMISSION_BYTES, places, sender }
    }
}

/// Serves from the first moment, opens the custodian, and goes on until `shutdown` is ready; requests in work are finished
/// first.
pub async fn serve(
    config: Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let host = Host::start("custodian", &config.server, &config.data, listeners)?;
    // Opening reads the whole log.
    let opened = async {
        let opened = tokio::task::spawn_blocking(move || Custodian::open(&config)).await;
        Ok::<_, ServeError>(opened.map_err(|_| ServeError::Stopped)??)
    };
    let (host, custodian) = host.opening(opened).await?;
    let desk = Desk::new(Arc::new(custodian));
    host.open(router(desk.clone()), Arc::new(Seen::by(&host, desk)), None);
    host.until(shutdown).await;
    Ok(())
}

/// The custodian as its host sees it.
struct Seen {
    desk: Desk,
    read_only: Gauges,
    entries: Gauges,
    queues: Gauges,
}

impl Seen {
    fn by(host: &Host, desk: Desk) -> Self {
        Self {
            desk,
            read_only: host.gauges("log_read_only", "1 if the custodian's own log takes nothing", &[]),
            entries: host.gauges("log_entries", "Entries of the custodian's own log", &[]),
            queues: host.gauges("queue_taken", "Pieces of work that are under way", &["queue"]),
        }
    }
}

impl Hosted for Seen {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        let read_only = self.desk.custodian.read_only();
        let lack =
            read_only.map(|reason| Lack::new("read-only", format!("the custodian's own log takes nothing: {reason}")));
        Box::pin(std::future::ready(lack.into_iter().collect()))
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        let Desk { custodian, submissions, pseudonyms } = &self.desk;
        self.read_only.set(&[], f64::from(custodian.read_only().is_some()));
        self.entries.set(&[], custodian.entries() as f64);
        for (queue, places) in [("submissions", submissions), ("pseudonyms", pseudonyms)] {
            self.queues.set(&[queue], (PLACES - places.available_permits()) as f64);
        }
        Box::pin(std::future::ready(()))
    }
}

/// The routes.
fn router(desk: Desk) -> Router {
    let tokens = server::router(Arc::clone(desk.custodian.gatekeeper()));
    Router::new()
        .route("/v1/confirmations", post(confirmations))
        .route("/v1/answers", post(answers))
        .route("/v1/cross/answers", post(cross_answers))
        .route("/v1/cross/proofs", post(cross_proofs))
        .route("/v1/previews", post(previews))
        .route("/v1/pseudonyms", post(pseudonyms))
        .with_state(desk)
        .merge(tokens)
}

async fn answers(State(desk): State<Desk>, headers: HeaderMap, body: Body) -> Result<Json<Verdict>, ProblemResponse> {
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge(submission).await };
    let kind = desk.of_requester(requester_of);
    receive(desk, kind, &headers, body, judge).await
}

async fn confirmations(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Finding>, ProblemResponse> {
    let confirm = |custodian: Arc<Custodian>, submission, _| async move { custodian.confirm(submission).await };
    let kind = desk.of_requester(requester_of);
    receive(desk, kind, &headers, body, confirm).await
}

async fn cross_answers(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CrossVerdict>, ProblemResponse> {
    let kind = desk.of_requester(|submission: &CrossSubmission| &submission.logged.request.request.requester);
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge_cross(submission).await };
    receive(desk, kind, &headers, body, judge).await
}

async fn cross_proofs(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SummandProof>, ProblemResponse> {
    let kind = desk.of_requester(|dispute: &SummandDispute| &dispute.submission.logged.request.request.requester);
    let prove = |custodian: Arc<Custodian>, dispute, _| async move { custodian.prove_cross(dispute).await };
    receive(desk, kind, &headers, body, prove).await
}

async fn previews(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SignedPreview>, ProblemResponse> {
    let kind = desk.of_requester(|signed: &SignedRequest| &signed.request.requester);
    let preview = |custodian: Arc<Custodian>, signed, caller| async move { custodian.preview(signed, caller).await };
    receive(desk, kind, &headers, body, preview).await
}

async fn pseudonyms(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SignedEvaluation>, ProblemResponse> {
    let kind = Kind {
        scope: Scope::PseudonymsRequest,
        max_bytes: MAX_PSEUDONYMS_BYTES,
        places: Arc::clone(&desk.pseudonyms),
        sender: |request: &EvaluationRequest| &request.provider,
    };
    let evaluate = |custodian: Arc<Custodian>, request, _| async move { custodian.evaluate(request).await };
    receive(desk, kind, &headers, body, evaluate).await
}

fn requester_of(submission: &Submission) -> &MemberId {
    &submission.dossier.logged.request.request.requester
}

/// Takes what its sender sends, and does something with it.
async fn receive<B, T, F>(
    desk: Desk,
    kind: Kind<B>,
    headers: &HeaderMap,
    body: Body,
    act: impl FnOnce(Arc<Custodian>, B, SignedMembership) -> F + Send + 'static,
) -> Result<Json<T>, ProblemResponse>
where
    B: DeserializeOwned + Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send,
{
    let caller = desk.custodian.gatekeeper().authorize(headers, kind.scope)?.clone();
    desk.custodian.check_writable()?;
    let place = Arc::clone(&kind.places).try_acquire_owned().map_err(|_| load::busy())?;
    let bytes = Cap { bytes: kind.max_bytes, time: BODY_TIMEOUT }.read(headers, body).await?;
    // A task of its own, which holds the place to its end.
    let work = request_id::spawn(async move {
        let _place = place;
        let sent = parse(&caller.membership.member, kind.sender, bytes).await?;
        act(desk.custodian, sent, caller).await
    });
    let stopped = |_| Problem::new(500, "internal", "Internal error", "the custodian could not finish its checks");
    Ok(Json(work.await.map_err(stopped)??))
}

/// What was sent, if its request is the caller's own.
async fn parse<B: DeserializeOwned + Send + 'static>(
    caller: &MemberId,
    sender: fn(&B) -> &MemberId,
    bytes: Bytes,
) -> Result<B, Problem> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice::<B>(&bytes)).await;
    let sent = match parsed {
        Ok(Ok(sent)) => sent,
        Ok(Err(error)) => return Err(Problem::new(400, "malformed", "Malformed submission", error)),
        Err(_) => return Err(Problem::new(500, "internal", "Internal error", "the submission could not be read")),
    };
    let sender = sender(&sent);
    if sender != caller {
        let detail = format!("the request is {sender}'s; only its requester is answered");
        return Err(Problem::new(403, "not-the-requester", "Not the requester", detail));
    }
    Ok(sent)
}

#[cfg(test)]
mod tests;
