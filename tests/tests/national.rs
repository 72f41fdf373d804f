//! SM2 (signatures and encryption), SM3 and SM4-GCM against implementations that are not ours, in both directions: what they sign and seal holds here,
//! what the product signs and seals holds there, and what was changed holds nowhere.
//!
//! The peers are programs of their own ([`nacre_tests::peers`]): Python with `gmssl` and `cryptography`, Node with `sm-crypto`.
//! Published vectors are beside the code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use nacre::demo::population::{self, PERSON_SYSTEM, Site};
use nacre_hosting::secret;
use nacre_ledger::{
    sealing,
    signing::{self, SigningKey},
};
use nacre_provider::{OpenError, open_payload};
use nacre_schemas::{
    Blob, Digest, Document as _, Label, Signature, Statement,
    batch::{Batch, BatchStatement},
    contribution::Payload,
    query::Request,
};
use nacre_tests::{Running, peers, plan};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _, SqliteConnection};

/// What a peer answers, if it is here.
fn ask(peer: Option<Command>, asked: &Value) -> Option<Value> {
    let mut peer = peer?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    peer.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let answered = peer.wait_with_output().unwrap();
    assert!(answered.status.success(), "the peer failed");
    Some(serde_json::from_slice(&answered.stdout).unwrap())
}

fn ask_python(asked: &Value) -> Option<Value> {
    ask(peers::python("national.py", "gmssl, cryptography"), asked)
}

fn ask_node(asked: &Value) -> Option<Value> {
    ask(peers::node("national.cjs", "sm-crypto"), asked)
}

/// What the product signs: the label and the message.
fn labelled(label: Label, message: &[u8]) -> Vec<u8> {
    [label.as_bytes(), message].concat()
}

fn strings(answer: &Value, name: &str) -> Vec<String> {
    serde_json::from_value(answer[name].clone()).unwrap()
}

/// Hashes and signatures, there and back.
fn agrees(peer: impl Fn(&Value) -> Option<Value>) {
    let mut random = StdRng::seed_from_u64(11);
    let messages: Vec<Vec<u8>> = [0, 1, 55, 56, 63, 64, 65, 119, 120, 300]
        .map(|size| {
            let mut message = vec![0; size];
            random.fill_bytes(&mut message);
            message
        })
        .into();
    let label = BatchStatement::LABEL;
    let (mut verify, mut sign) = (Vec::new(), Vec::new());
    let mut keys = Vec::new();
    for message in &messages {
        let key = SigningKey::generate().unwrap();
        let public = hex::encode(key.public().as_bytes());
        let signature = key.sign_labelled(label, message);
        let text = hex::encode(labelled(label, message));
        let one = |text: &str, signature: &[u8]| json!({ "public": public, "message": text, "signature": hex::encode(signature) });
        let mut changed = *signature.as_bytes();
        changed[random.gen_range(0..64)] ^= 1 << random.gen_range(0..8);
        verify.push(one(&text, signature.as_bytes()));
        verify.push(one(&text, &changed));
        verify.push(one(&hex::encode(labelled(Request::LABEL, message)), signature.as_bytes()));
        sign.push(json!({ "public": public, "secret": hex::encode(&key.to_bytes()[..]), "message": text }));
        keys.push(key);
    }
    let hash: Vec<String> = messages.iter().map(hex::encode).collect();
    // A payload's key, as it is encrypted to a grantee: the terms' digest is encrypted with it.
    let context = Digest::of(b"the terms");
    let key = SigningKey::generate().unwrap();
    let (secret, public) = (hex::encode(&key.to_bytes()[..]), hex::encode(key.public().as_bytes()));
    let plain = hex::encode([context.as_bytes(), &[7; 16][..]].concat());
    let sealed = hex::encode(sealing::seal(&key.public(), &context, &[7; 16]).unwrap());
    let (encrypt, decrypt) =
        (json!([{ "public": public, "text": plain }]), json!([{ "secret": secret, "text": sealed }]));
    let asked = json!({
        "hash": hash, "verify": verify, "sign": sign, "encrypt": encrypt, "decrypt": decrypt, "open": [], "seal": []
    });
    let Some(answer) = peer(&asked) else { return };

    assert_eq!(strings(&answer, "decrypted"), [plain]);
    let mut encrypted = hex::decode(&strings(&answer, "encrypted")[0]).unwrap();
    assert_eq!(key.open(&context, &encrypted).unwrap().as_slice(), [7; 16]);
    encrypted[100] ^= 1;
    assert!(key.open(&context, &encrypted).is_none());

    let hashes: Vec<String> = messages.iter().map(|message| Digest::of(message).to_string()).collect();
    assert_eq!(strings(&answer, "hashes"), hashes);
    let verified: Vec<bool> = serde_json::from_value(answer["verified"].clone()).unwrap();
    assert_eq!(verified, [true, false, false].repeat(messages.len()));
    for ((signed, key), message) in strings(&answer, "signatures").iter().zip(&keys).zip(&messages) {
        let mut bytes: [u8; 64] = hex::decode(signed).unwrap().try_into().unwrap();
        signing::verify_labelled(&key.public(), label, message, &Signature(bytes)).unwrap();
        signing::verify_labelled(&key.public(), Request::LABEL, message, &Signature(bytes)).unwrap_err();
        bytes[40] ^= 1;
        signing::verify_labelled(&key.public(), label, message, &Signature(bytes)).unwrap_err();
    }
}

