//! Where the trust root has no cross lane, every role refuses all of it at one check, `cross-lane`, and before anything else: so
//! the attacks of `cross_leaks.rs`, and those of exchanges that copy ciphertexts, come to nothing there.
//!
//! The network here had the lane, and its jurisdictions endorsed a trust root without it. So everything that is shown was
//! genuine: members are admitted, requests are logged, results confirmed, and custodians still hold their shares of the lane's
//! key. What is refused is refused for the trust root alone. Custodians and exchanges that remember the lane do not serve under
//! that root at all, since the tally lane would then answer about the same people; so here they forget it.

use std::{fs, path::Path, process::Command, sync::Arc};

use nacre_access::client::ClientError;
use nacre_evaluator::{Evaluator, Keys, OpenError};
use nacre_provider::PostError;
use nacre_regulator::QueryError;
use nacre_schemas::{Digest, answer::Verdict, cross::CrossRelease, query::Statistic, summand::SummandDispute};
use nacre_tests::{
    Running,
    attack::{Attack, HOME, evaluator_client},
    question,
    sender::problem,
    successor::{begin_anew, endorse, successor},
};
use nacre_verifier::{Check, cross};
use nacre_wire::{
    custodian::{POST_CROSS_ANSWER, POST_CROSS_PROOF},
    exchange::{OfChain, POST_CROSS_INPUTS},
};

use super::cross_leaks::{Lane, invented, mean, one_at_a_time};

const MONTH: &str = "2025-03";

/// What the program prints of a trust root: as text, and whether the lane is on.
fn shown(trust: &Path) -> (String, serde_json::Value) {
    let show = |json: &[&str]| {
        let program = env!("CARGO_BIN_EXE_nacre-under-test");
        let printed = Command::new(program).args(["trust", "show"]).arg(trust).args(json).output().unwrap();
        assert!(printed.status.success());
        String::from_utf8(printed.stdout).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&show(&["--json"])).unwrap();
    (show(&[]), json["cross-lane"].clone())
}

/// Has the network's servers started again, evaluators apart. Exchanges do not start while they are told of the lane's key.
async fn start_again(running: &mut Running) {
    running.servers.stop_all().await.unwrap();
    let places = running.places.clone();
    for server in [&places.exchanges, &places.witnesses, &places.custodians].into_iter().flat_map(|role| role.keys()) {
        let address = running.addresses[server].clone();
        let config =
            places.exchanges.get(server).filter(|config| fs::read_to_string(config).unwrap().contains("cross-key"));
        if let Some(config) = config {
            running.servers.restart(&places, server, &address).await.unwrap();
            let refused = running.servers.stop(server).await.unwrap_err().to_string();
            assert!(refused.contains("check cross-lane failed"), "{refused}");
            forget_key(config);
        }
        running.servers.restart(&places, server, &address).await.unwrap();
    }
}

/// Puts a trust root without the lane in the place of the present one. A successor that drops it is refused by those who know it.
async fn drop_lane(running: &mut Running) {
    let without = successor(running, |root| root.cross = None);
    let path = running.places.trust.clone();
    fs::write(&path, toml::to_string(&without).unwrap()).unwrap();
    let places = running.places.clone();
    for server in ["guangdong-1", HOME] {
        running.servers.stop(server).await.unwrap();
        if let Some(config) = places.exchanges.get(server) {
            forget_key(config);
        }
        running.servers.restart(&places, server, &running.addresses[server].clone()).await.unwrap();
        let refused = running.servers.stop(server).await.unwrap_err().to_string();
        assert!(refused.contains("check trust-root failed") && refused.contains("cross lane"), "{server}: {refused}");
    }
    let mut root = without.root;
    root.earlier.clear();
    running.servers.stop_all().await.unwrap();
    fs::write(&path, toml::to_string(&endorse(running, root)).unwrap()).unwrap();
    begin_anew(running);
}

/// Takes the lane's key out of an exchange's configuration.
fn forget_key(config: &Path) {
    let text = fs::read_to_string(config).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("cross-key"));
    fs::write(config, without.collect::<Vec<_>>().join("\n")).unwrap();
}

fn assert_no_lane<T>(what: &str, answer: Result<T, ClientError>) {
    let refused = problem(answer);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some(Check::CrossLane.word())), "{what}");
}

