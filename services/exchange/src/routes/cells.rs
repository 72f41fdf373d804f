//! `POST …/cells`: what the chain shows the requester of a logged request.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use nacre_access::Scope;
use nacre_schemas::dossier::LoggedRequest;

use super::{MAX_LOGGED_REQUEST_BYTES, Served, held, reading};
use crate::{answer, error::Error, refusal::Refusal};

/// The cells, their proofs, and the sums of the groups.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::CellsRead, reading::JSON, request)?;
    let (caller, logged) = admitted.json::<LoggedRequest>(MAX_LOGGED_REQUEST_BYTES).await?;
    let requester = &logged.request.request.requester;
    if *requester != caller.membership.member {
        let (caller, sender) = (caller.membership.member, requester.clone());
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    if !caller.membership.chains.contains(chain.id()) {
        let member = caller.membership.member;
        return Err(Refusal::NotAdmitted { member, chain: chain.id().clone() }.into());
    }
    let place = exchange.evidence().enter()?;
    let asked = answer::asked(exchange.network(), &chain, &place, logged).await?;
    let answer = answer::evidence(&exchange, &chain, &place, &asked).await?;
    held::json(place, &answer)
}
