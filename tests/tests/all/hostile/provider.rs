//! A provider with a patched program and its own real keys, or without any; what the exchange's intake answers.
//!
//! What it *can* do is bounded and said: invent people, or send one person under two record ids, since the record id is
//! its own HMAC; lie within a measure's range; misstate a cell. Each costs it one contribution in range, and the rule of
//! dominance withholds groups that one provider carries alone beside a few others.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header as JwtHeader};
use nacre::demo::population::PERSON_SYSTEM;
use nacre_access::{client::ClientError, key::AccessKey};
use nacre_schemas::{
    Document as _, Point, Scalar, batch::Batch, canonical::fields, contribution::Contribution, limits, measure::Band,
    query::Statistic, release::Outcome,
};
use nacre_tests::{
    Running,
    attack::{MONTH, definition},
    plan,
    points::{IDENTITY, holding_more, negated},
    question,
    sender::{Sender, problem},
};
use nacre_wire::{
    body::Encoded,
    exchange::{OfChain, POST_CELLS},
    token::TokenError,
};
use serde_json::{Value, json};

const REGION: &str = "820000";
/// ℓ, the order of the group, little-endian: the least scalar that is not reduced.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

struct Scene {
    running: Running,
    hospital: Sender,
    gym: Sender,
}

async fn scene() -> Scene {
    let running = Running::start(&plan(&[REGION], 2, PERSON_SYSTEM)).await.unwrap();
    let sender = |kind: &str| Sender::of(&running, &format!("{kind}-{REGION}"));
    let (hospital, gym) = (sender("hospital"), sender("gym"));
    Scene { running, hospital, gym }
}