/// Every custodian, whatever share it holds.
async fn custodians_refuse(attack: &Attack, release: &CrossRelease) {
    for (custodian, client) in &attack.custodians {
        let config = nacre_custodian::Config::read(&attack.running.places.custodians[custodian]).unwrap();
        assert!(config.cross_share.is_some());
        let submission = &release.submission;
        match client.call(POST_CROSS_ANSWER, &(), submission).await.unwrap() {
            Verdict::Refused(refused) => assert_eq!(refused.statement.check.as_str(), Check::CrossLane.word()),
            Verdict::Answered(_) => panic!("{custodian} answers"),
        }
        let dispute = SummandDispute { submission: submission.clone(), summand: 0 };
        let proof = client.call(POST_CROSS_PROOF, &(), &dispute).await;
        assert_no_lane("a custodian's proof", proof);
    }
}

/// No job is taken, because no evaluator starts; nor would it hold the request.
async fn evaluators_refuse(attack: &Attack, release: &CrossRelease) {
    let mut keys = None;
    for config in attack.running.places.evaluators.values() {
        let config = nacre_evaluator::Config::read(config).unwrap();
        let keys = keys.get_or_insert_with(|| Keys::read(&config.keys).unwrap());
        match Evaluator::open(&config, Arc::clone(keys)) {
            Err(OpenError::Network(failure)) => assert_eq!(failure.check, Check::CrossLane),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("an evaluator starts"),
        }
    }
    let failure = cross::check(&release.submission.logged, &attack.network).unwrap_err();
    assert_eq!((failure.check, failure.detail.as_str()), (Check::CrossLane, "the trust root has no cross lane"));
}

/// It logs no request and hands no inputs over, so there is nothing to copy.
async fn exchanges_refuse(attack: &Attack, release: &CrossRelease) {
    let logged = &release.submission.logged;
    let mut request = logged.request.request.clone();
    (request.trust, request.nonce) = (attack.network.digest(), Digest([9; 32]));
    assert_no_lane("a new request", attack.try_log_cross(request, logged.request.seals.clone()).await);
    let evaluator = evaluator_client(&attack.running, "evaluator-hongkong", HOME);
    let home = OfChain { slug: "region-440100".parse().unwrap() };
    let inputs = evaluator.call(POST_CROSS_INPUTS, &home, logged).await;
    assert_no_lane("the inputs of a request that is logged", inputs);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lane_in_the_trust_root_every_role_refuses_it_at_the_named_check() {
    let _alone = one_at_a_time().await;
    let lane = Lane::start().await;
    lane.isolate(MONTH).await;
    lane.running.seal().await.unwrap();
    let release = lane.ask(MONTH).await.release;
    cross::check_release(&release, &lane.running.network().unwrap()).unwrap();
    let batch = lane.batch(&lane.stranger, "mvpa-minutes@1", "2025-04", &invented().0);
    let (text, json) = shown(&lane.running.places.trust);
    assert!(text.contains("cross lane ON, WITH KNOWN LEAKS") && text.contains("exact value"), "{text}");
    assert_eq!((json["state"].as_str(), json["known-leaks"].as_array().map(Vec::len)), (Some("on"), Some(4)));

    let Lane { mut running, stranger, .. } = lane;
    drop_lane(&mut running).await;
    start_again(&mut running).await;
    let (text, json) = shown(&running.places.trust);
    assert!(text.contains("cross lane off") && !text.contains("LEAKS"), "{text}");
    assert_eq!(json, serde_json::json!({ "state": "off" }));

    // Who asks, who posts, who reads.
    let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
    let error = nacre_regulator::cross_query(&config, &mean(MONTH), &()).await.unwrap_err();
    assert!(matches!(&error, QueryError::OwnTrustRoot(failure) if failure.check == Check::CrossLane), "{error}");
    let error = running.post("hospital-440100", &[]).await.unwrap_err();
    let error = error.downcast::<PostError>().unwrap();
    assert!(matches!(&error, PostError::Trust(failure) if failure.check == Check::CrossLane), "{error}");
    assert_no_lane("a batch with a list", stranger.post(&batch).await);
    let failure = cross::check_release(&release, &running.network().unwrap()).unwrap_err();
    assert_eq!(failure.check, Check::CrossLane);

    let attack = Attack::on(running, Vec::new());
    custodians_refuse(&attack, &release).await;
    evaluators_refuse(&attack, &release).await;
    exchanges_refuse(&attack, &release).await;
    // The other lane goes on.
    let tally = question("hba1c", MONTH, MONTH, &[], &[Statistic::Count]);
    attack.running.ask(&tally).await.unwrap().unwrap();
}
