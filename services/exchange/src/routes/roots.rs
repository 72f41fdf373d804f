//! `GET /v1/trust-roots/{digest}`: a trust root that this exchange has gone by, for custodians that lack it.

use axum::{
    Json,
    extract::{Path, State},
};
use nacre_schemas::{Digest, trust::SignedTrustRoot};
use nacre_verifier::Named;

use super::Served;
use crate::{error::Error, refusal::Refusal};

/// The trust root of that digest.
pub(super) async fn read(State(exchange): Served, Path(digest): Path<String>) -> Result<Json<SignedTrustRoot>, Error> {
    let digest: Digest = digest.parse().map_err(|_| Refusal::Malformed("a digest is 64 hex digits".to_owned()))?;
    match exchange.roots().find(&digest) {
        Named::Known(_, network) => Ok(Json(network.signed().clone())),
        Named::Lacking(_) | Named::Foreign => Err(Refusal::UnknownTrustRoot(digest).into()),
    }
}
