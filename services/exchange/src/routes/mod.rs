//! The addresses, one file a resource, and what holds for all of them.
//!
//! | route | takes | scope | answers |
//! |---|---|---|---|
//! | `POST /oauth/token` | assertion | | token |
//! | `GET /healthz` | | | `ok`; 503 and which chains are read-only |
//! | `GET /v1/chains` | | | name, size, seals of each |
//! | `GET /v1/chains/{slug}/checkpoint[?covering=]` | | | signed note |
//! | `GET …/tile/…` | | | tile or bundle (C2SP tlog-tiles) |
//! | `GET …/checkpoint/final[?covering=]` | | | signed note, countersigned |
//! | `GET …/proofs/inclusion?leaf=&size=` | | | `Inclusion` |
//! | `GET …/proofs/consistency?from=&to=` | | | proof |
//! | `GET …/seals/latest`, `GET …/seals/{number}` | | | `SealProof` |
//! | `POST …/batches` | `application/vnd.nacre.batch` | `batches.write` | `BatchReceipt` |
//! | `POST …/seals` | | `seals.write` | `SealEntry` |
//! | `POST …/requests` | `SignedRequest` | `log.write` | `LoggedRequest` |
//! | `POST …/releases` | `application/vnd.nacre.release` | `log.write` | leaf, proof, checkpoint |
//! | `POST …/cells` | `LoggedRequest` | `cells.read` | `ChainAnswer` |
//! | `POST …/details` | `LoggedRequest` | `details.read` | `ChainDetails` |
//! | `POST …/numbers` | `NumbersRequest` | `numbers.read` | `ChainNumbers` |
//! | `POST …/anchors` | `application/vnd.nacre.anchor` | `anchors.write` | `Anchored` |
//! | `GET …/anchors/{child}[?covering=]` | | | `Anchored` |
//! | `GET …/evidence/{record}` | | `evidence.read` | `Evidence`, without anchors |
//! | `POST …/disputes` | `SignedDispute` | `disputes.write` | leaf, proof, checkpoint |
//! | `POST …/cross/requests` | `SignedCrossRequest` | `log.write` | `LoggedCrossRequest` |
//! | `POST …/cross/inputs` | `LoggedCrossRequest` | `cross.read` | `application/vnd.nacre.cross-delivery` |
//! | `GET /v1/trust-roots/{digest}` | | | `SignedTrustRoot`, of those it has gone by |
//! | `GET /v1/members/{member}` | | `grants.write` | `SignedMembership` |
//! | `POST …/grants` | `NewGrant` | `grants.write` | leaf, proof, checkpoint |
//! | `GET …/grants[?from=]` | | `grants.read` | `GrantsPage` |
//! | `POST …/revocations` | `SignedRevocation` | `grants.write` | leaf, proof, checkpoint |
//! | `POST …/accesses` | `SignedAccess` | `grants.read` | `Delivery` |
//! | `GET …/entries?from=` | | `log.read` | `LogPage`, main chains only |
//! | `POST …/erasures` | `SignedErasure` | `erasures.write` | leaf, proof, checkpoint |
//! | `GET …/bodies?from=` | | `bodies.read` | `application/vnd.nacre.members-page` |
//!
//! Kept true: a body is read only after its token was checked, and never beyond the route's cap; every refusal is a
//! problem document; no body and no header is logged.
//!
//! What is bounded, each by itself, so that a flood of one holds up nothing of another: requests at work, requests whose
//! bodies are on their way ([`load`]), those that wait for witnesses ([`crate::finality`]), answers that are large and not
//! taken yet ([`held`]). `/healthz` and the token endpoint take a connection and no place: nothing that a stranger holds keeps
//! a caller from seeing that the exchange lives, or a member from its token. Connections are bounded by
//! [`nacre_access::server::serve`].

mod anchors;
mod batches;
mod bodies;
mod cells;
mod chains;
mod checkpoint;
mod cross;
mod details;
mod disputes;
mod entries;
mod erasures;
mod evidence;
mod grants;
mod health;
mod held;
mod load;
mod numbers;
mod proofs;
mod reading;
mod releases;
mod requests;
mod roots;
mod seals;
mod tiles;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{MethodRouter, get, post},
};
use nacre_schemas::{Document as _, anchor::Anchor, limits};
use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer};

use crate::{exchange::Exchange, finality, refusal::Refusal};

/// A signed request, in bytes of JSON: hex takes twice what the canonical form takes.
pub(crate) const MAX_SIGNED_REQUEST_BYTES: usize = 2 * limits::MAX_SIGNED_REQUEST_BYTES;
/// A logged request, in bytes of JSON.
pub(crate) const MAX_LOGGED_REQUEST_BYTES: usize = MAX_SIGNED_REQUEST_BYTES + (128 << 10);
/// A body that nobody reads: clients that always send one may send `null` or `{}`.
const MAX_IDLE_BODY_BYTES: usize = 64;
/// Requests at work at the same time: 512 that wait for a queue or the disk at most, and those that wait for witnesses.
const MAX_REQUESTS: usize = 512 + finality::WAITING_STRANGERS + finality::WAITING_MEMBERS;
/// Requests whose bodies are on their way.
const MAX_READING: usize = 256;
/// What a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a request may take that reads or writes as much as there is: cells, details, seals, releases.
const LONG_TIMEOUT: Duration = Duration::from_secs(1_800);

