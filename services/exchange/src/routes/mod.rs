//! The addresses, one file a resource, and what holds for all of them.
//!
//! | route | takes | scope | answers |
//! |---|---|---|---|
//! | `POST /oauth/token` | assertion | | token |
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
//! What is bounded, each by itself, so that a flood of one holds up nothing of another: reads without a token, reads by members,
//! what members send, and of each what is on its way ([`nacre_hosting::load`]); those that wait for witnesses
//! ([`crate::finality`]); answers that are large and not taken yet ([`held`]). The token endpoint takes a connection and no
//! place. Health, readiness and version are the host's ([`nacre_hosting::host`]).

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
mod held;
mod numbers;
mod proofs;
mod reading;
mod releases;
mod requests;
mod roots;
mod seals;
mod tiles;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use nacre_hosting::load::{Load, Pool, Sizes};
use nacre_schemas::limits;

use crate::{exchange::Exchange, finality};

/// A signed request, in bytes of JSON: hex takes twice what the canonical form takes.
pub(crate) const MAX_SIGNED_REQUEST_BYTES: usize = 2 * limits::MAX_SIGNED_REQUEST_BYTES;
/// A logged request, in bytes of JSON.
pub(crate) const MAX_LOGGED_REQUEST_BYTES: usize = MAX_SIGNED_REQUEST_BYTES + (128 << 10);
/// Requests at work at the same time; those that wait for witnesses have their own places within.
const SIZES: Sizes = Sizes {
    anonymous: 128 + finality::WAITING_STRANGERS,
    members: 256 + finality::WAITING_MEMBERS,
    writes: 256 + finality::WAITING_MEMBERS,
};
/// What a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a request may take that reads or writes as much as there is: cells, details, seals, releases.
const LONG_TIMEOUT: Duration = Duration::from_secs(1_800);

/// What every handler is given.
pub(crate) type Served = axum::extract::State<Arc<Exchange>>;

/// Everything that the exchange serves, and the bounds on it.
pub fn router(exchange: Arc<Exchange>) -> (Router, Arc<Load>) {
    let tokens = nacre_access::server::router(Arc::clone(exchange.gatekeeper()));
    let bounds = Bounds(Load::new(SIZES));
    let router = Router::new()
        .route("/v1/chains", bounds.open(get(chains::read)))
        .route("/v1/members/{member}", bounds.read(get(grants::member)))
        .route("/v1/trust-roots/{digest}", bounds.open(get(roots::read)))
        .nest("/v1/chains/{slug}", chain(&bounds))
        .with_state(exchange)
        .merge(tokens);
    (router, bounds.0)
}

/// What is served of each chain.
fn chain(bounds: &Bounds) -> Router<Arc<Exchange>> {
    Router::new()
        .route("/checkpoint", bounds.open(get(checkpoint::read)))
        .route("/tile/{*path}", bounds.open(get(tiles::read)))
        .route("/checkpoint/final", bounds.open(get(checkpoint::read_final)))
        .route("/erasures", bounds.write(post(erasures::create)))
        .route("/bodies", bounds.long_read(get(bodies::read)))
        .route("/proofs/inclusion", bounds.open(get(proofs::inclusion)))
        .route("/proofs/consistency", bounds.open(get(proofs::consistency)))
        .route("/seals/latest", bounds.open(get(seals::latest)))
        .route("/seals/{number}", bounds.open(get(seals::numbered)))
        .route("/batches", bounds.write(post(batches::create)))
        .route("/seals", bounds.long_write(post(seals::create)))
        .route("/requests", bounds.write(post(requests::create)))
        .route("/releases", bounds.long_write(post(releases::create)))
        .route("/cells", bounds.long_read(post(cells::read)))
        .route("/details", bounds.long_read(post(details::read)))
        .route("/numbers", bounds.long_read(post(numbers::read)))
        .route("/anchors", bounds.write(post(anchors::create)))
        .route("/anchors/{child}", bounds.open(get(anchors::read)))
        .route("/evidence/{record}", bounds.read(get(evidence::read)))
        .route("/disputes", bounds.write(post(disputes::create)))
        .route("/grants", bounds.read(get(grants::list)).merge(bounds.write(post(grants::create))))
        .route("/revocations", bounds.write(post(grants::revoke)))
        .route("/accesses", bounds.write(post(grants::access)))
        .route("/cross/requests", bounds.write(post(cross::log)))
        .route("/cross/inputs", bounds.long_read(post(cross::inputs)))
        .route("/entries", bounds.read(get(entries::read)))
}

/// The bounds on the exchange's requests.
struct Bounds(Arc<Load>);

impl Bounds {
    /// A read that takes no token.
    fn open(&self, route: MethodRouter<Arc<Exchange>>) -> MethodRouter<Arc<Exchange>> {
        self.0.bound(Pool::Anonymous, route, TIMEOUT)
    }

    /// A member's read.
    fn read(&self, route: MethodRouter<Arc<Exchange>>) -> MethodRouter<Arc<Exchange>> {
        self.0.bound(Pool::Members, route, TIMEOUT)
    }

    fn long_read(&self, route: MethodRouter<Arc<Exchange>>) -> MethodRouter<Arc<Exchange>> {
        self.0.bound(Pool::Members, route, LONG_TIMEOUT)
    }

    /// What a member sends.
    fn write(&self, route: MethodRouter<Arc<Exchange>>) -> MethodRouter<Arc<Exchange>> {
        self.0.bound(Pool::Writes, route, TIMEOUT)
    }

    fn long_write(&self, route: MethodRouter<Arc<Exchange>>) -> MethodRouter<Arc<Exchange>> {
        self.0.bound(Pool::Writes, route, LONG_TIMEOUT)
    }
}
