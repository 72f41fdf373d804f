//! The evaluator's routes.
//!
//! ```text
//! POST   /oauth/token                 access tokens
//! GET    /v1/arithmetic               CrossArithmetic: evaluators that differ in it will not confirm one result
//! POST   /v1/jobs                     LoggedCrossRequest → CrossJob; scope cross.compute, by the request's own requester
//! GET    /v1/jobs/{request}           CrossJob, by the digest of the request; scope and caller as above, as for all that follow
//! GET    /v1/jobs/{request}/result    CrossOutcome, application/vnd.nacre.cross-outcome; 409 while it is not done
//! DELETE /v1/jobs/{request}           204 once the job is cancelled and its files are removed
//! ```
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no memory,
//! and callers at most [`PLACES`] bodies of [`MAX_REQUEST_BYTES`]; results, which are larger, at most [`RESULTS`] until
//! they were taken. What was begun is finished even if the caller hangs up. Connections, health
//! and metrics are the host's ([`nacre_hosting::host`]). Errors: problem+json; 503 with `Retry-After` where the queue is full.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::{get, post},
};
use futures::future::BoxFuture;
use nacre_access::{Scope, server};
use nacre_hosting::{
    Gauges,
    body::Cap,
    body_holding,
    host::{Host, HostError, Hosted},
    load::{self, Load, Pool, Sizes},
    problem::ProblemResponse,
    ready::Lack,
    request_id,
    server::Listeners,
};
use nacre_schemas::{
    Digest,
    cross::{CrossArithmetic, CrossJob, LoggedCrossRequest},
    id::MemberId,
    problem::Problem,
};
use tokio::sync::Semaphore;

use crate::{
    config::Config,
    evaluator::{Evaluator, OpenError},
    keys::{Keys, KeysError},
};

/// Requests that are read and checked at a time.
pub const PLACES: usize = 8;
/// Results that are held in memory until they were taken, some megabytes each.
const RESULTS: usize = 8;
/// Largest request, in bytes of JSON.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// How long a caller may take to send its request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// What a request without a token may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests without a token at a time; members' have places of their own.
const SIZES: Sizes = Sizes { anonymous: 64, members: 0, writes: 0 };
/// The media type of outcomes.
const OUTCOME: &str = "application/vnd.nacre.cross-outcome";

/// Why an evaluator does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It has no keys to compute with.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its jobs cannot be taken up.
    #[error("the jobs that were there before: {0}")]
    Jobs(nacre_hosting::file::FileError),
    /// It cannot be reached.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The thread that opens it stopped.
    #[error("the evaluator could not be opened")]
    Stopped,
}

#[derive(Clone)]
struct Desk {
    evaluator: Arc<Evaluator>,
    places: Arc<Semaphore>,
    results: Arc<Semaphore>,
}

/// Serves from the first moment, loads the keys, and goes on until `shutdown` is ready; then the job at work pauses at its next
/// chunk.
pub async fn serve(
    config: Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let path = config.keys.to_path_buf();
    let keys = async move {
        let read = tokio::task::spawn_blocking(move || Keys::read(&path)).await;
        Ok(read.map_err(|_| ServeError::Stopped)??)
    };
    serve_with_keys(config, keys, listeners, shutdown).await
}

/// The same with keys that are loaded elsewhere: several evaluators of one process share them.
pub async fn serve_with_keys(
    config: Config,
    keys: impl Future<Output = Result<Arc<Keys>, ServeError>>,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let host = Host::start("evaluator", &config.server, &config.data, listeners)?;
    let opened = async {
        let keys = keys.await?;
        let opened = tokio::task::spawn_blocking(move || Evaluator::open(&config, keys)).await;
        let evaluator = opened.map_err(|_| ServeError::Stopped)??;
        evaluator.resume().map_err(ServeError::Jobs)?;
        Ok::<_, ServeError>(evaluator)
    };
    let (host, evaluator) = host.opening(opened).await?;
    tracing::info!(evaluator = %evaluator.name(), arithmetic = %evaluator.keys.arithmetic, "open");
    let load = Load::new(SIZES);
    let router = router(Arc::clone(&evaluator), &load);
    host.open(router, Arc::new(Seen::by(&host, Arc::clone(&evaluator))), Some(load));
    host.until(shutdown).await;
    evaluator.pause().await;
    Ok(())
}

