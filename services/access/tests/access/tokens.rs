//! Access tokens at the routes behind the gatekeeper.

use axum::http::header;
use nacre_schemas::{
    membership::MemberRole,
    problem::{Problem, Retry},
};

use crate::{
    consortium::Consortium,
    server::{Answer, Server, signed},
};

fn assert_problem(answer: &Answer, status: u16, word: &str, challenge: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/problem+json"));
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some(challenge));
    let problem: Problem = serde_json::from_value(answer.body.clone()).unwrap();
    assert_eq!((problem.status, problem.word()), (status, word));
    assert_eq!(problem.retry, if status == 401 { Retry::WithNewToken } else { Retry::No });
}

const INVALID: &str = "Bearer error=\"invalid_token\"";

#[tokio::test]
async fn who_brings_no_token_is_told_the_scheme() {
    let consortium = Consortium::new();
    let server = Server::start(consortium.directory(&[])).await;
    for authorization in [&[][..], &["Basic ZHNmOnB3"], &["Bearer"], &[""]] {
        assert_problem(&server.read_cells(authorization).await, 401, "no-token", "Bearer");
    }
}

#[tokio::test]
async fn a_token_counts_only_as_it_was_issued_and_where() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let members = consortium.directory(&[&regulator]);
    let (server, other) = (Server::start(members.clone()).await, Server::start(members).await);
    let token = server.token(&regulator, "cells.read").await;
    assert_eq!(server.read_cells(&[&format!("bearer {token}")]).await.status, 200);
    assert_problem(&other.read_cells(&[&format!("Bearer {token}")]).await, 401, "invalid-token", INVALID);
    let mut parts: Vec<&str> = token.split('.').collect();
    let elsewhere = other.token(&regulator, "cells.read").await;
    parts[2] = elsewhere.split('.').nth(2).unwrap();
    let mixed = parts.join(".");
    let assertion = signed(&regulator.key, &server.claims(&regulator));
    for bad in [&mixed, &assertion, &token[1..], &format!("{token} {token}"), "x", &"x".repeat(5_000)] {
        assert_problem(&server.read_cells(&[&format!("Bearer {bad}")]).await, 401, "invalid-token", INVALID);
    }
    let header = format!("Bearer {token}");
    assert_problem(&server.read_cells(&[&header, &header]).await, 401, "invalid-token", INVALID);
}

#[tokio::test]
async fn a_token_opens_what_it_was_asked_for_and_nothing_else() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let operator = consortium.admit("op", MemberRole::Operator);
    let server = Server::start(consortium.directory(&[&regulator, &operator])).await;
    for token in
        [server.token(&regulator, "log.write answers.request").await, server.token(&operator, "seals.write").await]
    {
        let answer = server.read_cells(&[&format!("Bearer {token}")]).await;
        assert_problem(&answer, 403, "insufficient-scope", "Bearer error=\"insufficient_scope\"");
        assert!(answer.body["detail"].as_str().unwrap().contains("cells.read"));
    }
}
