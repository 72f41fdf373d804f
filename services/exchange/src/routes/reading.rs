//! Reading what a caller sends: content type, token, body, in that order, so that nobody without a token makes the
//! exchange hold a body.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{Extensions, HeaderMap, header::CONTENT_TYPE},
};
use nacre_access::Scope;
use nacre_hosting::{body::Cap, load::Slot};
use nacre_schemas::membership::SignedMembership;
use serde::de::DeserializeOwned;

use super::LONG_TIMEOUT;
use crate::{error::Error, exchange::Exchange, refusal::Refusal};

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

/// A request whose caller may do what it asks, with its body unread.
pub(super) struct Admitted {
    /// The caller's admission.
    pub(super) caller: SignedMembership,
    body: Body,
    headers: HeaderMap,
    extensions: Extensions,
}

/// Checks the token.
pub(super) fn admit(exchange: &Exchange, scope: Scope, request: Request) -> Result<Admitted, Error> {
    let (parts, body) = request.into_parts();
    let caller = exchange.gatekeeper().authorize(&parts.headers, scope)?.clone();
    Ok(Admitted { caller, body, headers: parts.headers, extensions: parts.extensions })
}

/// Checks the content type, then the token.
pub(super) fn admit_with(
    exchange: &Exchange,
    scope: Scope,
    media_type: &'static str,
    request: Request,
) -> Result<Admitted, Error> {
    let sent = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = sent.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case(media_type) {
        return Err(Refusal::WrongMediaType(media_type).into());
    }
    admit(exchange, scope, request)
}

impl Admitted {
    /// The body, up to that many bytes. With it the request goes from those that are read to those at work.
    pub(super) async fn bytes(self, limit: usize) -> Result<(SignedMembership, Bytes), Error> {
        // The route's own time is shorter, or as long.
        let bytes = Cap { bytes: limit, time: LONG_TIMEOUT }.read(&self.headers, self.body).await?;
        if let Some(slot) = self.extensions.get::<Slot>() {
            slot.arrived()?;
        }
        Ok((self.caller, bytes))
    }

    /// The body as JSON, up to that many bytes.
    pub(super) async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<(SignedMembership, T), Error> {
        let (caller, bytes) = self.bytes(limit).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok((caller, value))
    }
}
