//! `POST …/disputes`: a provider or regulator logs a dispute over a record on the judicial chain.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{Signed, evidence::Dispute, log::Logged};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{documents, exchange::Exchange};

/// Logs the dispute.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<Signed<Dispute>>>,
) -> Answer<Json<Logged>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let signed = call.body.value().await?;
    Ok(Reply::new(documents::dispute(&exchange, chain, &call.caller.statement, &signed).await?))
}
