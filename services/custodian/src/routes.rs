//! The custodian's routes.
//!
//! ```text
//! POST /oauth/token        access tokens
//! GET  /healthz            204; 503 while its own log takes nothing, and then everything below is refused
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
//! outgrows the places. A body has to keep arriving ([`server::serve`]), so one that is half sent gives its place back soon.
//! Token requests take no place. Errors: problem+json.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{self, Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
    routing::{get, post},
};
use nacre_access::{ProblemResponse, Scope, server};
use nacre_schemas::{
    answer::Verdict,
    confirmation::Finding,
    cross::{CrossSubmission, CrossVerdict},
    dossier::Submission,
    id::MemberId,
    limits,
    membership::SignedMembership,
    preview::SignedPreview,
    problem::{Problem, Retry},
    pseudonym::{EvaluationRequest, SignedEvaluation},
    query::SignedRequest,
    summand::{SummandDispute, SummandProof},
};
use serde::de::DeserializeOwned;
use tokio::{net::TcpListener, sync::Semaphore};

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
    /// The socket has no address.
    #[error("the listening socket: {0}")]
    Socket(#[from] std::io::Error),
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

/// Serves until `shutdown` is ready; requests in work are finished first.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    // Opening reads the whole log.
    let opened = tokio::task::spawn_blocking(move || Custodian::open(&config)).await;
    let custodian = Arc::new(opened.map_err(|_| ServeError::Stopped)??);
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(custodian = %custodian.id(), %address, "serving");
    server::serve(listener, router(custodian), shutdown).await;
    Ok(())
}

/// The routes.
pub fn router(custodian: Arc<Custodian>) -> Router {
    let tokens = server::router(Arc::clone(custodian.gatekeeper()));
    let desk = Desk::new(custodian);
    Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/confirmations", post(confirmations))
        .route("/v1/answers", post(answers))
        .route("/v1/cross/answers", post(cross_answers))
        .route("/v1/cross/proofs", post(cross_proofs))
        .route("/v1/previews", post(previews))
        .route("/v1/pseudonyms", post(pseudonyms))
        .with_state(desk)
        .merge(tokens)
}

async fn healthz(State(desk): State<Desk>) -> Result<StatusCode, ProblemResponse> {
    desk.custodian.check_writable()?;
    Ok(StatusCode::NO_CONTENT)
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
    let place = Arc::clone(&kind.places).try_acquire_owned().map_err(|_| busy())?;
    let bytes = read_body(headers, body, kind.max_bytes).await?;
    // A task of its own, which holds the place to its end.
    let work = tokio::spawn(async move {
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

async fn read_body(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail =
            format!("what is sent here has at most {max_bytes} bytes; ask about fewer cells or people at once");
        Problem::new(413, "too-large", "Too large", detail)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, body::to_bytes(body, max_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Too long without having said so, or broken off: then nobody reads this.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            let detail = format!("the submission did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Err(Problem::new(408, "too-slow", "Too slow", detail).retry(Retry::Later))
        }
    }
}

fn busy() -> Problem {
    let detail = format!("{PLACES} callers' words are in work; send it again in a moment");
    Problem::new(503, "busy", "Busy", detail).retry(Retry::Later)
}

#[cfg(test)]
mod tests;
