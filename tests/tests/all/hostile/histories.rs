//! Whoever has a hand on a signer's folders: an exchange's, a witness's, a custodian's. Nobody that signs signs two histories,
//! whatever is deleted, put back or garbled.
//!
//! | what is done | stopped by |
//! |---|---|
//! | two processes on one folder | the folder's lock; past that, the last countersigned is compared and swapped |
//! | the data deleted, put back to an older copy, garbled | the register, which is kept apart: alarm, nothing is signed |
//! | the register deleted, garbled | the log or the tables without it: the same |
//! | an exchange and all its witnesses put back to one backup | each one's own register |
//! | a register renewed over an old copy, or to another history | the chain's peers, or the size and root that are here |

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nacre_ledger::note::{SignedCheckpoint, Submission};
use nacre_schemas::query::Statistic;
use nacre_tests::{
    Running,
    attack::{HOME, MINIMUM_PEOPLE, chain},
    forged::ForgedChain,
    plan, process, question,
    sender::Sender,
};
use tokio::{net::TcpListener, sync::oneshot};

const APPEND: &str = "witness-macao";
const FULL: &str = "witness-guangdong";
const CUSTODIAN: &str = "guangdong-1";
const CHAIN: &str = "region/440100";

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Turns a bit of every byte of every file.
fn garble(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            garble(&path);
        } else {
            let bytes: Vec<u8> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x40).collect();
            fs::write(&path, bytes).unwrap();
        }
    }
}

/// The product's own binary, with a result for machines.
fn nacre(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nacre-under-test")).arg("--json").args(arguments).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {}", errors(output)))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is done to a role's folders.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    DataDeleted,
    DataOld,
    DataGarbled,
    RegistersMissing,
    RegistersGarbled,
}

const DAMAGES: [Damage; 5] =
    [Damage::DataDeleted, Damage::DataOld, Damage::DataGarbled, Damage::RegistersMissing, Damage::RegistersGarbled];

/// A role's folders, and copies of them.
struct Folders {
    config: PathBuf,
    data: PathBuf,
    registers: PathBuf,
    old: PathBuf,
    newest: PathBuf,
}

impl Folders {
    /// Those of a server, beside its configuration.
    fn of(running: &Running, server: &str) -> Self {
        let places = &running.places;
        let config = places.exchanges.get(server).or(places.witnesses.get(server)).or(places.custodians.get(server));
        let config = config.unwrap().clone();
        let home = config.parent().unwrap();
        let copies = running.folder().join("copies").join(server);
        let (data, registers) = (home.join("data"), home.join("registers"));
        Self { data, registers, old: copies.join("old"), newest: copies.join("newest"), config }
    }

    fn keep_old(&self) {
        copy_folder(&self.data, &self.old.join("data"));
        copy_folder(&self.registers, &self.old.join("registers"));
    }

    fn keep_newest(&self) {
        copy_folder(&self.data, &self.newest.join("data"));
        copy_folder(&self.registers, &self.newest.join("registers"));
    }

    fn put_back_data(&self, copy: &Path) {
        fs::remove_dir_all(&self.data).ok();
        copy_folder(&copy.join("data"), &self.data);
    }

    fn put_back(&self, copy: &Path) {
        self.put_back_data(copy);
        fs::remove_dir_all(&self.registers).ok();
        copy_folder(&copy.join("registers"), &self.registers);
    }

    fn damage(&self, damage: Damage) {
        match damage {
            Damage::DataDeleted => fs::remove_dir_all(&self.data).unwrap(),
            Damage::DataOld => self.put_back_data(&self.old),
            Damage::DataGarbled => garble(&self.data),
            Damage::RegistersMissing => fs::remove_dir_all(&self.registers).unwrap(),
            Damage::RegistersGarbled => garble(&self.registers),
        }
    }

    fn config(&self) -> &str {
        self.config.to_str().unwrap()
    }
}

async fn stop(running: &mut Running, server: &str) {
    // One that did not start says so here; what it is stopped for is shown before.
    let _ = running.servers.stop(server).await;
}

async fn start(running: &mut Running, server: &str) {
    let address = running.addresses[server].clone();
    running.servers.restart(&running.places, server, &address).await.unwrap();
}

