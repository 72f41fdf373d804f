//! The operator of an exchange: it holds the chain's key, stores the bodies, and seals what it likes.
//!
//! | it | stopped by |
//! |---|---|
//! | signs other sums than it sealed: keys, groups | `chain-details` (its own jurisdiction), `confirmation` (the others) |
//! | tells custodians of other people than it sealed | `chain-numbers` |
//! | signs sums with another key, or of another request | `chain-sums` |
//! | leaves a cell or a seal out of what it shows | `cell-omission`, `cell-inclusion`, `seal-sequence` |
//! | seals commitments and keys that do not belong together | the figure does not open |
//! | shows regulator and custodian two histories | `chain-details`; its two signatures remain |
//! | drops or reorders what it receipted | `receipt`, and no consistency proof |
//! | appends a body twice | its own software does not open over it |
//! | seals other cells than its contributions add up to | the full witness: `record-twice`, `seal-cells`, `seal-sequence`, `batch` |
//! | signs two histories | any witness (`witness.rs`) |

use nacre::{consortium::Plan, demo::population::PERSON_SYSTEM};
use nacre_exchange::Exchange;
use nacre_ledger::{
    log::{Log, LogOptions},
    merkle::{ProofError, Sm3Hasher, consistency},
    note::SignedCheckpoint,
    seal,
};
use nacre_regulator::{FaultCause, QueryError};
use nacre_schemas::{
    answer::Verdict,
    batch::Batch,
    cell::ProviderCount,
    cohort::AgeBand,
    confirmation::Finding,
    contribution::Contribution,
    dossier::{ChainNumbers, SealEvidence, Submission},
    entry::PreviousSeal,
    query::{Quantity, Statistic},
    receipt::BatchReceipt,
};
use nacre_tests::{
    Running,
    attack::{Attack, HOME, MINIMUM_PEOPLE, MONTH, chain, chain_key, definition},
    forged::{Cells, ForgedChain, Impostor, cells_of, replace_detail},
    plan,
    points::{holding_more, negated},
    question,
    sender::Sender,
};
use nacre_verifier::{Check, receipt};

fn the_plan() -> Plan {
    plan(&[HOME], MINIMUM_PEOPLE, PERSON_SYSTEM)
}

/// A network whose exchange is the attacker's, and a provider whose contributions it holds.
async fn impostor() -> (Attack, Impostor, Sender) {
    let mut running = Running::start(&the_plan()).await.unwrap();
    let empty = ForgedChain::begin(&running, HOME);
    let impostor = Impostor::replace(&mut running, HOME, empty).await;
    let hospital = Sender::of(&running, "hospital-440100");
    (Attack::on(running, Vec::new()), impostor, hospital)
}

fn mean() -> nacre_regulator::Question {
    question("bmi", MONTH, MONTH, &[], &[Statistic::Count, Statistic::Mean])
}

/// A history of these batches and one seal over those cells.
async fn history(attack: &Attack, batches: &[&Batch], cells: Cells) -> ForgedChain {
    let mut chain = ForgedChain::begin(&attack.running, HOME);
    for batch in batches {
        chain.append(batch).await;
    }
    chain.seal(cells).await;
    chain
}

/// As many records of one cell: persons from `first`, each of value 200 and their number.
fn people(first: u32, count: u32) -> Vec<(u32, u32)> {
    (first..first + count).map(|person| (person, 200 + person)).collect()
}

fn negative(contribution: &Contribution) -> Contribution {
    let mut negative = contribution.clone();
    let (commitments, keys) = (&mut negative.commitments, &mut negative.openings.keys);
    let points = [&mut commitments.value, &mut commitments.square, &mut keys.value, &mut keys.square];
    for point in points.into_iter().chain(&mut commitments.bands).chain(&mut keys.bands) {
        *point = negated(point);
    }
    negative
}

