//! `POST …/numbers`: how many contributions of whom the cells of a request hold, for custodians of every jurisdiction.
//!
//! The request need not be logged: a preview is of one that is not. It must be signed by an admitted regulator, so that
//! no custodian looks at numbers which nobody asks about.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use nacre_access::Scope;
use nacre_schemas::dossier::NumbersRequest;

use super::{MAX_LOGGED_REQUEST_BYTES, Served, held, reading};
use crate::{answer, error::Error};

/// The cells and their numbers.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let chain = Arc::clone(exchange.chain(&slug)?);
    let admitted = reading::admit_with(&exchange, Scope::NumbersRead, reading::JSON, request)?;
    let (_, wanted) = admitted.json::<NumbersRequest>(MAX_LOGGED_REQUEST_BYTES).await?;
    let place = exchange.evidence().enter()?;
    let asked = answer::asked_for_numbers(exchange.roots(), &chain, &place, wanted).await?;
    let numbers = answer::numbers(&exchange, &chain, &place, &asked).await?;
    held::json(place, &numbers)
}
