//! The custodian's routes.
//!
//! ```text
//! POST /oauth/token        access tokens
//! GET  /healthz            204
//! POST /v1/confirmations   Submission without confirmations → Finding; scope and caller as below
//! POST /v1/answers         Submission → Verdict; scope answers.request, by the request's own requester
//! POST /v1/cross/answers    CrossSubmission → CrossVerdict; scope and caller as above
//! POST /v1/cross/proofs     SummandDispute → SummandProof; scope and caller as above
//! POST /v1/previews        SignedRequest → SignedPreview; scope and caller as above, so many an hour
//! ```
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no
//! memory, and callers at most [`PLACES`] bodies, whichever of the two they ask for. What was begun is finished even if the caller hangs up, so work never
//! outgrows the places. Errors: problem+json.

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
    membership::SignedMembership,
    preview::SignedPreview,
    problem::{Problem, Retry},
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
/// How long a caller may take to send its submission.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a custodian does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The socket failed.
    #[error("the listening socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The thread that opens the log stopped.
    #[error("the custodian could not be opened")]
    Stopped,
}

#[derive(Clone)]
struct Desk {
    custodian: Arc<Custodian>,
    places: Arc<Semaphore>,
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
    axum::serve(listener, router(custodian)).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

/// The routes.
pub fn router(custodian: Arc<Custodian>) -> Router {
    let tokens = server::router(Arc::clone(custodian.gatekeeper()));
    let desk = Desk { custodian, places: Arc::new(Semaphore::new(PLACES)) };
    Router::new()
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/v1/confirmations", post(confirmations))
        .route("/v1/answers", post(answers))
        .route("/v1/cross/answers", post(cross_answers))
        .route("/v1/cross/proofs", post(cross_proofs))
        .route("/v1/previews", post(previews))
        .with_state(desk)
        .merge(tokens)
}

async fn answers(State(desk): State<Desk>, headers: HeaderMap, body: Body) -> Result<Json<Verdict>, ProblemResponse> {
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge(submission).await };
    receive(desk, &headers, body, requester_of, judge).await
}

async fn confirmations(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Finding>, ProblemResponse> {
    let confirm = |custodian: Arc<Custodian>, submission, _| async move { custodian.confirm(submission).await };
    receive(desk, &headers, body, requester_of, confirm).await
}

async fn cross_answers(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CrossVerdict>, ProblemResponse> {
    let requester = |submission: &CrossSubmission| submission.logged.request.request.requester.clone();
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge_cross(submission).await };
    receive(desk, &headers, body, requester, judge).await
}

async fn cross_proofs(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SummandProof>, ProblemResponse> {
    let requester = |dispute: &SummandDispute| dispute.submission.logged.request.request.requester.clone();
    let prove = |custodian: Arc<Custodian>, dispute, _| async move { custodian.prove_cross(dispute).await };
    receive(desk, &headers, body, requester, prove).await
}

async fn previews(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SignedPreview>, ProblemResponse> {
    let requester = |signed: &SignedRequest| signed.request.requester.clone();
    let preview = |custodian: Arc<Custodian>, signed, caller| async move { custodian.preview(signed, caller).await };
    receive(desk, &headers, body, requester, preview).await
}

fn requester_of(submission: &Submission) -> MemberId {
    submission.dossier.logged.request.request.requester.clone()
}

/// Takes what its requester sends, and does something with it.
async fn receive<B, T, F>(
    desk: Desk,
    headers: &HeaderMap,
    body: Body,
    requester: fn(&B) -> MemberId,
    act: impl FnOnce(Arc<Custodian>, B, SignedMembership) -> F + Send + 'static,
) -> Result<Json<T>, ProblemResponse>
where
    B: DeserializeOwned + Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send,
{
    let caller = desk.custodian.gatekeeper().authorize(headers, Scope::AnswersRequest)?.clone();
    let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| busy())?;
    let bytes = read_body(headers, body).await?;
    // A task of its own, which holds the place to its end.
    let work = tokio::spawn(async move {
        let _place = place;
        let sent = parse(&caller.membership.member, requester, bytes).await?;
        act(desk.custodian, sent, caller).await
    });
    let stopped = |_| Problem::new(500, "internal", "Internal error", "the custodian could not finish its checks");
    Ok(Json(work.await.map_err(stopped)??))
}

/// What was sent, if its request is the caller's own.
async fn parse<B: DeserializeOwned + Send + 'static>(
    caller: &MemberId,
    requester: fn(&B) -> MemberId,
    bytes: Bytes,
) -> Result<B, Problem> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice::<B>(&bytes)).await;
    let sent = match parsed {
        Ok(Ok(sent)) => sent,
        Ok(Err(error)) => return Err(Problem::new(400, "malformed", "Malformed submission", error)),
        Err(_) => return Err(Problem::new(500, "internal", "Internal error", "the submission could not be read")),
    };
    let requester = requester(&sent);
    if requester != *caller {
        let detail = format!("the request is {requester}'s; only its requester is answered");
        return Err(Problem::new(403, "not-the-requester", "Not the requester", detail));
    }
    Ok(sent)
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("a submission has at most {MAX_SUBMISSION_BYTES} bytes; ask about fewer cells");
        Problem::new(413, "too-large", "Too large", detail)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_SUBMISSION_BYTES as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, body::to_bytes(body, MAX_SUBMISSION_BYTES)).await {
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
    let detail = format!("{PLACES} submissions are in work; send it again in a moment");
    Problem::new(503, "busy", "Busy", detail).retry(Retry::Later)
}

#[cfg(test)]
mod tests;