/// The evaluator as its host sees it.
struct Seen {
    evaluator: Arc<Evaluator>,
    jobs: Gauges,
}

impl Seen {
    fn by(host: &Host, evaluator: Arc<Evaluator>) -> Self {
        let jobs = host.gauges("queue_taken", "Jobs that are not finished", &["queue"]);
        Self { evaluator, jobs }
    }
}

impl Hosted for Seen {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        let (unfinished, most) = (self.evaluator.unfinished(), self.evaluator.queue);
        let full = (unfinished >= most)
            .then(|| Lack::new("queue", format!("{unfinished} jobs wait or work, as many as it takes")));
        Box::pin(std::future::ready(full.into_iter().collect()))
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        self.jobs.set(&["jobs"], self.evaluator.unfinished() as f64);
        Box::pin(std::future::ready(()))
    }
}

/// The routes.
fn router(evaluator: Arc<Evaluator>, load: &Arc<Load>) -> Router {
    let tokens = server::router(Arc::clone(&evaluator.gatekeeper));
    let places = |most| Arc::new(Semaphore::new(most));
    let desk = Desk { evaluator, places: places(PLACES), results: places(RESULTS) };
    Router::new()
        .route("/v1/arithmetic", load.bound(Pool::Anonymous, get(arithmetic), TIMEOUT))
        .route("/v1/jobs", post(submit))
        .route("/v1/jobs/{request}", get(state).delete(cancel))
        .route("/v1/jobs/{request}/result", get(result))
        .with_state(desk)
        .merge(tokens)
}

async fn arithmetic(State(desk): State<Desk>) -> Json<CrossArithmetic> {
    let Keys { digest, arithmetic, .. } = &*desk.evaluator.keys;
    Json(CrossArithmetic { keys: *digest, arithmetic: *arithmetic })
}

async fn submit(State(desk): State<Desk>, headers: HeaderMap, body: Body) -> Result<Json<CrossJob>, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| load::busy())?;
    let bytes = Cap { bytes: MAX_REQUEST_BYTES, time: BODY_TIMEOUT }.read(&headers, body).await?;
    // A task of its own, which holds the place to its end.
    let work = request_id::spawn(async move {
        let _place = place;
        desk.evaluator.submit(parse(&caller, bytes).await?).await
    });
    Ok(Json(work.await.map_err(|_| stopped())??))
}

async fn state(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<Json<CrossJob>, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    Ok(Json(desk.evaluator.state(&digest(&request)?, &caller)?))
}

async fn result(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    let place = Arc::clone(&desk.results).try_acquire_owned().map_err(|_| load::busy())?;
    let outcome = desk.evaluator.outcome(&digest(&request)?, &caller).await?;
    Ok(([(CONTENT_TYPE, OUTCOME)], body_holding(place, outcome)))
}

async fn cancel(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<StatusCode, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    desk.evaluator.cancel(&digest(&request)?, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn caller(desk: &Desk, headers: &HeaderMap) -> Result<MemberId, Problem> {
    let admission = desk.evaluator.gatekeeper.authorize(headers, Scope::CrossCompute)?;
    Ok(admission.membership.member.clone())
}

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|error| Problem::new(400, "malformed", "Malformed digest", error))
}

/// What was sent, if it is the caller's own.
async fn parse(caller: &MemberId, bytes: Bytes) -> Result<LoggedCrossRequest, Problem> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice::<LoggedCrossRequest>(&bytes)).await;
    let logged = parsed.map_err(|_| stopped())?;
    let logged = logged.map_err(|error| Problem::new(400, "malformed", "Malformed request", error))?;
    let requester = &logged.request.request.requester;
    if requester != caller {
        let detail = format!("the request is {requester}'s; it is computed for its requester only");
        return Err(Problem::new(403, "not-the-requester", "Not the requester", detail));
    }
    Ok(logged)
}

fn stopped() -> Problem {
    Problem::new(500, "internal", "Internal error", "the evaluator could not finish its checks")
}
