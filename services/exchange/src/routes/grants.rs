//! `POST …/grants`, `GET …/grants`, `POST …/revocations`, `POST …/accesses`, and `GET /v1/members/{member}`, whose key a grant
//! is for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
};
use nacre_access::Scope;
use nacre_schemas::{
    grant::{Delivery, GrantsPage, NewGrant, SignedAccess, SignedRevocation},
    id::MemberId,
    membership::SignedMembership,
};
use serde::Deserialize;

use super::{Served, reading};
use crate::{documents::Logged, error::Error, grants, refusal::Refusal};

/// A grant, revocation or access, in bytes of JSON.
pub(super) const MAX_BYTES: usize = 4 << 10;

/// The admission of a member.
pub(super) async fn member(
    State(exchange): Served,
    Path(member): Path<String>,
    request: Request,
) -> Result<Json<SignedMembership>, Error> {
    reading::admit(&exchange, Scope::GrantsWrite, request)?;
    let member: MemberId = member.parse().map_err(Refusal::Malformed)?;
    Ok(Json(grants::member(&exchange, &member)?))
}

/// Logs a grant.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Logged>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::GrantsWrite, reading::JSON, request)?;
    let (caller, new) = admitted.json::<NewGrant>(MAX_BYTES).await?;
    Ok(Json(grants::grant(&exchange, chain, &caller, new).await?))
}

/// From which leaf on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantsQuery {
    #[serde(default)]
    from: u64,
}

/// The caller's grants.
pub(super) async fn list(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<GrantsQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<GrantsPage>, Error> {
    let chain = exchange.chain(&slug)?;
    let caller = reading::admit(&exchange, Scope::GrantsRead, request)?.caller;
    let Query(GrantsQuery { from }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let _place = exchange.evidence().enter()?;
    Ok(Json(grants::page(&exchange, chain, &caller.membership.member, from).await?))
}

/// Ends a grant.
pub(super) async fn revoke(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Logged>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::GrantsWrite, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedRevocation>(MAX_BYTES).await?;
    Ok(Json(grants::revoke(&exchange, chain, &caller, signed).await?))
}

/// Logs an access, and hands the record over.
pub(super) async fn access(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Delivery>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::GrantsRead, reading::JSON, request)?;
    let (caller, signed) = admitted.json::<SignedAccess>(MAX_BYTES).await?;
    let _place = exchange.evidence().enter()?;
    Ok(Json(grants::access(&exchange, chain, &caller, signed).await?))
}
