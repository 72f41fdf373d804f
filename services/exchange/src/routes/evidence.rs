//! `GET …/evidence/{record}`: what the chain has on a record, for the provider that posted it.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::evidence::Evidence;
use nacre_wire::{
    body::{Json, Nothing},
    exchange::OfRecord,
};

use super::{Answer, ByMember};
use crate::{exchange::Exchange, records};

/// The record's part of its evidence.
pub(super) async fn read(exchange: Arc<Exchange>, call: ByMember<OfRecord, Nothing>) -> Answer<Json<Evidence>> {
    let OfRecord { slug, record } = call.parameters;
    let chain = exchange.chain(&slug)?;
    let (evidence, _) = records::evidence(&exchange, chain, call.caller, record, 0).await?;
    Ok(Reply::new(evidence))
}
