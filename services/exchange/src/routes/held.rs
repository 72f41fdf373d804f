//! Answers that are large: each holds its place in a queue until the caller has taken it
//! ([`nacre_hosting::body_holding`]).
//!
//! Cost: none beyond the bytes.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use nacre_hosting::body_holding;
use serde::Serialize;

use crate::{error::Error, refusal::Refusal, work::Place};

/// Bytes of that media type.
pub(super) fn bytes(place: Place, media_type: &'static str, bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, media_type)], body_holding(place, bytes)).into_response()
}

/// JSON.
pub(super) fn json(place: Place, value: &impl Serialize) -> Result<Response, Error> {
    let text = serde_json::to_vec(value).map_err(|error| Refusal::Malformed(error.to_string()))?;
    Ok(bytes(place, "application/json", text))
}
