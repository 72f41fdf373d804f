//! `GET /v1/trust-roots/{digest}`: a trust root that this exchange has gone by, for custodians that lack it.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::trust::SignedTrustRoot;
use nacre_verifier::Named;
use nacre_wire::{
    body::{Json, Nothing},
    exchange::OfTrustRoot,
};

use super::{Answer, Asked};
use crate::{exchange::Exchange, refusal::Refusal};

/// The trust root of that digest.
pub(super) async fn read(exchange: Arc<Exchange>, call: Asked<OfTrustRoot, Nothing>) -> Answer<Json<SignedTrustRoot>> {
    let digest = call.parameters.digest;
    match exchange.roots().find(&digest) {
        Named::Known(_, network) => Ok(Reply::new(network.signed().clone())),
        Named::Lacking(_) | Named::Foreign => Err(Refusal::UnknownTrustRoot(digest).into()),
    }
}
