//! Assertions that count, and every way in which one can fail to.

use axum::http::header;
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nacre_access::key::AccessKey;
use nacre_schemas::membership::MemberRole;
use serde_json::{Value, json};

use crate::{
    consortium::{Consortium, Member},
    server::{Server, form, now_s, signed, signed_with_header},
};

async fn regulator_and_server() -> (Member, Server) {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let server = Server::start(consortium.directory(&[&regulator])).await;
    (regulator, server)
}

#[tokio::test]
async fn a_members_assertion_brings_a_token_that_lets_it_in() {
    let (regulator, server) = regulator_and_server().await;
    let assertion = signed(&regulator.key, &server.claims(&regulator));
    let answer = server.ask(&assertion, "cells.read log.write cells.read").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(answer.body["token_type"], "bearer");
    assert_eq!(answer.body["expires_in"], 300);
    assert_eq!(answer.body["scope"], "cells.read log.write");
    let token = answer.body["access_token"].as_str().unwrap();
    let answer = server.read_cells(&[&format!("Bearer {token}")]).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "caller": "dsf" })));
}

#[tokio::test]
async fn clocks_may_be_half_a_minute_apart_and_claims_unknown_here_mean_nothing() {
    let (regulator, server) = regulator_and_server().await;
    for (name, value) in [
        ("exp", json!(now_s() - 25)),
        ("exp", json!(now_s() + 325)),
        ("iat", json!(now_s() + 25)),
        ("nbf", json!(now_s() + 25)),
        ("jti", json!("x".repeat(128))),
        ("scope", json!("seals.write")),
    ] {
        let mut claims = server.claims(&regulator);
        claims[name] = value;
        let answer = server.ask(&signed(&regulator.key, &claims), "cells.read").await;
        assert_eq!((answer.status, &answer.body["scope"]), (200, &json!("cells.read")), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn each_claim_that_is_wrong_is_named() {
    let (regulator, server) = regulator_and_server().await;
    let malformed = "no JWT with the claims";
    let cases: Vec<(&str, Value, &str)> = vec![
        ("exp", json!(now_s() - 31), "has expired"),
        ("exp", json!(0), "has expired"),
        ("exp", json!(now_s() + 400), "more than 300 seconds"),
        ("exp", json!(u64::MAX), "more than 300 seconds"),
        ("exp", json!(now_s() as f64 + 0.5), malformed),
        ("exp", json!((now_s() + 60).to_string()), malformed),
        ("exp", json!(-1), malformed),
        ("exp", Value::Null, malformed),
        ("aud", json!(server.url), "another audience"),
        ("aud", json!("http://elsewhere.example/oauth/token"), "another audience"),
        ("aud", json!([server.token_url(), "http://elsewhere.example/oauth/token"]), malformed),
        ("aud", Value::Null, malformed),
        ("iss", json!("nobody"), "not a member"),
        ("iss", json!("No Name"), "not a member"),
        ("iss", Value::Null, malformed),
        ("sub", json!("another"), "not the same member"),
        ("sub", Value::Null, malformed),
        ("jti", json!(""), "1 to 128 bytes"),
        ("jti", json!("x".repeat(129)), "1 to 128 bytes"),
        ("jti", Value::Null, malformed),
        ("iat", json!(now_s() + 60), "not valid yet"),
        ("nbf", json!(now_s() + 60), "not valid yet"),
    ];
    for (name, value, description) in cases {
        let mut claims = server.claims(&regulator);
        claims[name] = value;
        let answer = server.ask(&signed(&regulator.key, &claims), "cells.read").await;
        answer.assert_refused(401, "invalid_client", description);
    }
}

#[tokio::test]
async fn only_the_members_own_key_signs_for_it() {
    let consortium = Consortium::new();
    let (regulator, operator) =
        (consortium.admit("dsf", MemberRole::Regulator), consortium.admit("op", MemberRole::Operator));
    let server = Server::start(consortium.directory(&[&regulator, &operator])).await;
    for key in [&operator.key, &AccessKey::generate().unwrap().into()] {
        let answer = server.ask(&signed(key, &server.claims(&regulator)), "cells.read").await;
        answer.assert_refused(401, "invalid_client", "not signed with the access key");
    }
    let assertion = signed(&regulator.key, &server.claims(&regulator));
    for place in 0..assertion.len() {
        // One in each piece of six characters, and the ends of the three parts.
        if place % 6 != 0 && assertion.as_bytes().get(place + 1) != Some(&b'.') {
            continue;
        }
        let mut bytes = assertion.clone().into_bytes();
        bytes[place] = if bytes[place] == b'Q' { b'g' } else { b'Q' };
        let answer = server.ask(&String::from_utf8(bytes).unwrap(), "cells.read").await;
        answer.assert_refused(401, "invalid_client", "");
    }
    assert_eq!(server.ask(&assertion, "cells.read").await.status, 200);
}

#[tokio::test]
async fn the_header_chooses_neither_the_algorithm_nor_the_key() {
    let (regulator, server) = regulator_and_server().await;
    let registered = regulator.key.public();
    let document = STANDARD.decode(registered.as_str()).unwrap();
    let claims = server.claims(&regulator);
    // The public key as a secret of HMAC, in every form in which a careless verifier might hold it.
    for secret in [registered.as_str().as_bytes(), &document, &document[document.len() - 97..]] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(secret);
            let assertion = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
            server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "another algorithm");
        }
    }
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    for header in [r#"{"alg":"none"}"#, r#"{"typ":"JWT","alg":"None"}"#, r#"{"alg":"ES512"}"#, r#"{"alg":"ES256"}"#] {
        for signature in ["", "AAAA"] {
            let assertion = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
            server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "another algorithm");
        }
    }
    // A key that the header brings along.
    let stranger = AccessKey::generate().unwrap();
    let document = STANDARD.decode(stranger.public().as_str()).unwrap();
    let (x, y) = document[document.len() - 96..].split_at(48);
    let jwk = json!({ "kty": "EC", "crv": "P-384", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
    let mut header = Header::new(Algorithm::ES384);
    header.jwk = Some(serde_json::from_value(jwk).unwrap());
    header.jku = Some("http://stranger.example/keys".to_owned());
    let assertion = signed_with_header(&header, &stranger, &claims);
    server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "not signed with the access key");
    let mut header = Header::new(Algorithm::ES384);
    header.crit = Some(vec!["b64".to_owned()]);
    let assertion = signed_with_header(&header, &regulator.key, &claims);
    server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "critical");
}

