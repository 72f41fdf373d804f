//! Servers as their operators and strangers meet them: processes that are signalled, flooded, given new certificates. Bounds on
//! time and memory are ten times looser than what was measured.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use nacre_access::client::{Client, ClientError};
use nacre_hosting::tls::{ClientTls, ClientTlsConfig};
use nacre_tests::{
    Running,
    attack::{HOME, MINIMUM_PEOPLE, chain},
    plan,
    process::{Process, is_open},
    sender::Sender,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const HOSPITAL: &str = "hospital-440100";
/// Longer than anything takes that ends.
const PATIENCE: Duration = Duration::from_secs(120);
/// Connections that read without a token as fast as they can.
const READERS: usize = 64;
/// Contributions that are posted beside them.
const POSTS: u32 = 200;

fn nacre(arguments: &[&str], config: &Path) -> Command {
    let program = std::env::var_os("NACRE_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_nacre-under-test").into());
    let mut command = Command::new(program);
    command.args(arguments).arg(config).stdin(Stdio::null());
    command
}

async fn exchange(running: &mut Running) -> Process {
    running.servers.stop(HOME).await.unwrap();
    let log = running.folder().join("exchange.log");
    let mut command = nacre(&["exchange", "serve"], &running.places.exchanges[HOME]);
    Process::start(&mut command, &running.addresses[HOME], &log).await
}

async fn a_network() -> Running {
    Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap()
}

