//! Access: who is calling, and whether it may do what it asks. OAuth 2 client credentials with a signed
//! assertion (RFC 6749 §4.4, RFC 7523 §2.2, `private_key_jwt` with ES384, as in SMART Backend Services), both
//! sides; problem+json (RFC 9457) over HTTP; the members directory; secret files; a role's own folders.
//!
//! * [`server`]: `POST /oauth/token` and the check of every later request ([`server::Gatekeeper`]); serving with bounds on
//!   what strangers can hold ([`server::serve`]).
//! * [`client`]: calls a server as a member, fetches and renews tokens by itself.
//! * [`pause`]: how long to wait before something is tried again.
//! * [`members`]: the admissions that a server goes by, each checked against the trust root.
//! * [`roots`]: the trust roots that a server has gone by, kept whole.
//! * [`key`], [`secret`]: P-384 access keys, and the files that hold them and other secrets.
//! * [`folder`]: a role's data folder, one process's at a time, and its registers beside it.
//!
//! Kept true: no password or shared secret leaves a member's machine; an assertion is taken once; an access token
//! is read only by the process that issued it, and dies with it. TLS is the front proxy's: over plain HTTP whoever
//! is on the path can use a token for the five minutes it lives.
//!
//! Errors: [`nacre_schemas::problem::Problem`] to callers; an enum a module to ourselves. No error and no log line
//! carries a key, an assertion or a token.
//!
//! Cost: a token costs its server one P-384 verification (about a millisecond), each later request one HMAC.

mod address;
mod assertion;
pub mod client;
pub mod folder;
pub mod key;
pub mod members;
pub mod pause;
mod problem;
mod replay;
pub mod roots;
pub mod secret;
pub mod server;
mod token;

pub use address::AddressError;
pub use nacre_wire::{Scope, UnknownScope};
pub use problem::ProblemResponse;

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970. A clock set before that reads as 0, at which every assertion is refused.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
