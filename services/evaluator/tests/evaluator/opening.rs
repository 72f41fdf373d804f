//! What an evaluator does not start with.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use nacre_evaluator::{Evaluator, Keys, KeysError, OpenError};
use nacre_fhe::arithmetic;
use nacre_hosting::key::KeyFileError;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::cross::CrossArithmetic;
use nacre_verifier::Check;
use nacre_wire::evaluator::GET_ARITHMETIC;

use super::scene::{CHAINS, Scene, cross_lane};

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_with_the_networks_keys_its_own_key_and_every_chain_and_shows_its_arithmetic() {
    let scene = Scene::new().await;
    let keys = &cross_lane().keys;
    let config = scene.config("http://127.0.0.1:9", "data", "");
    let running = scene.start("data", "").await;
    let shown = scene.client(&running, "commission").get(GET_ARITHMETIC, &()).await.unwrap();
    let here = arithmetic::fingerprint(&nacre_fhe::params::CROSS_1);
    assert_eq!(shown, CrossArithmetic { keys: keys.digest, arithmetic: here });
    running.stop().await;

    let under = |trust: &str| {
        let mut other = config.clone();
        other.trust = scene.folder.path().join(trust).into();
        Evaluator::open(&other, Arc::clone(keys))
    };
    assert!(
        matches!(under("without.toml"), Err(OpenError::Network(failure)) if failure.check == Check::CrossLane),
        "without a cross lane in the trust root there is no evaluator"
    );
    assert!(matches!(under("others.toml"), Err(OpenError::OtherEvaluationKeys)));
    let mut without = config.clone();
    without.exchanges.remove(&CHAINS[1].parse().unwrap());
    assert!(
        matches!(Evaluator::open(&without, Arc::clone(keys)), Err(OpenError::NoExchange(chain)) if chain.as_str() == CHAINS[1])
    );
    let mut regulator = config.clone();
    regulator.member = "commission".parse().unwrap();
    assert!(matches!(Evaluator::open(&regulator, Arc::clone(keys)), Err(OpenError::Network(_))));
    let mut nobody = config.clone();
    nobody.member = "nobody".parse().unwrap();
    assert!(matches!(Evaluator::open(&nobody, Arc::clone(keys)), Err(OpenError::NotAdmitted(_))));
    let path = scene.folder.path().join("signing.hex");
    fs::write(&path, hex::encode(*SigningKey::generate().unwrap().to_bytes())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Evaluator::open(&config, Arc::clone(keys)), Err(OpenError::Key(KeyFileError::OtherKey { .. }))));
    assert!(matches!(Keys::read(&path), Err(KeysError::Malformed { .. })));
}
