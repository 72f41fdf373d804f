//! `POST …/details`: what the chain shows custodians of its own jurisdiction of the cells of a logged request.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{cell::ChainDetails, dossier::LoggedRequest, query::Request};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{answer, exchange::Exchange, refusal::Refusal};

/// The details of the cells that the request holds for.
pub(super) async fn read(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<LoggedRequest<Request>>>,
) -> Answer<Json<ChainDetails>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let (caller, logged) = (call.caller.statement, call.body.value().await?);
    if caller.jurisdiction != chain.facts().jurisdiction {
        return Err(Refusal::OtherJurisdiction(chain.id().clone()).into());
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.evidence().enter()?;
    let asked = answer::asked(exchange.network(), &chain, &place, logged).await?;
    let details = answer::details(&exchange, &chain, &place, &asked).await?;
    Ok(Reply::new(details).holding(place))
}
