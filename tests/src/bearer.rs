//! A member's access token in the hands of a program that is none of ours.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nacre_access::key::AccessKey;
use serde_json::{Value, json};

/// A token of the server at that address, for that member and scope.
pub async fn token(url: &str, member: &str, access_key: &Path, scope: &str) -> String {
    let key = AccessKey::read(access_key).unwrap();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": member, "sub": member, "aud": format!("{url}/oauth/token"), "exp": now_s + 120,
        "jti": hex::encode(rand::random::<[u8; 16]>()),
    });
    let key = EncodingKey::from_ec_pem(key.to_pem().as_bytes()).unwrap();
    let assertion = jsonwebtoken::encode(&Header::new(Algorithm::ES384), &claims, &key).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
        ("scope", scope),
    ];
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let answer: Value = http.post(format!("{url}/oauth/token")).form(&form).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}
