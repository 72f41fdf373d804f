//! `nacre log` against a running exchange: a chain is mirrored, its log damaged, found so, repaired from the mirror, and goes on.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use nacre_tests::{
    Running,
    attack::{HOME, MINIMUM_PEOPLE, chain},
    plan,
    sender::Sender,
};

fn log(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nacre-under-test")).args(["--json", "log"]).args(arguments).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {:?}", output.stderr))
}

/// Changes a byte of an entry in the middle of the log's first segment.
fn damage(log: &Path) {
    let segment = log.join("00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2] ^= 1;
    fs::write(segment, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_read_only_until_it_is_repaired_from_a_mirror() {
    let mut running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    for person in 0..6 {
        hospital.post(&hospital.batch(&[(person, 200 + person)])).await.unwrap();
    }
    let home = running.folder().join("network/exchanges/440100");
    let data = home.join("data/chains").join(chain(HOME).slug());
    let mirror = running.folder().join("mirror");
    let url = format!("http://{}", running.addresses[HOME]);
    let trust = running.places.trust.clone();
    let (data, mirror, trust) = (data.to_str().unwrap(), mirror.to_str().unwrap(), trust.to_str().unwrap());
    let mirroring = || log(&["mirror", &url, "region/440100", mirror, "--trust", trust]);
    let first = json(&mirroring());
    assert_eq!((first["before"].as_u64(), first["entries"].as_u64()), (Some(0), Some(12)));
    hospital.post(&hospital.batch(&[(6, 206)])).await.unwrap();
    let second = json(&mirroring());
    assert_eq!((second["before"].as_u64(), second["entries"].as_u64()), (Some(12), Some(14)), "it goes on");

    let checking = |dir: &str| log(&["check", dir, "--chain", "region/440100", "--trust", trust]);
    assert!(checking(mirror).status.success());
    running.servers.stop(HOME).await.unwrap();
    assert!(checking(data).status.success());
    damage(Path::new(data));
    let unsound = checking(data);
    assert_eq!(unsound.status.code(), Some(2));
    assert!(!json(&unsound)["findings"].as_array().unwrap().is_empty());
    assert!(log(&["show", data]).status.success(), "what can be read is shown");

    let address = running.addresses[HOME].clone();
    running.servers.restart(&running.places, HOME, &address).await.unwrap();
    let why = format!("{:#}", running.servers.stop(HOME).await.unwrap_err());
    assert!(why.contains("repair this one from a mirror"), "it does not open, and says what to do: {why}");
    let repaired = log(&["repair", data, "--from", mirror, "--chain", "region/440100", "--trust", trust]);
    assert!(repaired.status.success(), "{:?}", String::from_utf8_lossy(&repaired.stderr));
    assert!(checking(data).status.success());
    running.servers.restart(&running.places, HOME, &address).await.unwrap();
    hospital.post(&hospital.batch(&[(7, 207)])).await.unwrap();
}