fn signal(process: &Process, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// How a process ends, and in what time.
async fn end(mut process: Process) -> (Option<i32>, Duration) {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.ended() {
            return (status.code(), begun.elapsed());
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", process.said());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_signal_ends_a_server_with_status_0_though_a_request_is_half_sent() {
    let mut running = a_network().await;
    let exchange = exchange(&mut running).await;
    let mut half_sent = TcpStream::connect(&running.addresses[HOME]).await.unwrap();
    half_sent.write_all(b"POST /oauth/token HTTP/1.1\r\nhost: here\r\ncontent-length: 900\r\n\r\nhalf").await.unwrap();
    let mut idle = TcpStream::connect(&running.addresses[HOME]).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    signal(&exchange, "-TERM");
    let (status, took) = end(exchange).await;
    println!("ended after {} ms", took.as_millis());
    assert_eq!(status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_signal_ends_nothing_and_a_renewed_certificate_is_served() {
    let mut plan = plan(&[HOME], MINIMUM_PEOPLE, "urn:test");
    plan.tls = true;
    let mut running = Running::start(&plan).await.unwrap();
    running.servers.stop(HOME).await.unwrap();
    let config = nacre_exchange::Config::read(&running.places.exchanges[HOME]).unwrap();
    let provider = running.provider(HOSPITAL).unwrap();
    let tls = provider.tls.read().unwrap();
    let log = running.folder().join("exchange.log");
    let said = fs::File::create(&log).unwrap();
    let mut child = nacre(&["exchange", "serve"], &running.places.exchanges[HOME]).stderr(said).spawn().unwrap();
    let call = async |tls: &ClientTls| {
        let key = nacre_access::key::AccessKey::generate().unwrap();
        let client = Client::new(&config.url, "nobody".parse().unwrap(), key.into(), tls).unwrap();
        client.get(nacre_wire::operation::GET_HEALTH, &()).await
    };
    let begun = Instant::now();
    while call(&tls).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "it does not serve: {}", fs::read_to_string(&log).unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A client that trusts another authority refuses, and says why; so does one that trusts the system's.
    let other = running.folder().join("other");
    let mut elsewhere = plan.clone();
    elsewhere.name = "other.nacre.local".to_owned();
    let addresses = nacre::servers::Ports::bind(&elsewhere).await.unwrap().addresses().unwrap();
    nacre::consortium::init(&other, &elsewhere, &addresses).unwrap();
    let others = ClientTlsConfig { ca: Some(other.join("ca.pem").into()), ..ClientTlsConfig::default() };
    let refused = call(&others.read().unwrap()).await.unwrap_err();
    assert!(
        matches!(&refused, ClientError::Transport { detail, .. } if detail.contains("`ca` in `[tls]`")),
        "{refused}"
    );
    // The others' certificate in the place of its own: now they are the ones that are served.
    let home = running.places.exchanges[HOME].parent().unwrap();
    let theirs = other.join("exchanges").join(HOME);
    for name in ["server.key", "server.pem"] {
        fs::copy(theirs.join(name), home.join(name)).unwrap();
    }
    let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let begun = Instant::now();
    while call(&others.read().unwrap()).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the renewed certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(call(&tls).await.is_err(), "the one before is not trusted by them");
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn run(arguments: &[&str], config: &Path) -> Output {
    nacre(arguments, config).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_a_server_lacks_and_changes_nothing() {
    let mut running = a_network().await;
    running.servers.stop_all().await.unwrap();
    let servers = [
        ("exchange", running.places.exchanges[HOME].clone()),
        ("witness", running.places.witnesses["witness-macao"].clone()),
        ("custodian", running.places.custodians["macao-1"].clone()),
        ("provider", running.places.providers[HOSPITAL].clone()),
    ];
    for (role, config) in &servers {
        let well = run(&["--json", role, "check"], config);
        let said = String::from_utf8_lossy(&well.stdout).into_owned() + &String::from_utf8_lossy(&well.stderr);
        assert!(well.status.success(), "{role}: {said}");
        let found: serde_json::Value = serde_json::from_slice(&well.stdout).unwrap();
        assert!(found["findings"].as_array().unwrap().iter().all(|finding| finding["will_do"] == true), "{role}");
        // Without its access key.
        let key = config.with_file_name("access.pem");
        let aside = config.with_file_name("aside.pem");
        fs::rename(&key, &aside).unwrap();
        let lacking = run(&[role, "check"], config);
        fs::rename(&aside, &key).unwrap();
        let said = String::from_utf8_lossy(&lacking.stdout).into_owned();
        assert_eq!(lacking.status.code(), Some(1), "{role}: {said}");
        assert!(said.contains("access.pem") && said.contains("LACKS"), "{role}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_of_the_log_that_is_not_understood_is_an_error() {
    let running = a_network().await;
    for (name, value) in [("NACRE_LOG", "nacre=loud"), ("NACRE_LOG_FORMAT", "xml")] {
        let output = nacre(&["exchange", "serve"], &running.places.exchanges[HOME]).env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(name), "{said}");
    }
}

/// How long it takes to post so many contributions, one after the other.
async fn post(hospital: &Sender, first: u32) -> Duration {
    let batches: Vec<_> = (0..POSTS).map(|person| hospital.batch(&[(first + person, 200)])).collect();
    let begun = Instant::now();
    for batch in &batches {
        hospital.post(batch).await.unwrap();
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_anonymous_reads_takes_less_than_half_of_a_providers_throughput() {
    let mut running = a_network().await;
    let hospital = Sender::of(&running, HOSPITAL);
    let exchange = exchange(&mut running).await;
    let alone = post(&hospital, 10_000).await;
    let path = format!("/v1/chains/{}/tile/0/000.p/1", chain(HOME).slug());
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n");
    let address = running.addresses[HOME].clone();
    let flood: Vec<_> = (0..READERS)
        .map(|_| {
            let (address, request) = (address.clone(), request.clone());
            tokio::spawn(async move {
                let mut answers = [0; 16 << 10];
                // A connection that is closed is opened again.
                while let Ok(mut stream) = TcpStream::connect(&address).await {
                    while stream.write_all(request.as_bytes()).await.is_ok()
                        && stream.read(&mut answers).await.is_ok_and(|read| read > 0)
                    {}
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let beside = post(&hospital, 20_000).await;
    for reader in flood {
        reader.abort();
    }
    println!("{POSTS} posts take {alone:?} alone, {beside:?} beside {READERS} readers");
    // Less than half of the throughput may go, and ten times that on a machine that does much else.
    assert!(beside < 20 * alone, "{POSTS} posts take {beside:?} beside the flood, {alone:?} without");
    assert!(is_open(&format!("http://{address}")).await);
    // What was refused is said in sum.
    let lines = exchange.said().lines().count();
    assert!(lines < 200, "{lines} lines of log");
}
