//! `POST …/cross/requests`: a regulator logs a request of the cross lane. `POST …/cross/inputs`: an evaluator fetches what
//! the chain has for one.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{
    cross::{CrossDelivery, CrossRequest},
    dossier::LoggedRequest,
    query::SignedRequest,
};
use nacre_wire::{
    body::{Canonical, Json},
    exchange::OfChain,
};

use super::{Answer, ByMember};
use crate::{cross, exchange::Exchange, refusal::Refusal};

/// Logs the request.
pub(super) async fn log(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<SignedRequest<CrossRequest>>>,
) -> Answer<Json<LoggedRequest<CrossRequest>>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let (caller, signed) = (call.caller, call.body.value().await?);
    if signed.request.requester != caller.statement.member {
        let (caller, sender) = (caller.statement.member, signed.request.requester);
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    Ok(Reply::new(cross::log(&exchange, chain, &caller, signed).await?))
}

/// Hands the chain's inputs over.
pub(super) async fn inputs(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<LoggedRequest<CrossRequest>>>,
) -> Answer<Canonical<CrossDelivery>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let (caller, logged) = (call.caller.statement, call.body.value().await?);
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.inputs().enter()?;
    let delivery = cross::inputs(&exchange, &chain, &place, logged).await?;
    Ok(Reply::new(delivery).holding(place))
}
