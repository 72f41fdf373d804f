//! `POST /oauth/token` (RFC 6749 §4.4.2, RFC 7523 §2.2).
//!
//! Kept true: anybody can ask, so a request arrives whole within seconds or is given up, and holds nothing but its connection and
//! its few bytes meanwhile.

use std::sync::Arc;

use axum::http::{
    HeaderValue,
    header::{CACHE_CONTROL, PRAGMA},
};
use nacre_hosting::mount::{Call, Reply};
use nacre_schemas::membership::MemberRole;
use nacre_wire::{
    body::Json,
    token::{ASSERTION_TYPE, GRANT_TYPE, TokenForm, TokenRequest, TokenResponse},
};

use super::{Gatekeeper, refusal::Refusal};
use crate::{
    Scope,
    assertion::{self, Assertion, AssertionError},
    now_s,
    replay::ReplayError,
    token,
};

/// Issues a token. Nothing of the answer is kept by caches (RFC 6749 §5.1).
pub(super) async fn token(
    gatekeeper: Arc<Gatekeeper>,
    call: Call<(), TokenForm>,
) -> Result<Reply<Json<TokenResponse>>, Refusal> {
    let answer = match call.body.value().await {
        Ok(request) => answer(&gatekeeper, &request, now_s()),
        Err(problem) => Err(Refusal::of(&problem)),
    };
    let granted = answer.inspect_err(|refusal| {
        tracing::debug!(error = ?refusal.error, description = %refusal.description, "token refused");
    })?;
    let [no_store, no_cache] = ["no-store", "no-cache"].map(HeaderValue::from_static);
    Ok(Reply::new(granted).header(CACHE_CONTROL, no_store).header(PRAGMA, no_cache))
}

fn answer(gatekeeper: &Gatekeeper, request: &TokenRequest, now_s: u64) -> Result<TokenResponse, Refusal> {
    let assertion = proven(gatekeeper, request, now_s)?;
    let admitted = gatekeeper.members.find(&assertion.member);
    let admitted = admitted.ok_or_else(|| Refusal::client(&AssertionError::UnknownMember))?;
    let scopes = granted(request.scope.as_deref(), admitted.statement.role)?;
    let (access_token, scope) = gatekeeper.mint.issue(&assertion.member, &scopes, now_s);
    tracing::debug!(member = %assertion.member, scope, "token issued");
    let (access_token, token_type) = (access_token.into(), "bearer".to_owned());
    Ok(TokenResponse { access_token, token_type, expires_in: token::LIFETIME_S, scope })
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
    let text = request.client_assertion.as_ref().map(|text| text.as_str());
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
