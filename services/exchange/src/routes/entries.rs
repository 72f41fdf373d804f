//! `GET …/entries`: a stretch of a main chain, for custodians, who judge a request by all that were logged before it.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    response::Response,
};
use nacre_access::Scope;
use serde::Deserialize;

use super::{Served, held, reading};
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
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    reading::admit(&exchange, Scope::LogRead, request)?;
    let Query(EntriesQuery { from }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let place = exchange.answers().enter()?;
    let page = documents::page(&exchange, &chain, from).await?;
    held::json(place, &page)
}
