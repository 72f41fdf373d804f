//! `POST …/numbers`: how many contributions of whom the cells of a request hold, for custodians of every jurisdiction.
//!
//! The request need not be logged: a preview is of one that is not. It must be signed by an admitted regulator, so that
//! no custodian looks at numbers which nobody asks about.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use nacre_access::Scope;
use nacre_schemas::dossier::{ChainNumbers, NumbersRequest};

use super::{MAX_LOGGED_REQUEST_BYTES, Served, reading};
use crate::{answer, error::Error};

/// The cells and their numbers.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Json<ChainNumbers>, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::NumbersRead, reading::JSON, request)?;
    let (_, wanted) = admitted.json::<NumbersRequest>(MAX_LOGGED_REQUEST_BYTES).await?;
    let place = exchange.evidence().enter()?;
    let asked = answer::asked_for_numbers(exchange.roots(), &chain, &place, wanted).await?;
    Ok(Json(answer::numbers(&exchange, &chain, &place, &asked).await?))
}
