//! `POST …/batches`: a provider posts a batch and gets its receipts.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{batch::Batch, receipt::BatchReceipt};
use nacre_wire::{
    body::{Canonical, Json},
    exchange::OfChain,
};

use super::{Answer, ByMember};
use crate::{exchange::Exchange, intake};

/// Takes the batch in.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Canonical<Batch>>,
) -> Answer<Json<BatchReceipt>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let batch = call.body.value().await?;
    Ok(Reply::new(intake::take(&exchange, chain, call.caller.statement, batch).await?))
}
