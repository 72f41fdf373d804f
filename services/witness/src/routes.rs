//! The witness's routes.
//!
//! ```text
//! POST /add-checkpoint     submission (https://c2sp.org/tlog-witness) → signature line
//!                          400 malformed · 403 not signed by the chain, or it equivocated · 404 not a chain of ours
//!                          409 another size was countersigned last, in the body · 422 proof or contents do not hold
//!                          503 could not be checked now, or not at all until the operator has seen to an alarm
//! GET  /evidence/{slug}    Equivocation, JSON; 404 if the chain has signed one history only
//! ```
//!
//! Kept true: nobody needs a token, for nothing is believed that is not signed; a body is read up to its cap, before it takes a
//! place, and given up if it is not there within [`BODY_TIMEOUT`]; a bounded number of submissions is worked at, and what was
//! begun is finished if the caller hangs up. Connections, health and metrics are the host's ([`nacre_hosting::host`]): while a
//! chain is not countersigned because of an alarm, the witness is not ready, and says so.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::future::BoxFuture;
use nacre_hosting::{
    Gauges,
    body::Cap,
    host::{Host, HostError, Hosted},
    load::{Load, Pool, Sizes},
    problem::{ProblemResponse, Reason},
    ready::Lack,
    request_id,
    server::Listeners,
};
use nacre_ledger::note::submission::{MAX_SUBMISSION_BYTES, PATH};
use nacre_schemas::id::ChainId;
use tokio::sync::Semaphore;

use crate::{
    config::Config,
    witness::{Answer, OpenError, Witness},
};

/// Submissions in work at a time.
const PLACES: usize = 128;
/// How long a submission may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What reading evidence may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Readers of evidence at a time; submissions have places of their own.
const SIZES: Sizes = Sizes { anonymous: 64, members: 0, writes: 0 };

/// Why a witness does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be reached.
    #[error(transparent)]
    Host(#[from] HostError),
}

#[derive(Clone)]
struct Desk {
    witness: Arc<Witness>,
    places: Arc<Semaphore>,
}

/// Serves from the first moment, opens the witness, and goes on until the shutdown future ends; then finishes the submissions
/// in work.
pub async fn serve(
    config: Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let host = Host::start("witness", &config.server, &config.data, listeners)?;
    let (host, witness) = host.opening(Witness::open(&config)).await?;
    let witness = Arc::new(witness);
    let (places, load) = (Arc::new(Semaphore::new(PLACES)), Load::new(SIZES));
    let desk = Desk { witness: Arc::clone(&witness), places: Arc::clone(&places) };
    let app = Router::new()
        .route(PATH, post(add_checkpoint))
        .route("/evidence/{slug}", load.bound(Pool::Anonymous, get(evidence), TIMEOUT))
        .with_state(desk.clone());
    host.open(app, Arc::new(Seen::by(&host, desk)), Some(load));
    host.until(shutdown).await;
    // Also those whose callers hung up: until they are done the folder is not free. The semaphore is never closed.
    let _ = places.acquire_many(PLACES as u32).await;
    witness.close().await;
    Ok(())
}

