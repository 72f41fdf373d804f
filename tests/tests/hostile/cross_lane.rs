//! The cross lane's other roles, with real keys: what one of them signs alone opens nothing.
//!
//! | who | does | stopped by |
//! |---|---|---|
//! | exchange | hands evaluators different inputs for one request | no result is confirmed by all; the chain is named |
//! | evaluator | signs another result than it computed | `cross-confirmation`, at every custodian |
//! | evaluator | confirms for another jurisdiction too | `cross-confirmation` |
//! | regulator | confirms by itself, leaves one out, takes another request's | `admission`, `cross-confirmation` |
//! | regulator | has a result opened under a request that is not in the log | `request-inclusion` |
//! | provider | asks a custodian | its token has no such scope |
//!
//! Custodians that lie are in `tests/cross.rs`, providers in `cross_provider.rs`, exchanges that hand over what they did not
//! sign in the evaluator's own tests. All evaluators together can have opened what they like: SECURITY.md says so.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufReader,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use nacre::{consortium::CrossPlan, demo::population::PERSON_SYSTEM};
use nacre_access::client::{Client, ClientError};
use nacre_fhe::{keys::PublicKey, list::Plain, wire};
use nacre_ledger::signing::SigningKey;
use nacre_regulator::{CrossQuestion, NamedMeasure, QueryError};
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    answer::Verdict,
    catalogue::Catalogue,
    cross::{CrossAnswer, CrossConfirmation, CrossDelivery, CrossStatistic, CrossSubmission, SignedCrossConfirmation},
    membership::Membership,
};
use nacre_tests::{
    Running,
    attack::{Attack, HOME, MONTH, chain_key, client_of, read_key},
    plan,
    proxy::Proxy,
    sender::{Sender, restricted},
};
use nacre_verifier::{Check, cross};
use tokio::net::TcpListener;

const PEOPLE: u32 = 8;
const CUSTODIANS: [&str; 3] = ["guangdong-1", "hongkong-2", "macao-3"];

/// A provider's value of everyone, in one batch; the list is honest.
async fn post(sender: &Sender, key: &PublicKey, measure: &str) {
    let measure = Catalogue::built_in().newest(&measure.parse().unwrap()).unwrap();
    let headers: Vec<_> = (0..PEOPLE).map(|person| sender.header(measure, person, MONTH)).collect();
    let plain = |person: u32| Plain { band: (person % 2) as u8, value: 0 };
    let contributions: Vec<_> = headers.iter().zip(0..).map(|(header, person)| (header, plain(person))).collect();
    let (list, words) = wire::seal(key, &sender.config.chain, &sender.config.member, &contributions).unwrap();
    let parts = headers.into_iter().zip(words).zip(0u32..).map(|((header, words), person)| {
        let mut restricted = restricted();
        restricted.pseudonym = Digest::of(&person.to_be_bytes());
        restricted.cross = Some(words);
        (header, restricted)
    });
    let batch = sender.prove_with(measure, parts.collect(), &[measure.lo; PEOPLE as usize], Some(list));
    sender.post(&batch).await.unwrap();
}

/// Two people's words of one measure exchanged, and the chain's signature under it.
fn other_inputs(bytes: &[u8], key: &SigningKey) -> Vec<u8> {
    let mut delivery = CrossDelivery::from_canonical(bytes).unwrap();
    let inputs = &mut delivery.inputs.inputs;
    let (words, position) = (inputs[0].words.clone(), inputs[0].position);
    let other = (1..inputs.len()).find(|index| inputs[*index].by == inputs[0].by).unwrap();
    inputs[0].words = inputs[other].words.clone();
    inputs[0].position = inputs[other].position;
    (inputs[other].words, inputs[other].position) = (words, position);
    delivery.signature = key.sign_detached(&delivery.inputs.manifest());
    delivery.to_canonical()
}

fn question() -> CrossQuestion {
    CrossQuestion {
        statistic: CrossStatistic::Table,
        by: NamedMeasure::parse("mvpa-minutes").unwrap(),
        of: NamedMeasure::parse("hba1c").unwrap(),
        from: MONTH.parse().unwrap(),
        to: MONTH.parse().unwrap(),
        regions: Vec::new(),
        through: BTreeMap::new(),
        purpose: "a test".parse().unwrap(),
    }
}

async fn answer(client: &Client, submission: &CrossSubmission) -> Result<Verdict<CrossAnswer>, ClientError> {
    client.call(nacre_wire::custodian::POST_CROSS_ANSWER, &(), submission).await
}

