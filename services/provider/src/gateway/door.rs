//! Who may post: senders that have the token, if there is one; a certificate is asked for by TLS itself.
//!
//! Kept true: the token is compared in a time that does not tell how much of it was right; beyond this machine nobody is let
//! in without either.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use nacre_hosting::secret;
use nacre_schemas::Digest;
use subtle::ConstantTimeEq as _;

use super::ServeError;
use crate::config::Config;

/// A token has at least so many characters.
const MIN_TOKEN_CHARACTERS: usize = 32;

/// The door.
pub(super) struct Door {
    /// Digest of the token, so that lengths compare alike.
    token: Option<Digest>,
}

impl Door {
    /// As it is configured.
    pub(super) fn open(config: &Config, address: SocketAddr) -> Result<Self, ServeError> {
        let by_certificate = config.server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !address.ip().is_loopback() && config.gateway.token.is_none() && !by_certificate {
            return Err(ServeError::Open(address));
        }
        let Some(path) = &config.gateway.token else { return Ok(Self { token: None }) };
        let text = secret::read_text(path)?;
        if text.trim().len() < MIN_TOKEN_CHARACTERS {
            return Err(ServeError::Token(path.to_path_buf()));
        }
        Ok(Self { token: Some(Digest::of(text.trim().as_bytes())) })
    }

    /// Whether a request may pass.
    pub(super) fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")));
        given.is_some_and(|given| bool::from(Digest::of(given.as_bytes()).0.ct_eq(&token.0)))
    }
}
