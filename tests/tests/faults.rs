//! Disks that fail under a server: a sync that is refused, no room left. What was acknowledged is there, and the server takes
//! more as soon as its disk does, without being started again.
//!
//! Each server is a process of its own, the product's `main`. `strace` lets its calls on one file fail; a full disk is a small
//! file system mounted over its data. Where either takes what is not there, the test says so and is skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nacre_access::client::ClientError;
use nacre_ledger::log;
use nacre_schemas::{
    Document as _, Signed,
    batch::Batch,
    preview::Preview,
    query::{Attribute, Request, SignedRequest},
    receipt::BatchReceipt,
};
use nacre_tests::{
    Running,
    attack::{Attack, HOME, MINIMUM_PEOPLE, chain},
    plan,
    process::{Fault, Process, SmallDisk},
    sender::{Sender, problem},
};
use serde_json::{Value, json};

/// How long what is possible again may take to happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// The full witness of [`HOME`].
const FULL: &str = "witness-guangdong";
const HOSPITAL: &str = "hospital-440100";
const CUSTODIAN: &str = "guangdong-1";
/// Room for a server's data, and some to fill.
const SMALL_BYTES: u64 = 96 << 20;

/// A command of the product.
fn nacre(words: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nacre-under-test"));
    command.args(words).arg(config).env("NACRE_LOG", "info");
    command
}

