//! `GET …/entries`: a stretch of a main chain, for custodians, who judge a request by all that were logged before it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
};
use nacre_access::Scope;
use nacre_schemas::log::LogPage;
use serde::Deserialize;

use super::{Served, reading};
use crate::{documents, error::Error, refusal::Refusal};

/// From which entry on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntriesQuery {
    pub(super) from: u64,
}

/// The next page of entries.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<EntriesQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<LogPage>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    reading::admit(&exchange, Scope::LogRead, request)?;
    let Query(EntriesQuery { from }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    Ok(Json(documents::page(&exchange, &chain, from).await?))
}
