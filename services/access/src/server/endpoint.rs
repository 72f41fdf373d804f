//! `POST /oauth/token` (RFC 6749 §4.4.2, RFC 7523 §2.2).
//!
//! Kept true: anybody can ask, so a request arrives whole within [`BODY_TIMEOUT`] or is given up, and holds nothing but its
//! connection and its few bytes meanwhile.

use std::{sync::Arc, time::Duration};

use axum::{
    Form,
    extract::{FromRequest as _, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA},
    },
    response::{IntoResponse, Response},
};
use nacre_schemas::membership::MemberRole;
use serde::{Deserialize, Serialize};

use super::{Gatekeeper, refusal::Refusal};
use crate::{
    Scope,
    assertion::{self, Assertion, AssertionError},
    now_s,
    replay::ReplayError,
    token,
};

pub(crate) const GRANT_TYPE: &str = "client_credentials";
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked. A parameter that comes twice is refused by the form's reader, an unknown one passed over
/// (RFC 6749 §3.2).
#[derive(Deserialize)]
pub(super) struct TokenRequest {
    grant_type: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
}

/// What is answered (RFC 6749 §5.1).
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
}

pub(super) async fn token(State(gatekeeper): State<Arc<Gatekeeper>>, request: Request) -> Response {
    let read = tokio::time::timeout(BODY_TIMEOUT, Form::<TokenRequest>::from_request(request, &())).await;
    let read = match read {
        Ok(read) => read.map_err(|rejection| Refusal::unreadable(&rejection)),
        Err(_) => Err(Refusal::too_slow()),
    };
    let answer = read.and_then(|Form(request)| answer(&gatekeeper, &request, now_s()));
    let mut response = match answer {
        Ok(granted) => (StatusCode::OK, axum::Json(granted)).into_response(),
        Err(refusal) => {
            tracing::debug!(error = refusal.error, description = %refusal.description, "token refused");
            refusal.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn answer(gatekeeper: &Gatekeeper, request: &TokenRequest, now_s: u64) -> Result<TokenResponse, Refusal> {
    let assertion = proven(gatekeeper, request, now_s)?;
    let admitted = gatekeeper.members.find(&assertion.member);
    let admitted = admitted.ok_or_else(|| Refusal::client(&AssertionError::UnknownMember))?;
    let scopes = granted(request.scope.as_deref(), admitted.membership.role)?;
    let (access_token, scope) = gatekeeper.mint.issue(&assertion.member, &scopes, now_s);
    tracing::debug!(member = %assertion.member, scope, "token issued");
    Ok(TokenResponse { access_token, token_type: "bearer", expires_in: token::LIFETIME_S, scope })
}

/// The assertion, if it counts; it is then taken, whatever becomes of the rest of the request.
fn proven(gatekeeper: &Gatekeeper, request: &TokenRequest, now_s: u64) -> Result<Assertion, Refusal> {
    match request.grant_type.as_deref() {
        Some(GRANT_TYPE) => (),
        Some(_) => return Err(Refusal::grant_type()),
        None => return Err(Refusal::request("grant_type is missing")),
    }
    if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err(Refusal::request(format!("client_assertion_type has to be {ASSERTION_TYPE}")));
    }
    let text = request.client_assertion.as_deref();
    let text = text.ok_or_else(|| Refusal::request("client_assertion is missing"))?;
    let proven = assertion::check(text, &gatekeeper.token_url, &gatekeeper.members, now_s);
    let proven = proven.map_err(|error| Refusal::client(&error))?;
    // RFC 7521 §4.2: it need not be sent, but then it is the same.
    if request.client_id.as_deref().is_some_and(|client| client != proven.member.as_str()) {
        return Err(Refusal::client(&AssertionError::Subject));
    }
    gatekeeper.take_once(&proven, now_s).map_err(|error| match error {
        ReplayError::Taken => Refusal::taken(),
        ReplayError::Full => Refusal::busy(),
    })?;
    Ok(proven)
}

fn granted(asked: Option<&str>, role: MemberRole) -> Result<Vec<Scope>, Refusal> {
    let allowed = Scope::of_role(role);
    let mut scopes = Vec::new();
    for word in asked.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word.parse() {
            Ok(scope) if !allowed.contains(&scope) => {
                return Err(Refusal::scope(format!("a {role} may not ask for {scope}")));
            }
            Ok(scope) if scopes.contains(&scope) => (),
            Ok(scope) => scopes.push(scope),
            Err(unknown) => return Err(Refusal::scope(unknown.to_string())),
        }
    }
    if scopes.is_empty() {
        return Err(Refusal::scope("scope is missing: name what the token is for".to_owned()));
    }
    Ok(scopes)
}
