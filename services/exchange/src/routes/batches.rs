//! `POST …/batches`: a provider posts a batch and gets its receipts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::{Document as _, batch::Batch, limits, receipt::BatchReceipt};

use super::{Served, reading};
use crate::{error::Error, intake, refusal::Refusal};

/// The media type of a canonical batch.
const MEDIA_TYPE: &str = "application/vnd.nacre.batch";

/// Takes the batch in.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<BatchReceipt>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::BatchesWrite, MEDIA_TYPE, request)?;
    let (caller, bytes) = admitted.bytes(limits::MAX_BATCH_BYTES).await?;
    let batch = Batch::from_canonical(&bytes).map_err(Refusal::from)?;
    Ok(Json(intake::take(&exchange, chain, caller.membership, batch).await?))
}
