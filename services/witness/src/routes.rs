//! The witness's routes: those of [`nacre_wire::witness`]. The first is <https://c2sp.org/tlog-witness>.
//!
//! Kept true: nobody needs a token, for nothing is believed that is not signed; a body is read before it takes a place; a bounded
//! number of submissions is worked at, and what was begun is finished if the caller hangs up; what is wrong is said in a line of
//! text. Connections, health and metrics are the host's ([`nacre_hosting::host`]): while a chain is not countersigned because of
//! an alarm, the witness is not ready, and says so.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use nacre_hosting::{
    Gauges,
    host::{Host, HostError, Hosted, Running, Shutdown},
    load::{self, Load, Sizes},
    mount::{Call, Mount, Reply},
    problem::{self, Reason},
    ready::Lack,
    request_id,
    server::Listeners,
};
use nacre_schemas::{equivocation::Equivocation, id::ChainId};
use nacre_wire::{
    body::{Json, Nothing, Text},
    media::TREE_SIZE,
    problem::MALFORMED,
    witness::{
        ADD_CHECKPOINT, ALARM, FAILED, FORBIDDEN, GET_EQUIVOCATION, LATER, NO_EVIDENCE, OfWitnessed, REFUSED,
        UNKNOWN_ORIGIN,
    },
};
use tokio::sync::Semaphore;

use crate::{
    config::Config,
    witness::{Answer, OpenError, Witness},
};

/// Submissions in work at a time.
const PLACES: usize = 128;
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

struct Desk {
    witness: Witness,
    places: Arc<Semaphore>,
}

/// Serves from the first moment, opens the witness, and goes on until the shutdown future ends; then finishes the submissions
/// in work.
pub fn serve(config: Config, listeners: Listeners, shutdown: Shutdown) -> Running<ServeError> {
    Box::pin(async move {
        let host = Host::start("witness", &config.server, &config.data, listeners)?;
        let (host, witness) = host.opening(Witness::open(&config)).await?;
        let desk = Arc::new(Desk { witness, places: Arc::new(Semaphore::new(PLACES)) });
        let load = Load::new(SIZES);
        let app = Mount::new(Arc::clone(&desk), Arc::clone(&load))
            .refusing(problem::as_text)
            .route(ADD_CHECKPOINT, add_checkpoint)
            .route(GET_EQUIVOCATION, evidence)
            .router();
        let explain = |status| problem::as_text(problem::of_status(status));
        host.open_explained(app, Arc::new(Seen::by(&host, Arc::clone(&desk))), Some(load), explain);
        host.until(shutdown).await;
        // Also those whose callers hung up: until they are done the folder is not free. The semaphore is never closed.
        let _ = desk.places.acquire_many(PLACES as u32).await;
        desk.witness.close().await;
        Ok(())
    })
}

async fn add_checkpoint(desk: Arc<Desk>, call: Call<(), Text>) -> Result<Reply<Text>, Answer> {
    let submission = call.body.value().await?;
    let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| Answer::Unread(load::busy()))?;
    // A task of its own, so that a caller's hanging up stops nothing half-way.
    let working = request_id::spawn(async move {
        let outcome = desk.witness.countersign(&submission).await;
        drop(place);
        outcome
    });
    let outcome = working.await.map_err(|_| Answer::Failed("the submission's work stopped".to_owned()))?;
    Ok(Reply::new(outcome?))
}

async fn evidence(desk: Arc<Desk>, call: Call<OfWitnessed, Nothing>) -> Result<Reply<Json<Equivocation>>, Answer> {
    let found = desk.witness.evidence(call.parameters.slug.as_str()).await?;
    Ok(Reply::new(found.ok_or(Answer::NoEvidence)?))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (kind, text) = match self {
            Self::Unread(problem) => return problem::as_text(problem),
            Self::Conflict(size) => {
                let mut response =
                    (StatusCode::CONFLICT, [(CONTENT_TYPE, TREE_SIZE)], format!("{size}\n")).into_response();
                response.extensions_mut().insert(Reason("other-size".to_owned()));
                return response;
            }
            Self::Malformed(text) => (MALFORMED, text),
            Self::Forbidden(text) => (FORBIDDEN, text),
            Self::UnknownOrigin => (UNKNOWN_ORIGIN, "no chain of this origin is witnessed here".to_owned()),
            Self::NoEvidence => (NO_EVIDENCE, "there is no evidence against a chain of that name".to_owned()),
            Self::Refused(text) => (REFUSED, text),
            Self::Later(text) => (LATER, text),
            Self::Alarm(chain) => (ALARM, alarm(&chain)),
            Self::Failed(text) => {
                tracing::error!(text, "a submission failed");
                (FAILED, "the witness failed; its operator finds the cause in its log".to_owned())
            }
        };
        problem::as_text(kind.problem(text))
    }
}

/// What is said of an alarm to strangers: the log has the rest.
fn alarm(chain: &ChainId) -> String {
    format!(
        "alarm: {chain} is not countersigned: what was countersigned before is not certain; the operator finds the cause in \
         the witness's log"
    )
}

/// The witness as its host sees it.
struct Seen {
    desk: Arc<Desk>,
    countersigned: Gauges,
    refusals: Gauges,
    equivocation: Gauges,
    alarm: Gauges,
    full: Gauges,
    queues: Gauges,
}

impl Seen {
    fn by(host: &Host, desk: Arc<Desk>) -> Self {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use axum::body::to_bytes;
    use nacre_ledger::note::submission;
    use nacre_wire::problem::{TOO_LARGE, TOO_SLOW};

    use super::*;

    #[test]
    fn the_route_is_the_one_that_the_ledger_has_submissions_for() {
        let facts = ADD_CHECKPOINT.facts();
        assert_eq!((facts.path, facts.max_request_bytes), (submission::PATH, submission::MAX_SUBMISSION_BYTES));
    }

    #[test]
    fn a_submission_may_take_as_long_as_it_waits_for_what_is_new() {
        assert!(ADD_CHECKPOINT.facts().time_limit.duration() > crate::witness::PATIENCE);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_in_a_line_of_text_and_counted_by_its_word() {
        for kind in [MALFORMED, TOO_LARGE, TOO_SLOW] {
            let response = Answer::from(kind.problem("what is wrong")).into_response();
            assert_eq!(response.status().as_u16(), kind.status);
            assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
            assert_eq!(response.extensions().get::<Reason>().unwrap().0, kind.word);
            assert_eq!(to_bytes(response.into_body(), 1_024).await.unwrap(), "what is wrong\n");
        }
    }
}
