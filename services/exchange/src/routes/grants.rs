//! `POST …/grants`, `GET …/grants`, `POST …/revocations`, `POST …/accesses`, and `GET /v1/members/{member}`, whose key a grant
//! is for.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::{
    Signed,
    grant::{Access, Delivery, GrantsPage, NewGrant, Revocation},
    log::Logged,
    membership::Membership,
};
use nacre_wire::{
    body::{Json, Nothing},
    exchange::{OfChain, OfMember, WhichGrants},
};

use super::{Answer, ByMember};
use crate::{exchange::Exchange, grants};

/// The admission of a member.
pub(super) async fn member(
    exchange: Arc<Exchange>,
    call: ByMember<OfMember, Nothing>,
) -> Answer<Json<Signed<Membership>>> {
    Ok(Reply::new(grants::member(&exchange, &call.parameters.member)?))
}

/// Logs a grant.
pub(super) async fn create(exchange: Arc<Exchange>, call: ByMember<OfChain, Json<NewGrant>>) -> Answer<Json<Logged>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let new = call.body.value().await?;
    Ok(Reply::new(grants::grant(&exchange, chain, &call.caller, new).await?))
}

/// The caller's grants.
pub(super) async fn list(exchange: Arc<Exchange>, call: ByMember<WhichGrants, Nothing>) -> Answer<Json<GrantsPage>> {
    let WhichGrants { slug, from } = call.parameters;
    let chain = exchange.chain(&slug)?;
    let _place = exchange.evidence().enter()?;
    let page = grants::page(&exchange, chain, &call.caller.statement.member, from.unwrap_or_default()).await?;
    Ok(Reply::new(page))
}

/// Ends a grant.
pub(super) async fn revoke(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<Signed<Revocation>>>,
) -> Answer<Json<Logged>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let signed = call.body.value().await?;
    Ok(Reply::new(grants::revoke(&exchange, chain, &call.caller, signed).await?))
}

/// Logs an access, and hands the record over.
pub(super) async fn access(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<Signed<Access>>>,
) -> Answer<Json<Delivery>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let signed = call.body.value().await?;
    let _place = exchange.evidence().enter()?;
    Ok(Reply::new(grants::access(&exchange, chain, &call.caller, signed).await?))
}
