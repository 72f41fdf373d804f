//! Custodians over HTTP on this machine, some of whom lie, refuse or hang: what each costs, and that it is named.

use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use nacre_access::{
    members::Members as Directory,
    server::{self, Gatekeeper},
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
    problem::ProblemResponse,
    tls::ClientTls,
};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Digest, Document as _, Point, Signature, Signed,
    answer::{Answer, Decision, GroupAnswer, QuantityDecision, Refusal, Rule, Verdict},
    confirmation::{Confirmation, Finding},
    dossier::QuantityKey,
    membership::Membership,
    problem::Problem,
    query::Quantity,
    release::Outcome,
};
use nacre_wire::{
    custodian::{POST_ANSWER, POST_CONFIRMATION},
    problem::BUSY,
    route::Facts,
};
use nacre_zk::share::{self, SecretShare};
use rand::rngs::OsRng;
use tokio::net::TcpListener;

use super::*;
use crate::{opening::Opening, scene::Scene};

/// What a custodian does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Its shares are made with another key than its own.
    OtherSecret,
    /// Its shares are proven, and made from another `D_Σ`; it confirms other sums.
    OtherKey,
    /// It answers in another custodian's name.
    OtherName,
    /// It answers an earlier request.
    OtherRequest,
    /// It leaves out a group, or its chain.
    ShortAnswer,
    /// Its answer was changed after it was signed.
    Unsigned,
    /// It withholds what the rules open.
    Withholding,
    Refusing,
    /// Somebody else signed its refusal.
    FalselyRefusing,
    Busy,
    /// It has no place for the first submission.
    BusyOnce,
    /// It takes the submission, and never answers.
    Hanging,
    /// Its process is stopped: the system takes connections for it.
    Stopped,
    /// Nobody listens.
    Away,
}

/// A custodian as it stands at its address.
struct Desk {
    id: CustodianId,
    secret: SecretShare,
    signing_key: SigningKey,
    manner: Manner,
    subject: Arc<Subject>,
    gatekeeper: Arc<Gatekeeper>,
    asked: Mutex<usize>,
}

impl Admits<Members> for Desk {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.gatekeeper.caller(route, headers)
    }
}

/// A submission that is not read.
type Submitted = Call<(), Json<Submission>, Signed<Membership>>;

async fn answers(desk: Arc<Desk>, _: Submitted) -> Result<Reply<Json<Verdict<Answer>>>, ProblemResponse> {
    let verdict =
        |refusal: Option<Signed<Refusal>>| refusal.map_or_else(|| Verdict::Answered(desk.answer()), Verdict::Refused);
    desk.receive().await.map(|refusal| Reply::new(verdict(refusal)))
}

async fn confirmations(desk: Arc<Desk>, _: Submitted) -> Result<Reply<Json<Finding>>, ProblemResponse> {
    let finding =
        |refusal: Option<Signed<Refusal>>| refusal.map_or_else(|| Finding::Confirmed(desk.confirm()), Finding::Refused);
    desk.receive().await.map(|refusal| Reply::new(finding(refusal)))
}

