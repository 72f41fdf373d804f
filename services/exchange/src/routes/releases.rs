//! `POST …/releases`: a regulator publishes a release on the main chain of its measure.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{log::Logged, release::Release};
use nacre_wire::{
    body::{Canonical, Json},
    exchange::OfChain,
};

use super::{Answer, ByMember};
use crate::{documents, exchange::Exchange};

/// Logs the release. Its place in the queue is taken before its body is read, which may be large.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Canonical<Release>>,
) -> Answer<Json<Logged>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let place = exchange.releases().enter()?;
    let bytes = call.body.arrive().await?.into_bytes();
    Ok(Reply::new(documents::release(&exchange, chain, &call.caller, place, bytes).await?))
}
