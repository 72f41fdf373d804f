//! `GET …/tile/…`: the chain as tiles of hashes and bundles of entries, in the path layout of
//! <https://c2sp.org/tlog-tiles> (SM3 profile: [`nacre_ledger::tile`]). What is at such an address never changes, so it can
//! be cached for ever.

use std::sync::Arc;

use axum::http::{HeaderValue, header::CACHE_CONTROL};
use nacre_hosting::mount::Reply;
use nacre_ledger::tile::TilePath;
use nacre_wire::{
    body::{Nothing, Octets},
    exchange::OfTile,
};

use super::{Answer, Asked};
use crate::{error::ExchangeError, exchange::Exchange, refusal::Refusal};

/// A tile or bundle.
pub(super) async fn read(exchange: Arc<Exchange>, call: Asked<OfTile, Nothing>) -> Answer<Octets> {
    let OfTile { slug, name } = call.parameters;
    let chain = Arc::clone(exchange.chain(&slug)?);
    let path: TilePath = format!("tile/{name}").parse().map_err(|_| Refusal::NoRoute)?;
    let place = exchange.tiles().enter()?;
    // Reads files.
    let read = tokio::task::spawn_blocking(move || chain.tile(path)).await;
    let bytes = read.map_err(|_| ExchangeError::Panicked)??;
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok(Reply::new(bytes.into()).header(CACHE_CONTROL, for_ever).holding(place))
}
