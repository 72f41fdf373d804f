//! The evaluator's routes ([`nacre_wire::evaluator`]).
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no memory,
//! and callers at most [`PLACES`] bodies; results, which are larger, at most [`RESULTS`] until
//! they were taken. What was begun is finished even if the caller hangs up. Connections, health
//! and metrics are the host's ([`nacre_hosting::host`]). Errors: problem+json; 503 with `Retry-After` where the queue is full.

use std::sync::Arc;

use axum::{Router, http::HeaderMap};
use futures::future::BoxFuture;
use nacre_access::server;
use nacre_hosting::{
    Gauges,
    host::{Host, HostError, Hosted},
    load::{self, Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
    problem::ProblemResponse,
    ready::Lack,
    request_id,
    server::Listeners,
};
use nacre_schemas::{
    cross::{CrossArithmetic, CrossJob, CrossOutcome, CrossRequest},
    dossier::LoggedRequest,
    id::MemberId,
    problem::Problem,
};
use nacre_wire::{
    body::{Canonical, Json, Nothing},
    custodian::NOT_THE_REQUESTER,
    evaluator::{DELETE_JOB, GET_ARITHMETIC, GET_JOB, GET_JOB_RESULT, OfJob, POST_JOB},
    problem::INTERNAL,
    route::{Facts, Members},
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
/// Requests without a token at a time; members' have places of their own.
const SIZES: Sizes = Sizes { anonymous: 64, members: 0, writes: 0 };

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

struct Desk {
    evaluator: Arc<Evaluator>,
    places: Arc<Semaphore>,
    results: Arc<Semaphore>,
}

impl Admits<Members> for Desk {
    type Caller = MemberId;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<MemberId, Problem> {
        Ok(self.evaluator.gatekeeper.caller(route, headers)?.statement.member)
    }
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
    Mount::new(Arc::new(desk), Arc::clone(load))
        .route(GET_ARITHMETIC, arithmetic)
        .route(POST_JOB, submit)
        .route(GET_JOB, state)
        .route(GET_JOB_RESULT, result)
        .route(DELETE_JOB, cancel)
        .router()
        .merge(tokens)
}

async fn arithmetic(desk: Arc<Desk>, _: Call<(), Nothing>) -> Result<Reply<Json<CrossArithmetic>>, ProblemResponse> {
    let Keys { digest, arithmetic, .. } = &*desk.evaluator.keys;
    Ok(Reply::new(CrossArithmetic { keys: *digest, arithmetic: *arithmetic }))
}

async fn submit(
    desk: Arc<Desk>,
    call: Call<(), Json<LoggedRequest<CrossRequest>>, MemberId>,
) -> Result<Reply<Json<CrossJob>>, ProblemResponse> {
    let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| load::busy())?;
    let Call { caller, body, .. } = call;
    let arrived = body.arrive().await?;
    // A task of its own, which holds the place to its end.
    let work = request_id::spawn(async move {
        let _place = place;
        let logged = arrived.value().await?;
        check_requester(&logged.request.request.requester, &caller)?;
        desk.evaluator.submit(logged).await
    });
    let stopped = |_| INTERNAL.problem("the evaluator could not finish its checks");
    Ok(Reply::new(work.await.map_err(stopped)??))
}

async fn state(
    desk: Arc<Desk>,
    call: Call<OfJob, Nothing, MemberId>,
) -> Result<Reply<Json<CrossJob>>, ProblemResponse> {
    Ok(Reply::new(desk.evaluator.state(&call.parameters.request, &call.caller)?))
}

async fn result(
    desk: Arc<Desk>,
    call: Call<OfJob, Nothing, MemberId>,
) -> Result<Reply<Canonical<CrossOutcome>>, ProblemResponse> {
    let place = Arc::clone(&desk.results).try_acquire_owned().map_err(|_| load::busy())?;
    let outcome = desk.evaluator.outcome(&call.parameters.request, &call.caller).await?;
    Ok(Reply::new(outcome).holding(place))
}

async fn cancel(desk: Arc<Desk>, call: Call<OfJob, Nothing, MemberId>) -> Result<Reply<Nothing>, ProblemResponse> {
    desk.evaluator.cancel(&call.parameters.request, &call.caller).await?;
    Ok(Reply::new(()))
}

/// That a request is the caller's own.
fn check_requester(requester: &MemberId, caller: &MemberId) -> Result<(), Problem> {
    if requester == caller {
        return Ok(());
    }
    Err(NOT_THE_REQUESTER.problem(format!("the request is {requester}'s; it is computed for its requester only")))
}
