//! A server on loopback with the token endpoint and some routes behind it, and raw requests to it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nacre_access::{
    Scope,
    client::Client,
    key::AccessKey,
    members::Members,
    server::{self, Gatekeeper},
};
use nacre_hosting::problem::ProblemResponse;
use nacre_hosting::tls::ClientTls;
use nacre_schemas::problem::{Problem, Retry};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::consortium::Member;

pub(crate) struct Server {
    pub(crate) url: String,
    address: SocketAddr,
    token_requests: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(members: Arc<Members>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), members).await
    }

    async fn start_at(address: SocketAddr, members: Arc<Members>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let gatekeeper = Arc::new(Gatekeeper::new(&url, members).unwrap());
        let token_requests = Arc::new(AtomicUsize::new(0));
        let app = server::router(gatekeeper.clone())
            .merge(routes(gatekeeper))
            .layer(from_fn_with_state(token_requests.clone(), count));
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
        let running = tokio::spawn(async { serving.await.unwrap() });
        Self { url, address, token_requests, stop, running }
    }

    /// Ends the process, as it were, and starts it anew at the same address.
    pub(crate) async fn restart(self, members: Arc<Members>) -> Self {
        let _ = self.stop.send(());
        self.running.await.unwrap();
        Self::start_at(self.address, members).await
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.token_requests.load(Ordering::SeqCst)
    }

    pub(crate) fn client(&self, member: &Member) -> Client {
        Client::new(&self.url, member.admission.membership.member.clone(), member.key.clone(), &ClientTls::default())
            .unwrap()
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/oauth/token", self.url)
    }

    /// The claims that an honest member would send.
    pub(crate) fn claims(&self, member: &Member) -> Value {
        json!({
            "iss": member.name(),
            "sub": member.name(),
            "aud": self.token_url(),
            "exp": now_s() + 300,
            "jti": hex::encode(rand::random::<[u8; 16]>()),
        })
    }

    /// Asks for a token with that assertion.
    pub(crate) async fn ask(&self, assertion: &str, scope: &str) -> Answer {
        self.ask_with(&form(assertion, scope)).await
    }

    pub(crate) async fn ask_with(&self, form: &[(&str, &str)]) -> Answer {
        Answer::of(http().post(self.token_url()).form(form)).await
    }

    /// A token for the member, by the honest way.
    pub(crate) async fn token(&self, member: &Member, scope: &str) -> String {
        let answer = self.ask(&signed(&member.key, &self.claims(member)), scope).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// Reads cells with those `Authorization` headers.
    pub(crate) async fn read_cells(&self, authorization: &[&str]) -> Answer {
        let mut request = http().get(format!("{}/cells", self.url));
        for value in authorization {
            request = request.header(header::AUTHORIZATION, *value);
        }
        Answer::of(request).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.json().await.unwrap() }
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Checks that it is RFC 6749's refusal.
    pub(crate) fn assert_refused(&self, status: u16, error: &str, description: &str) {
        assert_eq!((self.status, self.body["error"].as_str()), (status, Some(error)), "{}", self.body);
        let text = self.body["error_description"].as_str().unwrap();
        assert!(text.contains(description), "{text:?} should say {description:?}");
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\')), "{text:?}");
        assert_eq!(self.header(header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(self.header(header::WWW_AUTHENTICATE).is_some(), status == 401);
    }
}

pub(crate) fn form<'a>(assertion: &'a str, scope: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", scope),
    ]
}

pub(crate) fn signed(key: &AccessKey, claims: &Value) -> String {
    signed_with_header(&Header::new(Algorithm::ES384), key, claims)
}

pub(crate) fn signed_with_header(header: &Header, key: &AccessKey, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_ec_pem(key.to_pem().as_bytes()).unwrap()).unwrap()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A client without tokens, proxies or certificates.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn count(State(token_requests): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/oauth/token" {
        token_requests.fetch_add(1, Ordering::SeqCst);
    }
    next.run(request).await
}

fn routes(gatekeeper: Arc<Gatekeeper>) -> Router {
    Router::new()
        .route("/cells", get(cells))
        .route("/log", post(log))
        .route("/bytes", post(bytes))
        .route("/checkpoint", get(|| async { "origin\n7\n" }))
        .route("/long", get(|| async { "x".repeat(5_000) }))
        .route("/moved", get(|| async { Redirect::temporary("/checkpoint") }))
        .route("/busy", get(|| async { busy(Retry::Later) }))
        .route("/missing", get(|| async { ProblemResponse(Problem::new(404, "no-seal", "No seal", "none yet")) }))
        .route("/gateway", get(|| async { (StatusCode::BAD_GATEWAY, [(header::RETRY_AFTER, "9")], "<html>") }))
        .route("/slow", get(|| async { tokio::time::sleep(std::time::Duration::from_secs(60)).await }))
        .with_state(gatekeeper)
}

fn busy(retry: Retry) -> ProblemResponse {
    Problem::new(503, "busy", "Busy", "the queue is full").retry(retry).into()
}

async fn cells(State(gatekeeper): State<Arc<Gatekeeper>>, headers: HeaderMap) -> Result<Json<Value>, ProblemResponse> {
    let caller = gatekeeper.authorize(&headers, Scope::CellsRead)?;
    Ok(Json(json!({ "caller": caller.membership.member })))
}

async fn log(
    State(gatekeeper): State<Arc<Gatekeeper>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, ProblemResponse> {
    gatekeeper.authorize(&headers, Scope::LogWrite)?;
    Ok(Json(body))
}

async fn bytes(State(gatekeeper): State<Arc<Gatekeeper>>, headers: HeaderMap, body: Bytes) -> Response {
    match gatekeeper.authorize(&headers, Scope::LogWrite) {
        Ok(_) => Json(json!({
            "type": headers[header::CONTENT_TYPE].to_str().unwrap_or_default(),
            "length": body.len(),
        }))
        .into_response(),
        Err(problem) => ProblemResponse(problem).into_response(),
    }
}
