//! `GET …/seals/latest`, `GET …/seals/{number}` and `POST …/seals`: where a seal stands; closing the epoch.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::{Digest, entry::SealEntry};
use serde::Serialize;

use super::{Served, reading};
use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    refusal::Refusal,
    replay::catch_up,
    seals,
    store::{self, seal::SealPlace},
};

/// Where a seal stands, and the hash of its entry, by which requests name it.
#[derive(Serialize)]
pub(super) struct Standing {
    number: u64,
    leaf: u64,
    hash: Digest,
}

/// The last seal.
pub(super) async fn latest(State(exchange): Served, Path(slug): Path<String>) -> Result<Json<Standing>, Error> {
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
    let last = last.ok_or_else(|| Refusal::NoSeal(chain.id().clone()))?;
    Ok(Json(Standing::of(chain, last)?))
}

/// The seal of that number.
pub(super) async fn numbered(
    State(exchange): Served,
    Path((slug, number)): Path<(String, u64)>,
) -> Result<Json<Standing>, Error> {
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let found = store::seal::span(exchange.store().reader(), chain.id(), number, number).await?;
    let seal = found.into_iter().next().ok_or_else(|| Refusal::NoSuchSeal { chain: chain.id().clone(), number })?;
    Ok(Json(Standing::of(chain, seal)?))
}

impl Standing {
    fn of(chain: &Chain, place: SealPlace) -> Result<Self, ExchangeError> {
        Ok(Self { number: place.number, leaf: place.leaf, hash: chain.leaf_hash(place.leaf)? })
    }
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