impl Desk {
    /// The refusal with which it answers anything, if that is its manner.
    async fn receive(&self) -> Result<Option<Signed<Refusal>>, ProblemResponse> {
        let times = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked += 1;
            *asked
        };
        match self.manner {
            Manner::BusyOnce if times > 1 => Ok(None),
            Manner::Busy | Manner::BusyOnce => Err(BUSY.problem("try later").into()),
            Manner::Hanging => std::future::pending().await,
            Manner::Refusing => Ok(Some(self.refuse(&self.signing_key))),
            Manner::FalselyRefusing => Ok(Some(self.refuse(&SigningKey::from_bytes(&[9; 32]).unwrap()))),
            _ => Ok(None),
        }
    }

    fn confirm(&self) -> Vec<Signed<Confirmation>> {
        let sums = &self.subject.sums[0].statement;
        let mut confirmation = Confirmation {
            request: self.subject.dossier.request_digest,
            sums: sums.digest(),
            chain: sums.chain.clone(),
            custodian: self.id.clone(),
        };
        match self.manner {
            Manner::OtherKey => confirmation.sums = Digest([9; 32]),
            Manner::OtherName => confirmation.custodian.number = 3,
            Manner::OtherRequest => confirmation.request = Digest([9; 32]),
            Manner::ShortAnswer => return Vec::new(),
            _ => {}
        }
        let mut signature = self.signing_key.sign_detached(&confirmation);
        if self.manner == Manner::Unsigned {
            signature = Signature([1; 64]);
        }
        vec![Signed { statement: confirmation, signature }]
    }

    fn refuse(&self, key: &SigningKey) -> Signed<Refusal> {
        let refusal = Refusal {
            request: self.subject.dossier.request_digest,
            custodian: self.id.clone(),
            check: "chain-details".parse().unwrap(),
            detail: "region/440100 signed other sums".parse().unwrap(),
        };
        key.sign(refusal)
    }

    fn answer(&self) -> Signed<Answer> {
        let mut custodian = self.id.clone();
        if self.manner == Manner::OtherName {
            custodian.number = 3;
        }
        let mut request = self.subject.dossier.request_digest;
        if self.manner == Manner::OtherRequest {
            request = Digest([9; 32]);
        }
        let groups = self.subject.keys.iter().map(|(group, keys)| GroupAnswer {
            group: group.clone(),
            decisions: keys.iter().map(|key| self.decision(&request, &custodian, key)).collect(),
        });
        let mut groups: Vec<GroupAnswer> = groups.collect();
        if self.manner == Manner::ShortAnswer {
            groups.pop();
        }
        let answer = Answer { request, dossier: self.subject.dossier.dossier_digest, custodian, groups };
        let mut signature = self.signing_key.sign_detached(&answer);
        if self.manner == Manner::Unsigned {
            signature = Signature([1; 64]);
        }
        Signed { statement: answer, signature }
    }

    fn decision(&self, request: &Digest, custodian: &CustodianId, key: &QuantityKey) -> QuantityDecision {
        if self.manner == Manner::Withholding && key.quantity == Quantity::Sum {
            return QuantityDecision { quantity: key.quantity, decision: Decision::Withheld(Rule::Dominance) };
        }
        let foreign = SecretShare::from_bytes(&[3; 32]).unwrap();
        let (secret, point): (_, Point) = match self.manner {
            Manner::OtherSecret => (&foreign, key.key),
            Manner::OtherKey => (&self.secret, foreign.verifying_share()),
            _ => (&self.secret, key.key),
        };
        let share = share::answer(secret, request, custodian, &point, &mut OsRng).unwrap();
        QuantityDecision { quantity: key.quantity, decision: Decision::Opened(share) }
    }
}

/// What was asked and what came of it.
struct Asked<T> {
    result: Result<Consent<T>, QueryError>,
    subject: Arc<Subject>,
    /// How often each was asked.
    times: BTreeMap<String, usize>,
    progress: Steps,
}

#[derive(Default)]
struct Steps(Mutex<Vec<(Stage, usize, usize)>>);

impl Progress for Steps {
    fn report(&self, stage: Stage, done: usize, total: usize) {
        self.0.lock().unwrap().push((stage, done, total));
    }
}

/// A network of Guangdong, which has the chain, and Macao, 2 of 3 custodians each.
struct Town {
    custodians: Custodians,
    subject: Arc<Subject>,
    desks: Vec<Arc<Desk>>,
    /// Of those that are stopped.
    _listeners: Vec<TcpListener>,
}

