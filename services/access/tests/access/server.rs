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
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{Redirect, Response},
    routing::get,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nacre_access::{
    client::Client,
    key::AccessKey,
    members::Members,
    server::{self, Gatekeeper},
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
    problem::ProblemResponse,
    tls::ClientTls,
};
use nacre_schemas::{Signed, membership::Membership, problem::Problem};
use nacre_wire::{
    Route, Scope,
    body::{Json, Nothing, Octets, Text},
    operation::GET_HEALTH,
    problem::BUSY,
    route::{self, Facts},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::consortium::Member;

pub(crate) const GET_CELLS: Route<(), Nothing, Json<Value>, route::Members> =
    Route::get("/cells", "getCells", "Says who calls.").scope(Scope::CellsRead);
pub(crate) const POST_LOG: Route<(), Json<Value>, Json<Value>, route::Members> =
    Route::post("/log", "postLog", "Says what was sent.").scope(Scope::LogWrite).takes_bytes(1 << 20);
pub(crate) const POST_BYTES: Route<(), Octets, Json<Value>, route::Members> =
    Route::post("/bytes", "postBytes", "Says of what type and length the body is.")
        .scope(Scope::LogWrite)
        .takes_bytes(1 << 20);
pub(crate) const GET_CHECKPOINT: Route<(), Nothing, Text> = text("/checkpoint");

/// A route that answers with a text.
pub(crate) const fn text(path: &'static str) -> Route<(), Nothing, Text> {
    Route::get(path, "getText", "Gives a text.")
}

/// A route that is said to answer with JSON.
pub(crate) const fn json_of(path: &'static str) -> Route<(), Nothing, Json<Value>> {
    Route::get(path, "getJson", "Gives JSON.")
}

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
        Client::new(&self.url, member.admission.statement.member.clone(), member.key.clone(), &ClientTls::default())
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
    let load = Load::new(Sizes { anonymous: 64, members: 64, writes: 64 });
    Mount::new(Arc::new(Behind(gatekeeper)), load)
        .route(GET_CELLS, cells)
        .route(POST_LOG, log)
        .route(POST_BYTES, bytes)
        .route(GET_CHECKPOINT, async |_, _| Ok::<_, ProblemResponse>(Reply::new("origin\n7\n".to_owned())))
        .router()
        .route(GET_HEALTH.facts().path, get(|| async { "ok" }))
        .route("/long", get(|| async { "x".repeat(5_000) }))
        .route("/moved", get(|| async { Redirect::temporary("/checkpoint") }))
        .route("/busy", get(|| async { ProblemResponse(BUSY.problem("the queue is full")) }))
        .route("/missing", get(|| async { ProblemResponse(Problem::new(404, "no-seal", "No seal", "none yet")) }))
        .route("/gateway", get(|| async { (StatusCode::BAD_GATEWAY, [(header::RETRY_AFTER, "9")], "<html>") }))
        .route("/slow", get(|| async { tokio::time::sleep(std::time::Duration::from_secs(60)).await }))
}

/// What is behind the gatekeeper.
struct Behind(Arc<Gatekeeper>);

impl Admits<route::Members> for Behind {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.0.caller(route, headers)
    }
}

type Answered = Result<Reply<Json<Value>>, ProblemResponse>;

async fn cells(_: Arc<Behind>, call: Call<(), Nothing, Signed<Membership>>) -> Answered {
    Ok(Reply::new(json!({ "caller": call.caller.statement.member })))
}

async fn log(_: Arc<Behind>, call: Call<(), Json<Value>, Signed<Membership>>) -> Answered {
    Ok(Reply::new(call.body.value().await?))
}

async fn bytes(_: Arc<Behind>, call: Call<(), Octets, Signed<Membership>>) -> Answered {
    let kind = call.headers[header::CONTENT_TYPE].to_str().unwrap_or_default().to_owned();
    Ok(Reply::new(json!({ "type": kind, "length": call.body.value().await?.len() })))
}
