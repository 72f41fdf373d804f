//! What holds for every address: problem documents, content types, tokens, caps, the public proofs.

use nacre_access::client::ClientError;
use nacre_ledger::{
    merkle::{Sm3Hasher, consistency, inclusion},
    note::SignedCheckpoint,
};
use nacre_schemas::{cohort::Sex::Female, limits, problem::Problem};
use nacre_wire::{
    body::Encoded,
    exchange::{
        GET_CHECKPOINT, GET_CONSISTENCY, GET_INCLUSION, LeafOfTree, POST_BATCH, POST_CELLS, TwoSizes, WhichCheckpoint,
    },
    token::TokenError,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::network::*;

/// Sends a request as it stands and reads the whole answer.
async fn raw(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// A client that knows nothing of routes and tokens.
fn plain() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn get(running: &Running, address: &str) -> reqwest::Response {
    plain().get(format!("{}{address}", running.url)).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    let world = World::new();
    let running = world.start().await;
    for (address, status, word) in [
        ("/v1/nothing", 404, "no-such-route"),
        ("/v1/chains/region-440100/batches", 405, "method-not-allowed"),
        ("/v1/chains/region-999999/checkpoint", 404, "unknown-chain"),
        ("/v1/chains/region-440100/seals/latest", 404, "no-seal"),
        ("/v1/chains/region-440100/proofs/inclusion?leaf=0&size=1", 404, "not-in-log"),
        ("/v1/chains/region-440100/proofs/inclusion?leaf=x&size=1", 400, "malformed"),
        ("/v1/chains/region-440100/proofs/consistency?from=3&to=2", 404, "not-in-log"),
    ] {
        let refused: Problem = get(&running, address).await.json().await.unwrap();
        assert_eq!((refused.status, refused.word()), (status, word), "{address}");
    }
    let batches = format!("{}/v1/chains/region-440100/batches", running.url);
    let refused = plain().post(batches).header("content-type", "application/json").body("{}").send().await.unwrap();
    let refused: Problem = refused.json().await.unwrap();
    assert_eq!((refused.status, refused.word()), (415, "wrong-content-type"));
    let client = world.client(&running, "hospital");
    let posted = async |body: Vec<u8>| {
        problem(client.call_encoded(POST_BATCH, &of(GUANGZHOU), &Encoded::from_bytes(body)).await)
    };
    let refused = posted(b"{}".to_vec()).await;
    assert_eq!((refused.status, refused.word()), (400, "malformed"));
    let refused = posted(vec![0; limits::MAX_BATCH_BYTES + 1]).await;
    assert_eq!((refused.status, refused.word()), (413, "too-large"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_endpoint_refuses_in_its_own_words() {
    let world = World::new();
    let running = world.start().await;
    let client = world.client(&running, "hospital");
    let error = client.call_encoded(POST_CELLS, &of(GUANGZHOU), &Encoded::from_bytes("")).await.unwrap_err();
    assert!(matches!(&error, ClientError::Token { error: TokenError::InvalidScope, .. }), "{error}");
    assert!(error.to_string().contains("may not ask for cells.read"), "{error}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_a_body_is_not_even_read() {
    let world = World::new();
    let running = world.start().await;
    // Half a megabyte is announced and never sent: an answer shows that nobody waited for it.
    let request = "POST /v1/chains/region-440100/batches HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                   Content-Type: application/vnd.nacre.batch\r\nContent-Length: 500000\r\n\r\n";
    let answer = raw(&running, request).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("urn:nacre:problem:no-token"), "{answer}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_check_the_public_proofs() {
    let world = World::new();
    let running = world.start().await;
    let client = world.client(&running, "hospital");
    let checkpoint = async || {
        let latest = WhichCheckpoint { slug: of(GUANGZHOU).slug, covering: None };
        let note: SignedCheckpoint = client.get(GET_CHECKPOINT, &latest).await.unwrap().parse().unwrap();
        let origin = world.network.root().origin(&GUANGZHOU.parse().unwrap());
        let chain = world.network.root().chain(&GUANGZHOU.parse().unwrap()).unwrap();
        note.verify(&origin, &origin, &chain.signing_key).unwrap().clone()
    };
    let batch = world.batch("hospital", GUANGZHOU, &[(1, "2026-01", Female, 47, 231)]);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    let before = checkpoint().await;
    let other = world.batch("gym", GUANGZHOU, &[(2, "2026-01", Female, 47, 231)]);
    world.post(&running, "gym", GUANGZHOU, &other).await.unwrap();
    let after = checkpoint().await;
    assert_eq!((before.size, after.size), (2, 4));

    let place = client.get(GET_INCLUSION, &LeafOfTree { slug: of(GUANGZHOU).slug, leaf: 1, size: 4 }).await.unwrap();
    let leaf = batch.contributions[0].entry().leaf_hash();
    inclusion::verify::<Sm3Hasher>(&leaf, place.leaf, after.size, &after.root, &place.proof).unwrap();

    let sizes = TwoSizes { slug: of(GUANGZHOU).slug, from: 2, to: 4 };
    let proof = client.get(GET_CONSISTENCY, &sizes).await.unwrap().proof;
    consistency::verify::<Sm3Hasher>(before.size, &before.root, after.size, &after.root, &proof).unwrap();
    running.stop().await;
}