/// A word on that result, in that jurisdiction's name.
fn confirm(
    submission: &CrossSubmission,
    place: usize,
    admission: &Signed<Membership>,
    key: &SigningKey,
) -> SignedCrossConfirmation {
    let confirmation = CrossConfirmation {
        request: submission.result.request,
        result: submission.result.digest(),
        evaluator: admission.statement.member.clone(),
        jurisdiction: submission.confirmations[place].confirmation.jurisdiction.clone(),
    };
    let signature = key.sign_detached(&confirmation);
    SignedCrossConfirmation { confirmation, admission: admission.clone(), signature }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_the_lanes_roles_signs_alone_opens_nothing() {
    let mut plan = plan(&[HOME], 2, PERSON_SYSTEM);
    plan.cross = Some(CrossPlan::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (running, target) = Running::start_behind(&plan, Some((HOME, &address))).await.unwrap();
    let (false_to_one, asked) = (Arc::new(AtomicBool::new(true)), AtomicUsize::new(0));
    let (lies, key) = (Arc::clone(&false_to_one), chain_key(&running, HOME));
    let proxy = Proxy::start(listener, target.unwrap(), move |path, bytes| {
        let second = path.ends_with("/cross/inputs") && asked.fetch_add(1, Ordering::Relaxed) == 1;
        (second && lies.load(Ordering::Relaxed)).then(|| other_inputs(bytes, &key))
    });
    let [hospital, gym] = ["hospital-440100", "gym-440100"].map(|member| Sender::of(&running, member));
    let file = File::open(hospital.config.cross_key.as_ref().unwrap()).unwrap();
    let (public, _) = PublicKey::read(BufReader::new(file)).unwrap();
    post(&hospital, &public, "hba1c").await;
    post(&gym, &public, "mvpa-minutes").await;
    running.seal().await.unwrap();
    let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();

    // The exchange.
    let error = nacre_regulator::cross_query(&config, &question(), &()).await.unwrap_err();
    assert_eq!(proxy.twisted(), 1);
    let QueryError::EvaluatorsDiffer(what) = &error else { panic!("{error}") };
    assert!(what.contains("region/440100 handed them different inputs"), "{what}");
    false_to_one.store(false, Ordering::Relaxed);
    let answered = nacre_regulator::cross_query(&config, &question(), &()).await.unwrap();
    assert_eq!(answered.release.cells.iter().map(|cell| cell.people).collect::<Vec<_>>(), [4, 4]);

    // Evaluators and the regulator.
    let honest = answered.release.submission;
    let key_of = |server: &str| {
        let config = nacre_evaluator::Config::read(&running.places.evaluators[server]).unwrap();
        read_key(&config.signing_key)
    };
    let own = |server: &str| {
        let name = |signed: &&SignedCrossConfirmation| signed.confirmation.evaluator.as_str() == server;
        honest.confirmations.iter().find(name).unwrap().admission.clone()
    };
    let first = honest.confirmations[0].confirmation.evaluator.as_str().to_owned();
    let (first_key, first_admission) = (key_of(&first), own(&first));
    let regulators = (read_key(&config.signing_key), honest.logged.admission.clone());

    let mut false_result = honest.clone();
    let mut words = false_result.result.digits[0].words.as_bytes().to_vec();
    *words.last_mut().unwrap() ^= 0x80;
    false_result.result.digits[0].words = Blob::new(words).unwrap();
    let mut signed_by_one = false_result.clone();
    signed_by_one.confirmations[0] = confirm(&signed_by_one, 0, &first_admission, &first_key);
    let mut for_all = false_result.clone();
    for place in 0..3 {
        for_all.confirmations[place] = confirm(&for_all, place, &first_admission, &first_key);
    }
    let mut by_itself = false_result.clone();
    for place in 0..3 {
        by_itself.confirmations[place] = confirm(&by_itself, place, &regulators.1, &regulators.0);
    }
    let mut without_one = honest.clone();
    without_one.confirmations.pop();
    let mut in_anothers_place = honest.clone();
    in_anothers_place.confirmations.swap(0, 1);
    let mut unlogged = honest.clone();
    unlogged.logged.request.request.nonce = Digest([9; 32]);
    let request = unlogged.logged.request.request.clone();
    unlogged.logged.request.signature = regulators.0.sign_detached(&request);
    unlogged.result.request = request.digest();
    unlogged.result.manifests.iter_mut().for_each(|manifest| manifest.request = request.digest());

    let running = Attack::on(running, Vec::new());
    for (what, submission, check) in [
        ("a false result under true words", &false_result, Check::CrossConfirmation),
        ("signed by one evaluator", &signed_by_one, Check::CrossConfirmation),
        ("by one for all", &for_all, Check::CrossConfirmation),
        ("by the regulator", &by_itself, Check::Admission),
        ("without one jurisdiction", &without_one, Check::CrossConfirmation),
        ("one in another's place", &in_anothers_place, Check::CrossConfirmation),
        ("a request that is not in the log", &unlogged, Check::RequestInclusion),
    ] {
        for custodian in CUSTODIANS {
            match answer(&running.custodians[custodian], submission).await.unwrap() {
                Verdict::Refused(refused) => {
                    assert_eq!(refused.statement.check.as_str(), check.word(), "{what}, {custodian}");
                }
                Verdict::Answered(_) => panic!("{custodian} answers {what}"),
            }
        }
        assert!(cross::check_submission(submission, &running.network).is_err(), "{what}");
    }
    let provider = client_of(&running.running, "hospital-440100", "macao-1");
    let error = answer(&provider, &honest).await.unwrap_err();
    assert!(error.to_string().contains("answers.request"), "{error}");
    // And what they all confirm, each answers.
    for custodian in CUSTODIANS {
        let verdict = answer(&running.custodians[custodian], &honest).await.unwrap();
        assert!(matches!(verdict, Verdict::Answered(_)), "{custodian}");
    }
}