/// What every handler is given.
pub(crate) type Served = axum::extract::State<Arc<Exchange>>;

/// Everything that the exchange serves.
pub fn router(exchange: Arc<Exchange>) -> Router {
    let tokens = nacre_access::server::router(Arc::clone(exchange.gatekeeper()));
    let chain = Router::new()
        .route("/checkpoint", short(get(checkpoint::read), 0))
        .route("/tile/{*path}", short(get(tiles::read), 0))
        .route("/checkpoint/final", short(get(checkpoint::read_final), 0))
        .route("/erasures", short(post(erasures::create), with_surplus(erasures::MAX_ORDER_BYTES)))
        .route("/bodies", long(get(bodies::read), 0))
        .route("/proofs/inclusion", short(get(proofs::inclusion), 0))
        .route("/proofs/consistency", short(get(proofs::consistency), 0))
        .route("/seals/latest", short(get(seals::latest), 0))
        .route("/seals/{number}", short(get(seals::numbered), 0))
        .route("/batches", short(post(batches::create), with_surplus(limits::MAX_BATCH_BYTES)))
        .route("/seals", long(post(seals::create), MAX_IDLE_BODY_BYTES))
        .route("/requests", short(post(requests::create), with_surplus(MAX_SIGNED_REQUEST_BYTES)))
        .route("/releases", long(post(releases::create), with_surplus(limits::MAX_RELEASE_BYTES)))
        .route("/cells", long(post(cells::read), with_surplus(MAX_LOGGED_REQUEST_BYTES)))
        .route("/details", long(post(details::read), with_surplus(MAX_LOGGED_REQUEST_BYTES)))
        .route("/numbers", long(post(numbers::read), with_surplus(MAX_LOGGED_REQUEST_BYTES)))
        .route("/anchors", short(post(anchors::create), with_surplus(Anchor::MAX_BYTES)))
        .route("/anchors/{child}", short(get(anchors::read), 0))
        .route("/evidence/{record}", short(get(evidence::read), 0))
        .route("/disputes", short(post(disputes::create), with_surplus(disputes::MAX_DISPUTE_BYTES)))
        .route("/grants", short(get(grants::list).post(grants::create), with_surplus(grants::MAX_BYTES)))
        .route("/revocations", short(post(grants::revoke), with_surplus(grants::MAX_BYTES)))
        .route("/accesses", short(post(grants::access), with_surplus(grants::MAX_BYTES)))
        .route("/cross/requests", short(post(cross::log), with_surplus(MAX_SIGNED_REQUEST_BYTES)))
        .route("/cross/inputs", long(post(cross::inputs), with_surplus(MAX_LOGGED_REQUEST_BYTES)))
        .route("/entries", short(get(entries::read), 0));
    let bounded = Router::new()
        .route("/v1/chains", short(get(chains::read), 0))
        .route("/v1/members/{member}", short(get(grants::member), 0))
        .route("/v1/trust-roots/{digest}", short(get(roots::read), 0))
        .nest("/v1/chains/{slug}", chain)
        .layer(middleware::from_fn_with_state(load::Load::new(MAX_REQUESTS, MAX_READING), load::limit));
    Router::new()
        .route("/healthz", short(get(health::read), 0))
        .merge(bounded)
        .with_state(exchange)
        .merge(tokens)
        .fallback(async || crate::error::Error::from(Refusal::NoRoute))
        .method_not_allowed_fallback(async || crate::error::Error::from(Refusal::MethodNotAllowed))
        .layer(middleware::from_fn(load::explain))
        .layer(TraceLayer::new_for_http())
}

/// What reaches a handler that takes that many bytes. More than it takes: the handler refuses what is too long and reads
/// what its caller is still sending, where a layer in front would close the connection under a caller who then never
/// learns why.
const fn with_surplus(body_bytes: usize) -> usize {
    body_bytes + reading::MAX_DISCARDED_BYTES
}

fn short(route: MethodRouter<Arc<Exchange>>, body_bytes: usize) -> MethodRouter<Arc<Exchange>> {
    bounded(route, body_bytes, TIMEOUT)
}

fn long(route: MethodRouter<Arc<Exchange>>, body_bytes: usize) -> MethodRouter<Arc<Exchange>> {
    bounded(route, body_bytes, LONG_TIMEOUT)
}

fn bounded(route: MethodRouter<Arc<Exchange>>, body_bytes: usize, timeout: Duration) -> MethodRouter<Arc<Exchange>> {
    route
        .layer::<_, Infallible>(RequestBodyLimitLayer::new(body_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout))
}
