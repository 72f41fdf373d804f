//! What a caller sends to be let in: a token request with an assertion, and a bearer token. Nothing panics, and nobody is
//! let in.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Request, header},
};
use nacre_access::{
    Scope,
    server::{Gatekeeper, router},
};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

static GATEKEEPER: LazyLock<Arc<Gatekeeper>> = LazyLock::new(crate::gatekeeper);
static ROUTER: LazyLock<Router> = LazyLock::new(|| router(Arc::clone(&GATEKEEPER)));
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));

const FORM: &str = "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=regulator&scope=cells%3Aread&client_assertion=";

fn post(body: Vec<u8>) {
    let request = Request::post("/oauth/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .expect("a request");
    let response = RUNTIME.block_on(ROUTER.clone().oneshot(request)).expect("infallible");
    assert!(!response.status().is_success(), "a token was given for an assertion that nobody signed");
    assert!(!response.status().is_server_error());
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => post(rest.to_vec()),
        1 => post([FORM.as_bytes(), rest].concat()),
        _ => {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", rest].concat()) {
                headers.insert(header::AUTHORIZATION, value);
            }
            assert!(GATEKEEPER.authorize(&headers, Scope::CellsRead).is_err(), "a token was taken that nobody gave");
        }
    }
}
