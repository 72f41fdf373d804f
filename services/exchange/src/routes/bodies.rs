//! `GET …/bodies`: a stretch of the chain with its bodies, for its full witnesses.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::members::MembersPage;
use nacre_wire::{
    body::{Canonical, Nothing},
    exchange::FromLeaf,
};

use super::{Answer, ByMember};
use crate::{bodies, exchange::Exchange, refusal::Refusal};

/// The next page.
pub(super) async fn read(exchange: Arc<Exchange>, call: ByMember<FromLeaf, Nothing>) -> Answer<Canonical<MembersPage>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let caller = call.caller.statement;
    if caller.jurisdiction != chain.facts().jurisdiction {
        return Err(Refusal::OtherJurisdiction(chain.id().clone()).into());
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member, chain: chain.id().clone() }.into());
    }
    let place = exchange.pages().enter()?;
    Ok(Reply::new(bodies::page(&exchange, &chain, call.parameters.from).await?).holding(place))
}
