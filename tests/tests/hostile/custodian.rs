//! A custodian: silent, away, or lying with its real keys. It is named, and another is asked in its place.
//!
//! | it | stopped by |
//! |---|---|
//! | gives a share of another key | `share`, by its proof |
//! | confirms other sums, for another, or under another's name | `confirmation` |
//! | withholds what others open | the rules decide, not it: its deviation is named with its rule |
//! | answers what it did not check | its jurisdiction's threshold: `threshold` |
//! | refuses | it must sign why, and another is asked; a refusal of its own making is `answer-signature` |

use nacre::{
    consortium::Plan,
    demo::population::{self, PERSON_SYSTEM, Site},
};
use nacre_hosting::secret;
use nacre_ledger::signing::{self, SigningKey};
use nacre_regulator::{FaultCause, QueryError};
use nacre_schemas::{
    Document as _, Signed, Statement as _,
    answer::{Answer, Decision, Refusal, Rule, Verdict},
    confirmation::{Confirmation, Finding},
    query::{Attribute, Statistic},
    release::Outcome,
};
use nacre_tests::{
    Running,
    attack::{Attack, HOME, chain, read_key, with},
    plan,
    proxy::Proxy,
    question,
};
use nacre_verifier::{Check, release};
use nacre_zk::share::{self, SecretShare};
use rand::rngs::OsRng;
use tokio::net::TcpListener;

/// A network with a month of records, sealed. If a server is to be reached elsewhere, also where it really is.
async fn with_records(plan: &Plan, elsewhere: Option<(&str, &str)>) -> (Running, Option<String>) {
    let (running, target) = Running::start_behind(plan, elsewhere).await.unwrap();
    let site = Site { member: "hospital-820000".to_owned(), region: "820000".parse().unwrap(), hospital: true };
    let month = "2026-01".parse().unwrap();
    let records = running.folder().join("records");
    let population = population::generate(&records, &[site], 60, 9, &[month]).unwrap();
    let summary = running.post("hospital-820000", &population.folders).await.unwrap();
    assert!(summary.posted > 30 && summary.queued == 0);
    running.seal().await.unwrap();
    (running, target)
}

