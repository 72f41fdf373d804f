//! `GET …/evidence/{record}`: what the chain has on a record, for the provider that posted it.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::{Digest, evidence::Evidence};

use super::{Served, reading};
use crate::{error::Error, records, refusal::Refusal};

/// The record's part of its evidence.
pub(super) async fn read(
    State(exchange): Served,
    Path((slug, record)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Evidence>, Error> {
    let chain = exchange.chain(&slug)?;
    let caller = reading::admit(&exchange, Scope::EvidenceRead, request)?.caller;
    let record: Digest = record.parse().map_err(Refusal::Malformed)?;
    let (evidence, _) = records::evidence(&exchange, chain, caller, record, 0).await?;
    Ok(Json(evidence))
}