impl Scene {
    async fn size(&self) -> u64 {
        self.hospital.hosted().await[0].size
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_contribution_cannot_be_copied() {
    let scene = scene().await;
    let (hospital, gym) = (&scene.hospital, &scene.gym);
    let posted = hospital.batch(&[(1, 231), (2, 287)]);
    hospital.post(&posted).await.unwrap();
    let size = scene.size().await;
    let in_own_name = |change: fn(&Sender, &mut Contribution)| {
        let mut copy = posted.clone();
        copy.provider = gym.config.member.clone();
        copy.contributions.iter_mut().for_each(|contribution| change(gym, contribution));
        gym.sign(&mut copy);
        copy
    };

    let refused = gym.refused(&in_own_name(|_, _| ())).await;
    assert_eq!((refused.word(), refused.entry), ("other-provider", Some(0)), "the same bodies");
    let rename = |gym: &Sender, copy: &mut Contribution| copy.openings.header.provider = gym.config.member.clone();
    let refused = gym.refused(&in_own_name(rename)).await;
    assert_eq!((refused.word(), refused.entry), ("record-exists", Some(0)), "with the provider's name changed");
    let own = in_own_name(|gym, copy| {
        copy.openings.header.provider = gym.config.member.clone();
        copy.openings.header.record.0[0] ^= 1;
    });
    let refused = gym.refused(&own).await;
    let found = (refused.word(), refused.check.as_deref(), refused.entry);
    assert_eq!(found, ("proof-rejected", Some("sigma-proof"), Some(0)), "with a record id of its own");
    let mut in_its_name = posted.clone();
    gym.sign(&mut in_its_name);
    assert_eq!(gym.refused(&in_its_name).await.word(), "other-sender", "in the victim's name");
    assert_eq!(hospital.refused(&in_its_name).await.word(), "bad-signature", "the gym's signature for the hospital's");
    // The victim itself cannot have it counted twice either.
    let mut under_another_id = posted.clone();
    under_another_id.contributions[1].openings.header.record.0[0] ^= 1;
    hospital.sign(&mut under_another_id);
    let refused = hospital.refused(&under_another_id).await;
    assert_eq!((refused.word(), refused.entry), ("record-exists", Some(0)), "in the company of what is there");
    under_another_id.contributions.remove(0);
    hospital.sign(&mut under_another_id);
    let refused = hospital.refused(&under_another_id).await;
    assert_eq!((refused.word(), refused.check.as_deref()), ("proof-rejected", Some("range-proof")), "alone");
    let mut renamed = hospital.batch(&[(4, 200)]);
    renamed.contributions[0].openings.header.record.0[0] ^= 1;
    hospital.sign(&mut renamed);
    let refused = hospital.refused(&renamed).await;
    assert_eq!((refused.word(), refused.check.as_deref()), ("proof-rejected", Some("sigma-proof")), "a whole batch");
    let mut in_company = hospital.batch(&[(3, 200)]);
    in_company.contributions.push(posted.contributions[0].clone());
    hospital.sign(&mut in_company);
    assert_eq!(hospital.refused(&in_company).await.word(), "record-exists");
    assert_eq!(scene.size().await, size, "nothing of it is in the chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_counts_once_and_a_person_once_for_each_id_a_provider_makes() {
    let scene = scene().await;
    let hospital = &scene.hospital;
    hospital.post(&hospital.batch(&[(1, 231), (2, 287)])).await.unwrap();
    let refused = hospital.refused(&hospital.batch(&[(1, 232)])).await;
    assert_eq!((refused.word(), refused.status), ("record-exists", 409), "the same record, other bytes");
    let mut twice = hospital.batch(&[(5, 231), (6, 231)]);
    twice.contributions[1] = twice.contributions[0].clone();
    hospital.sign(&mut twice);
    let refused = hospital.refused(&twice).await;
    assert_eq!((refused.word(), refused.entry), ("record-repeated", Some(1)));

    // Person 1 again, under an id that the provider made up: possible, and it moves the sum by one value in range.
    hospital.post(&hospital.batch(&[(1_001, definition().hi)])).await.unwrap();
    scene.running.seal().await.unwrap();
    let asked = question("bmi", MONTH, MONTH, &[], &[Statistic::Count, Statistic::Mean]);
    let answer = scene.running.ask(&asked).await.unwrap().unwrap();
    let values: Vec<&Outcome> = answer.release.figures[0].results.iter().map(|result| &result.outcome).collect();
    assert_eq!(values, [&Outcome::Value(3), &Outcome::Value(u64::from(231 + 287 + definition().hi))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_value_in_range_is_not_taken() {
    let scene = scene().await;
    let hospital = &scene.hospital;
    // Its own copy of the definition is wider: proofs are bound to the catalogue's.
    let mut wider = definition().clone();
    wider.hi = 2_000;
    let refused = hospital.refused(&hospital.batch_of(&wider, MONTH, &[(1, 1_500)])).await;
    assert_eq!((refused.word(), refused.check.as_deref()), ("proof-rejected", Some("sigma-proof")));

    let good = hospital.batch(&[(1, 231), (2, 287), (3, 200)]);
    let home = definition().band_of(231).unwrap();
    type Change = fn(&mut Contribution, usize);
    let changes: [(&str, &str, Change); 14] = [
        ("one more than v", "sigma-proof", |it, _| it.commitments.value = holding_more(&it.commitments.value, 1)),
        ("another square", "sigma-proof", |it, _| it.commitments.square = holding_more(&it.commitments.square, 1)),
        ("a band of a thousand people", "sigma-proof", |it, home| {
            it.commitments.bands[home] = holding_more(&it.commitments.bands[home], 999);
        }),
        ("1000 in one band, -999 in another", "sigma-proof", |it, home| {
            let away = (home + 1) % it.commitments.bands.len();
            it.commitments.bands[home] = holding_more(&it.commitments.bands[home], 999);
            it.commitments.bands[away] = holding_more(&it.commitments.bands[away], -999);
        }),
        ("two bands", "sigma-proof", |it, home| {
            let away = (home + 1) % it.commitments.bands.len();
            it.commitments.bands[away] = holding_more(&it.commitments.bands[away], 1);
        }),
        ("no band", "sigma-proof", |it, home| {
            it.commitments.bands[home] = holding_more(&it.commitments.bands[home], -1);
        }),
        ("a person subtracted", "sigma-proof", |it, _| {
            let (commitments, keys) = (&mut it.commitments, &mut it.openings.keys);
            let points = [&mut commitments.value, &mut commitments.square, &mut keys.value, &mut keys.square];
            for point in points.into_iter().chain(&mut commitments.bands).chain(&mut keys.bands) {
                *point = negated(point);
            }
        }),
        ("the identity for a commitment", "encoding", |it, _| it.commitments.value = IDENTITY),
        ("the identity for a key", "encoding", |it, home| it.openings.keys.bands[home] = IDENTITY),
        ("a point that is none", "encoding", |it, _| it.commitments.square = Point([0xff; 32])),
        ("a point not in its one encoding", "encoding", |it, _| it.openings.keys.value.0[31] |= 0x80),
        ("a scalar not reduced", "encoding", |it, _| it.openings.proof.v = Scalar(ORDER)),
        ("a band too many", "encoding", |it, _| {
            let more = it.commitments.bands[0];
            it.commitments.bands.push(more);
        }),
        ("another restricted part", "sigma-proof", |it, _| it.restricted.pseudonym.0[0] ^= 1),
    ];
    for (what, check, change) in changes {
        let mut batch = good.clone();
        change(&mut batch.contributions[1], home);
        hospital.sign(&mut batch);
        let refused = hospital.refused(&batch).await;
        let found = (refused.word(), refused.check.as_deref(), refused.entry);
        assert_eq!(found, ("proof-rejected", Some(check), Some(1)), "{what}: {}", refused.detail);
    }

    let swapped = |change: fn(&mut Contribution, &mut Contribution)| {
        let mut batch = good.clone();
        let (first, rest) = batch.contributions.split_at_mut(1);
        change(&mut first[0], &mut rest[0]);
        hospital.sign(&mut batch);
        batch
    };
    let proofs = swapped(|one, other| std::mem::swap(&mut one.openings.proof, &mut other.openings.proof));
    let refused = hospital.refused(&proofs).await;
    assert_eq!((refused.check.as_deref(), refused.entry), (Some("sigma-proof"), Some(0)), "proofs swapped");
    let refused = hospital.refused(&swapped(std::mem::swap)).await;
    assert_eq!((refused.check.as_deref(), refused.entry), (Some("range-proof"), None), "entries swapped");
    let mut another = good.clone();
    another.range_proof = hospital.batch(&[(7, 231), (8, 287), (9, 200)]).range_proof;
    hospital.sign(&mut another);
    assert_eq!(hospital.refused(&another).await.check.as_deref(), Some("range-proof"), "another batch's range proof");

    assert_eq!(scene.size().await, 0);
    hospital.post(&good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_labels_hold_before_any_proof_is_looked_at() {
    let scene = scene().await;
    let hospital = &scene.hospital;
    let good = hospital.batch(&[(1, 231)]);

    let mut many = good.clone();
    many.contributions = vec![good.contributions[0].clone(); limits::MAX_BATCH_CONTRIBUTIONS + 1];
    hospital.sign(&mut many);
    let refused = hospital.refused(&many).await;
    assert_eq!((refused.status, refused.word()), (400, "malformed"), "65 contributions: {}", refused.detail);
    let mut none = good.clone();
    none.contributions.clear();
    hospital.sign(&mut none);
    assert_eq!(hospital.refused(&none).await.word(), "malformed", "no contribution");
    let refused = problem(hospital.post_bytes(with_payload(&good, limits::MAX_PAYLOAD_BYTES + 1)).await);
    assert_eq!((refused.status, refused.word()), (400, "malformed"), "an oversized payload: {}", refused.detail);
    let refused = problem(hospital.post_bytes(vec![0; limits::MAX_BATCH_BYTES + 1]).await);
    assert_eq!((refused.status, refused.word()), (413, "too-large"), "an oversized body");
    let mut trailing = good.to_canonical();
    trailing.push(0);
    assert_eq!(problem(hospital.post_bytes(trailing).await).word(), "malformed", "a byte too many");

    let mut ninth = definition().clone();
    ninth.version = 9;
    let refused = hospital.refused(&hospital.batch_of(&ninth, MONTH, &[(1, 231)])).await;
    assert_eq!((refused.word(), refused.entry), ("unknown-measure", Some(0)), "{}", refused.detail);
    let refused = hospital.refused(&hospital.batch_of(definition(), "2199-12", &[(1, 231)])).await;
    assert_eq!((refused.word(), refused.entry), ("open-period", Some(0)));
    let mut elsewhere = good.clone();
    elsewhere.contributions[0].openings.header.cell.region = "440100".parse().unwrap();
    hospital.sign(&mut elsewhere);
    assert_eq!(hospital.refused(&elsewhere).await.word(), "other-region");
    assert_eq!(scene.size().await, 0);
}

/// The batch's bytes with a payload of that size in the place of the first contribution's.
fn with_payload(batch: &Batch, size: usize) -> Vec<u8> {
    let (bytes, fields) = fields(batch);
    let field = fields.iter().find(|field| field.path.ends_with("payload.ciphertext")).unwrap();
    let mut payload = (size as u32).to_be_bytes().to_vec();
    payload.resize(4 + size, 0);
    [&bytes[..field.bytes.start], &payload, &bytes[field.bytes.end..]].concat()
}

/// A member's assertion for a token, as it would send it, but for what the test changes.
struct Assertion {
    claims: Value,
    key: AccessKey,
}

fn assertion(sender: &Sender) -> Assertion {
    let key = AccessKey::read(&sender.config.access_key).unwrap();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let member = sender.config.member.as_str();
    let claims = json!({
        "iss": member,
        "sub": member,
        "aud": format!("{}/oauth/token", sender.config.exchange),
        "exp": now_s + 120,
        "jti": hex::encode(rand::random::<[u8; 16]>()),
    });
    Assertion { claims, key }
}

impl Assertion {
    fn signed(&self) -> String {
        let key = EncodingKey::from_ec_pem(self.key.to_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&JwtHeader::new(Algorithm::ES384), &self.claims, &key).unwrap()
    }
}

/// Asks a server for a token; its answer.
async fn token(url: &str, assertion: &str, scope: &str) -> Value {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", scope),
    ];
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    http.post(format!("{url}/oauth/token")).form(&form).send().await.unwrap().json().await.unwrap()
}

/// The word of the problem that a post with that token ends with, or "taken".
async fn posted_with(sender: &Sender, authorization: Option<&str>, batch: &Batch) -> String {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("{}/v1/chains/{}/batches", sender.config.exchange, sender.config.chain.slug());
    let mut call = http.post(url).header("content-type", "application/vnd.nacre.batch").body(batch.to_canonical());
    if let Some(token) = authorization {
        call = call.bearer_auth(token);
    }
    let answer: Value = call.send().await.unwrap().json().await.unwrap();
    match answer["type"].as_str() {
        Some(kind) => kind.rsplit(':').next().unwrap().to_owned(),
        None => "taken".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_time_place_scope_or_key_let_nobody_in() {
    let mut scene = scene().await;
    let (hospital, gym) = (&scene.hospital, &scene.gym);
    let (exchange, scope) = (hospital.config.exchange.clone(), "batches.write");
    let main = format!("http://{}", scene.running.addresses["main"]);
    let batch = hospital.batch(&[(1, 231)]);

    let refused = |answer: Value, error: &str, description: &str| {
        assert_eq!(answer["error"], error, "{answer}");
        assert!(answer["error_description"].as_str().unwrap().contains(description), "{answer}");
    };
    let mut expired = assertion(hospital);
    expired.claims["exp"] = json!(expired.claims["exp"].as_u64().unwrap() - 1_000);
    refused(token(&exchange, &expired.signed(), scope).await, "invalid_client", "expired");
    let elsewhere = assertion(hospital).signed();
    refused(token(&main, &elsewhere, scope).await, "invalid_client", "another audience");
    refused(token(&exchange, &assertion(hospital).signed(), "cells.read").await, "invalid_scope", "may not ask for");
    let mut in_its_name = assertion(gym);
    in_its_name.claims["iss"] = json!(hospital.config.member.as_str());
    in_its_name.claims["sub"] = in_its_name.claims["iss"].clone();
    refused(token(&exchange, &in_its_name.signed(), scope).await, "invalid_client", "not signed with the access key");
    let once = assertion(hospital).signed();
    let granted = token(&exchange, &once, scope).await;
    let granted = granted["access_token"].as_str().unwrap();
    refused(token(&exchange, &once, scope).await, "invalid_client", "taken before");

    assert_eq!(posted_with(hospital, None, &batch).await, "no-token");
    assert_eq!(posted_with(hospital, Some("made-up"), &batch).await, "invalid-token");
    let mut for_main = assertion(hospital);
    for_main.claims["aud"] = json!(format!("{main}/oauth/token"));
    let of_main = token(&main, &for_main.signed(), scope).await;
    let of_main = of_main["access_token"].as_str().unwrap();
    assert_eq!(posted_with(hospital, Some(of_main), &batch).await, "invalid-token", "another server's token");
    let regulator = nacre_regulator::Config::read(&scene.running.places.regulator).unwrap();
    let key = AccessKey::read(&regulator.access_key).unwrap();
    let mut of_regulator = Assertion { key, ..assertion(hospital) };
    of_regulator.claims["iss"] = json!(regulator.member.as_str());
    of_regulator.claims["sub"] = of_regulator.claims["iss"].clone();
    let to_read = token(&exchange, &of_regulator.signed(), "cells.read").await;
    let to_read = to_read["access_token"].as_str().unwrap();
    assert_eq!(posted_with(hospital, Some(to_read), &batch).await, "insufficient-scope");
    let home = OfChain::new(&hospital.config.chain);
    let read = hospital.client.call_encoded(POST_CELLS, &home, &Encoded::from_bytes("")).await;
    assert!(matches!(read, Err(ClientError::Token { error: TokenError::InvalidScope, .. })), "{read:?}");

    assert_eq!(posted_with(hospital, Some(granted), &batch).await, "taken");
    // A token ends with the process that issued it: a copy taken from its log is worth nothing after a restart.
    let address = scene.running.addresses[REGION].clone();
    scene.running.servers.stop(REGION).await.unwrap();
    scene.running.servers.restart(&scene.running.places, REGION, &address).await.unwrap();
    assert_eq!(posted_with(&scene.hospital, Some(granted), &batch).await, "invalid-token");
}

/// What the attacks above take for granted of the measure.
#[test]
fn the_measure_of_the_attacks_has_bands_around_its_values() {
    let bands: Vec<Band> = definition().bands();
    assert!(bands.len() > 2 && definition().hi < 1_500 && definition().band_of(231).is_some());
}
