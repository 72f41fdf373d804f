//! The addresses, one file a resource, and what holds for all of them.
//!
//! They are the wire's ([`nacre_wire::exchange`], and `openapi/exchange.json` beside it).
//!
//! Kept true: a body is read only after its token was checked, and never beyond the route's cap; every refusal is a
//! problem document; no body and no header is logged.
//!
//! What is bounded, each by itself, so that a flood of one holds up nothing of another: reads without a token, reads by members,
//! what members send, and of each what is on its way ([`nacre_hosting::load`]); those that wait for witnesses
//! ([`crate::finality`]); answers that are large and not taken yet ([`Reply::holding`]). The token endpoint takes a connection and no
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
mod numbers;
mod proofs;
mod releases;
mod requests;
mod roots;
mod seals;
mod tiles;

use std::sync::Arc;

use axum::{Router, http::HeaderMap};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
};
use nacre_schemas::{Signed, membership::Membership, problem::Problem};
use nacre_wire::{
    exchange as wire,
    route::{Facts, Members},
};

use crate::{error::Error, exchange::Exchange, finality};

/// Requests at work at the same time; those that wait for witnesses have their own places within.
const SIZES: Sizes = Sizes {
    anonymous: 128 + finality::WAITING_STRANGERS,
    members: 256 + finality::WAITING_MEMBERS,
    writes: 256 + finality::WAITING_MEMBERS,
};

/// A call without a token.
type Asked<P, Q> = Call<P, Q>;
/// A member's call.
type ByMember<P, Q> = Call<P, Q, Signed<Membership>>;
/// What a handler answers.
type Answer<S> = Result<Reply<S>, Error>;

impl Admits<Members> for Exchange {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.gatekeeper().caller(route, headers)
    }
}

/// Everything that the exchange serves, and the bounds on it.
pub fn router(exchange: Arc<Exchange>) -> (Router, Arc<Load>) {
    let tokens = nacre_access::server::router(Arc::clone(exchange.gatekeeper()));
    let load = Load::new(SIZES);
    let router = Mount::new(exchange, Arc::clone(&load))
        .route(wire::GET_CHAINS, chains::read)
        .route(wire::GET_MEMBER, grants::member)
        .route(wire::GET_TRUST_ROOT, roots::read)
        .route(wire::GET_CHECKPOINT, checkpoint::read)
        .route(wire::GET_FINAL_CHECKPOINT, checkpoint::read_final)
        .route(wire::GET_TILE, tiles::read)
        .route(wire::GET_INCLUSION, proofs::inclusion)
        .route(wire::GET_CONSISTENCY, proofs::consistency)
        .route(wire::GET_LATEST_SEAL, seals::latest)
        .route(wire::GET_SEAL, seals::numbered)
        .route(wire::POST_SEAL, seals::create)
        .route(wire::POST_BATCH, batches::create)
        .route(wire::POST_REQUEST, requests::create)
        .route(wire::POST_RELEASE, releases::create)
        .route(wire::POST_CELLS, cells::read)
        .route(wire::POST_DETAILS, details::read)
        .route(wire::POST_NUMBERS, numbers::read)
        .route(wire::POST_ANCHOR, anchors::create)
        .route(wire::GET_ANCHOR, anchors::read)
        .route(wire::GET_EVIDENCE, evidence::read)
        .route(wire::POST_DISPUTE, disputes::create)
        .route(wire::POST_ERASURE, erasures::create)
        .route(wire::GET_BODIES, bodies::read)
        .route(wire::GET_ENTRIES, entries::read)
        .route(wire::GET_GRANTS, grants::list)
        .route(wire::POST_GRANT, grants::create)
        .route(wire::POST_REVOCATION, grants::revoke)
        .route(wire::POST_ACCESS, grants::access)
        .route(wire::POST_CROSS_REQUEST, cross::log)
        .route(wire::POST_CROSS_INPUTS, cross::inputs)
        .router()
        .merge(tokens);
    (router, load)
}
