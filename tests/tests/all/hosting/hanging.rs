//! Servers that hang: their process is stopped, so the system takes connections for them and nothing is ever answered. What can
//! be done without them takes hardly longer; what cannot ends in bounded time, and says for want of whom.

use std::time::{Duration, Instant};

use nacre_regulator::{FaultCause, QueryError, Question};
use nacre_schemas::query::Statistic;
use nacre_tests::{
    Running,
    attack::{Attack, HOME, MONTH},
    question,
    sender::Sender,
};
use tokio::net::TcpListener;

/// What no query may take longer, with somebody hanging: ten times what was measured, on a machine that does much else.
const BOUND: Duration = Duration::from_secs(100);
const CUSTODIAN: &str = "guangdong-1";
/// The full witness of [`HOME`].
const WITNESS: &str = "witness-guangdong";

/// Stops a server, and lets the system take connections for it.
async fn hang(running: &mut Running, server: &str) -> TcpListener {
    running.servers.stop(server).await.unwrap();
    TcpListener::bind(&running.addresses[server]).await.unwrap()
}

fn a_question() -> Question {
    question("bmi", MONTH, MONTH, &[], &[Statistic::Mean])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_a_custodian_that_hangs_takes_little_longer_and_names_it() {
    let mut running = Attack::prepare().await.running;
    let begun = Instant::now();
    let whole = running.ask(&a_question()).await.unwrap().unwrap();
    let without = begun.elapsed();
    let _hung = hang(&mut running, CUSTODIAN).await;
    let begun = Instant::now();
    let answer = running.ask(&a_question()).await.unwrap().unwrap();
    let with = begun.elapsed();
    println!("a query with all up: {without:?}; with {CUSTODIAN} hanging: {with:?}");
    assert!(with < BOUND, "{with:?}");
    assert_eq!(answer.release.figures, whole.release.figures);
    let named: Vec<(String, &FaultCause)> =
        answer.faults.iter().map(|fault| (fault.custodian.to_string(), &fault.cause)).collect();
    assert_eq!(named, [(CUSTODIAN.to_owned(), &FaultCause::Late)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_about_a_chain_whose_exchange_hangs_ends_in_bounded_time_and_names_it() {
    let mut running = Attack::prepare().await.running;
    let _hung = hang(&mut running, HOME).await;
    let begun = Instant::now();
    let error = running.ask(&a_question()).await.unwrap().unwrap_err();
    let took = begun.elapsed();
    println!("a query with the exchange of {HOME} hanging: {took:?}: {error}");
    assert!(took < BOUND, "{took:?}");
    assert!(matches!(&error, QueryError::ExchangeUnreachable { .. }), "{error}");
    for said in [HOME, "does not answer", "ask again"] {
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_witness_hangs_starts_at_once_and_says_for_want_of_whom_nothing_is_final() {
    let mut running = Attack::prepare().await.running;
    let _hung = hang(&mut running, WITNESS).await;
    running.servers.stop(HOME).await.unwrap();
    let begun = Instant::now();
    let address = running.addresses[HOME].clone();
    running.servers.restart(&running.places, HOME, &address).await.unwrap();
    let hospital = Sender::of(&running, &format!("hospital-{HOME}"));
    hospital.hosted().await;
    let started = begun.elapsed();
    hospital.post(&hospital.batch(&[(90_001, 200)])).await.unwrap();
    println!(
        "an exchange with a witness that hangs serves after {started:?}, takes a batch after {:?}",
        begun.elapsed()
    );
    let last = hospital.checkpoint().await.unwrap();
    let size: u64 = last.lines().nth(1).unwrap().parse().unwrap();
    let error = hospital.final_checkpoint(size - 1).await.unwrap_err();
    assert!(error.to_string().contains(WITNESS), "{error}");
}
