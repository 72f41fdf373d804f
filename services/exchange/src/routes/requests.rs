//! `POST …/requests`: a regulator logs a request on the main chain of its measure.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{
    dossier::LoggedRequest,
    query::{Request, SignedRequest},
};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{documents, exchange::Exchange, refusal::Refusal};

/// Logs the request.
pub(super) async fn create(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<SignedRequest<Request>>>,
) -> Answer<Json<LoggedRequest<Request>>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let (caller, signed) = (call.caller, call.body.value().await?);
    if signed.request.requester != caller.statement.member {
        let (caller, sender) = (caller.statement.member, signed.request.requester);
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    Ok(Reply::new(documents::request(&exchange, chain, &caller, signed).await?))
}
