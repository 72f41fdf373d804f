//! The log beside SQLite and redb, in one run on one disk: durable appends by number of callers; and what a long log costs
//! to prove from, open, check and store.
//!
//! Every append is of 256 bytes and returns when it is durable: the log with its register, SQLite in WAL mode with
//! `synchronous=FULL`, redb with its default, immediate durability. `NACRE_BENCH_ENTRIES` is the length of the long log
//! (10^6 if not said; 10^7 takes 4 GB of disk); `appends` or `long` as an argument runs that part alone. Times are wall
//! times; those of a proof or an entry are what its thread computed for, as what other work on the machine takes away
//! is longer. Cost: two minutes, and as much again at 10^7.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::{
    env,
    path::Path,
    process::Command,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use nacre_ledger::{
    log::{self, Log, LogOptions},
    signing::SigningKey,
};
use rustix::time::{ClockId, clock_gettime};

mod peers;

const ORIGIN: &str = "bench.nacre/region/820000";
const ENTRY_BYTES: usize = 256;
/// How long each row of appends is measured.
const ROW: Duration = Duration::from_secs(3);
const PROOFS: u64 = 20_000;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, what, folder, ..] = &arguments[..]
        && what == "--open"
    {
        return open_long(Path::new(folder));
    }
    // In the working directory: a temporary folder may lie in memory, where a sync is free.
    let folder = tempfile::tempdir_in(".").unwrap();
    let wanted = |part: &str| {
        let named: Vec<&String> = arguments[1..].iter().filter(|argument| !argument.starts_with('-')).collect();
        named.is_empty() || named.iter().any(|name| *name == part)
    };
    if wanted("appends") {
        appends(folder.path());
    }
    if wanted("long") {
        long(folder.path());
    }
}

/// Durable appends, ours and theirs.
fn appends(folder: &Path) {
    println!("| appends of {ENTRY_BYTES} bytes | callers | appends/s | p50 ms | p99 ms |\n|---|---:|---:|---:|---:|");
    for callers in [1, 8, 64, 512] {
        let log = open(&folder.join(format!("log {callers}")), Some("register"));
        row("the log, with its register", callers, 1, || {
            |entry: Vec<u8>| drop(log.blocking_append(vec![entry]).unwrap())
        });
    }
    for callers in [1, 64] {
        let log = open(&folder.join(format!("bare {callers}")), None);
        row("the log, without a register", callers, 1, || {
            |entry: Vec<u8>| drop(log.blocking_append(vec![entry]).unwrap())
        });
    }
    peers::sqlite(folder);
    peers::redb(folder);
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32]).unwrap()
}

fn open(folder: &Path, register: Option<&str>) -> Log {
    let register = register.map(|name| folder.join(name));
    Log::open(&folder.join("log"), ORIGIN, key(), LogOptions { register, ..LogOptions::default() }).unwrap()
}

/// An entry of its own for each number.
fn entry(number: u64) -> Vec<u8> {
    let mut entry = vec![7; ENTRY_BYTES];
    entry[..8].copy_from_slice(&number.to_be_bytes());
    entry
}

/// Lets callers append for a while, `each` entries a call, and prints how that went.
fn row<F: FnMut(Vec<u8>)>(what: &str, callers: u64, each: usize, caller: impl Fn() -> F + Sync) {
    let start = Barrier::new(callers as usize);
    let run = |number: u64| {
        let mut append = caller();
        start.wait();
        let (begun, mut took) = (Instant::now(), Vec::new());
        while begun.elapsed() < ROW {
            let entry = entry(number << 32 | took.len() as u64);
            let now = Instant::now();
            append(entry);
            took.push(now.elapsed());
        }
        took
    };
    let run = &run;
    let mut took: Vec<Duration> = thread::scope(|scope| {
        let callers: Vec<_> = (0..callers).map(|number| scope.spawn(move || run(number))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    took.sort_unstable();
    let a_second = (took.len() * each) as f64 / ROW.as_secs_f64();
    println!(
        "| {what} | {callers} | {a_second:.0} | {:.2} | {:.2} |",
        ms(quantile(&took, 50)),
        ms(quantile(&took, 99))
    );
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Grows one log by powers of ten, and measures at each.
fn long(folder: &Path) {
    let entries: u64 = env::var("NACRE_BENCH_ENTRIES").map_or(1_000_000, |entries| entries.parse().unwrap());
    let folder = folder.join("long");
    println!(
        "\n| entries | opened in ms, in processor time | resident MB | inclusion proof p50, p99 µs | entry p50, p99 µs | consistency p99 µs |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    let mut size = 10_000;
    while size <= entries {
        let log = open(&folder, None);
        while log.size() < size {
            let next = log.size();
            log.blocking_append((next..size.min(next + 4_096)).map(entry).collect()).unwrap();
        }
        drop(log);
        child(&folder, "open");
        size *= 10;
    }
    let bytes: u64 = folder.join("log").read_dir().unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!("\n{:.1} bytes an entry on disk beside its own", bytes as f64 / entries as f64 - ENTRY_BYTES as f64);
    child(&folder, "check");
}

/// Measures in a process of its own, whose memory and processor time are those of the log alone.
fn child(folder: &Path, what: &str) {
    let status = Command::new(env::current_exe().unwrap()).arg("--open").arg(folder).arg(what).status();
    assert!(status.unwrap().success());
}

/// What all threads of this process have computed for: with other work on the machine, that is steadier than the clock.
fn processor_time() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// The same of this thread.
fn thread_time() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

fn clock(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn open_long(folder: &Path) {
    let now = Instant::now();
    if env::args().nth(3).is_some_and(|what| what == "check") {
        let report = log::check(&folder.join("log"), ORIGIN, &[key().public()], None, &|_| {}).unwrap();
        assert!(report.is_sound() && report.derived.is_empty(), "{report:?}");
        let (took, of_processors) = (now.elapsed().as_secs_f64(), processor_time().as_secs_f64());
        let a_core = report.entries as f64 / of_processors;
        println!("full check of {} entries: {took:.1} s, {a_core:.0} entries/s of a core's time", report.entries);
        return;
    }
    let log = open(folder, None);
    let (opened, computed) = (now.elapsed(), processor_time());
    let size = log.size();
    let measure = |ask: &dyn Fn(u64)| {
        // Fibonacci hashing scatters the numbers over the log.
        let once = |number: u64| {
            let index = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
            let before = thread_time();
            ask(index);
            thread_time() - before
        };
        // What the system keeps in memory of the files is there the second time: disks are not what is measured.
        for number in 0..PROOFS {
            once(number);
        }
        let mut took: Vec<Duration> = (0..PROOFS).map(once).collect();
        took.sort_unstable();
        (us(quantile(&took, 50)), us(quantile(&took, 99)))
    };
    let inclusion = measure(&|index| drop(log.inclusion(index, size).unwrap()));
    let entry = measure(&|index| drop(log.entry(index).unwrap()));
    let consistency = measure(&|index| drop(log.consistency(index, size).unwrap()));
    println!(
        "| {size} | {:.0}, {:.0} | {} | {:.1}, {:.1} | {:.1}, {:.1} | {:.1} |",
        ms(opened),
        ms(computed),
        resident_mb(),
        inclusion.0,
        inclusion.1,
        entry.0,
        entry.1,
        consistency.1
    );
}

/// Memory of this process, where the system says.
fn resident_mb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kb.map_or("?".to_owned(), |kb| (kb / 1_024).to_string())
}