/// What a seal holds custodians do not see; the full witness recomputes it from bodies that it verified, each record once.
#[tokio::test(flavor = "multi_thread")]
async fn the_full_witness_countersigns_no_other_cells_than_the_contributions_add_up_to() {
    let (attack, impostor, hospital) = impostor().await;
    let victim = hospital.batch(&[(0, 287)]);
    let others = hospital.batch(&people(1, 11));
    let (one, eleven) = (&victim.contributions[0], &others.contributions);
    let negatives: Vec<Contribution> = eleven.iter().map(negative).collect();
    let mut shifted = cells_of(eleven);
    shifted[0].0.sums.value = holding_more(&shifted[0].0.sums.value, 100);
    let mut alone = cells_of([one]);
    replace_detail(&mut alone[0], |detail| detail.contributions[0].contributions = 11);
    let cancelled = cells_of(eleven.iter().chain([one]).chain(&negatives));
    let mut against = others.clone();
    against.contributions = negatives;
    for contribution in &mut against.contributions {
        contribution.openings.header.record.0[0] ^= 1;
    }
    hospital.sign(&mut against);
    let mut unsigned = others.clone();
    unsigned.signature.0[40] ^= 1;

    let honest = || cells_of(eleven);
    let cases: [(&str, Vec<&Batch>, Cells, Check); 8] = [
        ("a victim's body eleven times", vec![&victim; 11], cells_of(std::iter::repeat_n(one, 11)), Check::RecordTwice),
        ("100 added to a sum", vec![&others], shifted, Check::SealCells),
        ("a receipted record in no cell", vec![&victim, &others], honest(), Check::SealCells),
        ("eleven people made of one", vec![&victim], alone, Check::SealCells),
        ("negatives of others in a cell", vec![&victim, &others], cancelled.clone(), Check::SealCells),
        ("negatives of others, appended", vec![&victim, &others, &against], cancelled, Check::Batch),
        ("a batch that its provider did not sign", vec![&unsigned], honest(), Check::Batch),
        ("a seal of nothing", vec![], honest(), Check::SealCells),
    ];
    for (what, batches, cells, check) in cases {
        let forged = history(&attack, &batches, cells).await;
        let submission = forged.submission(0);
        impostor.show(forged);
        refused_by_full_witness(&attack, &submission, check, what).await;
    }

    // Two seals of one number: one with the victim, which nobody is shown, and one that was made as if it were not there.
    let later = hospital.batch(&people(20, 11));
    let mut twice = history(&attack, &[&others], honest()).await;
    twice.append(&victim).await;
    twice.seal(cells_of([one])).await;
    twice.forget();
    twice.append(&later).await;
    twice.seal(cells_of(&later.contributions)).await;
    let submission = twice.submission(0);
    impostor.show(twice);
    refused_by_full_witness(&attack, &submission, Check::SealSequence, "an epoch sealed twice").await;

    let true_history = history(&attack, &[&victim, &others], cells_of(eleven.iter().chain([one]))).await;
    let submission = true_history.submission(0);
    impostor.show(true_history);
    let (status, line) = attack.running.submit("witness-guangdong", &submission).await.unwrap();
    assert_eq!(status, 200, "nothing false is remembered: {line}");
}

async fn refused_by_full_witness(
    attack: &Attack,
    submission: &nacre_ledger::note::Submission,
    check: Check,
    what: &str,
) {
    let (status, text) = attack.running.submit("witness-guangdong", submission).await.unwrap();
    assert!(status == 422 && text.starts_with(&format!("check {check} failed")), "{what}: {status} {text}");
    // An append witness sees no bodies, and countersigns what only adds: its word alone makes nothing final.
    let facts = attack.network.root().chain(&chain(HOME)).unwrap();
    let policy = nacre_verifier::note::policy(facts).unwrap();
    let mut note = submission.checkpoint.clone();
    let (status, line) = attack.running.submit("witness-macao", submission).await.unwrap();
    if status == 200 {
        let witness = facts.witnesses.iter().find(|witness| witness.name.as_str() == "witness-macao").unwrap();
        note = note.with_cosignature(&line, witness.name.as_str(), &witness.signing_key).unwrap();
    }
    assert!(policy.check(&note).unwrap_err().lacks_full, "{what}");
}

