//! Token requests: their form, their scopes, their size.

use axum::http::header;
use nacre_schemas::membership::MemberRole;
use nacre_wire::{Scope, token::MAX_REQUEST_BYTES};

use crate::{
    consortium::Consortium,
    server::{Answer, Server, form, http, signed},
};

#[tokio::test]
async fn a_role_may_ask_for_its_own_scopes_alone() {
    let consortium = Consortium::new();
    let expected = [
        (
            MemberRole::Provider,
            vec![
                "batches.write",
                "erasures.write",
                "evidence.read",
                "disputes.write",
                "pseudonyms.request",
                "grants.write",
                "grants.read",
            ],
        ),
        (MemberRole::Regulator, vec!["cells.read", "log.write", "answers.request", "disputes.write", "cross.compute"]),
        (MemberRole::Custodian, vec!["details.read", "numbers.read", "log.read"]),
        (MemberRole::Operator, vec!["seals.write", "anchors.write"]),
        (MemberRole::Witness, vec!["bodies.read"]),
        (MemberRole::Evaluator, vec!["cross.read"]),
    ];
    let members: Vec<_> = expected.iter().map(|(role, _)| consortium.admit(&role.to_string(), *role)).collect();
    let server = Server::start(consortium.directory(&members.iter().collect::<Vec<_>>())).await;
    for (member, (role, allowed)) in members.iter().zip(&expected) {
        for scope in Scope::ALL {
            let answer = server.ask(&signed(&member.key, &server.claims(member)), scope.as_str()).await;
            if allowed.contains(&scope.as_str()) {
                assert_eq!((answer.status, answer.body["scope"].as_str()), (200, Some(scope.as_str())));
            } else {
                answer.assert_refused(400, "invalid_scope", &format!("a {role} may not ask for {scope}"));
            }
        }
        let all = allowed.join(" ");
        let answer = server.ask(&signed(&member.key, &server.claims(member)), &all).await;
        assert_eq!((answer.status, answer.body["scope"].as_str()), (200, Some(all.as_str())));
    }
}

#[tokio::test]
async fn a_scope_too_many_refuses_them_all() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let server = Server::start(consortium.directory(&[&regulator])).await;
    for (scope, description) in [
        ("", "scope is missing"),
        ("  ", "scope is missing"),
        ("cells.read seals.write", "may not ask for seals.write"),
        ("cells.read cells.write", "no such scope"),
        ("cells.read\tlog.write", "no such scope"),
        ("*", "no such scope"),
    ] {
        let answer = server.ask(&signed(&regulator.key, &server.claims(&regulator)), scope).await;
        answer.assert_refused(400, "invalid_scope", description);
    }
}

#[tokio::test]
async fn each_parameter_is_needed_once_and_unknown_ones_are_passed_over() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let server = Server::start(consortium.directory(&[&regulator])).await;
    let assertion = || signed(&regulator.key, &server.claims(&regulator));
    for (place, error, description) in [
        (0, "invalid_request", "grant_type"),
        (1, "invalid_request", "client_assertion_type"),
        (2, "invalid_request", "client_assertion"),
        (3, "invalid_scope", "scope is missing"),
    ] {
        let assertion = assertion();
        let mut short = form(&assertion, "cells.read").to_vec();
        short.remove(place);
        server.ask_with(&short).await.assert_refused(400, error, description);
        let mut twice = form(&assertion, "cells.read").to_vec();
        twice.push(twice[place]);
        server.ask_with(&twice).await.assert_refused(400, "invalid_request", "each parameter comes once");
    }
    let assertion = assertion();
    let mut changed = form(&assertion, "cells.read");
    changed[0].1 = "password";
    server.ask_with(&changed).await.assert_refused(400, "unsupported_grant_type", "client_credentials");
    let mut changed = form(&assertion, "cells.read");
    changed[1].1 = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    server.ask_with(&changed).await.assert_refused(400, "invalid_request", "client_assertion_type");
    let mut more = form(&assertion, "cells.read").to_vec();
    more.push(("resource", "x"));
    assert_eq!(server.ask_with(&more).await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_too_long_or_no_form_is_refused() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let server = Server::start(consortium.directory(&[&regulator])).await;
    let long = "x".repeat(MAX_REQUEST_BYTES);
    server.ask(&long, "cells.read").await.assert_refused(413, "invalid_request", "too long");
    let json = http().post(server.token_url()).json(&form("x", "cells.read"));
    Answer::of(json).await.assert_refused(415, "invalid_request", "x-www-form-urlencoded");
    let broken = http().post(server.token_url()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let broken = broken.body("grant_type=%FF%FE&client_assertion=%00");
    Answer::of(broken).await.assert_refused(400, "unsupported_grant_type", "");
    let got = http().get(server.token_url()).send().await.unwrap();
    assert_eq!(got.status(), 405);
}
