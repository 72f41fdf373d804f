//! `POST …/details`: what the chain shows custodians of its own jurisdiction of the cells of a logged request.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use nacre_access::Scope;
use nacre_schemas::dossier::LoggedRequest;

use super::{MAX_LOGGED_REQUEST_BYTES, Served, held, reading};
use crate::{answer, error::Error, refusal::Refusal};

/// The details of the cells that the request holds for.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::DetailsRead, reading::JSON, request)?;
    let (caller, logged) = admitted.json::<LoggedRequest>(MAX_LOGGED_REQUEST_BYTES).await?;
    let caller = caller.membership;
    if caller.jurisdiction != chain.facts().jurisdiction {
        return Err(Refusal::OtherJurisdiction(chain.id().clone()).into());
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.evidence().enter()?;
    let asked = answer::asked(exchange.network(), &chain, &place, logged).await?;
    let details = answer::details(&exchange, &chain, &place, &asked).await?;
    held::json(place, &details)
}
