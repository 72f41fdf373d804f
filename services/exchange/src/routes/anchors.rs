//! `POST …/anchors`: the operator of a child chain anchors its checkpoint. `GET …/anchors/{child}`: the latest anchor of a
//! child, or the first that covers a leaf of it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
};
use nacre_access::Scope;
use nacre_schemas::{
    Document as _,
    anchor::{Anchor, Anchored},
};
use serde::Deserialize;

use super::{Served, reading};
use crate::{anchoring::MEDIA_TYPE, anchors, error::Error, refusal::Refusal};

/// Which anchor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnchorQuery {
    covering: Option<u64>,
}

/// Takes a checkpoint.
pub(super) async fn create(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<Anchored>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::AnchorsWrite, MEDIA_TYPE, request)?;
    let (caller, bytes) = admitted.bytes(Anchor::MAX_BYTES).await?;
    let anchor = Anchor::from_canonical(&bytes).map_err(Refusal::from)?;
    Ok(Json(anchors::take(&exchange, chain, &caller.membership, anchor).await?))
}

/// Shows an anchor.
pub(super) async fn read(
    State(exchange): Served,
    Path((slug, child)): Path<(String, String)>,
    query: Result<Query<AnchorQuery>, QueryRejection>,
) -> Result<Json<Anchored>, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(AnchorQuery { covering }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let found = exchange.network().root().chains.iter().find(|known| known.id.slug() == child);
    // What is echoed is capped: it is a stranger's.
    let none = || Refusal::NotAnchored { here: chain.id().clone(), child: child.chars().take(64).collect() };
    Ok(Json(anchors::find(&exchange, chain, found.ok_or_else(none)?, covering).await?))
}
