//! `POST …/requests`: a regulator logs a request on the main chain of its measure.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::{dossier::LoggedRequest, query::SignedRequest};

use super::{MAX_SIGNED_REQUEST_BYTES, Served, reading};
use crate::{documents, error::Error, refusal::Refusal};

/// Logs the request.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<LoggedRequest>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::LogWrite, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedRequest>(MAX_SIGNED_REQUEST_BYTES).await?;
    if signed.request.requester != caller.membership.member {
        let (caller, sender) = (caller.membership.member, signed.request.requester);
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    Ok(Json(documents::request(&exchange, chain, &caller, signed).await?))
}
