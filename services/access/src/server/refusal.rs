//! Refusals of the token endpoint (RFC 6749 §5.2): `error` for programs, `error_description` for people.

use axum::{
    extract::rejection::FormRejection,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use nacre_hosting::problem::Reason;
use serde::Serialize;

use crate::assertion::AssertionError;

/// Why no token is issued. Nothing of what was sent is repeated in it.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    #[serde(skip)]
    status: StatusCode,
    pub(super) error: &'static str,
    #[serde(rename = "error_description")]
    pub(super) description: String,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, description: impl ToString) -> Self {
        Self { status, error, description: description.to_string() }
    }

    pub(super) fn request(description: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Too long, of another media type, or no form.
    pub(super) fn unreadable(rejection: &FormRejection) -> Self {
        let (status, description) = match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => (status, "the request is too long"),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                (status, "the request has to be application/x-www-form-urlencoded")
            }
            _ => (StatusCode::BAD_REQUEST, "the request is no form in which each parameter comes once"),
        };
        Self::new(status, "invalid_request", description)
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request", "the request did not arrive in time")
    }

    pub(super) fn grant_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant_type has to be client_credentials")
    }

    pub(super) fn client(error: &AssertionError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", error)
    }

    pub(super) fn taken() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "an assertion of this jti was taken before")
    }

    pub(super) fn scope(description: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "too many tokens at once, try again later",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(&self)).into_response();
        response.extensions_mut().insert(Reason(self.error.to_owned()));
        let headers = response.headers_mut();
        match self.status {
            // RFC 9110 §15.5.2: every 401 has a challenge.
            StatusCode::UNAUTHORIZED => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => (),
        }
        response
    }
}
