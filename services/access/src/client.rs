//! The client's side: calls a server as a member, fetches and renews access tokens by itself.
//!
//! Kept true: at most one token request a scope is under way; a token goes to the server that issued it and nowhere
//! else (redirects are not followed); a request that is answered 401 is sent once more with a new token, so requests
//! must be such that this does no harm, and theirs are: the server did not look at the first. Responses are bounded. A call
//! to a server that hangs is given up within seconds ([`silence`]), however long one that is at work may take.
//!
//! Errors: [`ClientError`]; it says whether and when to try again, and trying again is the caller's to do.
//!
//! Cost: a token request a scope in four and a half minutes. A response is held in memory as it came and as it was
//! read.

mod error;
mod plain;
pub mod quorum;
mod silence;
mod tokens;

use std::{
    sync::{Arc, Once},
    time::{Duration, SystemTime},
};

use axum::body::Bytes;
use futures::future::BoxFuture;
use nacre_hosting::{
    request_id::{self, RequestId},
    tls::ClientTls,
};
use nacre_schemas::id::MemberId;
use nacre_wire::{
    Route,
    body::{Body, Encoded, Nothing},
    media::{self, PROBLEM_JSON},
    operation,
    parameters::Parameters,
};
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderMap, HeaderValue},
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use error::{ClientError, ReceivedProblem};
pub use plain::{PlainClient, PlainResponse};
use tokens::Tokens;

use crate::{AddressError, Scope, address::Address, key::AccessKey};

/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is not used is kept: shorter than servers keep it, so that none is used while it is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take until its response is read, unless [`Client::timeout`] says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest answer that is decoded where it was read.
const SMALL_BYTES: usize = 64 << 10;
/// The longest response that reports an error or brings a token, in bytes.
const MAX_SMALL_RESPONSE_BYTES: usize = 64 << 10;

/// A member's connection to one server.
pub struct Client {
    http: reqwest::Client,
    address: Address,
    tokens: Tokens,
    timeout: Duration,
}

/// A request, such that it can be sent twice.
struct Call {
    method: Method,
    url: Url,
    accept: &'static str,
    body: Option<(HeaderValue, Bytes)>,
    /// The longest answer, in bytes.
    limit: usize,
}

impl Client {
    /// A client of the server at `base_url` (http or https; over http, others on the way can read tokens). Several
    /// requests may be under way at once.
    pub fn new(base_url: &str, member: MemberId, key: Arc<AccessKey>, tls: &ClientTls) -> Result<Self, ClientError> {
        let address = Address::parse(base_url)?;
        if !address.is_encrypted() && !address.is_loopback() {
            tracing::warn!(
                server = address.as_str(),
                "this server is called over plain http: tokens can be read on the way"
            );
        }
        let http = http_client(&address, tls)?;
        let tokens = Tokens::new(address.token_url(), member, key);
        Ok(Self { http, address, tokens, timeout: DEFAULT_TIMEOUT })
    }

    /// The same, with another limit on how long a request may take until its response is read.
    #[must_use]
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeout = total;
        self
    }

    /// The server's address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.address.as_str()
    }

    /// Calls a route.
    pub async fn call<P: Parameters, Q: Body, S: Body, A>(
        &self,
        route: Route<P, Q, S, A>,
        parameters: &P,
        body: &Q::Value,
    ) -> Result<S::Value, ClientError> {
        self.call_encoded(route, parameters, &Encoded::of(body)?).await
    }

    /// Calls a route that takes no body.
    pub async fn get<P: Parameters, S: Body, A>(
        &self,
        route: Route<P, Nothing, S, A>,
        parameters: &P,
    ) -> Result<S::Value, ClientError> {
        self.call(route, parameters, &()).await
    }

    /// Calls a route with a body that was encoded before.
    pub async fn call_encoded<P: Parameters, Q: Body, S: Body, A>(
        &self,
        route: Route<P, Q, S, A>,
        parameters: &P,
        body: &Encoded<Q>,
    ) -> Result<S::Value, ClientError> {
        let facts = route.facts();
        let url = url(&self.address, &route, parameters)?;
        let body = content_type::<Q>().map(|kind| (kind, body.bytes().clone()));
        let accept = S::MEDIA_TYPES.first().copied().unwrap_or(media::JSON);
        let call = Call { method: method(facts.method), url, accept, body, limit: facts.max_response_bytes };
        let answer = self.watched(&call, facts.scope()).await?;
        decode::<S>(&call.url, answer).await
    }

    /// What the server's clock shows, in whole seconds: the `Date` of its answer for its health (RFC 9110 §6.6.1). It was true when
    /// the answer was made, at some moment between the call and its return.
    pub async fn time(&self) -> Result<SystemTime, ClientError> {
        let url = url(&self.address, &operation::GET_HEALTH, &())?;
        let asking = async {
            let request = self.http.get(url.clone()).timeout(self.timeout).header(CACHE_CONTROL, "no-cache");
            let response = request.send().await.map_err(|error| ClientError::transport(&url, error))?;
            let time = time_of(response.headers());
            self.receive(&url, response, MAX_SMALL_RESPONSE_BYTES).await?;
            time.ok_or_else(|| ClientError::malformed(&url, "the answer says no time (a Date of HTTP)"))
        };
        silence::watched(&self.http, &self.address, asking).await
    }

    /// The answer to a call. Boxed: what does not depend on the route is compiled here, and once.
    fn watched<'c>(&'c self, call: &'c Call, scope: Option<Scope>) -> BoxFuture<'c, Result<Vec<u8>, ClientError>> {
        Box::pin(silence::watched(&self.http, &self.address, self.exchange(call, scope)))
    }

    async fn exchange(&self, call: &Call, scope: Option<Scope>) -> Result<Vec<u8>, ClientError> {
        let Some(scope) = scope else {
            return self.receive(&call.url, self.attempt(call, None).await?, call.limit).await;
        };
        let token = self.tokens.current(scope, &self.http, self.timeout).await?;
        let mut response = self.attempt(call, Some(&token)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // The server was started anew, or its clock runs ahead of ours.
            let token = self.tokens.renewed(scope, &token, &self.http, self.timeout).await?;
            response = self.attempt(call, Some(&token)).await?;
        }
        self.receive(&call.url, response, call.limit).await
    }

    async fn attempt(&self, call: &Call, token: Option<&Zeroizing<String>>) -> Result<Response, ClientError> {
        let mut request = self.http.request(call.method.clone(), call.url.clone()).timeout(self.timeout);
        request = request.header(ACCEPT, format!("{}, {}", call.accept, PROBLEM_JSON));
        if let Some(id) = RequestId::current().and_then(|id| id.to_header()) {
            request = request.header(request_id::HEADER, id);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token.as_str());
        }
        if let Some((content_type, body)) = &call.body {
            request = request.header(CONTENT_TYPE, content_type).body(body.clone());
        }
        request.send().await.map_err(|error| ClientError::transport(&call.url, error))
    }

    async fn receive(&self, url: &Url, response: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
        if response.status().is_success() {
            return read_body(url, response, limit).await;
        }
        let retry_after_s = error::retry_after_s(response.headers());
        let (status, content_type) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
        let body = read_body(url, response, MAX_SMALL_RESPONSE_BYTES).await;
        // Whatever its body is like, the status is what went wrong.
        Err(ClientError::of_response(url, status, content_type.as_ref(), &body.unwrap_or_default(), retry_after_s))
    }
}

