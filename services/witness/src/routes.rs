//! The witness's routes.
//!
//! ```text
//! POST /add-checkpoint     submission (https://c2sp.org/tlog-witness) → signature line
//!                          400 malformed · 403 not signed by the chain, or it equivocated · 404 not a chain of ours
//!                          409 another size was countersigned last, in the body · 422 proof or contents do not hold
//!                          503 could not be checked now, or not at all until the operator has seen to an alarm
//! GET  /evidence/{slug}    Equivocation, JSON; 404 if the chain has signed one history only
//! GET  /metrics            Prometheus text: sizes, refusals, equivocations, alarms
//! GET  /healthz            `ok`; 503 and the chains that are not countersigned because of an alarm, one a line
//! ```
//!
//! Kept true: nobody needs a token, for nothing is believed that is not signed; a body is read up to its cap, before it takes a
//! place, and given up if it is not there within [`BODY_TIMEOUT`]; a bounded number of submissions is worked at, and what was
//! begun is finished if the caller hangs up. Connections are bounded by [`server::serve`].

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRequest as _, Path, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use nacre_access::server;
use nacre_ledger::note::submission::{MAX_SUBMISSION_BYTES, PATH};
use nacre_schemas::id::ChainId;
use tokio::{net::TcpListener, sync::Semaphore};
use tower_http::limit::RequestBodyLimitLayer;

use crate::{
    config::Config,
    witness::{Answer, OpenError, Witness},
};

/// Submissions in work at a time.
const PLACES: usize = 128;
/// How long a submission may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a witness does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
}

#[derive(Clone)]
struct Desk {
    witness: Arc<Witness>,
    places: Arc<Semaphore>,
}

/// Opens the witness and serves until the shutdown future ends; then finishes the submissions in work.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let witness = Arc::new(Witness::open(&config).await?);
    let places = Arc::new(Semaphore::new(PLACES));
    let desk = Desk { witness: Arc::clone(&witness), places: Arc::clone(&places) };
    let app = Router::new()
        .route(PATH, post(add_checkpoint).layer(RequestBodyLimitLayer::new(MAX_SUBMISSION_BYTES)))
        .route("/evidence/{slug}", get(evidence))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .with_state(desk);
    server::serve(listener, app, shutdown).await;
    // Also those whose callers hung up: until they are done the folder is not free. The semaphore is never closed.
    let _ = places.acquire_many(PLACES as u32).await;
    witness.close().await;
    Ok(())
}

async fn add_checkpoint(State(desk): State<Desk>, request: Request) -> Response {
    let submission = match tokio::time::timeout(BODY_TIMEOUT, String::from_request(request, &())).await {
        Ok(Ok(submission)) => submission,
        Ok(Err(rejection)) => return rejection.into_response(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the submission did not arrive in time\n").into_response(),
    };
    let Ok(place) = Arc::clone(&desk.places).try_acquire_owned() else {
        return Answer::Later("as many submissions as it takes are in work".to_owned()).into_response();
    };
    // A task of its own, so that a caller who hangs up stops nothing half-way.
    let working = tokio::spawn(async move {
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
        match self {
            Self::Malformed(text) => line(StatusCode::BAD_REQUEST, text),
            Self::Forbidden(text) => line(StatusCode::FORBIDDEN, text),
            Self::UnknownOrigin => line(StatusCode::NOT_FOUND, "no chain of this origin is witnessed here".to_owned()),
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

async fn healthz(State(desk): State<Desk>) -> Response {
    let alarms = desk.witness.watched().filter(|chain| chain.alarm().is_some());
    let lines: String = alarms.map(|chain| alarm(&chain.id)).collect();
    if lines.is_empty() { "ok".into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, lines).into_response() }
}

async fn evidence(State(desk): State<Desk>, Path(slug): Path<String>) -> Response {
    match desk.witness.evidence(&slug).await {
        Ok(Some(evidence)) => Json(evidence).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no evidence against a chain of that name\n").into_response(),
        Err(error) => Answer::from(error).into_response(),
    }
}

async fn metrics(State(desk): State<Desk>) -> Response {
    use std::sync::atomic::Ordering::Relaxed;
    let mut text = String::new();
    let series = [
        ("nacre_witness_countersigned_entries", "gauge", "Entries under the last checkpoint countersigned."),
        ("nacre_witness_refusals_total", "counter", "Checkpoints whose proof or contents did not hold."),
        ("nacre_witness_equivocation", "gauge", "1 if the chain has signed two histories: an alarm."),
        ("nacre_witness_alarm", "gauge", "1 if what was countersigned before is not certain: nothing is until it is."),
        ("nacre_witness_full", "gauge", "1 if bodies are checked before the chain is countersigned."),
    ];
    for (name, kind, help) in series {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for chain in desk.witness.watched() {
            let value = match name {
                "nacre_witness_countersigned_entries" => chain.size.load(Relaxed),
                "nacre_witness_refusals_total" => chain.refused.load(Relaxed),
                "nacre_witness_alarm" => chain.alarm().is_some().into(),
                "nacre_witness_equivocation" => chain.equivocated.load(Relaxed).into(),
                _ => chain.is_full().into(),
            };
            let _ = writeln!(text, "{name}{{chain=\"{}\"}} {value}", chain.id);
        }
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
