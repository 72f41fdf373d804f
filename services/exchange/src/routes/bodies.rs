//! `GET …/bodies`: a stretch of the chain with its bodies, for its full witnesses.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    response::Response,
};
use nacre_access::Scope;
use nacre_schemas::Document as _;

use super::{Served, entries::EntriesQuery, held, reading};
use crate::{bodies, error::Error, refusal::Refusal};

/// The next page.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<EntriesQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let caller = reading::admit(&exchange, Scope::BodiesRead, request)?.caller.membership;
    if caller.jurisdiction != chain.facts().jurisdiction {
        return Err(Refusal::OtherJurisdiction(chain.id().clone()).into());
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let Query(EntriesQuery { from }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let place = exchange.pages().enter()?;
    let page = bodies::page(&exchange, &chain, from).await?.to_canonical();
    Ok(held::bytes(place, "application/vnd.nacre.members-page", page))
}