#[tokio::test]
async fn what_is_no_jwt_is_refused() {
    let (regulator, server) = regulator_and_server().await;
    let assertion = signed(&regulator.key, &server.claims(&regulator));
    for bad in ["", ".", "..", "a.b.c", &assertion[1..], &format!("{assertion}.x"), &format!("{assertion}=")] {
        server.ask(bad, "cells.read").await.assert_refused(401, "invalid_client", "");
    }
}

#[tokio::test]
async fn an_assertion_is_taken_once_and_another_member_may_use_its_name() {
    let consortium = Consortium::new();
    let (regulator, operator) =
        (consortium.admit("dsf", MemberRole::Regulator), consortium.admit("op", MemberRole::Operator));
    let server = Server::start(consortium.directory(&[&regulator, &operator])).await;
    let mut claims = server.claims(&regulator);
    claims["jti"] = json!("one");
    let assertion = signed(&regulator.key, &claims);
    assert_eq!(server.ask(&assertion, "cells.read").await.status, 200);
    server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "taken before");
    claims["exp"] = json!(now_s() + 200);
    let again = signed(&regulator.key, &claims);
    server.ask(&again, "cells.read").await.assert_refused(401, "invalid_client", "taken before");
    let mut claims = server.claims(&operator);
    claims["jti"] = json!("one");
    assert_eq!(server.ask(&signed(&operator.key, &claims), "seals.write").await.status, 200);
}

#[tokio::test]
async fn an_assertion_is_taken_even_if_its_request_is_refused() {
    let (regulator, server) = regulator_and_server().await;
    let assertion = signed(&regulator.key, &server.claims(&regulator));
    server.ask(&assertion, "seals.write").await.assert_refused(400, "invalid_scope", "");
    server.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "taken before");
}

#[tokio::test]
async fn an_assertion_to_one_server_is_of_no_use_at_another() {
    let consortium = Consortium::new();
    let regulator = consortium.admit("dsf", MemberRole::Regulator);
    let members = consortium.directory(&[&regulator]);
    let (here, there) = (Server::start(members.clone()).await, Server::start(members).await);
    let assertion = signed(&regulator.key, &here.claims(&regulator));
    there.ask(&assertion, "cells.read").await.assert_refused(401, "invalid_client", "another audience");
}

#[tokio::test]
async fn a_client_id_that_is_sent_has_to_be_the_issuer() {
    let (regulator, server) = regulator_and_server().await;
    for (client, accepted) in [("dsf", true), ("another", false), ("", false)] {
        let assertion = signed(&regulator.key, &server.claims(&regulator));
        let mut form = form(&assertion, "cells.read").to_vec();
        form.push(("client_id", client));
        let answer = server.ask_with(&form).await;
        if accepted {
            assert_eq!(answer.status, 200, "{}", answer.body);
        } else {
            answer.assert_refused(401, "invalid_client", "client_id");
        }
    }
}

#[tokio::test]
async fn a_member_that_asks_without_end_is_told_to_wait_and_others_are_not() {
    let consortium = Consortium::new();
    let (eager, other) =
        (consortium.admit("eager", MemberRole::Operator), consortium.admit("op", MemberRole::Operator));
    let server = Server::start(consortium.directory(&[&eager, &other])).await;
    for number in 0..1_000 {
        let mut claims = server.claims(&eager);
        claims["jti"] = json!(number.to_string());
        assert_eq!(server.ask(&signed(&eager.key, &claims), "seals.write").await.status, 200, "request {number}");
    }
    let answer = server.ask(&signed(&eager.key, &server.claims(&eager)), "seals.write").await;
    answer.assert_refused(503, "temporarily_unavailable", "try again later");
    assert_eq!(answer.header(header::RETRY_AFTER), Some("1"));
    assert_eq!(server.ask(&signed(&other.key, &server.claims(&other)), "seals.write").await.status, 200);
}