impl Town {
    /// Opens it, with custodians who behave in that manner.
    async fn open(guangdong: [Manner; 3], macao: [Manner; 3]) -> Self {
        let scene = Scene::new();
        let subject = Arc::new(scene.subject());
        let members = Arc::new(Directory::from_signed(vec![scene.regulator.clone()], &scene.network).unwrap());
        let (mut addresses, mut desks, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        for (custodian, manner) in scene.custodians.into_iter().zip(guangdong.into_iter().chain(macao)) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let (jurisdiction, number) = (custodian.id.jurisdiction.clone(), custodian.id.number);
            addresses.push(CustodianAddress { jurisdiction, number, url: url.clone() });
            if manner == Manner::Away {
                continue;
            }
            if manner == Manner::Stopped {
                listeners.push(listener);
                continue;
            }
            let gatekeeper = Arc::new(Gatekeeper::new(&url, Arc::clone(&members)).unwrap());
            let desk = Arc::new(Desk {
                id: custodian.id,
                secret: custodian.secret,
                signing_key: custodian.signing_key,
                manner,
                subject: Arc::clone(&subject),
                gatekeeper: Arc::clone(&gatekeeper),
                asked: Mutex::new(0),
            });
            let load = Load::new(Sizes { anonymous: 0, members: 0, writes: 0 });
            let routes = Mount::new(Arc::clone(&desk), load).route(POST_ANSWER, answers);
            let routes = routes.route(POST_CONFIRMATION, confirmations).router();
            tokio::spawn(axum::serve(listener, routes.merge(server::router(gatekeeper))).into_future());
            desks.push(desk);
        }
        let member = scene.regulator.statement.member.clone();
        let mut custodians =
            Custodians::new(&addresses, &member, &Arc::new(scene.access_key), &ClientTls::default()).unwrap();
        custodians.timeout = Duration::from_secs(3);
        Self { custodians, subject, desks, _listeners: listeners }
    }

    fn asked<T>(self, result: Result<Consent<T>, QueryError>, progress: Steps) -> Asked<T> {
        let times = self.desks.iter().map(|desk| (desk.id.to_string(), *desk.asked.lock().unwrap())).collect();
        Asked { result, subject: self.subject, times, progress }
    }
}

/// What is sent: these custodians read nothing of it.
fn nothing() -> Encoded<Json<Submission>> {
    Encoded::from_bytes(&b"{}"[..])
}

/// Asks for answers.
async fn ask(guangdong: [Manner; 3], macao: [Manner; 3]) -> Asked<Signed<Answer>> {
    let (town, progress) = (Town::open(guangdong, macao).await, Steps::default());
    let result = town.custodians.answers(&town.subject, &nothing(), &progress).await;
    town.asked(result, progress)
}

/// Asks for confirmations; Macao has nothing to confirm.
async fn ask_to_confirm(guangdong: [Manner; 3]) -> Asked<Signed<Confirmation>> {
    let (town, progress) = (Town::open(guangdong, [Honest; 3]).await, Steps::default());
    let result = town.custodians.confirmations(&town.subject, &nothing(), &progress).await;
    town.asked(result, progress)
}

fn counted(consent: &Consent<Signed<Answer>>) -> Vec<String> {
    consent.given.iter().map(|signed| signed.statement.custodian.to_string()).collect()
}

/// The integers that the answers open the scene's group to.
fn opened(asked: &Asked<Signed<Answer>>) -> Vec<Outcome> {
    let definition = Scene::definition();
    let dossier = &asked.subject.dossier;
    let answers = &asked.result.as_ref().unwrap().given;
    let figures = Opening { definition, dossier, answers }.group(0).unwrap();
    figures.results.iter().map(|result| result.outcome).collect()
}

use Manner::{Away, Hanging, Honest, Stopped};

#[tokio::test]
async fn no_more_custodians_are_asked_than_it_takes_and_their_answers_open_the_sums() {
    let asked = ask([Honest; 3], [Honest; 3]).await;
    let consent = asked.result.as_ref().unwrap();
    assert_eq!(counted(consent), ["guangdong-1", "guangdong-2", "macao-1", "macao-2"]);
    assert_eq!(consent.faults, []);
    let times: Vec<usize> = asked.times.values().copied().collect();
    assert_eq!(times, [1, 1, 0, 1, 1, 0]);
    assert_eq!(*asked.progress.0.lock().unwrap(), [0, 1, 2, 3, 4].map(|done| (Stage::Custodians, done, 4)));
    assert_eq!(opened(&asked), Scene::values().map(Outcome::Value));
}