/// Waits until a server is open; false if it does not serve.
async fn opens(url: &str) -> bool {
    while !process::is_open(url).await {
        if process::lacks(url).await.is_none() {
            return false;
        }
    }
    true
}

/// Whether a server serves and says that it is well: one that does not start, or raises an alarm, is not.
async fn is_well(running: &Running, server: &str) -> bool {
    let url = format!("http://{}", running.addresses[server]);
    loop {
        let Some(lacks) = process::lacks(&url).await else { return false };
        if !lacks.iter().any(|lack| lack == "opening") {
            return !lacks.iter().any(|lack| ["read-only", "alarm"].contains(&lack.as_str()));
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Waits for the chain's checkpoint that makes a leaf final.
async fn agreed(hospital: &Sender, leaf: u64) -> SignedCheckpoint {
    hospital.final_checkpoint(leaf).await.unwrap().parse().unwrap()
}

async fn a_network() -> (Running, Sender) {
    let running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    (running, hospital)
}

/// A witness of its own on those folders.
async fn serve(config: &nacre_witness::Config) -> (String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let shutdown = Box::pin(async move {
        // Also when the test is over.
        let _ = stopped.await;
    });
    tokio::spawn(nacre_witness::serve(config.clone(), listener.into(), shutdown));
    (url, stop)
}

async fn submit(url: &str, submission: &Submission) -> (u16, String) {
    let client = reqwest::Client::new();
    let answer = client.post(format!("{url}/add-checkpoint")).body(submission.to_text()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Two witnesses with one key on one folder, both past its locks, are sent two forks at the same time. Each fork
/// extends what was countersigned before: nothing, or a common beginning.
#[tokio::test(flavor = "multi_thread")]
async fn two_witnesses_on_one_folder_never_countersign_two_forks() {
    let (running, _) = a_network().await;
    let configured = nacre_witness::Config::read(&running.places.witnesses[APPEND]).unwrap();
    let forks = [ForgedChain::begin(&running, HOME), ForgedChain::begin(&running, HOME)];
    let mut common = Vec::new();
    for fork in &forks {
        fork.log.append(vec![b"common".to_vec()]).await.unwrap();
        common.push(fork.submission(0));
    }
    for (number, fork) in forks.iter().enumerate() {
        fork.log.append(vec![format!("fork {number}").into_bytes()]).await.unwrap();
    }
    for number in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let (data, registers) = (folder.path().join("data"), folder.path().join("registers"));
        let config = nacre_witness::Config {
            data: data.clone().into(),
            registers: Some(registers.clone().into()),
            ..configured.clone()
        };
        let first = serve(&config).await;
        let old_size = number % 2;
        if old_size == 1 {
            assert_eq!(submit(&first.0, &common[0]).await.0, 200);
        } else {
            assert!(opens(&first.0).await);
        }
        fs::remove_file(data.join("lock")).unwrap();
        for entry in fs::read_dir(&registers).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "lock") {
                fs::remove_file(path).unwrap();
            }
        }
        let second = serve(&config).await;
        assert!(opens(&second.0).await, "both are up");
        let submissions = [forks[0].submission(old_size), forks[1].submission(old_size)];
        let (one, other) = tokio::join!(submit(&first.0, &submissions[0]), submit(&second.0, &submissions[1]));
        let countersigned = [&one, &other].iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(countersigned, 1, "try {number}: {one:?} {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_a_folder_does_not_start() {
    let (running, _) = a_network().await;
    for (role, server) in [("exchange", HOME), ("witness", APPEND), ("custodian", CUSTODIAN)] {
        assert!(is_well(&running, server).await, "{role}");
        let folders = Folders::of(&running, server);
        let text = fs::read_to_string(&folders.config).unwrap();
        let elsewhere = [&running.addresses, &running.metrics]
            .into_iter()
            .fold(text, |text, addresses| text.replace(&addresses[server], "127.0.0.1:0"));
        let second = folders.config.with_file_name("second.toml");
        fs::write(&second, elsewhere).unwrap();
        let output = nacre(&[role, "serve", second.to_str().unwrap()]);
        assert!(!output.status.success(), "{role}");
        assert!(errors(&output).contains("another process runs on"), "{role}: {}", errors(&output));
        // Nor does a command that would change what it signs from.
        let output = nacre(&[role, "register", "show", folders.config()]);
        assert!(errors(&output).contains("another process runs on"), "{role}: {}", errors(&output));
        assert!(is_well(&running, server).await, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_folder_or_register_is_not_as_it_was_signs_nothing() {
    let (mut running, hospital) = a_network().await;
    let folders = Folders::of(&running, HOME);
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    agreed(&hospital, 1).await;
    stop(&mut running, HOME).await;
    folders.keep_old();
    start(&mut running, HOME).await;
    hospital.post(&hospital.batch(&[(1, 201)])).await.unwrap();
    let last = agreed(&hospital, 3).await;
    stop(&mut running, HOME).await;
    folders.keep_newest();
    // Nobody else stops it: what is shown is its own register.
    for witness in ["witness-guangdong", "witness-hongkong", "witness-macao"] {
        stop(&mut running, witness).await;
    }
    for damage in DAMAGES {
        folders.damage(damage);
        start(&mut running, HOME).await;
        assert!(!is_well(&running, HOME).await, "{damage:?}");
        assert!(hospital.post(&hospital.batch(&[(2, 202)])).await.is_err(), "{damage:?}");
        if matches!(damage, Damage::DataOld | Damage::RegistersMissing | Damage::RegistersGarbled) {
            let refused = hospital.refused(&hospital.batch(&[(2, 202)])).await;
            assert_eq!((refused.status, refused.word()), (503, "read-only"), "{damage:?}");
        }
        stop(&mut running, HOME).await;
        let shown = nacre(&["exchange", "register", "show", folders.config()]);
        assert_eq!(shown.status.code(), Some(2), "{damage:?}: {}", errors(&shown));
        folders.put_back(&folders.newest);
    }
    for witness in ["witness-guangdong", "witness-hongkong", "witness-macao"] {
        start(&mut running, witness).await;
    }
    start(&mut running, HOME).await;
    assert!(is_well(&running, HOME).await);
    hospital.post(&hospital.batch(&[(2, 202)])).await.unwrap();
    let next = agreed(&hospital, 5).await;
    assert!(next.unverified().size > last.unverified().size, "it goes on, and its witnesses agree");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whose_folder_or_register_is_not_as_it_was_countersigns_nothing() {
    let (mut running, hospital) = a_network().await;
    for (person, witness) in [(0, APPEND), (10, FULL)] {
        let folders = Folders::of(&running, witness);
        let first = hospital.post(&hospital.batch(&[(person, 200)])).await.unwrap().receipts[0].inclusion.leaf;
        agreed(&hospital, first).await;
        stop(&mut running, witness).await;
        folders.keep_old();
        start(&mut running, witness).await;
        let second = hospital.post(&hospital.batch(&[(person + 1, 201)])).await.unwrap();
        let last = agreed(&hospital, second.receipts[0].inclusion.leaf).await;
        stop(&mut running, witness).await;
        folders.keep_newest();
        let size = last.unverified().size;
        for damage in DAMAGES {
            folders.damage(damage);
            start(&mut running, witness).await;
            assert!(!is_well(&running, witness).await, "{witness} {damage:?}");
            // Not even what it countersigned before: it does not know for certain that it did.
            for old_size in [0, size] {
                let again = Submission { old_size, proof: Vec::new(), checkpoint: last.clone() };
                match running.submit(witness, &again).await {
                    Ok((status, text)) => {
                        assert_eq!(status, 503, "{witness} {damage:?}: {text}");
                        assert!(text.contains("alarm") && text.contains(CHAIN), "{text}");
                    }
                    Err(_) => assert_eq!(damage, Damage::DataGarbled, "{witness} did not start"),
                }
            }
            if damage != Damage::DataGarbled {
                let metrics = running.metrics(witness).await.unwrap();
                assert!(metrics.contains(&format!("nacre_witness_alarm{{chain=\"{CHAIN}\"}} 1")), "{damage:?}");
                let (status, _) = running.equivocation(witness, &chain(HOME)).await.unwrap();
                assert_eq!(status, 404, "what it has is served: there is no evidence");
            }
            stop(&mut running, witness).await;
            folders.put_back(&folders.newest);
        }
        start(&mut running, witness).await;
        assert!(is_well(&running, witness).await);
        let again = Submission { old_size: size, proof: Vec::new(), checkpoint: last };
        assert_eq!(running.submit(witness, &again).await.unwrap().0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_whose_folder_or_register_is_not_as_it_was_answers_nothing() {
    use nacre::demo::population::{self, PERSON_SYSTEM, Site};
    let mut running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, PERSON_SYSTEM)).await.unwrap();
    let site = Site { member: "hospital-440100".to_owned(), region: HOME.parse().unwrap(), hospital: true };
    let records = running.folder().join("records");
    let month = "2026-01".parse().unwrap();
    let population = population::generate(&records, &[site], 60, 9, &[month]).unwrap();
    running.post("hospital-440100", &population.folders).await.unwrap();
    running.seal().await.unwrap();
    let mean = question("bmi", "2026-01", "2026-01", &[], &[Statistic::Count, Statistic::Mean]);
    let folders = Folders::of(&running, CUSTODIAN);
    let held = |folders: &Folders| {
        let shown = nacre(&["custodian", "register", "show", folders.config()]);
        (shown.status.code(), json(&shown)[0]["holds"]["size"].as_u64())
    };
    assert!(running.ask(&mean).await.unwrap().unwrap().faults.is_empty());
    stop(&mut running, CUSTODIAN).await;
    folders.keep_old();
    let (_, old) = held(&folders);
    start(&mut running, CUSTODIAN).await;
    assert!(running.ask(&mean).await.unwrap().unwrap().faults.is_empty());
    stop(&mut running, CUSTODIAN).await;
    folders.keep_newest();
    let (agree, newest) = held(&folders);
    assert!(agree == Some(0) && newest > old && old > Some(0), "{old:?} {newest:?}");
    for damage in DAMAGES {
        folders.damage(damage);
        start(&mut running, CUSTODIAN).await;
        assert!(!is_well(&running, CUSTODIAN).await, "{damage:?}");
        // The others of its jurisdiction answer in its place.
        let answer = running.ask(&mean).await.unwrap().unwrap();
        let fault = answer.faults.iter().find(|fault| fault.custodian.to_string() == CUSTODIAN);
        assert!(
            fault.is_some() && !answer.report.custodians.iter().any(|one| one.to_string() == CUSTODIAN),
            "{damage:?}"
        );
        if !matches!(damage, Damage::DataDeleted | Damage::DataGarbled) {
            let fault = fault.unwrap().to_string();
            assert!(fault.contains("says nothing until its operator"), "{damage:?}: {fault}");
        }
        stop(&mut running, CUSTODIAN).await;
        assert_eq!(held(&folders).0, Some(2), "{damage:?}");
        if matches!(damage, Damage::RegistersMissing | Damage::RegistersGarbled) {
            assert_eq!(held(&folders).1, newest, "{damage:?}: it recorded nothing");
        }
        folders.put_back(&folders.newest);
    }
    start(&mut running, CUSTODIAN).await;
    assert!(is_well(&running, CUSTODIAN).await && running.ask(&mean).await.unwrap().unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_and_all_its_witnesses_put_back_to_one_backup_are_read_only() {
    let (mut running, hospital) = a_network().await;
    let servers = [HOME, "witness-guangdong", "witness-hongkong", "witness-macao"];
    let all: Vec<Folders> = servers.iter().map(|server| Folders::of(&running, server)).collect();
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    let old = agreed(&hospital, 1).await;
    for server in servers {
        stop(&mut running, server).await;
    }
    all.iter().for_each(Folders::keep_old);
    for server in servers {
        start(&mut running, server).await;
    }
    hospital.post(&hospital.batch(&[(1, 201)])).await.unwrap();
    agreed(&hospital, 3).await;
    for server in servers {
        stop(&mut running, server).await;
    }
    // Together they are a network of the past, in which everything agrees.
    all.iter().for_each(|folders| folders.put_back_data(&folders.old));
    for server in servers.iter().rev() {
        start(&mut running, server).await;
    }
    for server in servers {
        assert!(!is_well(&running, server).await, "{server}");
    }
    let refused = hospital.refused(&hospital.batch(&[(2, 202)])).await;
    assert_eq!((refused.status, refused.word()), (503, "read-only"));
    for witness in &servers[1..] {
        let again = Submission { old_size: old.unverified().size, proof: Vec::new(), checkpoint: old.clone() };
        assert_eq!(running.submit(witness, &again).await.unwrap().0, 503, "{witness}");
    }
    // What is there can be read.
    let shown: SignedCheckpoint = hospital.checkpoint().await.unwrap().parse().unwrap();
    assert_eq!(shown.unverified(), old.unverified());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanges_register_is_renewed_when_its_witnesses_confirm_and_not_over_an_old_copy() {
    let (mut running, hospital) = a_network().await;
    let folders = Folders::of(&running, HOME);
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    let old = agreed(&hospital, 1).await;
    stop(&mut running, HOME).await;
    folders.keep_old();
    start(&mut running, HOME).await;
    hospital.post(&hospital.batch(&[(1, 201)])).await.unwrap();
    let newest = agreed(&hospital, 3).await;
    stop(&mut running, HOME).await;
    folders.keep_newest();
    let renew = |more: &[&str]| {
        let arguments = ["exchange", "register", "renew", folders.config(), "--chain", CHAIN];
        nacre(&[&arguments[..], more].concat())
    };
    let nothing = json(&renew(&[]));
    assert_eq!(nothing["changed"], false, "{nothing}");
    // An old copy without its register: the witnesses have seen more, and a checkpoint from elsewhere says the same.
    folders.put_back_data(&folders.old);
    let refused = renew(&[]);
    assert!(errors(&refused).contains("that can be read is not renewed"), "{}", errors(&refused));
    fs::remove_dir_all(&folders.registers).unwrap();
    let (size, root) = (old.unverified().size.to_string(), old.unverified().root.to_string());
    let said: [&[&str]; 2] = [&[], &["--size", &size, "--root", &root]];
    for more in said {
        let refused = renew(more);
        assert!(errors(&refused).contains("an old copy") && !refused.status.success(), "{}", errors(&refused));
    }
    stop(&mut running, APPEND).await;
    let note = running.folder().join("receipt.note");
    fs::write(&note, newest.as_str()).unwrap();
    let note = note.to_str().unwrap();
    let refused = renew(&["--note", note]);
    assert!(errors(&refused).contains("an old copy"), "{}", errors(&refused));
    // The newest copy, with a witness away: too few confirm. Then with another's word, which has to be right.
    folders.put_back_data(&folders.newest);
    let refused = renew(&["--note", note]);
    assert!(
        errors(&refused).contains("too few confirm") && errors(&refused).contains("--size"),
        "{}",
        errors(&refused)
    );
    let newest_size = newest.unverified().size.to_string();
    let refused = renew(&["--size", &newest_size, "--root", &root]);
    assert!(errors(&refused).contains("you said"), "{}", errors(&refused));
    assert!(fs::metadata(folders.registers.join("region-440100")).is_err(), "nothing was renewed");
    start(&mut running, APPEND).await;
    let renewed = renew(&["--note", note]);
    assert!(renewed.status.success(), "{}", errors(&renewed));
    let json = json(&renewed);
    assert_eq!((json["changed"].as_bool(), json["confirmed_by"].as_array().unwrap().len()), (Some(true), 3), "{json}");
    start(&mut running, HOME).await;
    hospital.post(&hospital.batch(&[(2, 202)])).await.unwrap();
    agreed(&hospital, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witnesss_register_is_renewed_to_what_the_chain_shows_and_its_peers_countersigned() {
    let (mut running, hospital) = a_network().await;
    let folders = Folders::of(&running, FULL);
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    let old = agreed(&hospital, 1).await;
    stop(&mut running, FULL).await;
    folders.keep_old();
    start(&mut running, FULL).await;
    hospital.post(&hospital.batch(&[(1, 201)])).await.unwrap();
    let newest = agreed(&hospital, 3).await;
    stop(&mut running, FULL).await;
    folders.keep_newest();
    let exchange = format!("http://{}", running.addresses[HOME]);
    let renew = |more: &[&str]| {
        let arguments = ["witness", "register", "renew", folders.config(), "--chain", CHAIN];
        nacre(&[&arguments[..], more].concat())
    };
    let nothing = json(&renew(&["--exchange", &exchange]));
    assert_eq!(nothing["changed"], false, "{nothing}");
    // The operator's word: it has to be what the tables have, and no less than a register says.
    folders.put_back_data(&folders.old);
    let place = |note: &SignedCheckpoint| (note.unverified().size.to_string(), note.unverified().root.to_string());
    for note in [&old, &newest] {
        let (size, root) = place(note);
        let refused = renew(&["--size", &size, "--root", &root]);
        assert!(errors(&refused).contains("nothing was renewed"), "{}", errors(&refused));
    }
    // A fork that extends the old copy: what a register says is known, also of an exchange that would have it so.
    let fork = ForgedChain::begin(&running, HOME);
    fork.append(&hospital.batch(&[(0, 300), (1, 301), (2, 302), (3, 303)])).await;
    let note = running.folder().join("fork.note");
    fs::write(&note, fork.log.checkpoint().as_str()).unwrap();
    let refused = renew(&["--note", note.to_str().unwrap()]);
    assert!(errors(&refused).contains("a checkpoint given"), "{}", errors(&refused));
    // Every way to lose the one or the other, and to go on.
    for (number, damage) in DAMAGES.into_iter().enumerate() {
        folders.put_back(&folders.newest);
        folders.damage(damage);
        if damage == Damage::DataGarbled {
            let refused = renew(&[]);
            assert!(!refused.status.success());
            fs::remove_dir_all(&folders.data).unwrap();
        }
        let shown = nacre(&["witness", "register", "show", folders.config()]);
        assert_eq!(shown.status.code(), Some(2), "{damage:?}: {}", errors(&shown));
        let renewed = renew(&[]);
        assert!(renewed.status.success(), "{damage:?}: {}", errors(&renewed));
        let said = json(&renewed);
        assert_eq!(said["confirmed_by"].as_array().unwrap().len(), 3, "{said}");
        start(&mut running, FULL).await;
        // Of the chain in question; where all registers are gone, the others wait for their own renewal.
        let metrics = running.metrics(FULL).await.unwrap();
        assert!(metrics.contains(&format!("nacre_witness_alarm{{chain=\"{CHAIN}\"}} 0")), "{damage:?}");
        let posted = hospital.post(&hospital.batch(&[(10 + number as u32, 202)])).await.unwrap();
        agreed(&hospital, posted.receipts[0].inclusion.leaf).await;
        stop(&mut running, FULL).await;
        fs::remove_dir_all(&folders.newest).unwrap();
        folders.keep_newest();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodians_register_is_renewed_to_what_its_operator_read_elsewhere() {
    let (mut running, _) = a_network().await;
    let folders = Folders::of(&running, CUSTODIAN);
    stop(&mut running, CUSTODIAN).await;
    let shown = json(&nacre(&["custodian", "register", "show", folders.config()]));
    let (size, root) = (shown[0]["holds"]["size"].to_string(), shown[0]["holds"]["root"].as_str().unwrap().to_owned());
    fs::remove_dir_all(&folders.registers).unwrap();
    let renew = |size: &str, root: &str| {
        nacre(&["custodian", "register", "renew", folders.config(), "--size", size, "--root", root])
    };
    let zeros = "0".repeat(64);
    for (size, root) in [("7", root.as_str()), (size.as_str(), zeros.as_str())] {
        let refused = renew(size, root);
        assert!(errors(&refused).contains("you said"), "{}", errors(&refused));
    }
    start(&mut running, CUSTODIAN).await;
    assert!(!is_well(&running, CUSTODIAN).await);
    stop(&mut running, CUSTODIAN).await;
    let renewed = renew(&size, &root);
    assert!(renewed.status.success(), "{}", errors(&renewed));
    start(&mut running, CUSTODIAN).await;
    assert!(is_well(&running, CUSTODIAN).await);
}
