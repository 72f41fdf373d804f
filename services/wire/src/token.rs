//! `POST /oauth/token`: a member gets an access token for a signed assertion (RFC 6749 §4.4, RFC 7523 §2.2).
//!
//! Kept true: a parameter that comes twice is refused, an unknown one is passed over (RFC 6749 §3.2); assertions and tokens are
//! in no debug text.
//!
//! Errors: [`TokenRefusal`], as RFC 6749 §5.2 has it, and no problem.

use std::borrow::Cow;

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Route,
    body::{Body, BodyError, Json},
    media,
    route::{Answer, Header, Pool},
    server::Group,
};

/// Where tokens are had.
pub const PATH: &str = "/oauth/token";
/// The grant that is taken.
pub const GRANT_TYPE: &str = "client_credentials";
/// The assertion that is taken.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 16_384;

/// What is asked. What is missing is for the server to say.
#[derive(Clone, Default)]
pub struct TokenRequest {
    /// [`GRANT_TYPE`].
    pub grant_type: Option<String>,
    /// [`ASSERTION_TYPE`].
    pub client_assertion_type: Option<String>,
    /// A JWT signed with the member's access key.
    pub client_assertion: Option<Zeroizing<String>>,
    /// The member; if it is sent, it is the assertion's.
    pub client_id: Option<String>,
    /// What the token is for: scopes, with spaces between.
    pub scope: Option<String>,
}

impl JsonSchema for TokenRequest {
    fn schema_name() -> Cow<'static, str> {
        "TokenRequest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["grant_type", "client_assertion_type", "client_assertion", "scope"],
            "properties": {
                "grant_type": { "const": GRANT_TYPE },
                "client_assertion_type": { "const": ASSERTION_TYPE },
                "client_assertion": {
                    "type": "string",
                    "description": "A JWT signed with the member's access key (ES384): `iss` and `sub` are the member, `aud` is \
                                    this endpoint, `jti` is new."
                },
                "client_id": { "type": "string", "description": "The member; if it is sent, it is the assertion's." },
                "scope": { "type": "string", "description": "What the token is for: scopes, with spaces between." }
            }
        })
    }
}

impl TokenRequest {
    fn set(&mut self, name: &str, value: &str) -> Result<(), BodyError> {
        let place = match name {
            "grant_type" => &mut self.grant_type,
            "client_assertion_type" => &mut self.client_assertion_type,
            "client_id" => &mut self.client_id,
            "scope" => &mut self.scope,
            "client_assertion" if self.client_assertion.is_none() => {
                self.client_assertion = Some(value.to_owned().into());
                return Ok(());
            }
            "client_assertion" => return Err(BodyError::Form("client_assertion comes twice".to_owned())),
            _ => return Ok(()),
        };
        match place.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(BodyError::Form(format!("{name} comes twice"))),
        }
    }
}

/// The form of a token request.
pub struct TokenForm;

impl Body for TokenForm {
    type Value = TokenRequest;
    const MEDIA_TYPES: &'static [&'static str] = &[media::FORM];

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<TokenRequest>())
    }

    fn encode(value: &TokenRequest) -> Result<Bytes, BodyError> {
        let assertion = value.client_assertion.as_ref().map(|assertion| assertion.as_str());
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("grant_type", value.grant_type.as_deref()),
            ("client_assertion_type", value.client_assertion_type.as_deref()),
            ("client_assertion", assertion),
            ("client_id", value.client_id.as_deref()),
            ("scope", value.scope.as_deref()),
        ] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        Ok(form.finish().into())
    }

    fn decode(bytes: Bytes) -> Result<TokenRequest, BodyError> {
        let mut request = TokenRequest::default();
        for (name, value) in form_urlencoded::parse(&bytes) {
            request.set(&name, &value)?;
        }
        Ok(request)
    }
}

/// A token (RFC 6749 §5.1).
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct TokenResponse {
    /// The token.
    #[schemars(with = "String")]
    pub access_token: Zeroizing<String>,
    /// `bearer`.
    pub token_type: String,
    /// For how long it counts, in seconds.
    pub expires_in: u64,
    /// What it is for: scopes, with spaces between. It may be left out where it is what was asked for.
    #[serde(default)]
    pub scope: String,
}

/// Why no token is issued (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenRefusal {
    /// The word that programs go by.
    pub error: TokenError,
    /// What is wrong, and what to do.
    #[serde(rename = "error_description", default)]
    pub description: String,
}

/// The words of RFC 6749 §5.2 that are used, and one of its §4.1.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// The request is too long, too slow, no form, or lacks a parameter.
    InvalidRequest,
    /// The assertion does not count, or was taken before.
    InvalidClient,
    /// The grant type is another.
    UnsupportedGrantType,
    /// A scope is unknown, not of the member's role, or missing.
    InvalidScope,
    /// Too many tokens are asked for at once.
    TemporarilyUnavailable,
}

impl TokenError {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

const NOT_STORED: &[Header] = &[
    Header { name: "Cache-Control", description: "`no-store`" },
    Header { name: "Pragma", description: "`no-cache`" },
];

const fn refusal(status: u16, when: &'static str, headers: &'static [Header]) -> Answer {
    Answer {
        status,
        when,
        media_type: Some(media::JSON),
        schema: Some(|generator| generator.subschema_for::<TokenRefusal>()),
        headers,
    }
}

/// An access token.
pub const POST_TOKEN: Route<(), TokenForm, Json<TokenResponse>> =
    Route::post(PATH, "postToken", "Issues an access token to a member that signs an assertion.")
        .pool(Pool::Connection)
        .takes_bytes(MAX_REQUEST_BYTES)
        .takes_seconds(10)
        .gives_bytes(64 << 10)
        .headers(NOT_STORED)
        .answers(&[
            refusal(
                400,
                "`invalid_request`, `unsupported_grant_type` or `invalid_scope`: the request is not one that is taken.",
                NOT_STORED,
            ),
            refusal(
                401,
                "`invalid_client`: the assertion does not count, or was taken before.",
                &[Header { name: "WWW-Authenticate", description: "`Bearer`" }],
            ),
            refusal(408, "`invalid_request`: the request did not arrive in time.", NOT_STORED),
            refusal(413, "`invalid_request`: the request is too long.", NOT_STORED),
            refusal(415, "`invalid_request`: the request is no form.", NOT_STORED),
            refusal(
                503,
                "`temporarily_unavailable`: too many tokens are asked for at once.",
                &[Header { name: "Retry-After", description: "After how many seconds to try again." }],
            ),
        ]);

/// The routes of access.
pub fn group() -> Group {
    Group { name: "access", summary: "Access tokens.", routes: vec![&POST_TOKEN] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_back_takes_unknown_parameters_and_none_twice() {
        let request = TokenRequest {
            grant_type: Some(GRANT_TYPE.to_owned()),
            client_assertion_type: Some(ASSERTION_TYPE.to_owned()),
            client_assertion: Some("a.b.c".to_owned().into()),
            client_id: None,
            scope: Some("cells.read log.write".to_owned()),
        };
        let bytes = TokenForm::encode(&request).unwrap();
        let again = TokenForm::decode(bytes.clone()).unwrap();
        assert_eq!(TokenForm::encode(&again).unwrap(), bytes);
        assert_eq!(again.scope, request.scope);
        assert!(TokenForm::decode("scope=a&resource=b&resource=c".into()).is_ok());
        for twice in ["scope=a&scope=a", "client_assertion=a&client_assertion=b"] {
            assert!(matches!(TokenForm::decode(twice.into()), Err(BodyError::Form(_))), "{twice}");
        }
    }
}
