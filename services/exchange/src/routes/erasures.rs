//! `POST …/erasures`: a provider has a record of its own erased.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::erasure::SignedErasure;

use super::{Served, reading};
use crate::{documents::Logged, erasures, error::Error};

/// An order, in bytes of JSON.
pub(super) const MAX_ORDER_BYTES: usize = 4 << 10;

/// Destroys the record's body; says where the order stands in the log.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Logged>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::ErasuresWrite, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedErasure>(MAX_ORDER_BYTES).await?;
    Ok(Json(erasures::erase(&exchange, chain, &caller, signed).await?))
}
