//! Strangers and members who hold what a server has for all: connections, places, memory. Whatever they hold, every other
//! route answers, `/healthz` first of all.
//!
//! | who | holds | bounded by |
//! |---|---|---|
//! | a stranger | connections without a request, or with half of one | the place of the longest held is the next one's |
//! | a stranger | half-sent token requests and submissions | they take no place; time |
//! | a stranger | answers that wait for witnesses who are away | places of their own, 503 beyond; what is there is given at once |
//! | a member | half-sent batches | places for bodies on their way |
//! | a full witness | pages with bodies that it asks for and does not take | places until they are taken |
//!
//! Servers are processes of their own, so that descriptors and memory are theirs. `NACRE_PROGRAM` names another build of the
//! product to flood, to compare what it does.

use std::{env, process::Command, time::Duration};

use nacre_tests::{
    Running,
    attack::{HOME, MINIMUM_PEOPLE, chain},
    bearer::token,
    plan,
    process::Process,
    sender::Sender,
};
use nacre_wire::exchange::{GET_GRANTS, WhichGrants};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const FULL: &str = "witness-guangdong";
const CUSTODIAN: &str = "guangdong-1";
const HOSPITAL: &str = "hospital-440100";
/// More than any limit on requests at work.
const FLOOD: usize = 1_100;
/// How long an answer may take during a flood, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start(running: &mut Running, server: &str) -> Process {
    running.servers.stop(server).await.unwrap();
    let (role, config) = match server {
        HOME => ("exchange", &running.places.exchanges[HOME]),
        FULL => ("witness", &running.places.witnesses[FULL]),
        other => ("custodian", &running.places.custodians[other]),
    };
    let program = env::var_os("NACRE_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_nacre-under-test").into());
    let mut command = Command::new(program);
    command.args([role, "serve"]).arg(config);
    let log = running.folder().join(format!("{server}.log"));
    Process::start(&mut command, &running.addresses[server], &log).await
}

async fn a_network() -> (Running, Sender) {
    let running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
    let hospital = Sender::of(&running, HOSPITAL);
    (running, hospital)
}

/// Connections to the address, each with the beginning of something.
async fn hold(address: &str, begun: &[u8], number: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..number {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // One that is cut off at once holds nothing.
        let _ = stream.write_all(begun).await;
        held.push(stream);
    }
    held
}

/// Status and body of what a new connection is answered.
async fn ask(address: &str, path: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).build().unwrap();
    let answer = http.get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

const HALF_A_TOKEN_REQUEST: &[u8] =
    b"POST /oauth/token HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-www-form-urlencoded\r\n\
    content-length: 900\r\n\r\ngrant_type=client";
const HALF_A_SUBMISSION: &[u8] = b"POST /add-checkpoint HTTP/1.1\r\nhost: here\r\ncontent-length: 900\r\n\r\nold 0\n";

#[tokio::test(flavor = "multi_thread")]
async fn connections_held_with_half_a_request_or_none_hold_up_no_route_of_any_server() {
    let (mut running, hospital) = a_network().await;
    for server in [HOME, FULL, CUSTODIAN] {
        let mut process = start(&mut running, server).await;
        let address = running.addresses[server].clone();
        for begun in [b"".as_slice(), b"GET /healthz HTTP/1.1\r\nho", HALF_A_TOKEN_REQUEST, HALF_A_SUBMISSION] {
            let _held = hold(&address, begun, FLOOD).await;
            let what = format!("{server} with {FLOOD} times {:?}", String::from_utf8_lossy(begun));
            for _ in 0..3 {
                assert!((200..300).contains(&ask(&address, "/healthz").await.0), "{what}");
            }
            match server {
                HOME => {
                    assert_eq!(ask(&address, "/v1/chains").await.0, 200, "{what}");
                    let path = format!("/v1/chains/{}/checkpoint", chain(HOME).slug());
                    assert_eq!(ask(&address, &path).await.0, 200, "{what}");
                    // With a token that is asked for now, and a body.
                    let fresh = Sender::of(&running, HOSPITAL);
                    fresh.post(&hospital.batch(&[(1_000 + begun.len() as u32, 200)])).await.unwrap();
                }
                FULL => assert_eq!(ask(&address, "/evidence/none").await.0, 404, "{what}"),
                _ => drop(token_of_the_regulator(&running, server).await),
            }
            assert!(process.is_alive());
        }
    }
}

