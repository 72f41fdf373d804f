//! `POST …/erasures`: a provider has a record of its own erased.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{Signed, erasure::Erasure, log::Logged};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{erasures, exchange::Exchange};

/// Destroys the record's body; says where the order stands in the log.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<Signed<Erasure>>>,
) -> Answer<Json<Logged>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let signed = call.body.value().await?;
    Ok(Reply::new(erasures::erase(&exchange, chain, &call.caller, signed).await?))
}