#[test]
fn gmssl_hashes_signs_and_verifies_as_we_do() {
    agrees(ask_python);
}

#[test]
fn sm_crypto_hashes_signs_and_verifies_as_we_do() {
    agrees(ask_node);
}

/// The batches that a provider posted, as they are in its outbox.
async fn posted(folder: &Path) -> Vec<Batch> {
    let url = format!("sqlite://{}?mode=ro", folder.join(nacre_provider::OUTBOX_FILE_NAME).display());
    let mut outbox = SqliteConnection::connect(&url).await.unwrap();
    let rows = sqlx::query("SELECT bytes FROM batch").fetch_all(&mut outbox).await.unwrap();
    rows.iter().map(|row| Batch::from_canonical(row.get(0)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_openssl_seals_open_here_and_those_that_a_provider_posted_open_there() {
    if ask_python(
        &json!({ "hash": [], "verify": [], "sign": [], "encrypt": [], "decrypt": [], "open": [], "seal": [] }),
    )
    .is_none()
    {
        return;
    }
    let running = Running::start(&plan(&["820000"], 2, PERSON_SYSTEM)).await.unwrap();
    let site = Site { member: "hospital-820000".to_owned(), region: "820000".parse().unwrap(), hospital: true };
    let month = "2026-01".parse().unwrap();
    let population = population::generate(&running.folder().join("records"), &[site], 20, 9, &[month]).unwrap();
    running.post("hospital-820000", &population.folders).await.unwrap();
    let config = running.provider("hospital-820000").unwrap();
    let payload_key = secret::read::<16>(&config.payload_key).unwrap();
    let batches = posted(&config.data).await;
    let contributions: Vec<_> = batches.iter().flat_map(|batch| &batch.contributions).take(20).collect();
    assert_eq!(contributions.len(), 20);

    // Theirs opens ours: first the wrapped key, then the payload under it.
    let one = |key: &[u8], nonce: &[u8], text: &[u8], aad: &[u8]| json!({ "key": hex::encode(key), "nonce": hex::encode(nonce), "text": hex::encode(text), "aad": hex::encode(aad) });
    let ask = |open: Vec<Value>, seal: Vec<Value>| {
        ask_python(
            &json!({ "hash": [], "verify": [], "sign": [], "encrypt": [], "decrypt": [], "open": open, "seal": seal }),
        )
        .unwrap()
    };
    let wrapped = |payload: &Payload| payload.wrapped_key.as_bytes().to_vec();
    let keys = contributions.iter().map(|part| {
        let (nonce, sealed) = (&wrapped(&part.restricted.payload)[..12], &wrapped(&part.restricted.payload)[12..]);
        one(&payload_key[..], nonce, sealed, part.openings.header.record.as_bytes())
    });
    let keys = strings(&ask(keys.collect(), Vec::new()), "opened");
    let payloads = contributions.iter().zip(&keys).map(|(part, key)| {
        let (payload, header) = (&part.restricted.payload, part.openings.header.to_canonical());
        one(&hex::decode(key).unwrap(), payload.nonce.as_bytes(), payload.ciphertext.as_bytes(), &header)
    });
    let opened = strings(&ask(payloads.collect(), Vec::new()), "opened");
    for (part, opened) in contributions.iter().zip(&opened) {
        let ours = open_payload(&payload_key, &part.openings.header, &part.restricted.payload).unwrap();
        let theirs: Value = serde_json::from_slice(&hex::decode(opened).unwrap()).unwrap();
        assert_eq!(theirs, serde_json::to_value(&ours).unwrap());
    }

    // Ours opens theirs, and only where it belongs.
    let (part, plain) = (contributions[0], hex::decode(&opened[0]).unwrap());
    let (key, nonce, wrapping_nonce) = ([5; 16], [6; 12], [7; 12]);
    let header = &part.openings.header;
    let seal = vec![
        one(&payload_key[..], &wrapping_nonce, &key, header.record.as_bytes()),
        one(&key, &nonce, &plain, &header.to_canonical()),
    ];
    let sealed: Vec<Vec<u8>> =
        strings(&ask(Vec::new(), seal), "sealed").iter().map(|sealed| hex::decode(sealed).unwrap()).collect();
    let payload = Payload {
        nonce: Blob::new(nonce.to_vec()).unwrap(),
        ciphertext: Blob::new(sealed[1].clone()).unwrap(),
        wrapped_key: Blob::new([&wrapping_nonce[..], &sealed[0]].concat()).unwrap(),
    };
    let value = |opened| serde_json::to_value(opened).unwrap();
    let ours = open_payload(&payload_key, header, &part.restricted.payload).map(value).unwrap();
    assert_eq!(open_payload(&payload_key, header, &payload).map(value).unwrap(), ours);
    let refused = |header: &_, payload: &Payload| open_payload(&payload_key, header, payload).map(value).unwrap_err();
    assert_eq!(refused(&contributions[1].openings.header, &payload), OpenError::Key);
    let mut changed = payload.clone();
    let mut bytes = sealed[1].clone();
    bytes[3] ^= 1;
    changed.ciphertext = Blob::new(bytes).unwrap();
    assert_eq!(refused(header, &changed), OpenError::Ciphertext);
}