#[tokio::test]
async fn every_lie_is_found_its_custodian_named_and_the_next_one_asked() {
    for (manner, said) in [
        (Manner::OtherSecret, "share"),
        (Manner::OtherKey, "another key"),
        (Manner::OtherName, "it answers as guangdong-3"),
        (Manner::OtherRequest, "another request"),
        (Manner::ShortAnswer, "answer-form"),
        (Manner::Unsigned, "answer-signature"),
        (Manner::FalselyRefusing, "its refusal"),
    ] {
        let asked = ask([manner, Honest, Honest], [Honest; 3]).await;
        let consent = asked.result.as_ref().unwrap();
        assert_eq!(counted(consent), ["guangdong-2", "guangdong-3", "macao-1", "macao-2"], "{manner:?}");
        let [fault] = consent.faults.as_slice() else { panic!("{manner:?}: {:?}", consent.faults) };
        assert_eq!(fault.custodian.to_string(), "guangdong-1", "{manner:?}");
        assert!(matches!(fault.cause, FaultCause::False(_)), "{manner:?}: {fault}");
        assert!(fault.to_string().contains(said), "{manner:?}: {fault}");
        assert_eq!(opened(&asked), Scene::values().map(Outcome::Value), "{manner:?}");
    }
}

#[tokio::test]
async fn who_refuses_is_away_busy_or_too_slow_is_replaced_and_said_to_be_so() {
    for (manner, said) in [
        (Manner::Refusing, "refused because check chain-details failed: region/440100 signed other sums"),
        (Manner::Busy, "turned away: Busy"),
        (Away, "unreachable"),
        (Hanging, "no answer when enough others had answered"),
        (Stopped, "no answer when enough others had answered"),
    ] {
        let asked = ask([Honest, manner, Honest], [Honest; 3]).await;
        let consent = asked.result.as_ref().unwrap();
        assert_eq!(counted(consent), ["guangdong-1", "guangdong-3", "macao-1", "macao-2"], "{manner:?}");
        assert!(consent.faults[0].to_string().starts_with("guangdong-2: "), "{}", consent.faults[0]);
        assert!(consent.faults[0].to_string().contains(said), "{}", consent.faults[0]);
    }
}

#[tokio::test]
async fn who_is_busy_is_asked_once_more() {
    let asked = ask([Manner::BusyOnce, Honest, Honest], [Honest; 3]).await;
    let consent = asked.result.as_ref().unwrap();
    assert_eq!(counted(consent), ["guangdong-1", "guangdong-2", "macao-1", "macao-2"]);
    assert_eq!(consent.faults, []);
    assert_eq!(asked.times["guangdong-1"], 2);
}

#[tokio::test]
async fn who_was_late_is_asked_last_the_next_time() {
    let (town, progress) = (Town::open([Hanging, Honest, Honest], [Honest; 3]).await, Steps::default());
    for _ in 0..3 {
        town.custodians.answers(&town.subject, &nothing(), &progress).await.unwrap();
    }
    let result = town.custodians.answers(&town.subject, &nothing(), &progress).await;
    let asked = town.asked(result, progress);
    assert_eq!(asked.result.unwrap().faults, [], "the others are enough");
    assert_eq!((asked.times["guangdong-1"], asked.times["guangdong-3"]), (1, 4));
}

#[tokio::test]
async fn too_few_who_answer_end_in_bounded_time_and_each_who_hangs_is_named() {
    let asked = ask([Hanging, Stopped, Honest], [Honest; 3]).await;
    let Err(QueryError::NoConsent { needed, got, faults, .. }) = asked.result else {
        panic!("one of two is not enough")
    };
    assert_eq!((needed, got), (2, 1));
    let named: Vec<String> = faults.iter().map(CustodianFault::to_string).collect();
    assert_eq!(named, [1, 2].map(|number| format!("guangdong-{number}: no answer within 3s")));
}

#[tokio::test]
async fn a_jurisdiction_that_does_not_reach_its_threshold_is_named_with_every_reason() {
    let asked = ask([Manner::Refusing, Away, Honest], [Honest; 3]).await;
    let Err(QueryError::NoConsent { jurisdiction, needed, got, faults }) = asked.result else {
        panic!("one honest custodian of two needed is not enough");
    };
    assert_eq!((jurisdiction.as_str(), needed, got), ("guangdong", 2, 1));
    let named: Vec<String> = faults.iter().map(|fault| fault.custodian.to_string()).collect();
    assert_eq!(named, ["guangdong-1", "guangdong-2"]);
}

