//! `GET …/entries`: a stretch of a main chain, for custodians, who judge a request by all that were logged before it.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::log::LogPage;
use nacre_wire::{
    body::{Json, Nothing},
    exchange::FromLeaf,
};

use super::{Answer, ByMember};
use crate::{documents, exchange::Exchange};

/// The next page of entries.
pub(super) async fn read(exchange: Arc<Exchange>, call: ByMember<FromLeaf, Nothing>) -> Answer<Json<LogPage>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let place = exchange.answers().enter()?;
    Ok(Reply::new(documents::page(&exchange, &chain, call.parameters.from).await?).holding(place))
}
