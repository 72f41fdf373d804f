//! `POST …/releases`: a regulator publishes a release on the main chain of its measure.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::limits;

use super::{Served, reading};
use crate::{
    documents::{self, Logged},
    error::Error,
};

/// The media type of a canonical release.
const MEDIA_TYPE: &str = "application/vnd.nacre.release";

/// Logs the release. Its place in the queue is taken before its body is read, which may be large.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Logged>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::LogWrite, MEDIA_TYPE, request)?;
    let place = exchange.releases().enter()?;
    let (caller, bytes) = admitted.bytes(limits::MAX_RELEASE_BYTES).await?;
    Ok(Json(documents::release(&exchange, chain, &caller, place, bytes).await?))
}