#[tokio::test]
async fn no_jurisdiction_is_outvoted_by_another() {
    let asked = ask([Honest; 3], [Manner::Refusing, Manner::OtherSecret, Honest]).await;
    let error = asked.result.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with("macao does not consent: 1 of its custodians answered, it takes 2; macao-1: "),
        "{error}"
    );
    assert!(error.contains("macao-2: its word is false"), "{error}");
}

#[tokio::test]
async fn who_withholds_alone_is_named_and_the_quantity_is_withheld() {
    let asked = ask([Manner::Withholding, Honest, Honest], [Honest; 3]).await;
    let [fault] = asked.result.as_ref().unwrap().faults.as_slice() else { panic!("one dissents") };
    assert_eq!(fault.custodian.to_string(), "guangdong-1");
    assert!(matches!(fault.cause, FaultCause::Dissent { quantity: Quantity::Sum, rule: Rule::Dominance, .. }));
    let mut expected = Scene::values().map(Outcome::Value);
    expected[1] = Outcome::Withheld(Rule::Dominance);
    assert_eq!(opened(&asked), expected);
}

#[tokio::test]
async fn only_the_chains_own_jurisdiction_is_asked_to_confirm() {
    let asked = ask_to_confirm([Honest; 3]).await;
    let consent = asked.result.as_ref().unwrap();
    let subject = &asked.subject;
    let word =
        |signed: &Signed<Confirmation>| (signed.statement.chain.to_string(), signed.statement.custodian.to_string());
    let words: Vec<(String, String)> = consent.given.iter().map(word).collect();
    assert_eq!(words, ["guangdong-1", "guangdong-2"].map(|who| ("region/440100".to_owned(), who.to_owned())));
    nacre_verifier::confirmation::check(&consent.given, &subject.sums, &subject.dossier, &subject.network).unwrap();
    let times: Vec<usize> = asked.times.values().copied().collect();
    assert_eq!(times, [1, 1, 0, 0, 0, 0]);
    assert_eq!(*asked.progress.0.lock().unwrap(), [0, 1, 2].map(|done| (Stage::Confirming, done, 2)));
}

#[tokio::test]
async fn a_false_confirmation_names_its_custodian_and_the_next_one_is_asked() {
    for (manner, said) in [
        (Manner::OtherKey, "other sums"),
        (Manner::OtherName, "it confirms as guangdong-3"),
        (Manner::OtherRequest, "another request"),
        (Manner::ShortAnswer, "does not confirm each chain"),
        (Manner::Unsigned, "signature"),
        (Manner::FalselyRefusing, "its refusal"),
        (Manner::Refusing, "refused because check chain-details failed"),
        (Manner::Busy, "turned away: Busy"),
        (Away, "unreachable"),
        (Hanging, "no answer when enough others had answered"),
    ] {
        let asked = ask_to_confirm([manner, Honest, Honest]).await;
        let consent = asked.result.as_ref().unwrap();
        let who: Vec<u16> = consent.given.iter().map(|signed| signed.statement.custodian.number).collect();
        assert_eq!(who, [2, 3], "{manner:?}");
        let [fault] = consent.faults.as_slice() else { panic!("{manner:?}: {:?}", consent.faults) };
        assert!(fault.to_string().starts_with("guangdong-1: ") && fault.to_string().contains(said), "{fault}");
    }
}

#[tokio::test]
async fn sums_that_too_few_confirm_go_no_further_and_their_jurisdiction_is_named() {
    let asked = ask_to_confirm([Manner::Refusing, Honest, Manner::Refusing]).await;
    let Err(QueryError::NoConsent { jurisdiction, needed, got, faults }) = asked.result else {
        panic!("one confirmation of two needed is not enough");
    };
    assert_eq!((jurisdiction.as_str(), needed, got, faults.len()), ("guangdong", 2, 1, 2));
}