fn mean() -> nacre_regulator::Question {
    question("bmi", "2026-01", "2026-01", &[], &[Statistic::Count, Statistic::Mean])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_jurisdiction_stops_the_answer_and_one_custodian_does_not() {
    let (mut running, _) = with_records(&plan(&["820000"], 11, PERSON_SYSTEM), None).await;

    running.servers.stop("hongkong-1").await.unwrap();
    let answer = running.ask(&mean()).await.unwrap().unwrap();
    assert!(answer.faults.iter().any(|fault| fault.custodian.to_string() == "hongkong-1"));
    let used: Vec<String> = answer.report.custodians.iter().map(ToString::to_string).collect();
    assert!(used.contains(&"hongkong-2".to_owned()) && used.contains(&"hongkong-3".to_owned()));

    running.servers.stop("hongkong-2").await.unwrap();
    let error = running.ask(&mean()).await.unwrap().err().unwrap();
    assert!(matches!(error, QueryError::NoConsent { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("hongkong") && text.contains("hongkong-1") && text.contains("hongkong-2"), "{text}");
    assert!(!text.contains("guangdong") && !text.contains("macao"), "{text}");

    // Back again: the same question is answered.
    let address = running.addresses["hongkong-2"].clone();
    running.servers.restart(&running.places, "hongkong-2", &address).await.unwrap();
    assert!(running.ask(&mean()).await.unwrap().is_ok());
}

/// What a proxy in front of a custodian makes of its words, with its owner's keys.
type Twist = fn(&Liar, &[u8]) -> Option<Vec<u8>>;

/// A custodian whose owner put a proxy in front of it that lies in its name, and signs.
struct Liar {
    /// A proper share, of another custodian.
    secret: SecretShare,
    signing_key: SigningKey,
}

impl Liar {
    fn sign(&self, answer: Answer) -> Signed<Answer> {
        self.signing_key.sign(answer)
    }
}

/// Its verdict, if that is an answer, with every decision changed.
fn with_decisions(liar: &Liar, bytes: &[u8], change: impl Fn(&Answer, &mut Decision)) -> Option<Vec<u8>> {
    let Ok(Verdict::Answered(signed)) = serde_json::from_slice::<Verdict<Answer>>(bytes) else { return None };
    let mut answer = signed.statement.clone();
    for decided in answer.groups.iter_mut().flat_map(|group| &mut group.decisions) {
        change(&signed.statement, &mut decided.decision);
    }
    Some(serde_json::to_vec(&Verdict::Answered(liar.sign(answer))).unwrap())
}

fn false_share(liar: &Liar, bytes: &[u8]) -> Option<Vec<u8>> {
    with_decisions(liar, bytes, |answer, decision| {
        if let Decision::Opened(opened) = decision {
            *opened = share::answer(&liar.secret, &answer.request, &answer.custodian, &opened.key, &mut OsRng).unwrap();
        }
    })
}

fn withholding(liar: &Liar, bytes: &[u8]) -> Option<Vec<u8>> {
    with_decisions(liar, bytes, |_, decision| *decision = Decision::Withheld(Rule::Dominance))
}

fn with_confirmation(bytes: &[u8], change: impl Fn(&mut Signed<Confirmation>)) -> Option<Vec<u8>> {
    let Ok(Finding::Confirmed(mut confirmations)) = serde_json::from_slice::<Finding>(bytes) else { return None };
    confirmations.iter_mut().for_each(change);
    Some(serde_json::to_vec(&Finding::Confirmed(confirmations)).unwrap())
}

fn false_sums(liar: &Liar, bytes: &[u8]) -> Option<Vec<u8>> {
    with_confirmation(bytes, |signed| {
        signed.statement.sums.0[0] ^= 1;
        signed.signature = liar.signing_key.sign_detached(&signed.statement);
    })
}

fn anothers_name(liar: &Liar, bytes: &[u8]) -> Option<Vec<u8>> {
    with_confirmation(bytes, |signed| {
        signed.statement.custodian.number = 3;
        signed.signature = liar.signing_key.sign_detached(&signed.statement);
    })
}

/// It answers a question for confirmations with a refusal that somebody else signed.
fn anothers_refusal(liar: &Liar, bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(Finding::Confirmed(confirmations)) = serde_json::from_slice::<Finding>(bytes) else { return None };
    let Confirmation { request, custodian, .. } = confirmations[0].statement.clone();
    let (check, detail) = ("chain-details".parse().unwrap(), "they differ".parse().unwrap());
    let refusal = Refusal { request, custodian, check, detail };
    // Under the label of an answer: a signature of one kind counts for no other.
    let signature = liar.signing_key.sign_labelled(Answer::LABEL, &refusal.to_canonical());
    Some(serde_json::to_vec(&Finding::Refused(Signed { statement: refusal, signature })).unwrap())
}

/// Questions until the liar's word counts.
const TRIES: u32 = 40;

/// A question to a network in which Macao's first custodian lies. Also how often it did.
async fn asked_of_a_liar(twist: Twist) -> (nacre_regulator::Outcome, usize) {
    // It is reached through the proxy, which its configuration takes for its own address.
    let plan = plan(&["820000"], 11, PERSON_SYSTEM);
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    let (running, target) = with_records(&plan, Some(("macao-1", &address))).await;
    let config = |name: &str| nacre_custodian::Config::read(&running.places.custodians[name]).unwrap();
    let liar = Liar {
        secret: SecretShare::from_bytes(&secret::read::<32>(&config("macao-2").share).unwrap()).unwrap(),
        signing_key: read_key(&config("macao-1").signing_key),
    };
    let proxy = Proxy::start(proxy, target.unwrap(), move |_, bytes| twist(&liar, bytes));
    for _ in 0..TRIES {
        let answer = running.ask(&mean()).await.unwrap().unwrap();
        let told = answer.faults.iter().find(|fault| fault.custodian.to_string() == "macao-1");
        // On a machine that does much else it may be late, so that another's word counts in its place: it is asked again.
        if told.is_some_and(|fault| fault.cause != FaultCause::Late) {
            return (answer, proxy.twisted());
        }
    }
    panic!("of {TRIES} questions the liar was late for each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_names_its_custodian_and_another_is_asked() {
    let lies: [(&str, Twist, Check); 4] = [
        ("a share of another key", false_share, Check::Share),
        ("a confirmation of other sums", false_sums, Check::Confirmation),
        ("a confirmation in another's name", anothers_name, Check::Confirmation),
        ("a refusal that it did not sign", anothers_refusal, Check::AnswerSignature),
    ];
    for (what, twist, check) in lies {
        let (answer, lies) = asked_of_a_liar(twist).await;
        assert!(lies > 0, "{what}: it was asked, and lied");
        let fault = answer.faults.iter().find(|fault| fault.custodian.to_string() == "macao-1").unwrap();
        let FaultCause::False(failure) = &fault.cause else { panic!("{what}: {fault}") };
        assert_eq!(failure.check, check, "{what}: {failure}");
        assert!(failure.place.contains("macao-1"), "{what}: {failure}");
        if check == Check::Share {
            let used: Vec<String> = answer.report.custodians.iter().map(ToString::to_string).collect();
            assert!(!used.contains(&"macao-1".to_owned()) && used.contains(&"macao-3".to_owned()), "{used:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withholds_what_others_open_is_named_with_the_rule_it_claims() {
    let (answer, lies) = asked_of_a_liar(withholding).await;
    assert!(lies > 0);
    let fault = answer.faults.iter().find(|fault| fault.custodian.to_string() == "macao-1").unwrap();
    assert!(matches!(fault.cause, FaultCause::Dissent { rule: Rule::Dominance, .. }), "{fault}");
    // Its word stands in the release, withheld in its name: nobody opens around a custodian.
    let results = answer.release.figures.iter().flat_map(|figures| &figures.results);
    assert!(results.map(|result| &result.outcome).all(|one| *one == Outcome::Withheld(Rule::Dominance)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_signed_and_names_the_check_and_a_withheld_group_its_rule() {
    let attack = Attack::prepare().await;
    let mut altered = attack.submission(&[HOME], &[], 1).await;
    altered.sums[0].statement.groups[0].keys.swap(0, 1);
    for refused in attack.all_refuse(&altered, Check::ChainSums, "altered sums").await {
        let known = attack.network.root().custodian(&refused.statement.custodian).unwrap();
        signing::verify(&known.signing_key, &refused).unwrap();
        assert_eq!(refused.statement.request, altered.dossier.logged.request.request.digest());
        assert!(refused.statement.detail.as_str().contains(chain(HOME).as_str()), "{:?}", refused.statement);
    }

    let submission = attack.submission(&[HOME], &[Attribute::Sex, Attribute::AgeBand], 2).await;
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &submission).await;
    let Verdict::Answered(signed) = attack.answer("macao-1", &with(&submission, &confirmed)).await else {
        panic!("a question with small groups is answered, and they are withheld");
    };
    let decisions = signed.statement.groups.iter().flat_map(|group| &group.decisions);
    assert!(decisions.map(|decided| &decided.decision).any(|one| *one == Decision::Withheld(Rule::TooFewPeople)));
    let known = attack.network.root().custodian(&signed.statement.custodian).unwrap();
    signing::verify(&known.signing_key, &signed).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_was_not_checked_is_worth_nothing_alone() {
    let (running, _) = with_records(&plan(&["820000"], 11, PERSON_SYSTEM), None).await;
    let answer = running.ask(&mean()).await.unwrap().unwrap();
    let network = running.network().unwrap();
    release::check(&answer.release, &network).unwrap();
    // Whoever answers everything is one custodian of its jurisdiction; the honest ones' answers are missing.
    for jurisdiction in ["guangdong", "hongkong", "macao"] {
        let mut alone = answer.release.clone();
        let mut kept = 0;
        alone.answers.retain(|signed| {
            let of_it = signed.statement.custodian.jurisdiction.as_str() == jurisdiction;
            kept += usize::from(of_it);
            !of_it || kept == 1
        });
        let failure = release::check(&alone, &network).unwrap_err();
        assert!(failure.check == Check::Threshold && failure.to_string().contains(jurisdiction), "{failure}");
    }
}
