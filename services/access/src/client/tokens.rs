//! A client's access tokens: one a scope, fetched when first needed and renewed before they expire.
//!
//! Kept true: while a token of a scope is being fetched, others who need it wait for it; a token is overwritten when
//! it is replaced.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use getrandom::{SysRng, rand_core::TryRng as _};
use jsonwebtoken::{Algorithm, Header};
use nacre_schemas::id::MemberId;
use nacre_wire::{
    body::Body as _,
    media,
    token::{ASSERTION_TYPE, GRANT_TYPE, TokenForm, TokenRefusal, TokenRequest, TokenResponse},
};
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE},
};
use tokio::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use super::{ClientError, MAX_SMALL_RESPONSE_BYTES, error, parse_json, read_body};
use crate::{
    Scope,
    assertion::{Claims, LIFETIME_S},
    key::{AccessKey, KeyError},
    now_s,
    token::MAX_TOKEN_BYTES,
};

/// How long before its end a token is renewed.
const RENEWAL: Duration = Duration::from_secs(30);

/// The longest life of a token that is believed.
const MAX_LIFETIME_S: u64 = 86_400;

struct Token {
    text: Arc<Zeroizing<String>>,
    renew_at: Instant,
}

/// The tokens of one member at one server.
pub(super) struct Tokens {
    token_url: String,
    member: MemberId,
    key: Arc<AccessKey>,
    slots: [Mutex<Option<Token>>; Scope::ALL.len()],
}

impl Tokens {
    pub(super) fn new(token_url: String, member: MemberId, key: Arc<AccessKey>) -> Self {
        Self { token_url, member, key, slots: Default::default() }
    }

    /// A token that is not about to expire.
    pub(super) async fn current(
        &self,
        scope: Scope,
        http: &reqwest::Client,
        timeout: Duration,
    ) -> Result<Arc<Zeroizing<String>>, ClientError> {
        let slot = self.slots[scope.index()].lock().await;
        match &*slot {
            Some(token) if Instant::now() < token.renew_at => Ok(token.text.clone()),
            _ => self.fetch(slot, scope, http, timeout).await,
        }
    }

    /// Another token than this one, which the server does not take.
    pub(super) async fn renewed(
        &self,
        scope: Scope,
        refused: &Arc<Zeroizing<String>>,
        http: &reqwest::Client,
        timeout: Duration,
    ) -> Result<Arc<Zeroizing<String>>, ClientError> {
        let slot = self.slots[scope.index()].lock().await;
        match &*slot {
            // Somebody else was refused too, and has fetched one meanwhile.
            Some(token) if !Arc::ptr_eq(&token.text, refused) => Ok(token.text.clone()),
            _ => self.fetch(slot, scope, http, timeout).await,
        }
    }

    async fn fetch(
        &self,
        mut slot: MutexGuard<'_, Option<Token>>,
        scope: Scope,
        http: &reqwest::Client,
        timeout: Duration,
    ) -> Result<Arc<Zeroizing<String>>, ClientError> {
        // If this fails, the next to come tries anew instead of using what is known to be stale.
        *slot = None;
        let url = Url::parse(&self.token_url).map_err(|_| ClientError::Path(self.token_url.clone()))?;
        // From before it was asked for: it is never believed to live longer than it does.
        let asked = Instant::now();
        let granted = self.request(&url, scope, http, timeout).await?;
        let readable = granted.access_token.bytes().all(|byte| byte.is_ascii_graphic());
        let sized = (1..=MAX_TOKEN_BYTES).contains(&granted.access_token.len());
        if !readable || !sized || !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(ClientError::malformed(&url, "this is no bearer token"));
        }
        let life = Duration::from_secs(granted.expires_in.min(MAX_LIFETIME_S)).saturating_sub(RENEWAL);
        let text = Arc::new(granted.access_token);
        *slot = Some(Token { text: text.clone(), renew_at: asked + life });
        Ok(text)
    }

    async fn request(
        &self,
        url: &Url,
        scope: Scope,
        http: &reqwest::Client,
        timeout: Duration,
    ) -> Result<TokenResponse, ClientError> {
        let assertion = self.assertion()?;
        let form = TokenForm::encode(&TokenRequest {
            grant_type: Some(GRANT_TYPE.to_owned()),
            client_assertion_type: Some(ASSERTION_TYPE.to_owned()),
            client_assertion: Some(assertion.into()),
            client_id: None,
            scope: Some(scope.to_string()),
        })?;
        let request = http.post(url.clone()).timeout(timeout).header(ACCEPT, media::JSON);
        let request = request.header(CONTENT_TYPE, media::FORM).body(form);
        let response = request.send().await.map_err(|error| ClientError::transport(url, error))?;
        let (status, retry_after_s) = (response.status(), error::retry_after_s(response.headers()));
        let body = Zeroizing::new(read_body(url, response, MAX_SMALL_RESPONSE_BYTES).await?);
        if status == StatusCode::OK {
            // The parser's own error could quote a piece of the token.
            return parse_json(url, &body).map_err(|_| ClientError::malformed(url, "this is no token response"));
        }
        match serde_json::from_slice::<TokenRefusal>(&body) {
            Ok(refused) => Err(ClientError::Token {
                url: url.to_string(),
                error: refused.error,
                description: error::shown(&refused.description),
                status: status.as_u16(),
                retry_after_s,
            }),
            Err(_) => Err(ClientError::Status { url: url.to_string(), status: status.as_u16(), retry_after_s }),
        }
    }

    /// A fresh assertion for the token endpoint.
    fn assertion(&self) -> Result<String, ClientError> {
        let mut name = [0; 16];
        SysRng.try_fill_bytes(&mut name).map_err(KeyError::NoRandomness)?;
        let now_s = now_s();
        let claims = Claims {
            iss: self.member.to_string(),
            sub: self.member.to_string(),
            aud: self.token_url.clone(),
            exp: now_s + LIFETIME_S,
            jti: hex::encode(name),
            nbf: None,
            iat: Some(now_s),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::ES384), &claims, self.key.signing())
            .map_err(|_| KeyError::Secret.into())
    }
}
