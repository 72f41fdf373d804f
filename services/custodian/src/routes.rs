//! The custodian's routes ([`nacre_wire::custodian`]).
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no
//! memory, and callers at most [`PLACES`] submissions and as many requests for pseudonyms, which do not take each
//! other's places. What was begun is finished even if the caller hangs up, so work never
//! outgrows the places. A body has to keep arriving, so one that is half sent gives its place back soon. Token requests take no
//! place. While its own log takes nothing, all of this is refused (503 `read-only`). Connections, health and metrics are the
//! host's ([`nacre_hosting::host`]). Errors: problem+json.

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
    Signed,
    answer::{Answer, Verdict},
    confirmation::Finding,
    cross::{CrossAnswer, CrossSubmission},
    dossier::Submission,
    id::MemberId,
    membership::Membership,
    preview::Preview,
    problem::Problem,
    pseudonym::{Evaluation, EvaluationRequest},
    query::{Request, SignedRequest},
    summand::{SummandDispute, SummandProof},
};
use nacre_wire::{
    body::{Body, Json},
    custodian::{
        NOT_THE_REQUESTER, POST_ANSWER, POST_CONFIRMATION, POST_CROSS_ANSWER, POST_CROSS_PROOF, POST_PREVIEW,
        POST_PSEUDONYMS,
    },
    problem::INTERNAL,
    route::{Facts, Members},
};
use tokio::sync::Semaphore;

use crate::{
    config::Config,
    custodian::{Custodian, OpenError},
};

/// Submissions in work at a time.
pub const PLACES: usize = 4;
/// Every route's places are the custodian's own.
const SIZES: Sizes = Sizes { anonymous: 0, members: 0, writes: 0 };

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

struct Desk {
    custodian: Arc<Custodian>,
    submissions: Arc<Semaphore>,
    pseudonyms: Arc<Semaphore>,
}

/// What a member sends.
type Sent<B> = Call<(), Json<B>, Signed<Membership>>;
/// What it is answered.
type Answered<T> = Result<Reply<Json<T>>, ProblemResponse>;

impl Desk {
    fn new(custodian: Arc<Custodian>) -> Self {
        let places = || Arc::new(Semaphore::new(PLACES));
        Self { custodian, submissions: places(), pseudonyms: places() }
    }
}

impl Admits<Members> for Desk {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.custodian.gatekeeper().caller(route, headers)
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
    let desk = Arc::new(Desk::new(Arc::new(custodian)));
    host.open(router(Arc::clone(&desk)), Arc::new(Seen::by(&host, desk)), None);
    host.until(shutdown).await;
    Ok(())
}

/// The custodian as its host sees it.
struct Seen {
    desk: Arc<Desk>,
    read_only: Gauges,
    entries: Gauges,
    queues: Gauges,
}

impl Seen {
    fn by(host: &Host, desk: Arc<Desk>) -> Self {
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
        let Desk { custodian, submissions, pseudonyms } = &*self.desk;
        self.read_only.set(&[], f64::from(custodian.read_only().is_some()));
        self.entries.set(&[], custodian.entries() as f64);
        for (queue, places) in [("submissions", submissions), ("pseudonyms", pseudonyms)] {
            self.queues.set(&[queue], (PLACES - places.available_permits()) as f64);
        }
        Box::pin(std::future::ready(()))
    }
}

/// The routes.
fn router(desk: Arc<Desk>) -> Router {
    let tokens = server::router(Arc::clone(desk.custodian.gatekeeper()));
    Mount::new(desk, Load::new(SIZES))
        .route(POST_CONFIRMATION, confirmations)
        .route(POST_ANSWER, answers)
        .route(POST_CROSS_ANSWER, cross_answers)
        .route(POST_CROSS_PROOF, cross_proofs)
        .route(POST_PREVIEW, previews)
        .route(POST_PSEUDONYMS, pseudonyms)
        .router()
        .merge(tokens)
}

async fn answers(desk: Arc<Desk>, call: Sent<Submission>) -> Answered<Verdict<Answer>> {
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge(submission).await };
    receive(&desk, &desk.submissions, requester_of, call, judge).await
}

async fn confirmations(desk: Arc<Desk>, call: Sent<Submission>) -> Answered<Finding> {
    let confirm = |custodian: Arc<Custodian>, submission, _| async move { custodian.confirm(submission).await };
    receive(&desk, &desk.submissions, requester_of, call, confirm).await
}

async fn cross_answers(desk: Arc<Desk>, call: Sent<CrossSubmission>) -> Answered<Verdict<CrossAnswer>> {
    let requester: fn(&_) -> &_ = |submission: &CrossSubmission| &submission.logged.request.request.requester;
    let judge = |custodian: Arc<Custodian>, submission, _| async move { custodian.judge_cross(submission).await };
    receive(&desk, &desk.submissions, requester, call, judge).await
}

async fn cross_proofs(desk: Arc<Desk>, call: Sent<SummandDispute>) -> Answered<SummandProof> {
    let requester: fn(&_) -> &_ = |dispute: &SummandDispute| &dispute.submission.logged.request.request.requester;
    let prove = |custodian: Arc<Custodian>, dispute, _| async move { custodian.prove_cross(dispute).await };
    receive(&desk, &desk.submissions, requester, call, prove).await
}

async fn previews(desk: Arc<Desk>, call: Sent<SignedRequest<Request>>) -> Answered<Signed<Preview>> {
    let requester: fn(&_) -> &_ = |signed: &SignedRequest<Request>| &signed.request.requester;
    let preview = |custodian: Arc<Custodian>, signed, caller| async move { custodian.preview(signed, caller).await };
    receive(&desk, &desk.submissions, requester, call, preview).await
}

async fn pseudonyms(desk: Arc<Desk>, call: Sent<EvaluationRequest>) -> Answered<Signed<Evaluation>> {
    let provider: fn(&_) -> &_ = |request: &EvaluationRequest| &request.provider;
    let evaluate = |custodian: Arc<Custodian>, request, _| async move { custodian.evaluate(request).await };
    receive(&desk, &desk.pseudonyms, provider, call, evaluate).await
}

fn requester_of(submission: &Submission) -> &MemberId {
    &submission.dossier.logged.request.request.requester
}

/// Takes what its sender sends, and does something with it. `sender` says which member alone may send it.
async fn receive<B, T, F>(
    desk: &Desk,
    places: &Arc<Semaphore>,
    sender: fn(&B) -> &MemberId,
    call: Sent<B>,
    act: impl FnOnce(Arc<Custodian>, B, Signed<Membership>) -> F + Send + 'static,
) -> Answered<T>
where
    Json<B>: Body<Value = B>,
    Json<T>: Body<Value = T>,
    B: Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send,
{
    desk.custodian.check_writable()?;
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| load::busy())?;
    let Call { caller, body, .. } = call;
    let arrived = body.arrive().await?;
    let custodian = Arc::clone(&desk.custodian);
    // A task of its own, which holds the place to its end.
    let work = request_id::spawn(async move {
        let _place = place;
        let sent = arrived.value().await?;
        check_sender(sender(&sent), &caller.statement.member)?;
        act(custodian, sent, caller).await
    });
    let stopped = |_| INTERNAL.problem("the custodian could not finish its checks");
    Ok(Reply::new(work.await.map_err(stopped)??))
}

/// That what was sent is the caller's own.
fn check_sender(sender: &MemberId, caller: &MemberId) -> Result<(), Problem> {
    if sender == caller {
        return Ok(());
    }
    Err(NOT_THE_REQUESTER.problem(format!("the request is {sender}'s; only its requester is answered")))
}

#[cfg(test)]
mod tests;