async fn token_of_the_regulator(running: &Running, server: &str) -> String {
    let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
    let url = format!("http://{}", running.addresses[server]);
    token(&url, config.member.as_str(), &config.access_key, "answers.request").await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_witnesses_that_are_away_holds_up_nobody_else() {
    let (mut running, hospital) = a_network().await;
    let _exchange = start(&mut running, HOME).await;
    let address = running.addresses[HOME].clone();
    running.servers.stop(FULL).await.unwrap();
    let receipt = hospital.post(&hospital.batch(&[(1, 200)])).await.unwrap();
    let leaf = receipt.receipts[0].inclusion.leaf;
    let path = format!("/v1/chains/{}/checkpoint/final?covering={leaf}", chain(HOME).slug());
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    let waiting = hold(&address, request.as_bytes(), FLOOD).await;
    // Beyond the places for waiting, at once, and with the advice to come back.
    let (status, problem) = ask(&address, &path).await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["retry"], &problem["type"]), (503, &"later".into(), &"urn:nacre:problem:busy".into()));
    for person in 2..5 {
        assert_eq!(ask(&address, "/healthz").await.0, 200);
        assert_eq!(ask(&address, "/v1/chains").await.0, 200);
        hospital.post(&hospital.batch(&[(person, 200)])).await.unwrap();
    }
    // Those who found a place are answered as soon as there is something to answer with.
    let back = running.addresses[FULL].clone();
    running.servers.restart(&running.places, FULL, &back).await.unwrap();
    let (mut answered, mut refused) = (0, 0);
    for mut stream in waiting {
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await.unwrap();
        answered += usize::from(answer.starts_with(b"HTTP/1.1 200"));
        refused += usize::from(answer.starts_with(b"HTTP/1.1 503"));
    }
    println!("{answered} waited and were answered, {refused} were told to come back");
    assert!(answered > 0 && refused > answered);
    assert_eq!(ask(&address, &path).await.0, 200, "what is there is given at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_sends_half_of_its_batches_holds_up_no_reader() {
    let (mut running, hospital) = a_network().await;
    let _exchange = start(&mut running, HOME).await;
    let (address, config) = (running.addresses[HOME].clone(), &hospital.config);
    let token = token(&config.exchange, config.member.as_str(), &config.access_key, "batches.write").await;
    let half = format!(
        "POST /v1/chains/{}/batches HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {token}\r\n\
         content-type: application/vnd.nacre.batch\r\ncontent-length: 90000\r\n\r\nhalf",
        chain(HOME).slug()
    );
    let _held = hold(&address, half.as_bytes(), FLOOD).await;
    for path in
        ["/healthz", "/v1/chains", "/v1/chains/region-440100/checkpoint", "/v1/chains/region-440100/tile/0/000.p/1"]
    {
        let (status, text) = ask(&address, path).await;
        assert!(status != 503, "{path}: {status} {text}");
    }
    // Another's token is issued, too; its batch waits until the first of them are given up.
    let gym = nacre_tests::attack::client_of(&running, "gym-440100", HOME);
    let all = WhichGrants { slug: "region-440100".parse().unwrap(), from: None };
    gym.get(GET_GRANTS, &all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_with_bodies_that_are_asked_for_and_not_taken_are_bounded_in_memory() {
    let (mut running, hospital) = a_network().await;
    let exchange = start(&mut running, HOME).await;
    let address = running.addresses[HOME].clone();
    for batch in 0..8 {
        let values: Vec<(u32, u32)> = (0..64).map(|person| (batch * 64 + person, 200)).collect();
        hospital.post(&hospital.batch(&values)).await.unwrap();
    }
    let config = nacre_witness::Config::read(&running.places.witnesses[FULL]).unwrap();
    let url = format!("http://{address}");
    let token = token(&url, config.name.as_str(), &config.access_key, "bodies.read").await;
    let path = format!("/v1/chains/{}/bodies?from=0", chain(HOME).slug());
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let page = http.get(format!("{url}{path}")).bearer_auth(&token).send().await.unwrap().bytes().await.unwrap();
    let before = exchange.memory_bytes("VmHWM");
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {token}\r\n\r\n");
    let held = hold(&address, request.as_bytes(), FLOOD).await;
    for _ in 0..10 {
        assert_eq!(ask(&address, "/healthz").await.0, 200);
        assert_eq!(ask(&address, "/v1/chains").await.0, 200);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let grown = exchange.memory_bytes("VmHWM") - before;
    println!("{} pages of {} bytes: {} MB more", held.len(), page.len(), grown >> 20);
    assert!(grown < 100 << 20, "{grown} bytes for {} pages of {}", held.len(), page.len());
    drop(held);
    // The places come free.
    let begin = std::time::Instant::now();
    while http.get(format!("{url}{path}")).bearer_auth(&token).send().await.unwrap().status() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the places are still held");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