async fn add_checkpoint(State(desk): State<Desk>, headers: HeaderMap, body: Body) -> Response {
    let read = Cap { bytes: MAX_SUBMISSION_BYTES, time: BODY_TIMEOUT }.read(&headers, body).await;
    let submission = match read.map(|bytes| String::from_utf8(bytes.into())) {
        Ok(Ok(submission)) => submission,
        Ok(Err(_)) => return Answer::Malformed("the submission is not UTF-8".to_owned()).into_response(),
        Err(problem) => return ProblemResponse(problem).into_response(),
    };
    let Ok(place) = Arc::clone(&desk.places).try_acquire_owned() else {
        return Answer::Later("as many submissions as it takes are in work".to_owned()).into_response();
    };
    // A task of its own, so that a caller's hanging up stops nothing half-way.
    let working = request_id::spawn(async move {
        let outcome = desk.witness.countersign(&submission).await;
        drop(place);
        outcome
    });
    match working.await {
        Ok(Ok(line)) => line.into_response(),
        Ok(Err(answer)) => answer.into_response(),
        Err(_) => Answer::Failed("the submission's work stopped".to_owned()).into_response(),
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let line = |status: StatusCode, text: String| (status, format!("{text}\n")).into_response();
        let reason = self.reason();
        let mut response = match self {
            Self::Malformed(text) => line(StatusCode::BAD_REQUEST, text),
            Self::Forbidden(text) => line(StatusCode::FORBIDDEN, text),
            Self::UnknownOrigin => line(StatusCode::NOT_FOUND, "no chain of this origin is witnessed here".to_owned()),
            Self::NoEvidence => {
                line(StatusCode::NOT_FOUND, "there is no evidence against a chain of that name".to_owned())
            }
            Self::Conflict(size) => {
                (StatusCode::CONFLICT, [(CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response()
            }
            Self::Refused(text) => line(StatusCode::UNPROCESSABLE_ENTITY, text),
            Self::Later(text) => line(StatusCode::SERVICE_UNAVAILABLE, text),
            Self::Alarm(chain) => (StatusCode::SERVICE_UNAVAILABLE, alarm(&chain)).into_response(),
            Self::Failed(text) => {
                tracing::error!(text, "a submission failed");
                line(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the witness failed; its operator finds the cause in its log".to_owned(),
                )
            }
        };
        response.extensions_mut().insert(Reason(reason.to_owned()));
        response
    }
}

impl Answer {
    /// The word that it is counted under.
    fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Forbidden(_) => "forbidden",
            Self::UnknownOrigin => "unknown-origin",
            Self::NoEvidence => "no-evidence",
            Self::Conflict(_) => "other-size",
            Self::Refused(_) => "check-failed",
            Self::Later(_) => "busy",
            Self::Alarm(_) => "alarm",
            Self::Failed(_) => "internal",
        }
    }
}

/// What is said of an alarm to strangers: the log has the rest.
fn alarm(chain: &ChainId) -> String {
    format!(
        "alarm: {chain} is not countersigned: what was countersigned before is not certain; the operator finds the cause in \
         the witness's log\n"
    )
}

async fn evidence(State(desk): State<Desk>, Path(slug): Path<String>) -> Response {
    match desk.witness.evidence(&slug).await {
        Ok(Some(evidence)) => Json(evidence).into_response(),
        Ok(None) => Answer::NoEvidence.into_response(),
        Err(error) => Answer::from(error).into_response(),
    }
}

/// The witness as its host sees it.
struct Seen {
    desk: Desk,
    countersigned: Gauges,
    refusals: Gauges,
    equivocation: Gauges,
    alarm: Gauges,
    full: Gauges,
    queues: Gauges,
}

impl Seen {
    fn by(host: &Host, desk: Desk) -> Self {
        let of_chain = |name, help| host.gauges(name, help, &["chain"]);
        Self {
            desk,
            countersigned: of_chain("witness_countersigned_entries", "Entries under the last checkpoint countersigned"),
            refusals: of_chain("witness_refused_checkpoints", "Checkpoints whose proof or contents did not hold"),
            equivocation: of_chain("witness_equivocation", "1 if the chain has signed two histories: an alarm"),
            alarm: of_chain(
                "witness_alarm",
                "1 if what was countersigned before is not certain: nothing is until it is",
            ),
            full: of_chain("witness_full", "1 if bodies are checked before the chain is countersigned"),
            queues: host.gauges("queue_taken", "Pieces of work that are under way", &["queue"]),
        }
    }
}

impl Hosted for Seen {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        let alarmed = |chain: &crate::witness::Watched| {
            let why = chain.alarm()?;
            Some(Lack::new("alarm", format!("{} is not countersigned: {why}", chain.id)))
        };
        Box::pin(std::future::ready(self.desk.witness.watched().filter_map(alarmed).collect()))
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        for chain in self.desk.witness.watched() {
            let id = [chain.id.as_str()];
            self.countersigned.set(&id, chain.size.load(Relaxed) as f64);
            self.refusals.set(&id, chain.refused.load(Relaxed) as f64);
            self.equivocation.set(&id, f64::from(chain.equivocated.load(Relaxed)));
            self.alarm.set(&id, f64::from(chain.alarm().is_some()));
            self.full.set(&id, f64::from(chain.is_full()));
        }
        self.queues.set(&["submissions"], (PLACES - self.desk.places.available_permits()) as f64);
        Box::pin(std::future::ready(()))
    }
}
