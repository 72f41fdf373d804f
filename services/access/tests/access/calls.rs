//! The client: tokens by itself, errors that say what to do, limits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::IntoResponse as _,
    routing::{get, post},
};
use nacre_access::client::{Client, ClientError};
use nacre_hosting::{problem::ProblemResponse, tls::ClientTls};
use nacre_schemas::{membership::MemberRole, problem::Problem};
use nacre_wire::{
    Route, Scope,
    body::{Nothing, Text},
    exchange::{GET_INCLUSION, GET_TILE, LeafOfTree, OfTile},
    operation::GET_HEALTH,
    route::Members,
    token::{self, TokenError},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    consortium::{Consortium, Member},
    server::{GET_CELLS, GET_CHECKPOINT, POST_BYTES, POST_LOG, Server, json_of, text},
};

/// A route that answers with a text, for members that read cells.
const fn text_for_members(path: &'static str) -> Route<(), Nothing, Text, Members> {
    text(path).scope(Scope::CellsRead)
}

async fn regulator_and_server() -> (Consortium, Member, Server) {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let server = Server::start(consortium.directory(&[&regulator])).await;
    (consortium, regulator, server)
}

/// A server of our own making at a free address.
async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    url
}

fn client(url: &str) -> Client {
    let key = nacre_access::key::AccessKey::generate().unwrap();
    Client::new(url, "dsf".parse().unwrap(), Arc::new(key), &ClientTls::default()).unwrap()
}

#[tokio::test]
async fn a_client_gets_and_posts_and_fetches_one_token_a_scope() {
    let (_, regulator, server) = regulator_and_server().await;
    let client = server.client(&regulator);
    assert_eq!(client.get(GET_CHECKPOINT, &()).await.unwrap(), "origin\n7\n");
    assert_eq!(server.token_requests(), 0);
    assert_eq!(client.get(GET_CELLS, &()).await.unwrap(), json!({ "caller": "dsf" }));
    let sent = json!({ "purpose": "上报" });
    assert_eq!(client.call(POST_LOG, &(), &sent).await.unwrap(), sent);
    let bytes = client.call(POST_BYTES, &(), &vec![7; 1_000].into()).await.unwrap();
    assert_eq!(bytes, json!({ "type": "application/octet-stream", "length": 1_000 }));
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn a_servers_clock_is_read_from_its_answer() {
    let (_, regulator, server) = regulator_and_server().await;
    let whole = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = whole(SystemTime::now());
    let time = whole(server.client(&regulator).time().await.unwrap());
    assert!((before..=whole(SystemTime::now())).contains(&time));
    let failed = client(&serve(Router::new()).await).time().await;
    assert!(
        matches!(failed, Err(ClientError::Status { status: 404, .. })),
        "who does not answer says nothing of its clock"
    );

    let timeless = Router::new().route(GET_HEALTH.facts().path, get(async || ([("date", "soon")], "ok")));
    let failed = client(&serve(timeless).await).time().await;
    assert!(matches!(failed, Err(ClientError::Malformed { .. })), "{failed:?}");
    assert_eq!(server.token_requests(), 0);
}

#[tokio::test]
async fn many_at_once_wait_for_one_token() {
    let (_, regulator, server) = regulator_and_server().await;
    let client = Arc::new(server.client(&regulator));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get(GET_CELLS, &()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), json!({ "caller": "dsf" }));
    }
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_token_is_renewed_once_for_all() {
    let (consortium, regulator, server) = regulator_and_server().await;
    let client = Arc::new(server.client(&regulator));
    client.get(GET_CELLS, &()).await.unwrap();
    let server = server.restart(consortium.directory(&[&regulator])).await;
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get(GET_CELLS, &()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), json!({ "caller": "dsf" }));
    }
    assert_eq!(server.token_requests(), 1);
    let server = server.restart(consortium.directory(&[&regulator])).await;
    let sent = json!({ "again": true });
    assert_eq!(client.call(POST_LOG, &(), &sent).await.unwrap(), sent);
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_half_a_minute_before_its_end_and_a_401_once() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let calls = Arc::new(AtomicUsize::new(0));
    let issue = {
        let tokens = tokens.clone();
        move || async move {
            let number = tokens.fetch_add(1, Ordering::SeqCst);
            let expires_in = if number == 0 { 30 } else { 60 };
            Json(json!({
                "access_token": format!("secret-{number}"),
                "token_type": "Bearer",
                "expires_in": expires_in,
                "scope": "cells.read",
            }))
        }
    };
    let refuse = {
        let calls = calls.clone();
        move || async move {
            calls.fetch_add(1, Ordering::SeqCst);
            ProblemResponse(Problem::new(401, "invalid-token", "No", "never"))
        }
    };
    let app = Router::new()
        .route(token::PATH, post(issue))
        .route("/fine", get(|| async { "fine" }))
        .route("/never", get(refuse));
    let client = client(&serve(app).await);
    for expected in [1, 2, 2] {
        client.get(text_for_members("/fine"), &()).await.unwrap();
        assert_eq!(tokens.load(Ordering::SeqCst), expected);
    }
    let error = client.get(text_for_members("/never"), &()).await.unwrap_err();
    assert_eq!(error.problem().map(Problem::word), Some("invalid-token"));
    assert!(!error.is_retryable() && !format!("{error:?} {error}").contains("secret-"));
    assert_eq!((tokens.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (3, 2));
}

