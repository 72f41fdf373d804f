//! The server's side: `POST /oauth/token`, and the check of every later request.
//!
//! Kept true: a token is issued only for an assertion that counts ([`crate::assertion`]) and was never taken before,
//! and only for scopes of the member's role; a request passes only with a token of this process that covers it.
//!
//! Errors: RFC 6749 §5.2 at the token endpoint, problems elsewhere. Both say what to do, neither repeats what was
//! sent.

mod endpoint;
mod refusal;

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    http::{HeaderMap, header::AUTHORIZATION},
    response::IntoResponse as _,
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::Mount,
};
use nacre_schemas::{Signed, membership::Membership, problem::Problem};
use nacre_wire::{
    problem::{EXPIRED_TOKEN, INSUFFICIENT_SCOPE, INVALID_TOKEN, NO_TOKEN},
    route::Facts,
    token::POST_TOKEN,
};

use crate::{
    AddressError, Scope,
    address::Address,
    assertion::Assertion,
    members::Members,
    now_s,
    replay::{MAX_ENTRIES, MAX_ENTRIES_OF_MEMBER, ReplayCache, ReplayError},
    token::{Mint, TokenError},
};

/// Why a server cannot let anyone in.
#[derive(Debug, thiserror::Error)]
pub enum GatekeeperError {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The operating system gave no randomness for the secret of its tokens.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

/// Issues tokens to members and lets requests pass.
pub struct Gatekeeper {
    token_url: String,
    members: Arc<Members>,
    mint: Mint,
    replays: Mutex<ReplayCache>,
}

impl Gatekeeper {
    /// For the server that its clients call at `url`. Tokens of an earlier process do not count: clients renew them.
    pub fn new(url: &str, members: Arc<Members>) -> Result<Self, GatekeeperError> {
        let address = Address::parse(url)?;
        Ok(Self {
            token_url: address.token_url(),
            mint: Mint::new(address.as_str()).map_err(GatekeeperError::NoRandomness)?,
            members,
            replays: Mutex::new(ReplayCache::new(MAX_ENTRIES, MAX_ENTRIES_OF_MEMBER)),
        })
    }

    /// The caller of a route, if the request carries a token that covers the route's scope.
    pub fn caller(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        match route.scope() {
            Some(scope) => self.authorize(headers, scope).cloned(),
            None => Err(INSUFFICIENT_SCOPE.problem("the route has no scope that a token could cover")),
        }
    }

    /// The caller, if the request carries a token that covers the scope.
    pub fn authorize(&self, headers: &HeaderMap, scope: Scope) -> Result<&Signed<Membership>, Problem> {
        let token = bearer(headers)?;
        let grant = self.mint.read(token, now_s()).map_err(|error| match error {
            TokenError::Expired => EXPIRED_TOKEN.problem("fetch a new one"),
            TokenError::Invalid => INVALID_TOKEN.problem("the token was not issued by this server since it started"),
        })?;
        let member =
            self.members.find(&grant.member).ok_or_else(|| INVALID_TOKEN.problem("its member is not admitted here"))?;
        if !grant.covers(scope) {
            let detail = format!("this takes the scope {scope}, which the access token does not have");
            return Err(INSUFFICIENT_SCOPE.problem(detail));
        }
        Ok(member)
    }

    /// The members that are let in.
    pub fn members(&self) -> &Members {
        &self.members
    }

    fn take_once(&self, assertion: &Assertion, now_s: u64) -> Result<(), ReplayError> {
        // A panic while it was held leaves at worst an entry that is not counted.
        self.replays.lock().unwrap_or_else(PoisonError::into_inner).take(assertion, now_s)
    }
}

/// The token endpoint, to be merged into a server's routes.
pub fn router(gatekeeper: Arc<Gatekeeper>) -> Router {
    // Its places are the connections.
    let load = Load::new(Sizes { anonymous: 0, members: 0, writes: 0 });
    Mount::new(gatekeeper, load)
        .refusing(|problem| refusal::Refusal::of(&problem).into_response())
        .route(POST_TOKEN, endpoint::token)
        .router()
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let missing = || NO_TOKEN.problem("send Authorization: Bearer with a token");
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(INVALID_TOKEN.problem("there is more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| INVALID_TOKEN.problem("the Authorization header is not ASCII text"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_matches(' ')),
        _ => Err(missing()),
    }
}
