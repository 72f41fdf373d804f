//! `GET …/tile/…`: the chain as tiles of hashes and bundles of entries, in the path layout of
//! <https://c2sp.org/tlog-tiles> (SM3 profile: [`nacre_ledger::tile`]). What is at such an address never changes, so it can
//! be cached for ever.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header::CACHE_CONTROL},
    response::Response,
};
use nacre_ledger::tile::TilePath;

use super::{Served, held};
use crate::{
    error::{Error, ExchangeError},
    refusal::Refusal,
};

/// A tile or bundle.
pub(super) async fn read(
    State(exchange): Served,
    Path((slug, path)): Path<(String, String)>,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| Refusal::NoRoute)?;
    let place = exchange.tiles().enter()?;
    // Reads files.
    let read = tokio::task::spawn_blocking(move || chain.tile(path)).await;
    let bytes = read.map_err(|_| ExchangeError::Panicked)??;
    let mut response = held::bytes(place, "application/octet-stream", bytes);
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, for_ever);
    Ok(response)
}