#[tokio::test]
async fn problems_and_statuses_say_whether_and_when_to_try_again() {
    let (_, regulator, server) = regulator_and_server().await;
    let client = server.client(&regulator);
    let error = client.get(json_of("/missing"), &()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Problem(problem) if problem.word() == "no-seal" && problem.status == 404));
    assert!(!error.is_retryable() && error.retry_after().is_none());
    assert_eq!(error.to_string(), "No seal: none yet");
    let error = client.get(json_of("/busy"), &()).await.unwrap_err();
    assert_eq!(error.problem().map(Problem::word), Some("busy"));
    assert!(error.is_retryable() && error.retry_after() == Some(Duration::from_secs(1)));
    let error = client.get(json_of("/gateway"), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::Status { status: 502, .. }));
    assert!(error.is_retryable() && error.retry_after() == Some(Duration::from_secs(9)));
    let error = client.get(text("/moved"), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::Status { status: 307, .. }) && !error.is_retryable());
    let error = client.get(json_of("/checkpoint"), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }) && !error.is_retryable());
}

#[tokio::test]
async fn a_refusal_of_the_token_endpoint_is_told_and_carries_no_assertion() {
    let (consortium, regulator, server) = regulator_and_server().await;
    let error = server.client(&regulator).get(text("/cells").scope(Scope::SealsWrite), &()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Token { error: TokenError::InvalidScope, status: 400, .. }));
    assert!(!error.is_retryable());
    let stranger = consortium.admit("stranger", MemberRole::Regulator);
    let error = server.client(&stranger).get(GET_CELLS, &()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Token { error: TokenError::InvalidClient, status: 401, .. }));
    assert!(!error.is_retryable() && !format!("{error:?}").contains("eyJ"));
    let app = Router::new().route(token::PATH, post(|| async { StatusCode::SERVICE_UNAVAILABLE.into_response() }));
    let error = client(&serve(app).await).get(text_for_members("/"), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::Status { status: 503, .. }) && error.is_retryable());
}

#[tokio::test]
async fn a_token_response_that_is_none_is_malformed_and_not_repeated() {
    for body in [
        json!({ "access_token": "secret", "token_type": "mac", "expires_in": 300, "scope": "cells.read" }),
        json!({ "access_token": "sec\nret", "token_type": "bearer", "expires_in": 300, "scope": "cells.read" }),
        json!({ "access_token": "", "token_type": "bearer", "expires_in": 300, "scope": "cells.read" }),
        json!({ "access_token": "secret".repeat(1_000), "token_type": "bearer", "expires_in": 300, "scope": "cells.read" }),
        json!({ "access_token": ["secret"], "token_type": "bearer", "expires_in": 300, "scope": "cells.read" }),
        json!({ "access_token": "secret", "token_type": "bearer", "expires_in": "secret", "scope": "cells.read" }),
        json!("secret"),
    ] {
        let app = Router::new().route(token::PATH, post(|| async { Json(body) }));
        let error = client(&serve(app).await).get(text_for_members("/"), &()).await.unwrap_err();
        assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_response_is_read_up_to_the_limit() {
    let (_, regulator, server) = regulator_and_server().await;
    let client = server.client(&regulator);
    assert_eq!(client.get(text("/long").gives_bytes(5_000), &()).await.unwrap().len(), 5_000);
    let error = client.get(text("/long").gives_bytes(4_999), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong { limit_bytes: 4_999, .. }) && !error.is_retryable());
    // Without a length at its head, in pieces.
    let pieces = || async {
        let pieces = (0..5).map(|_| Ok::<_, std::io::Error>("x".repeat(1_000)));
        axum::body::Body::from_stream(futures::stream::iter(pieces))
    };
    let url = serve(Router::new().route("/", get(pieces))).await;
    assert_eq!(self::client(&url).get(text("/").gives_bytes(5_000), &()).await.unwrap().len(), 5_000);
    let error = self::client(&url).get(text("/").gives_bytes(4_999), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong { .. }));
}

#[tokio::test]
async fn who_does_not_answer_can_be_called_again() {
    let (_, regulator, server) = regulator_and_server().await;
    let client = server.client(&regulator).timeout(Duration::from_millis(200));
    let start = Instant::now();
    let error = client.get(text("/slow"), &()).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { .. }) && error.is_retryable());
    assert!(start.elapsed() < Duration::from_secs(10));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let leaf = LeafOfTree { slug: "region-440100".parse().unwrap(), leaf: 1, size: 2 };
    let error = self::client(&url).get(GET_INCLUSION, &leaf).await.unwrap_err();
    let address = format!("{url}{}", GET_INCLUSION.address(&leaf).unwrap());
    assert!(matches!(&error, ClientError::Transport { url: called, .. } if *called == address), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn our_own_mistakes_are_ours_and_not_sent() {
    let client = client("http://127.0.0.1:9/");
    for name in ["..", "0/../../../bodies"] {
        let tile = OfTile { slug: "region-440100".parse().unwrap(), name: name.parse().unwrap() };
        let asked = client.get(GET_TILE, &tile).await;
        assert!(matches!(asked, Err(ClientError::Parameter(_))), "{name}: {asked:?}");
    }
    let key = Arc::new(nacre_access::key::AccessKey::generate().unwrap());
    for url in ["exchange.example", "ftp://exchange.example", "http://me:hunter2@exchange.example"] {
        let error = Client::new(url, "dsf".parse().unwrap(), key.clone(), &ClientTls::default()).err().unwrap();
        assert!(matches!(error, ClientError::Address(_)) && !error.to_string().contains("hunter2"));
    }
    assert!(Client::new("https://exchange.example", "dsf".parse().unwrap(), key, &ClientTls::default()).is_ok());
}
