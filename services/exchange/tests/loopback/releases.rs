//! Releases: what custodians opened is published on the main chain, once, if everything in it holds.

use nacre_ledger::{
    merkle::{Sm3Hasher, inclusion},
    note::SignedCheckpoint,
};
use nacre_schemas::{
    Document as _, Signed,
    answer::{Answer as Shares, CustodianId, Decision, GroupAnswer, QuantityDecision},
    catalogue::Catalogue,
    dossier::{ChainSums, Dossier},
    entry::Entry,
    log::Logged,
    query::{Quantity, Request},
    release::{Outcome, QuantityResult, Release},
};
use nacre_verifier::{CheckedDossier, dossier, figures};
use nacre_zk::share;
use rand::rngs::OsRng;

use super::{
    network::*,
    requests::{ask, fill, log, request},
};

/// The shares of all four custodians.
fn answers(world: &World, checked: &CheckedDossier, sums: &ChainSums) -> Vec<Signed<Shares>> {
    let mut answers = Vec::new();
    for (jurisdiction, founding) in &world.foundings {
        for (key_share, key) in founding.shares.iter().zip(&founding.custodian_keys) {
            let custodian = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number: key_share.number() };
            let decide = |key: &nacre_schemas::dossier::QuantityKey| {
                let digest = &checked.request_digest;
                let share = share::answer(key_share.secret(), digest, &custodian, &key.key, &mut OsRng).unwrap();
                QuantityDecision { quantity: key.quantity, decision: Decision::Opened(share) }
            };
            let group = |group: &nacre_schemas::dossier::GroupSums| GroupAnswer {
                group: group.group.clone(),
                decisions: group.keys.iter().map(decide).collect(),
            };
            let answer = Shares {
                request: checked.request_digest,
                dossier: checked.dossier_digest,
                groups: sums.groups.iter().map(group).collect(),
                custodian: custodian.clone(),
            };
            answers.push(key.sign(answer));
        }
    }
    answers
}

/// A release of the mean by sex of the month that [`fill`] puts three women and a man in.
async fn release(world: &World, running: &Running) -> Release {
    let signed = request(world, running, "commission", ["2026-02", "2026-02"], [1, 2]).await;
    let logged = log(world, running, "commission", &signed).await.unwrap();
    let answer = ask(world, running, "commission", &logged).await.unwrap();
    let dossier = Dossier { logged, chains: vec![answer.evidence] };
    let checked = dossier::check(&dossier, &world.network, bmi()).unwrap();
    let figures = checked.groups.keys().zip([(3, 231 + 240 + 199), (1, 300)]).map(|(group, (count, sum))| {
        let result = |(quantity, value)| QuantityResult { quantity, outcome: Outcome::Value(value) };
        let results = [(Quantity::Count, count), (Quantity::Sum, sum)].map(result).to_vec();
        let request: &Request = &checked.request;
        figures::of_group(bmi(), request, group.clone(), results).unwrap()
    });
    Release {
        catalogue: Catalogue::built_in().index(),
        definition: bmi().clone(),
        figures: figures.collect(),
        answers: answers(world, &checked, &answer.sums.statement),
        dossier,
    }
}

async fn publish(world: &World, running: &Running, caller: &str, chain: &str, release: &Release) -> Answer<Logged> {
    world.client(running, caller).call(nacre_wire::exchange::POST_RELEASE, &of(chain), release).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_holds_is_logged_once() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let release = release(&world, &running).await;
    let before = size(&world, &running, MAIN).await;
    let answer = publish(&world, &running, "commission", MAIN, &release).await.unwrap();
    let Logged { leaf, proof, checkpoint } = answer;
    let note: SignedCheckpoint = checkpoint.as_str().parse().unwrap();
    let chain = world.network.root().chain(&MAIN.parse().unwrap()).unwrap();
    let origin = world.network.root().origin(&chain.id);
    let checkpoint = note.verify(&origin, &origin, &chain.signing_key).unwrap();
    let entry = Entry::Release(release.digest()).leaf_hash();
    inclusion::verify::<Sm3Hasher>(&entry, leaf, checkpoint.size, &checkpoint.root, &proof).unwrap();
    let again = publish(&world, &running, "commission", MAIN, &release).await.unwrap();
    assert_eq!(again.leaf, leaf);
    assert_eq!(size(&world, &running, MAIN).await, before + 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_not_hold_is_not_logged() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let good = release(&world, &running).await;
    let before = size(&world, &running, MAIN).await;
    let mut wrong = good.clone();
    wrong.figures[0].results[1].outcome = Outcome::Value(671);
    let refused = problem(publish(&world, &running, "commission", MAIN, &wrong).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("combination")));
    assert_eq!(problem(publish(&world, &running, "bureau", MAIN, &good).await).word(), "other-sender");
    assert_eq!(problem(publish(&world, &running, "commission", GUANGZHOU, &good).await).word(), "other-chain");
    assert_eq!(size(&world, &running, MAIN).await, before);
    running.stop().await;
}
