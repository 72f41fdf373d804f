//! `POST …/cells`: what the chain shows the requester of a logged request.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{
    dossier::{ChainAnswer, LoggedRequest},
    query::Request,
};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{answer, exchange::Exchange, refusal::Refusal};

/// The cells, their proofs, and the sums of the groups.
pub(super) async fn read(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<LoggedRequest<Request>>>,
) -> Answer<Json<ChainAnswer>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let (caller, logged) = (call.caller.statement, call.body.value().await?);
    let requester = &logged.request.request.requester;
    if *requester != caller.member {
        let (caller, sender) = (caller.member, requester.clone());
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.evidence().enter()?;
    let asked = answer::asked(exchange.network(), &chain, &place, logged).await?;
    let answer = answer::evidence(&exchange, &chain, &place, &asked).await?;
    Ok(Reply::new(answer).holding(place))
}
