//! `GET …/seals/latest`, `GET …/seals/{number}` and `POST …/seals`: a seal and where it stands; closing the epoch.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::{entry::SealEntry, query::SealProof};

use super::{Served, reading};
use crate::{
    chain::Chain,
    error::Error,
    finality::Asker,
    refusal::Refusal,
    replay::catch_up,
    seals,
    store::{self, seal::SealPlace},
};

/// The last seal.
pub(super) async fn latest(State(exchange): Served, Path(slug): Path<String>) -> Result<Json<SealProof>, Error> {
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
    let last = last.ok_or_else(|| Refusal::NoSeal(chain.id().clone()))?;
    proof(chain, last).await
}

/// The seal of that number.
pub(super) async fn numbered(
    State(exchange): Served,
    Path((slug, number)): Path<(String, u64)>,
) -> Result<Json<SealProof>, Error> {
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let found = store::seal::span(exchange.store().reader(), chain.id(), number, number).await?;
    let seal = found.into_iter().next().ok_or_else(|| Refusal::NoSuchSeal { chain: chain.id().clone(), number })?;
    proof(chain, seal).await
}

/// The seal, and its place under a final checkpoint: what a request names it by.
async fn proof(chain: &Chain, place: SealPlace) -> Result<Json<SealProof>, Error> {
    let checkpoint = chain.agreed_for(Asker::Stranger, place.leaf + 1).await?;
    let inclusion = chain.inclusion(place.leaf, checkpoint.unverified().size)?;
    Ok(Json(SealProof { seal: chain.seal_at(place.leaf)?, inclusion, checkpoint: chain.note(&checkpoint)? }))
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
