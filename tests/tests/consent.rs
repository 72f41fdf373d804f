//! Consent of every jurisdiction: silence, an outage, a lie.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::Response,
};
use nacre::{
    consortium::Plan,
    demo::population::{self, PERSON_SYSTEM, Site},
};
use nacre_access::secret;
use nacre_ledger::signing::{Role, SigningKey};
use nacre_regulator::{FaultCause, QueryError};
use nacre_schemas::{
    Document as _,
    answer::{Decision, SignedAnswer, Verdict},
    query::Statistic,
};
use nacre_tests::{Running, plan, question};
use nacre_verifier::Check;
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

/// A custodian whose owner put a proxy in front of it that replaces every share by one of another key, and signs.
struct Liar {
    target: String,
    secret: SecretShare,
    signing_key: SigningKey,
    lies: AtomicUsize,
}

impl Liar {
    /// Passes a call on to the real custodian, and lies in its answers.
    async fn relay(State(liar): State<Arc<Self>>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let mut call = reqwest::Client::new().request(parts.method, format!("http://{}{}", liar.target, parts.uri));
        for name in ["content-type", "authorization"] {
            if let Some(value) = parts.headers.get(name) {
                call = call.header(name, value);
            }
        }
        let answer = call.body(body).send().await.unwrap();
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap();
        let bytes = match serde_json::from_slice::<Verdict>(&bytes) {
            Ok(Verdict::Answered(signed)) => serde_json::to_vec(&Verdict::Answered(liar.falsify(signed))).unwrap(),
            _ => bytes.to_vec(),
        };
        Response::builder().status(status).header("content-type", "application/json").body(bytes.into()).unwrap()
    }

    fn falsify(&self, mut signed: SignedAnswer) -> SignedAnswer {
        let (request, custodian) = (signed.answer.request, signed.answer.custodian.clone());
        for decision in signed.answer.groups.iter_mut().flat_map(|group| &mut group.decisions) {
            if let Decision::Opened(opened) = &mut decision.decision {
                *opened = share::answer(&self.secret, &request, &custodian, &opened.key, &mut OsRng).unwrap();
                self.lies.fetch_add(1, Ordering::Relaxed);
            }
        }
        signed.signature = self.signing_key.sign(Role::Answer, &signed.answer.to_canonical());
        signed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_share_names_its_custodian_and_another_is_asked() {
    // Macao's first custodian is reached through the proxy, which its configuration takes for its own address.
    let plan = plan(&["820000"], 11, PERSON_SYSTEM);
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    let (running, target) = with_records(&plan, Some(("macao-1", &address))).await;
    let config = |name: &str| nacre_custodian::Config::read(&running.places.custodians[name]).unwrap();
    let liar = Arc::new(Liar {
        target: target.unwrap(),
        // A proper share, of another custodian.
        secret: SecretShare::from_bytes(&secret::read::<32>(&config("macao-2").share).unwrap()).unwrap(),
        signing_key: SigningKey::from_bytes(&secret::read::<32>(&config("macao-1").signing_key).unwrap()).unwrap(),
        lies: AtomicUsize::new(0),
    });
    let app = Router::new().fallback(Liar::relay).with_state(Arc::clone(&liar));
    tokio::spawn(async move { axum::serve(proxy, app).await });

    let answer = running.ask(&mean()).await.unwrap().unwrap();
    assert!(liar.lies.load(Ordering::Relaxed) > 0, "it was asked, and lied");
    let fault = answer.faults.iter().find(|fault| fault.custodian.to_string() == "macao-1").unwrap();
    let FaultCause::False(failure) = &fault.cause else { panic!("{fault}") };
    assert_eq!(failure.check, Check::Share, "{failure}");
    assert!(failure.place.contains("macao-1"), "{failure}");
    let used: Vec<String> = answer.report.custodians.iter().map(ToString::to_string).collect();
    assert!(!used.contains(&"macao-1".to_owned()) && used.contains(&"macao-3".to_owned()), "{used:?}");
}
