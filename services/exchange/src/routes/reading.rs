//! Reading what a caller sends: content type, token, body, in that order, so that nobody without a token makes the
//! exchange hold a body.

use axum::{
    body::Body,
    extract::Request,
    http::{
        Extensions, HeaderMap,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::BodyExt as _;
use nacre_access::Scope;
use nacre_schemas::membership::SignedMembership;
use serde::de::DeserializeOwned;

use super::load::Slot;
use crate::{error::Error, exchange::Exchange, refusal::Refusal};

/// How much of a refused body is read and thrown away.
pub(super) const MAX_DISCARDED_BYTES: usize = 16 << 20;

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
    pub(super) async fn bytes(self, limit: usize) -> Result<(SignedMembership, Vec<u8>), Error> {
        let declared = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|declared| declared > limit as u64) {
            discard(self.body).await;
            return Err(Refusal::TooLarge { limit }.into());
        }
        let bytes = axum::body::to_bytes(self.body, limit).await.map_err(|error| unread(&error, limit))?;
        if let Some(slot) = self.extensions.get::<Slot>() {
            slot.arrived()?;
        }
        Ok((self.caller, bytes.into()))
    }

    /// The body as JSON, up to that many bytes.
    pub(super) async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<(SignedMembership, T), Error> {
        let (caller, bytes) = self.bytes(limit).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok((caller, value))
    }
}

/// Reads a body that is refused, and throws it away: a caller that is still sending when the connection closes never
/// gets to read why. Only so much of it, for it may have no end.
async fn discard(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, |data| data.len());
        if read > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

/// Whether the body was too long or broke off: the libraries say so only by the error they carry.
fn unread(error: &axum::Error, limit: usize) -> Refusal {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return Refusal::TooLarge { limit };
        }
        cause = error.source();
    }
    Refusal::Unread
}