/// The URL of a route on the server of that address.
fn url<P: Parameters, Q: Body, S: Body, A>(
    address: &Address,
    route: &Route<P, Q, S, A>,
    parameters: &P,
) -> Result<Url, ClientError> {
    let path = route.address(parameters)?;
    address.at(&path).ok_or(ClientError::Path(path))
}

/// The `Content-Type` of a body of that form.
fn content_type<Q: Body>() -> Option<HeaderValue> {
    Q::MEDIA_TYPES.first().map(|media_type| HeaderValue::from_static(media::content_type(media_type)))
}

/// What the server answered. Much of it is decoded on a thread of its own, where it keeps no other call waiting.
async fn decode<S: Body>(url: &Url, answer: Vec<u8>) -> Result<S::Value, ClientError> {
    let decoded = match answer.len() {
        0..=SMALL_BYTES => S::decode(answer.into()),
        _ => {
            let decoding = tokio::task::spawn_blocking(move || S::decode(answer.into()));
            decoding.await.map_err(|_| ClientError::malformed(url, "it cannot be decoded"))?
        }
    };
    decoded.map_err(|error| ClientError::malformed(url, error))
}

fn method(method: nacre_wire::route::Method) -> Method {
    match method {
        nacre_wire::route::Method::Get => Method::GET,
        nacre_wire::route::Method::Post => Method::POST,
        nacre_wire::route::Method::Put => Method::PUT,
        nacre_wire::route::Method::Delete => Method::DELETE,
    }
}

/// When an answer was made by its server's clock; a cache on the way that kept it says for how long (RFC 9111 §5.1).
fn time_of(headers: &HeaderMap) -> Option<SystemTime> {
    let made = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let kept_s = match headers.get(AGE) {
        Some(age) => age.to_str().ok()?.trim().parse().ok()?,
        None => 0,
    };
    made.checked_add(Duration::from_secs(kept_s))
}

fn http_client(address: &Address, tls: &ClientTls) -> Result<reqwest::Client, ClientError> {
    install_provider();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("nacre/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    if !address.is_encrypted() {
        // Nothing is looked up in the system's certificates, which a small container does not have.
        builder = builder.tls_certs_only([]);
    } else if let Some(config) = tls.config() {
        builder = builder.tls_backend_preconfigured(config.clone());
    }
    builder.build().map_err(|error| ClientError::Setup(error::chain(&error)))
}

/// Names the implementation of TLS's cryptography for the whole process, unless the process named another.
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only if one is installed already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

async fn read_body(url: &Url, mut response: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
    let too_long = || ClientError::TooLong { url: url.to_string(), limit_bytes: limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| ClientError::transport(url, error))? {
        if chunk.len() > limit - body.len() {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse_json<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::malformed(url, error))
}

impl From<AddressError> for ClientError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_answer_is_its_date_and_what_it_was_kept_for() {
        let of = |pairs: &[(reqwest::header::HeaderName, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            time_of(&headers.collect()).map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        // The three forms of RFC 9110 §5.6.7, of which servers write the first.
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(of(&[(DATE, date)]), Some(784_111_777), "{date}");
        }
        assert_eq!(of(&[(DATE, "Sun, 06 Nov 1994 08:49:37 GMT"), (AGE, "20")]), Some(784_111_797));
        assert_eq!(of(&[(DATE, "Sun, 06 Nov 1994 08:49:37 GMT"), (AGE, "x")]), None);
        assert_eq!(of(&[(DATE, "1994-11-06T08:49:37Z")]), None);
        assert_eq!(of(&[]), None);
    }
}
