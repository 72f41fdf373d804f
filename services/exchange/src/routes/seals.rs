//! `GET …/seals/latest` and `POST …/seals`: the chain's last seal; closing the epoch.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::entry::SealEntry;
use serde::Serialize;

use super::{Served, reading};
use crate::{error::Error, refusal::Refusal, replay::catch_up, seals, store};

/// Where the last seal stands.
#[derive(Serialize)]
pub(super) struct Latest {
    number: u64,
    leaf: u64,
}

/// The last seal.
pub(super) async fn latest(State(exchange): Served, Path(slug): Path<String>) -> Result<Json<Latest>, Error> {
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
    let last = last.ok_or_else(|| Refusal::NoSeal(chain.id().clone()))?;
    Ok(Json(Latest { number: last.number, leaf: last.leaf }))
}

/// Closes the epoch, for the chain's operator.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<SealEntry>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let caller = reading::admit(&exchange, Scope::SealsWrite, request)?.caller.membership;
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    Ok(Json(seals::close(&exchange, chain).await?))
}
