//! Access tokens: JWTs under HS384 and a secret of this process alone. Only the server that issued one reads it.
//!
//! Kept true: the secret is 48 random bytes, never leaves the process and is overwritten when dropped, so every token
//! dies with its server; a token names its server as issuer and audience, its member, its scopes and its end.

use getrandom::{SysRng, rand_core::TryRng as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use nacre_schemas::id::MemberId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Scope;

/// How long a token lives, in seconds.
pub(crate) const LIFETIME_S: u64 = 300;

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 4_096;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    scope: String,
    exp: u64,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    Expired,
    Invalid,
}

/// What a token says.
pub(crate) struct Grant {
    pub(crate) member: MemberId,
    scope: String,
}

impl Grant {
    pub(crate) fn covers(&self, scope: Scope) -> bool {
        self.scope.split(' ').any(|word| word == scope.as_str())
    }
}

/// Issues and reads the tokens of one server process.
pub(crate) struct Mint {
    url: String,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl Mint {
    /// A mint with a fresh secret for the server at that address.
    pub(crate) fn new(url: &str) -> Result<Self, getrandom::Error> {
        let mut secret = Zeroizing::new([0; 48]);
        SysRng.try_fill_bytes(secret.as_mut())?;
        // Both overwrite their copy when dropped.
        let (signing, verifying) =
            (EncodingKey::from_secret(secret.as_ref()), DecodingKey::from_secret(secret.as_ref()));
        Ok(Self { url: url.to_owned(), signing, verifying })
    }

    /// A token for the member and the scopes, and the scopes as one text.
    pub(crate) fn issue(&self, member: &MemberId, scopes: &[Scope], now_s: u64) -> (String, String) {
        let words: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let scope = words.join(" ");
        let claims = Claims {
            iss: self.url.clone(),
            aud: self.url.clone(),
            sub: member.to_string(),
            scope: scope.clone(),
            exp: now_s.saturating_add(LIFETIME_S),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS384), &claims, &self.signing)
            .expect("texts and a number are always JSON, and HMAC takes any key");
        (token, scope)
    }

    /// What the token says, if this mint issued it and it has not expired. There is no leeway: it is one clock.
    pub(crate) fn read(&self, token: &str, now_s: u64) -> Result<Grant, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::HS384);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[&self.url]);
        validation.set_audience(&[&self.url]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            })?
            .claims;
        if claims.exp <= now_s {
            return Err(TokenError::Expired);
        }
        Ok(Grant { member: claims.sub.parse().map_err(|_| TokenError::Invalid)?, scope: claims.scope })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    const URL: &str = "http://exchange.example";

    fn mint() -> Mint {
        Mint::new(URL).unwrap()
    }

    #[test]
    fn a_token_says_who_and_what_until_it_expires() {
        let mint = mint();
        let member: MemberId = "health-commission".parse().unwrap();
        let (token, scope) = mint.issue(&member, &[Scope::CellsRead, Scope::LogWrite], 1_000);
        assert_eq!(scope, "cells.read log.write");
        let grant = mint.read(&token, 1_299).ok().unwrap();
        assert_eq!(grant.member, member);
        for scope in Scope::ALL {
            assert_eq!(grant.covers(scope), matches!(scope, Scope::CellsRead | Scope::LogWrite));
        }
        assert_eq!(mint.read(&token, 1_300).err(), Some(TokenError::Expired));
    }

    #[test]
    fn every_changed_character_of_a_token_is_noticed() {
        let mint = mint();
        let (token, _) = mint.issue(&"a".parse().unwrap(), &[Scope::CellsRead], 1_000);
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bytes).unwrap();
            assert_eq!(mint.read(&bad, 1_000).err(), Some(TokenError::Invalid), "character {place}");
        }
    }

    #[test]
    fn another_process_another_server_and_another_algorithm_are_told_apart() {
        let mint = mint();
        let member = "a".parse().unwrap();
        let (token, _) = mint.issue(&member, &[Scope::CellsRead], 1_000);
        assert_eq!(self::mint().read(&token, 1_000).err(), Some(TokenError::Invalid));
        let elsewhere = Mint {
            url: "http://other.example".to_owned(),
            signing: mint.signing.clone(),
            verifying: mint.verifying.clone(),
        };
        assert_eq!(elsewhere.read(&token, 1_000).err(), Some(TokenError::Invalid));
        let (_, claims_and_signature) = token.split_once('.').unwrap();
        let (claims, _) = claims_and_signature.split_once('.').unwrap();
        let none = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#));
        assert_eq!(mint.read(&none, 1_000).err(), Some(TokenError::Invalid));
        let claims =
            Claims { iss: URL.into(), aud: URL.into(), sub: "a".into(), scope: "cells.read".into(), exp: 2_000 };
        let weaker = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &mint.signing).unwrap();
        assert_eq!(mint.read(&weaker, 1_000).err(), Some(TokenError::Invalid));
        assert_eq!(mint.read(&"a".repeat(MAX_TOKEN_BYTES + 1), 1_000).err(), Some(TokenError::Invalid));
    }
}
