//! `GET …/checkpoint`: the chain's latest checkpoint, as a signed note.

use axum::extract::{Path, State};

use super::Served;
use crate::error::Error;

/// The note.
pub(super) async fn read(State(exchange): Served, Path(slug): Path<String>) -> Result<String, Error> {
    Ok(exchange.chain(&slug)?.checkpoint().to_string())
}
