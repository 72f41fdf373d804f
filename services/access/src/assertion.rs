//! Assertions: a member's signed word to one token endpoint that it is the one asking (RFC 7523 §2.2 and §3, as
//! narrowed by SMART Backend Services).
//!
//! Kept true: an assertion counts only if it is signed with ES384 under the key its issuer was admitted with,
//! names this endpoint as its one audience, and expires within five minutes. The algorithm is ours to choose and not
//! the header's: HS384 under a public key, `none`, and keys that the header itself brings (`jwk`, `jku`, `x5c`) do
//! not count. That it is taken once is [`crate::replay`]'s to see to.

use jsonwebtoken::{Algorithm, Header, Validation, dangerous, errors::ErrorKind};
use nacre_schemas::id::MemberId;
use serde::{Deserialize, Serialize};

use crate::members::Members;

/// How far ahead an assertion may expire, in seconds.
pub(crate) const LIFETIME_S: u64 = 300;

/// How far two clocks may be apart, in seconds.
pub(crate) const LEEWAY_S: u64 = 30;

/// The longest `jti`, in bytes.
pub(crate) const MAX_JTI_BYTES: usize = 128;

/// The claims. Times are whole seconds since 1970. Others that may be there mean nothing here.
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) exp: u64,
    pub(crate) jti: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) iat: Option<u64>,
}

/// Why an assertion does not count. The texts go to the caller: without quotes and backslashes (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionError {
    #[error("the assertion is no JWT with the claims iss, sub, aud (one text), exp (whole seconds) and jti")]
    Malformed,
    #[error("the assertion is signed with another algorithm than ES384")]
    Algorithm,
    #[error("the assertion has critical header fields, and none is known here")]
    Critical,
    #[error("the issuer of the assertion is not a member here")]
    UnknownMember,
    #[error("the assertion is not signed with the access key that its issuer was admitted with")]
    Signature,
    #[error("iss and sub of the assertion, and client_id if it is sent, are not the same member")]
    Subject,
    #[error("the assertion is for another audience, it has to be {0}")]
    Audience(String),
    #[error("the assertion has expired")]
    Expired,
    #[error("the assertion expires more than {LIFETIME_S} seconds from now")]
    ExpiresTooLate,
    #[error("the assertion is not valid yet: is the clock right?")]
    NotYet,
    #[error("the jti of the assertion has to have 1 to {MAX_JTI_BYTES} bytes")]
    Identifier,
}

/// An assertion that counts, if it is the first of its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assertion {
    pub(crate) member: MemberId,
    pub(crate) jti: String,
    /// Until when it would be taken, in seconds since 1970, leeway included.
    pub(crate) taken_until_s: u64,
}

/// Checks an assertion that was sent to `audience`.
pub(crate) fn check(
    assertion: &str,
    audience: &str,
    members: &Members,
    now_s: u64,
) -> Result<Assertion, AssertionError> {
    let header = read_header(assertion)?;
    if header.alg != Algorithm::ES384 {
        return Err(AssertionError::Algorithm);
    }
    if header.crit.is_some() {
        return Err(AssertionError::Critical);
    }
    // Only to know whose key to take: nothing is believed before the signature is checked.
    let unproven: Claims = dangerous::insecure_decode_claims(assertion).map_err(|_| AssertionError::Malformed)?;
    let member: MemberId = unproven.iss.parse().map_err(|_| AssertionError::UnknownMember)?;
    let key = members.verifying_key(&member).ok_or(AssertionError::UnknownMember)?;
    let claims =
        jsonwebtoken::decode::<Claims>(assertion, key, &signature_only()).map_err(|error| match error.kind() {
            ErrorKind::InvalidAlgorithm => AssertionError::Algorithm,
            ErrorKind::InvalidSignature => AssertionError::Signature,
            _ => AssertionError::Malformed,
        })?;
    check_claims(claims.claims, member, audience, now_s)
}

fn read_header(assertion: &str) -> Result<Header, AssertionError> {
    jsonwebtoken::decode_header(assertion).map_err(|error| match error.kind() {
        // An algorithm that the library does not know, `none` among them, fails as JSON.
        ErrorKind::Json(json) if json.to_string().starts_with("unknown variant") => AssertionError::Algorithm,
        _ => AssertionError::Malformed,
    })
}

/// The library's own checks of claims take arrays and fractions, and absent claims: ours follow.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::ES384);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

fn check_claims(claims: Claims, member: MemberId, audience: &str, now_s: u64) -> Result<Assertion, AssertionError> {
    if claims.iss != member.as_str() || claims.sub != claims.iss {
        return Err(AssertionError::Subject);
    }
    if claims.aud != audience {
        return Err(AssertionError::Audience(audience.to_owned()));
    }
    if claims.exp > now_s.saturating_add(LIFETIME_S + LEEWAY_S) {
        return Err(AssertionError::ExpiresTooLate);
    }
    let taken_until_s = claims.exp.saturating_add(LEEWAY_S);
    if taken_until_s <= now_s {
        return Err(AssertionError::Expired);
    }
    let latest_start_s = now_s.saturating_add(LEEWAY_S);
    if claims.nbf.is_some_and(|start| start > latest_start_s)
        || claims.iat.is_some_and(|issued| issued > latest_start_s)
    {
        return Err(AssertionError::NotYet);
    }
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI_BYTES {
        return Err(AssertionError::Identifier);
    }
    Ok(Assertion { member, jti: claims.jti, taken_until_s })
}