/// Asks until there is an answer.
async fn until<T, E: std::fmt::Display>(what: &str, ask: impl AsyncFn() -> Result<T, E>) -> T {
    let begin = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{what}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An exchange that is a process, one that posts to it, and what it acknowledged.
struct Scene {
    running: Running,
    config: PathBuf,
    data: PathBuf,
    registers: PathBuf,
    hospital: Sender,
    acknowledged: Vec<(Batch, BatchReceipt)>,
    people: u32,
}

impl Scene {
    async fn prepare() -> Self {
        let mut running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
        running.servers.stop(HOME).await.unwrap();
        let config = running.places.exchanges[HOME].clone();
        let read = nacre_exchange::Config::read(&config).unwrap();
        let hospital = Sender::of(&running, HOSPITAL);
        let (data, registers) = (read.data, read.registers);
        Self {
            running,
            config,
            data: data.to_path_buf(),
            registers: registers.to_path_buf(),
            hospital,
            acknowledged: Vec::new(),
            people: 0,
        }
    }

    async fn start(&self) -> Process {
        let log = self.running.folder().join("exchange.log");
        Process::start(&mut nacre(&["exchange", "serve"], &self.config), &self.running.addresses[HOME], &log).await
    }

    fn batch(&mut self) -> Batch {
        self.people += 2;
        self.hospital.batch(&[(self.people, 200), (self.people + 1, 201)])
    }

    async fn post(&mut self) {
        let batch = self.batch();
        let receipt = self.hospital.post(&batch).await.unwrap();
        self.acknowledged.push((batch, receipt));
    }

    /// Posts while it cannot be taken, and the same again when it can.
    async fn post_through(&mut self, what: &str, make: impl FnOnce() -> Option<Fault>, end: impl FnOnce()) {
        let fault = make();
        let batch = self.batch();
        for _ in 0..3 {
            let refused = self.hospital.post(&batch).await.expect_err(what);
            assert_eq!(problem(Err::<(), _>(refused)).word(), "storage-unavailable", "{what}");
        }
        drop(fault);
        end();
        let receipt = until(what, async || self.hospital.post(&batch).await).await;
        self.acknowledged.push((batch, receipt));
        self.post().await;
    }

    /// Everything that was acknowledged is there, byte for byte, and final in the end.
    async fn holds(&self) {
        for (batch, receipt) in &self.acknowledged {
            let again = self.hospital.post(batch).await.unwrap();
            assert_eq!(again.to_canonical(), receipt.to_canonical());
        }
        let (_, last) = self.acknowledged.last().unwrap();
        self.is_final(last).await;
        let size = self.hospital.hosted().await[0].size;
        assert_eq!(size, 3 * self.acknowledged.len() as u64, "each batch is there once");
    }

    async fn is_final(&self, receipt: &BatchReceipt) {
        let leaf = receipt.receipts[0].inclusion.leaf;
        until("finality", async || self.hospital.final_checkpoint(leaf).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_disk_failed_goes_on_without_a_restart() {
    if !Fault::can_be_made() {
        return;
    }
    let mut scene = Scene::prepare().await;
    let mut exchange = scene.start().await;
    scene.post().await;
    let tables = scene.data.join("exchange.sqlite-wal");
    let segment = scene.data.join("chains").join(chain(HOME).slug()).join("00000000000000000000.seg");
    let register = scene.registers.join(chain(HOME).slug());
    for (calls, error, file) in [
        ("fsync,fdatasync", "EIO", &tables),
        ("pwrite64,write", "ENOSPC", &tables),
        ("fdatasync", "EIO", &segment),
        ("pwrite64", "ENOSPC", &segment),
        ("fdatasync", "EIO", &register),
    ] {
        let what = format!("{calls} of {}: {error}", file.display());
        scene.post_through(&what, || Some(Fault::make(&exchange, calls, error, file)), || {}).await;
        assert!(exchange.is_alive() && exchange.is_open().await);
    }
    scene.holds().await;
    exchange.kill();
    let exchange = scene.start().await;
    scene.holds().await;
    exchange.kill();
    let origin = scene.running.network().unwrap().root().origin(&chain(HOME));
    let key = nacre_tests::attack::chain_key(&scene.running, HOME).public();
    let report = log::check(segment.parent().unwrap(), &origin, &[key], Some(&register), &|_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_disk_was_full_goes_on_without_a_restart() {
    let mut scene = Scene::prepare().await;
    let Some(disk) = SmallDisk::over(&scene.data, SMALL_BYTES) else { return };
    let exchange = scene.start().await;
    scene.post().await;
    for round in 0..3 {
        disk.fill();
        scene.post_through(&format!("round {round}"), || None, || disk.clear()).await;
    }
    scene.holds().await;
    exchange.kill();
    let _exchange = scene.start().await;
    scene.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_witnesses_signed_is_kept_once_it_can_be_and_trying_does_not_spin() {
    if !Fault::can_be_made() {
        return;
    }
    let mut scene = Scene::prepare().await;
    let exchange = scene.start().await;
    let witnesses: Vec<String> = scene.running.places.witnesses.keys().cloned().collect();
    for witness in &witnesses {
        scene.running.servers.stop(witness).await.unwrap();
    }
    scene.post().await;
    let fault = Fault::make(&exchange, "fsync,fdatasync", "EIO", &scene.data.join("exchange.sqlite-wal"));
    for witness in &witnesses {
        let address = scene.running.addresses[witness].clone();
        scene.running.servers.restart(&scene.running.places, witness, &address).await.unwrap();
    }
    let failures = || exchange.said().matches("a final checkpoint could not be kept").count();
    until("a failure", async || if failures() > 0 { Ok(()) } else { Err("none yet") }).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Pauses of 50 ms at least, doubling: six or so in four seconds, where one that spins has hundreds.
    let failures = failures();
    assert!(failures < 40, "{failures} attempts in a few seconds");
    drop(fault);
    scene.is_final(&scene.acknowledged[0].1).await;
}

/// A full witness that is a process, while its disk fails and after.
async fn a_witness_through(fail: impl FnOnce(&Process, &Path), end: impl FnOnce(), data: &Path, scene: &mut Scene) {
    let config = scene.running.places.witnesses[FULL].clone();
    let (address, log) = (scene.running.addresses[FULL].clone(), scene.running.folder().join("witness.log"));
    let mut witness = Process::start(&mut nacre(&["witness", "serve"], &config), &address, &log).await;
    scene.post().await;
    scene.is_final(&scene.acknowledged[0].1).await;
    fail(&witness, data);
    scene.post().await;
    let (_, last) = scene.acknowledged.last().unwrap();
    let leaf = last.receipts[0].inclusion.leaf;
    let refused = scene.hospital.final_checkpoint(leaf).await;
    assert_eq!(problem(refused).word(), "not-final");
    end();
    scene.is_final(last).await;
    assert!(witness.is_alive());
    witness.kill();
    let _witness = Process::start(&mut nacre(&["witness", "serve"], &config), &address, &log).await;
    let metrics = scene.running.metrics(FULL).await.unwrap();
    let size = 3 * scene.acknowledged.len();
    let line = format!("nacre_witness_countersigned_entries{{chain=\"{}\"}} {size}.0\n", chain(HOME));
    assert!(metrics.contains(&line), "{metrics}");
}

/// The scene with its exchange in this process, and the full witness stopped; the folder of the witness's data.
async fn without_its_witness() -> (Scene, PathBuf) {
    let mut scene = Scene::prepare().await;
    let address = scene.running.addresses[HOME].clone();
    scene.running.servers.restart(&scene.running.places, HOME, &address).await.unwrap();
    scene.running.servers.stop(FULL).await.unwrap();
    let data = nacre_witness::Config::read(&scene.running.places.witnesses[FULL]).unwrap().data;
    (scene, data.to_path_buf())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whose_disk_failed_goes_on_without_a_restart() {
    if !Fault::can_be_made() {
        return;
    }
    let (mut scene, data) = without_its_witness().await;
    let fault = std::cell::Cell::new(None);
    let fail = |witness: &Process, data: &Path| {
        fault.set(Some(Fault::make(witness, "fsync,fdatasync", "EIO", &data.join("witness.sqlite-wal"))));
    };
    a_witness_through(fail, || drop(fault.take()), &data, &mut scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whose_disk_was_full_goes_on_without_a_restart() {
    let (mut scene, data) = without_its_witness().await;
    let Some(disk) = SmallDisk::over(&data, SMALL_BYTES) else { return };
    a_witness_through(|_, _| disk.fill(), || disk.clear(), &data, &mut scene).await;
}

/// A custodian that is a process, and a request that it says something on, and so records.
struct Recording {
    attack: Attack,
    config: PathBuf,
    data: PathBuf,
    signed: SignedRequest<Request>,
}

impl Recording {
    async fn prepare() -> Self {
        let mut attack = Attack::prepare().await;
        attack.running.servers.stop(CUSTODIAN).await.unwrap();
        let config = attack.running.places.custodians[CUSTODIAN].clone();
        let data = nacre_custodian::Config::read(&config).unwrap().data;
        let request = attack.request(&[HOME], &[Attribute::Sex], [1, 1], 7).await;
        let signed = attack.sign_request(request).await;
        Self { attack, config, data: data.to_path_buf(), signed }
    }

    async fn start(&self) -> Process {
        let (address, log) = (&self.attack.running.addresses[CUSTODIAN], self.attack.running.folder().join("said"));
        Process::start(&mut nacre(&["custodian", "serve"], &self.config), address, &log).await
    }

    async fn preview(&self) -> Result<Signed<Preview>, ClientError> {
        self.attack.custodians[CUSTODIAN].call(nacre_wire::custodian::POST_PREVIEW, &(), &self.signed).await
    }

    /// So many previews were given; the log has them, and it and their bodies are sound.
    fn holds(&self, given: u64) {
        let origin = format!("{}/custodian/{CUSTODIAN}", self.attack.network.root().network);
        let key = self.attack.custodian_key(CUSTODIAN).public();
        let report = log::check(&self.data.join("log"), &origin, &[key], None, &|_| {}).unwrap();
        assert!(report.is_sound(), "{report:?}");
        // Those that failed may be there, too.
        assert!(report.entries >= given, "{} of {given} statements are recorded", report.entries);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_whose_disk_failed_goes_on_without_a_restart() {
    if !Fault::can_be_made() {
        return;
    }
    let scene = Recording::prepare().await;
    let mut custodian = scene.start().await;
    scene.preview().await.unwrap();
    let segment = scene.data.join("log/00000000000000000000.seg");
    let mut given = 1;
    for (calls, error) in [("fdatasync", "EIO"), ("pwrite64", "ENOSPC")] {
        let fault = Fault::make(&custodian, calls, error, &segment);
        for _ in 0..2 {
            scene.preview().await.expect_err("a statement that cannot be recorded is not given");
        }
        drop(fault);
        until(calls, async || scene.preview().await).await;
        scene.preview().await.unwrap();
        given += 2;
        assert!(custodian.is_alive());
    }
    custodian.kill();
    scene.holds(given);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_whose_disk_was_full_goes_on_without_a_restart() {
    let scene = Recording::prepare().await;
    let Some(disk) = SmallDisk::over(&scene.data, SMALL_BYTES) else { return };
    let custodian = scene.start().await;
    scene.preview().await.unwrap();
    disk.fill();
    scene.preview().await.expect_err("a statement that cannot be recorded is not given");
    disk.clear();
    until("room", async || scene.preview().await).await;
    custodian.kill();
    scene.holds(2);
}

/// A provider's gateway that is a process.
struct Gateway {
    running: Running,
    config: PathBuf,
    address: String,
    data: PathBuf,
}

impl Gateway {
    async fn prepare() -> Self {
        use std::io::Write as _;
        let running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
        // Sets up TLS for every client of this process.
        running.provider_client(HOSPITAL).unwrap();
        let config = running.places.providers[HOSPITAL].clone();
        let data = running.provider(HOSPITAL).unwrap().data;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        let mut file = fs::File::options().append(true).open(&config).unwrap();
        writeln!(file, "\n[server]\nlisten = \"{address}\"\n[gateway]\ngrace-days = 0\nquiet-hours = 0").unwrap();
        fs::create_dir_all(&data).unwrap();
        Self { running, config, address, data: data.to_path_buf() }
    }

    async fn start(&self) -> Process {
        let log = self.running.folder().join("gateway.log");
        Process::start(&mut nacre(&["provider", "serve"], &self.config), &self.address, &log).await
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).build().unwrap();
        let call = client.request(method.parse().unwrap(), format!("http://{}{path}", self.address));
        let call = call.header("content-type", "application/fhir+json").body(body.to_string());
        let answer = call.send().await.map_err(|error| error.to_string())?;
        let (status, bytes) = (answer.status(), answer.bytes().await.map_err(|error| error.to_string())?);
        let answer = || format!("{status}: {}", String::from_utf8_lossy(&bytes));
        if status.is_success() { serde_json::from_slice(&bytes).map_err(|_| answer()) } else { Err(answer()) }
    }

    async fn put(&self, number: u32) -> Result<(), String> {
        let patient = json!({
            "resourceType": "Patient", "id": format!("p{number}"), "gender": "female", "birthDate": "1980-02-29",
            "identifier": [{"system": "urn:test", "value": format!("person {number}")}],
        });
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{number}"), "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": format!("Patient/p{number}")}, "effectiveDateTime": "2019-03-05",
            "valueQuantity": {"value": 70.5, "system": "http://unitsofmeasure.org", "code": "kg"},
        });
        self.call("PUT", &format!("/Patient/p{number}"), &patient).await?;
        self.call("PUT", &format!("/Observation/o{number}"), &observation).await.map(drop)
    }

    /// What was acknowledged ends as a record of the chain.
    async fn is_posted(&self, number: u32) {
        let posted = async || {
            let found = self.call("GET", &format!("/Observation/o{number}"), &Value::Null).await?;
            if found["meta"]["tag"][0]["code"] == "posted" { Ok(()) } else { Err(found.to_string()) }
        };
        until("posting", posted).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_disk_failed_goes_on_without_a_restart() {
    if !Fault::can_be_made() {
        return;
    }
    let scene = Gateway::prepare().await;
    let mut gateway = scene.start().await;
    scene.put(0).await.unwrap();
    let spool = scene.data.join("outbox.sqlite-wal");
    for (number, (calls, error)) in (1..).zip([("fsync,fdatasync", "EIO"), ("pwrite64,write", "ENOSPC")]) {
        let fault = Fault::make(&gateway, calls, error, &spool);
        for _ in 0..3 {
            scene.put(number).await.expect_err("what cannot be kept is not acknowledged");
        }
        drop(fault);
        until(calls, async || scene.put(number).await).await;
        assert!(gateway.is_alive());
    }
    for number in 0..3 {
        scene.is_posted(number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_disk_was_full_goes_on_without_a_restart() {
    let scene = Gateway::prepare().await;
    let Some(disk) = SmallDisk::over(&scene.data, SMALL_BYTES) else { return };
    let mut gateway = scene.start().await;
    scene.put(0).await.unwrap();
    disk.fill();
    scene.put(1).await.expect_err("what cannot be kept is not acknowledged");
    disk.clear();
    until("room", async || scene.put(1).await).await;
    assert!(gateway.is_alive());
    for number in 0..2 {
        scene.is_posted(number).await;
    }
}
