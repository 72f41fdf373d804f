//! A process that appends, under `strace`: killed at the n-th write, sync or truncation, or told that it failed. What it had
//! said to be in the log is there, every root it had shown is of a beginning of the log, and the log goes on.
//!
//! `NACRE_CAMPAIGN=full` takes 300 runs instead of 24. Skipped, saying so, where `strace` cannot trace.
//! Cost: some 0.2 seconds a run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nacre_ledger::{
    log::{self, Log, LogOptions},
    signing::SigningKey,
};
use nacre_schemas::Digest;

const ORIGIN: &str = "gba.example/region/440100";
/// Where the child finds its log.
const FOLDER: &str = "NACRE_LOG_KILL_FOLDER";
const APPENDS: u64 = 25;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32]).unwrap()
}

fn open(folder: &Path) -> Result<Log, log::LogError> {
    let options =
        LogOptions { segment_bytes: 3_000, register: Some(folder.join("apart/register")), ..LogOptions::default() };
    Log::open(&folder.join("log"), ORIGIN, key(), options)
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index} {}", "x".repeat((index % 90) as usize)).into_bytes()
}

/// The process that is killed: only when the test below starts it.
#[test]
fn child_that_appends() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut told = fs::OpenOptions::new().append(true).create(true).open(folder.join("told")).unwrap();
    let Ok(log) = open(&folder) else { return };
    for round in 0..APPENDS {
        let size = log.size();
        let entries = (size..size + 1 + round % 7).map(entry).collect();
        match log.blocking_append(entries) {
            Ok(appended) => {
                let said = appended.checkpoint.unverified().clone();
                writeln!(told, "{} {}", said.size, said.root).unwrap();
            }
            Err(_) => return,
        }
    }
}

fn strace_works() -> bool {
    let traced = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    traced.is_ok_and(|status| status.success())
}

/// Runs the child until the n-th of these calls.
fn run(folder: &Path, call: &str, what: &str, when: u64) {
    let inject = format!("inject={call}:{what}:when={when}");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child_that_appends"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok());
}

/// Opens what is left and checks it against what was told.
fn holds(folder: &Path) -> u64 {
    let log = open(folder).unwrap();
    assert_eq!(log.read_only(), None);
    let size = log.size();
    for index in 0..size {
        assert_eq!(log.entry(index).unwrap(), entry(index), "{index}");
    }
    let told = fs::read_to_string(folder.join("told")).unwrap_or_default();
    for line in told.lines() {
        let (told, root) = line.split_once(' ').unwrap();
        let told: u64 = told.parse().unwrap();
        assert!(told <= size, "{told} entries were told of, {size} are there");
        assert_eq!(log.reader().root_at(told).unwrap(), root.parse::<Digest>().unwrap());
    }
    assert_eq!(log.blocking_append(vec![entry(size)]).unwrap().first, size);
    drop(log);
    let report =
        log::check(&folder.join("log"), ORIGIN, &[key().public()], Some(&folder.join("apart/register")), &|_| {});
    let report = report.unwrap();
    assert!(report.is_sound(), "{report:?}");
    size
}

#[test]
fn a_process_killed_or_failing_at_any_call_loses_nothing_that_it_told() {
    if !strace_works() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let runs = if env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full") { 300 } else { 24 };
    let injections = [
        ("pwrite64", "signal=KILL"),
        ("fdatasync", "signal=KILL"),
        ("fdatasync", "error=EIO"),
        ("pwrite64", "error=EIO"),
        ("fsync", "error=EIO"),
        ("fsync", "signal=KILL"),
        ("ftruncate", "signal=KILL"),
        ("fallocate", "error=ENOSPC"),
    ];
    let (mut folder, mut interrupted) = (tempfile::tempdir().unwrap(), 0);
    for number in 0..runs {
        // A log lives through some runs, so that most begin with segments and blocks.
        if number % 12 == 0 {
            folder = tempfile::tempdir().unwrap();
        }
        let (call, what) = injections[(number % 8) as usize];
        let rare = ["fsync", "ftruncate", "fallocate"].contains(&call);
        let before = holds(folder.path());
        run(folder.path(), call, what, 1 + number * 7 % if rare { 4 } else { 60 });
        let after = holds(folder.path());
        let whole: u64 = (0..APPENDS).map(|round| 1 + round % 7).sum();
        interrupted += u64::from(after < before + 1 + whole);
    }
    println!("{runs} runs, {interrupted} of them interrupted");
    assert!(interrupted * 2 > runs, "only {interrupted} of {runs} runs were interrupted");
}
