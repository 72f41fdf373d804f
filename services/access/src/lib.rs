//! Access: who is calling, and whether it may do what it asks. OAuth 2 client credentials with a signed
//! assertion (RFC 6749 §4.4, RFC 7523 §2.2, `private_key_jwt` with ES384, as in SMART Backend Services), both
//! sides; the members directory.
//!
//! * [`server`]: `POST /oauth/token` and the check of every later request ([`server::Gatekeeper`]).
//! * [`client`]: calls a server as a member, fetches and renews tokens by itself.
//! * [`members`]: the admissions that a server goes by, each checked against the trust root.
//! * [`key`]: P-384 access keys.
//!
//! Kept true: no password or shared secret leaves a member's machine; an assertion is taken once; an access token
//! is read only by the process that issued it, and dies with it. Over plain HTTP, others on the way can use a token for the
//! five minutes that it lives: TLS is [`nacre_hosting::tls`]'s.
//!
//! Errors: [`nacre_schemas::problem::Problem`] to callers; an enum a module to ourselves. No error and no log line
//! carries a key, an assertion or a token.
//!
//! Cost: a token costs its server one P-384 verification (about a millisecond), each later request one HMAC.

mod address;
mod assertion;
pub mod client;
pub mod key;
pub mod members;
mod replay;
pub mod server;
mod token;

pub use address::AddressError;
pub use nacre_wire::{Scope, UnknownScope};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970. A clock set before that reads as 0, at which every assertion is refused.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