/// Should every witness look away, and custodians open what was sealed of one person: no release of it verifies.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_of_one_person_makes_no_release() {
    let (attack, impostor, hospital) = impostor().await;
    let victim = hospital.batch(&[(0, 287)]);
    let others = hospital.batch(&people(1, 11));
    let (one, eleven) = (&victim.contributions[0], &others.contributions);
    let negatives: Vec<Contribution> = eleven.iter().map(negative).collect();
    let cancelled = cells_of(eleven.iter().chain([one]).chain(&negatives));
    let mut alone = cells_of([one]);
    replace_detail(&mut alone[0], |detail| detail.contributions[0].contributions = 11);
    let shown: [(&str, Vec<&Batch>, Cells); 2] = [
        ("eleven others and their negatives", vec![&victim, &others], cancelled),
        ("eleven people made of one", vec![&victim], alone),
    ];
    for (what, batches, cells) in shown {
        impostor.show(history(&attack, &batches, cells).await);
        match attack.running.ask(&mean()).await.unwrap() {
            Err(QueryError::OwnRelease(failure)) => assert_eq!(failure.check, Check::Disclosure, "{what}: {failure}"),
            other => panic!("{what}: {:?}", other.map(|answer| answer.release.figures)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_wrong_and_not_consistently_opens_to_nothing() {
    let (attack, impostor, hospital) = impostor().await;
    let batch = hospital.batch(&people(0, 12));
    let foreign = hospital.batch(&[(99, 300)]).contributions.remove(0);
    let mut other_commitment = cells_of(&batch.contributions);
    other_commitment[0].0.sums.value = foreign.commitments.value;
    let mut other_key = cells_of(&batch.contributions);
    replace_detail(&mut other_key[0], |detail| detail.keys.value = foreign.openings.keys.value);
    let mut beyond = cells_of(&batch.contributions);
    beyond[0].0.sums.value = holding_more(&beyond[0].0.sums.value, 12 * i64::from(definition().hi));
    for (what, cells) in [("a commitment", other_commitment), ("a key", other_key), ("beyond all bounds", beyond)] {
        impostor.show(history(&attack, &[&batch], cells).await);
        match attack.running.ask(&mean()).await.unwrap() {
            Err(QueryError::ChainSumsFalse { quantity: Quantity::Sum, .. }) => {}
            other => panic!("{what}: {:?}", other.map(|answer| answer.release.figures)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_held_against_what_is_sealed() {
    let (attack, impostor, hospital) = impostor().await;
    let batch = hospital.batch(&people(0, 12));
    impostor.show(history(&attack, &[&batch], cells_of(&batch.contributions)).await);
    let honest = attack.submission(&[HOME], &[], 1).await;
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &honest).await;
    let another_key = honest.sums[0].statement.groups[0].keys[0].key;
    let altered = attack.falsify_key(&honest, HOME, another_key);
    for custodian in ["guangdong-1", "guangdong-2", "guangdong-3"] {
        let Finding::Refused(refused) = attack.confirm(custodian, &altered).await.unwrap() else {
            panic!("{custodian} confirms another key");
        };
        assert_eq!(refused.statement.check.as_str(), "chain-details");
    }
    attack.all_refuse(&altered, Check::Confirmation, "another key").await;
    let with_others = Submission { confirmations: confirmed.clone(), ..altered };
    attack.all_refuse(&with_others, Check::Confirmation, "another key").await;

    let unsigned = {
        let mut unsigned = honest.clone();
        unsigned.sums[0].statement.groups[0].keys[1].key = another_key;
        unsigned
    };
    attack.all_refuse(&unsigned, Check::ChainSums, "without the chain's signature").await;
    let no_group = attack.falsify(&honest, HOME, |sums| sums.groups.clear());
    attack.all_refuse(&no_group, Check::ChainSums, "without a group").await;
    let later = attack.submission(&[HOME], &[], 2).await;
    let replayed = Submission { sums: honest.sums.clone(), ..later };
    attack.all_refuse(&replayed, Check::ChainSums, "sums of another request").await;
    assert!(matches!(
        attack.answer("macao-1", &Submission { confirmations: confirmed, ..honest }).await,
        Verdict::Answered(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_custodians_are_told_of_people_is_held_against_what_is_sealed() {
    let (attack, impostor, hospital) = impostor().await;
    let batch = hospital.batch(&people(0, 12));
    impostor.show(history(&attack, &[&batch], cells_of(&batch.contributions)).await);
    let honest = attack.submission(&[HOME], &[], 1).await;
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &honest).await;
    let honest = Submission { confirmations: confirmed, ..honest };
    type Lie = fn(&mut ChainNumbers);
    let lies: [(&str, Lie); 5] = [
        ("more people", |shown| shown.seals[0].cells[0].contributions[0].contributions = 40),
        ("fewer people", |shown| shown.seals[0].cells[0].contributions[0].contributions = 1),
        ("a provider nobody knows", |shown| {
            let provider = "hospital-999999".parse().unwrap();
            shown.seals[0].cells[0].contributions.push(ProviderCount { provider, contributions: 12 });
        }),
        ("no numbers of a cell", |shown| drop(shown.seals[0].cells.pop())),
        ("no numbers of a seal", |shown| drop(shown.seals.pop())),
    ];
    for (what, lie) in lies {
        impostor.lie(Some(lie));
        attack.all_refuse(&honest, Check::ChainNumbers, what).await;
    }
    impostor.lie(Some(|shown| drop(shown.evidence.seals[0].run.cells.pop())));
    attack.all_refuse(&honest, Check::CellInclusion, "a cell left out").await;
    impostor.lie(None);
    assert!(matches!(attack.answer("macao-1", &honest).await, Verdict::Answered(_)), "nothing false is remembered");
}

/// Records of three cells, each enough people.
fn three_cells(hospital: &Sender, first: u32) -> Batch {
    let values = people(first, 36);
    let header = |(position, (person, _)): (usize, &(u32, u32))| {
        let mut header = hospital.header(definition(), *person, MONTH);
        header.cell.age_band = AgeBand::of_age(40 + 5 * (position as u32 % 3));
        header
    };
    let headers = values.iter().enumerate().map(header).collect();
    hospital.prove(definition(), headers, &values.iter().map(|(_, value)| *value).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_or_a_seal_left_out_of_what_is_shown_is_missed() {
    let (attack, impostor, hospital) = impostor().await;
    let batch = three_cells(&hospital, 0);
    let cells = cells_of(&batch.contributions);
    let mut chain = ForgedChain::begin(&attack.running, HOME);
    chain.append(&batch).await;
    for _ in 0..3 {
        chain.seal(cells.clone()).await;
    }
    impostor.show(chain);
    let honest = attack.gather(attack.log(attack.request(&[HOME], &[], [1, 3], 1).await).await).await;
    attack.checked(&honest);

    let public: Vec<_> = cells.iter().map(|(cell, _)| cell.clone()).collect();
    let run = |positions: std::ops::Range<usize>| seal::prove_run(&public, positions).unwrap();
    type Change<'a> = Box<dyn Fn(&mut Vec<SealEvidence>) + 'a>;
    let changes: [(&str, Check, Change<'_>); 11] = [
        ("the last cell", Check::CellOmission, Box::new(|seals| seals[1].run = run(0..2))),
        ("the first cell", Check::CellOmission, Box::new(|seals| seals[1].run = run(1..3))),
        ("a cell between", Check::CellInclusion, Box::new(|seals| drop(seals[1].run.cells.remove(1)))),
        ("a seal of fewer cells", Check::SealSequence, Box::new(|seals| seals[1].seal.cells = 2)),
        ("the last seal of fewer cells", Check::SealSequence, Box::new(|seals| seals[2].seal.cells = 2)),
        ("a seal in another place", Check::SealSequence, Box::new(|seals| seals[1].inclusion.leaf -= 1)),
        ("a seal without its place", Check::SealInclusion, Box::new(|seals| seals[1].inclusion.proof.clear())),
        ("a whole seal", Check::SealSequence, Box::new(|seals| drop(seals.remove(1)))),
        ("a seal behind another", Check::SealSequence, Box::new(|seals| seals[1] = seals[2].clone())),
        ("seals in another order", Check::SealSequence, Box::new(|seals| seals.swap(0, 2))),
        (
            "a seal under another's number",
            Check::SealSequence,
            Box::new(|seals| {
                let number = seals[1].seal.number;
                let previous = seals[1].seal.previous.clone();
                seals[1] = seals[2].clone();
                (seals[1].seal.number, seals[1].seal.previous) = (number, previous);
                seals[1].seal.from = seals[0].seal.to;
                let before = PreviousSeal { leaf: seals[1].inclusion.leaf, hash: seals[1].seal.leaf_hash() };
                (seals[2].seal.previous, seals[2].seal.from) = (Some(before), seals[1].seal.to);
            }),
        ),
    ];
    for (what, check, change) in changes {
        let mut altered = honest.clone();
        change(&mut altered.dossier.chains[0].seals);
        attack.all_refuse(&altered, check, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_histories_do_not_fit_each_other_and_both_are_signed() {
    let (attack, impostor, hospital) = impostor().await;
    let batches = [hospital.batch(&people(0, 12)), hospital.batch(&people(20, 12))];
    let cells = |batch: &Batch| cells_of(&batch.contributions);
    let one = history(&attack, &[&batches[0]], cells(&batches[0])).await;
    let other = history(&attack, &[&batches[1]], cells(&batches[1])).await;
    let notes = [one.checkpoint(), other.checkpoint()];
    impostor.show_two(one, other);

    let Err(QueryError::NoConsent { jurisdiction, faults, .. }) = attack.running.ask(&mean()).await.unwrap() else {
        panic!("custodians confirm a history that they are not shown");
    };
    assert_eq!((jurisdiction.as_str(), faults.len()), ("guangdong", 3));
    for fault in faults {
        let FaultCause::Refused { check, detail } = &fault.cause else { panic!("{fault}") };
        assert_eq!(check, "chain-details");
        assert!(detail.contains("is not the one sealed"), "{detail}");
    }

    // What remains of it convicts the chain: two checkpoints of one size under its key, and one tree has one root.
    let origin = attack.network.root().origin(&chain(HOME));
    let public = attack.network.root().chain(&chain(HOME)).unwrap().signing_key;
    let [one, other] = notes.each_ref().map(|note| note.verify(&origin, &origin, &public).unwrap());
    assert_eq!(one.size, other.size);
    let refuted = consistency::verify::<Sm3Hasher>(one.size, &one.root, other.size, &other.root, &[]);
    assert_eq!(refuted, Err(ProofError::RootMismatch));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_receipted_cannot_be_dropped_or_moved() {
    let mut running = Running::start(&the_plan()).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    let batches = [hospital.batch(&people(0, 2)), hospital.batch(&people(2, 3)), hospital.batch(&people(5, 2))];
    let mut receipts = Vec::new();
    for batch in &batches {
        receipts.push(hospital.post(batch).await.unwrap());
    }
    let network = running.network().unwrap();
    running.servers.stop(HOME).await.unwrap();

    let origin = network.root().origin(&chain(HOME));
    let public = network.root().chain(&chain(HOME)).unwrap().signing_key;
    let before: SignedCheckpoint = receipts[2].checkpoint.as_str().parse().unwrap();
    let before = before.verify(&origin, &origin, &public).unwrap();
    // The same again, longer: what an honest history looks like.
    for (what, order, holds) in [
        ("the same history", vec![0, 1, 2, 0], true),
        ("reordered", vec![1, 0, 2, 0], false),
        ("a record dropped", vec![1, 2, 0], false),
    ] {
        let forged = ForgedChain::begin(&running, HOME);
        for position in order {
            forged.append(&batches[position]).await;
        }
        let note = forged.checkpoint();
        let after = note.verify(&origin, &origin, &public).unwrap();
        let proof = forged.log.consistency(before.size, after.size).unwrap();
        let consistent = consistency::verify::<Sm3Hasher>(before.size, &before.root, after.size, &after.root, &proof);
        assert_eq!(consistent.is_ok(), holds, "{what}: {consistent:?}");

        // No inclusion in the new history puts the record where the receipt has it.
        let mut receipt: BatchReceipt = receipts[0].clone();
        receipt.checkpoint = note.as_str().parse().unwrap();
        for one in &mut receipt.receipts {
            one.inclusion.proof = forged.log.inclusion(one.inclusion.leaf, after.size).unwrap();
        }
        match receipt::check(&receipt, &batches[0], &network) {
            Ok(()) => assert!(holds, "{what}"),
            Err(failure) => assert!(!holds && failure.check == Check::Receipt, "{what}: {failure}"),
        }
    }
    // The provider's own receipt goes on to convict.
    receipt::check(&receipts[0], &batches[0], &network).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_does_not_open_over_a_body_that_stands_twice() {
    let mut running = Running::start(&the_plan()).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    hospital.post(&hospital.batch(&[(0, 287)])).await.unwrap();
    running.servers.stop(HOME).await.unwrap();

    let config = nacre_exchange::Config::read(&running.places.exchanges[HOME]).unwrap();
    let folder = config.data.join("chains").join(chain(HOME).slug());
    let origin = running.network().unwrap().root().origin(&chain(HOME));
    let log = Log::open(&folder, &origin, chain_key(&running, HOME), LogOptions::default()).unwrap();
    let entries = log.entries(0..log.size(), usize::MAX).unwrap();
    log.append(entries).await.unwrap();
    drop(log);
    let error = Exchange::open(config).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("region/440100, leaf 3") && error.contains("stands in the log twice"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_cannot_speak_for_another_chain() {
    // Whoever holds one chain's key signs with it what another chain would have to say.
    let attack = Attack::prepare().await;
    let honest = attack.submission(&[HOME, nacre_tests::attack::ABROAD], &[], 1).await;
    let key = chain_key(&attack.running, nacre_tests::attack::ABROAD);
    let mut altered = honest.clone();
    altered.sums[0].signature = key.sign_detached(&altered.sums[0].statement);
    attack.all_refuse(&altered, Check::ChainSums, "another chain's key").await;
    let mut altered = honest.clone();
    altered.dossier.chains[0].checkpoint = altered.dossier.chains[1].checkpoint.clone();
    attack.all_refuse(&altered, Check::Checkpoint, "another chain's checkpoint").await;
}
