//! Refusals of the token endpoint (RFC 6749 §5.2): `error` for programs, `error_description` for people.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use nacre_hosting::problem::Reason;
use nacre_schemas::problem::Problem;
use nacre_wire::token::{TokenError, TokenRefusal};

use crate::assertion::AssertionError;

/// Why no token is issued. Nothing of what was sent is repeated in it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) error: TokenError,
    pub(super) description: String,
}

impl Refusal {
    fn new(status: StatusCode, error: TokenError, description: impl ToString) -> Self {
        Self { status, error, description: description.to_string() }
    }

    /// Too long, too slow, of another media type, or no form.
    pub(super) fn of(problem: &Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let description = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the request is too long",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "the request has to be application/x-www-form-urlencoded",
            StatusCode::REQUEST_TIMEOUT => "the request did not arrive in time",
            StatusCode::BAD_REQUEST => "the request is no form in which each parameter comes once",
            _ => return Self::busy(),
        };
        Self::new(status, TokenError::InvalidRequest, description)
    }

    pub(super) fn request(description: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, TokenError::InvalidRequest, description)
    }

    pub(super) fn grant_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, TokenError::UnsupportedGrantType, "grant_type has to be client_credentials")
    }

    pub(super) fn client(error: &AssertionError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, TokenError::InvalidClient, error)
    }

    pub(super) fn taken() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, TokenError::InvalidClient, "an assertion of this jti was taken before")
    }

    pub(super) fn scope(description: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, TokenError::InvalidScope, description)
    }

    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            TokenError::TemporarilyUnavailable,
            "too many tokens at once, try again later",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error, description } = self;
        let mut response = (status, axum::Json(TokenRefusal { error, description })).into_response();
        response.extensions_mut().insert(Reason(error.as_str().to_owned()));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        match status {
            // RFC 9110 §15.5.2: every 401 has a challenge.
            StatusCode::UNAUTHORIZED => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => (),
        }
        response
    }
}
