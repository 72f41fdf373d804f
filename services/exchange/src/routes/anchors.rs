//! `POST …/anchors`: the operator of a child chain anchors its checkpoint. `GET …/anchors/{child}`: the latest anchor of a
//! child, or the first that covers a leaf of it.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::anchor::{Anchor, Anchored};
use nacre_wire::{
    body::{Canonical, Json, Nothing},
    exchange::{OfChain, WhichAnchor},
};

use super::{Answer, Asked, ByMember};
use crate::{anchors, exchange::Exchange, refusal::Refusal};

/// Takes a checkpoint.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Canonical<Anchor>>,
) -> Answer<Json<Anchored>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let anchor = call.body.value().await?;
    Ok(Reply::new(anchors::take(&exchange, chain, &call.caller.statement, anchor).await?))
}

/// Shows an anchor.
pub(super) async fn read(exchange: Arc<Exchange>, call: Asked<WhichAnchor, Nothing>) -> Answer<Json<Anchored>> {
    let WhichAnchor { slug, child, covering } = call.parameters;
    let chain = exchange.chain(&slug)?;
    let found = exchange.network().root().chains.iter().find(|known| known.id.slug() == child.as_str());
    let none = || Refusal::NotAnchored { here: chain.id().clone(), child: child.to_string() };
    Ok(Reply::new(anchors::find(&exchange, chain, found.ok_or_else(none)?, covering).await?))
}
