//! `POST …/cross/requests`: a regulator logs a request of the cross lane. `POST …/cross/inputs`: an evaluator fetches what
//! the chain has for one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    response::Response,
};
use nacre_access::Scope;
use nacre_schemas::{
    Document as _,
    cross::{LoggedCrossRequest, SignedCrossRequest},
};

use super::{MAX_LOGGED_REQUEST_BYTES, MAX_SIGNED_REQUEST_BYTES, Served, held, reading};
use crate::{cross, error::Error, refusal::Refusal};

/// Logs the request.
pub(super) async fn log(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<LoggedCrossRequest>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::LogWrite, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedCrossRequest>(MAX_SIGNED_REQUEST_BYTES).await?;
    if signed.request.requester != caller.membership.member {
        let (caller, sender) = (caller.membership.member, signed.request.requester);
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    Ok(Json(cross::log(&exchange, chain, &caller, signed).await?))
}

/// Hands the chain's inputs over.
pub(super) async fn inputs(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::CrossRead, reading::JSON, request)?;
    let (caller, logged) = admitted.json::<LoggedCrossRequest>(MAX_LOGGED_REQUEST_BYTES).await?;
    if !caller.membership.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.membership.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.inputs().enter()?;
    let delivery = cross::inputs(&exchange, &chain, &place, logged).await?;
    Ok(held::bytes(place, "application/vnd.nacre.cross-delivery", delivery.to_canonical()))
}
