//! `GET …/seals/latest`, `GET …/seals/{number}` and `POST …/seals`: a seal and where it stands; closing the epoch.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{entry::SealEntry, query::SealProof};
use nacre_wire::{
    body::{Json, Nothing},
    exchange::{NumberedSeal, OfChain},
};

use super::{Answer, Asked, ByMember};
use crate::{
    chain::Chain,
    exchange::Exchange,
    finality::Asker,
    refusal::Refusal,
    replay::catch_up,
    seals,
    store::{self, seal::SealPlace},
};

/// The last seal.
pub(super) async fn latest(exchange: Arc<Exchange>, call: Asked<OfChain, Nothing>) -> Answer<Json<SealProof>> {
    let chain = exchange.chain(&call.parameters.slug)?;
    catch_up(exchange.store(), chain).await?;
    let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
    let last = last.ok_or_else(|| Refusal::NoSeal(chain.id().clone()))?;
    proof(chain, last).await
}

/// The seal of that number.
pub(super) async fn numbered(exchange: Arc<Exchange>, call: Asked<NumberedSeal, Nothing>) -> Answer<Json<SealProof>> {
    let NumberedSeal { slug, number } = call.parameters;
    let chain = exchange.chain(&slug)?;
    catch_up(exchange.store(), chain).await?;
    let found = store::seal::span(exchange.store().reader(), chain.id(), number, number).await?;
    let seal = found.into_iter().next().ok_or_else(|| Refusal::NoSuchSeal { chain: chain.id().clone(), number })?;
    proof(chain, seal).await
}

/// The seal, and its place under a final checkpoint: what a request names it by.
async fn proof(chain: &Chain, place: SealPlace) -> Answer<Json<SealProof>> {
    let checkpoint = chain.agreed_for(Asker::Stranger, place.leaf + 1).await?;
    let inclusion = chain.inclusion(place.leaf, checkpoint.unverified().size)?;
    Ok(Reply::new(SealProof { seal: chain.seal_at(place.leaf)?, inclusion, checkpoint: chain.note(&checkpoint)? }))
}

/// Closes the epoch, for the chain's operator.
pub(super) async fn create(exchange: Arc<Exchange>, call: ByMember<OfChain, Nothing>) -> Answer<Json<SealEntry>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let caller = call.caller.statement;
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    Ok(Reply::new(seals::close(&exchange, chain).await?))
}
