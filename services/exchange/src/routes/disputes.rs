//! `POST …/disputes`: a provider or regulator logs a dispute over a record on the judicial chain.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::evidence::SignedDispute;

use super::{Served, reading};
use crate::{
    documents::{self, Logged},
    error::Error,
};

/// A dispute, in bytes of JSON.
pub(super) const MAX_DISPUTE_BYTES: usize = 16_384;

/// Logs the dispute.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Logged>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::DisputesWrite, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedDispute>(MAX_DISPUTE_BYTES).await?;
    Ok(Json(documents::dispute(&exchange, chain, &caller.membership, &signed).await?))
}
