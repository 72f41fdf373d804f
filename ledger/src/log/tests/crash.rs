//! Power failures at every write, sync and name that a log makes, in every way that a disk may have got along with them.
//!
//! A workload runs over a disk in memory that keeps two images: what the process sees, and what is durable. It is stopped at
//! one call after another; from the two images, one that the disk may hold then is made ([`Loss`]); the log is
//! opened on it. Shown each time: entries that were answered for are there, in order, none twice; every checkpoint that
//! ever left the process is of a beginning of the log; nothing is damaged; the log goes on.
//!
//! `NACRE_CAMPAIGN=full` takes every point, otherwise it is a sample. Cost: some 20 milliseconds a point.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::*;

mod disk;

use disk::{Loss, PowerDisk};

const SEGMENT_BYTES: u64 = 2_500;

fn dir() -> &'static Path {
    Path::new("/data/log")
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: SEGMENT_BYTES, register: Some("/kept apart/register".into()), ..LogOptions::default() }
}

/// What left the process.
#[derive(Default)]
struct Told {
    /// Entries by index.
    entries: BTreeMap<u64, Vec<u8>>,
    checkpoints: Vec<SignedCheckpoint>,
}

/// The store of a log over the disk, without a thread: what is stopped is the store.
fn open_store(disk: &PowerDisk) -> Result<Store, LogError> {
    let empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: Sm3Hasher::empty() };
    let empty = SignedCheckpoint::sign(empty, &key(), ORIGIN)?;
    let (files, _lock) = open_files(Arc::new(disk.clone()), dir(), ORIGIN)?;
    let options = options();
    let register = Register::open_on(Arc::new(disk.clone()), options.register.as_ref().unwrap(), ORIGIN)?;
    match recover::recover(&files, &[key().public()], Some(register), options.segment_bytes)? {
        Recovered::Log(store) => Ok(*store),
        Recovered::Nothing(register) => Store::create(files, &[], empty, register, options.segment_bytes),
    }
}

fn append(store: &mut Store, told: &mut Told, entries: &[Vec<u8>]) -> Result<(), LogError> {
    let first = store.shared.size();
    let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let note = store.commit(&entries, |checkpoint| Ok(SignedCheckpoint::sign(checkpoint, &key(), ORIGIN)?))?;
    told.checkpoints.push(note);
    told.entries.extend((first..).zip(entries.iter().map(|entry| entry.to_vec())));
    Ok(())
}

/// Groups of many sizes over several segments and blocks, and the log opened again in between; until the disk stops.
fn work(disk: &PowerDisk, told: &mut Told) -> Result<(), LogError> {
    let mut number = 0;
    for round in 0..5 {
        let mut store = open_store(disk)?;
        told.checkpoints.push(store.shared.published().latest.clone());
        for length in [1, 5, 120, 2, 1, 9, 60] {
            let entries: Vec<Vec<u8>> = (number..number + length).map(|number| padded(round, number)).collect();
            append(&mut store, told, &entries)?;
            number += length;
        }
    }
    Ok(())
}

fn padded(round: u64, number: u64) -> Vec<u8> {
    format!("entry {number} of round {round} {}", "x".repeat((number * 13 % 40) as usize)).into_bytes()
}

/// Opens what is left, and checks it against what left the process.
fn holds(disk: &PowerDisk, told: &mut Told) -> Result<(), String> {
    let mut store = open_store(disk).map_err(|error| error.to_string())?;
    let reader = Reader { shared: Arc::clone(&store.shared) };
    if let Some(why) = reader.read_only() {
        return Err(format!("to be read only: {why}"));
    }
    for (index, entry) in &told.entries {
        match reader.entry(*index) {
            Ok(held) if held == *entry => {}
            other => return Err(format!("entry {index}: {other:?}")),
        }
    }
    let mut seen = BTreeSet::new();
    for index in 0..reader.size() {
        let entry = reader.entry(index).map_err(|error| format!("entry {index}: {error}"))?;
        if !seen.insert(entry) {
            return Err(format!("entry {index} is there twice"));
        }
    }
    let latest = reader.checkpoint();
    for note in &told.checkpoints {
        extends(&reader, note, &latest)?;
    }
    let goes_on: Vec<Vec<u8>> =
        (0..3).map(|number| format!("goes on {number} at {}", reader.size()).into_bytes()).collect();
    append(&mut store, told, &goes_on).map_err(|error| format!("does not go on: {error}"))?;
    extends(&reader, &latest, &reader.checkpoint())
}

fn extends(reader: &Reader, from: &SignedCheckpoint, to: &SignedCheckpoint) -> Result<(), String> {
    let (from, to) = (from.unverified(), to.unverified());
    let proof = reader.consistency(from.size, to.size).map_err(|error| error.to_string())?;
    consistency::verify::<Sm3Hasher>(from.size, &from.root, to.size, &to.root, &proof)
        .map_err(|error| format!("a checkpoint of {} entries that left is not of this log: {error}", from.size))
}

/// Runs the workload until its n-th call, loses what may be lost, and sees what is left; then once more from there.
fn stopped_at(call: usize, loss: Loss) -> Result<(), String> {
    let disk = PowerDisk::default();
    let mut told = Told::default();
    disk.stop_at(call);
    let stopped = work(&disk, &mut told).is_err();
    assert!(stopped || disk.calls() <= call, "the disk stopped, and the log did not notice");
    disk.lose(loss, call as u64);
    holds(&disk, &mut told)?;
    // Opening is a workload too: the power goes once more, soon after.
    disk.stop_at(disk.calls() + call % 23);
    let _ = work_after_recovery(&disk, &mut told);
    disk.lose(loss, call as u64 + 1);
    holds(&disk, &mut told)
}

fn work_after_recovery(disk: &PowerDisk, told: &mut Told) -> Result<(), LogError> {
    let mut store = open_store(disk)?;
    told.checkpoints.push(store.shared.published().latest.clone());
    for number in 0..4 {
        let size = store.shared.size();
        append(&mut store, told, &[format!("after {number} at {size}").into_bytes()])?;
    }
    Ok(())
}

fn full() -> bool {
    std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full")
}

/// Ways to lose what was not synced; random ones several times.
fn losses(random: u64) -> Vec<Loss> {
    let random = (0..random).flat_map(|seed| [Loss::Sectors(seed), Loss::Writes(seed)]);
    [Loss::Nothing, Loss::Everything, Loss::HalfOfTheLast, Loss::AllButTheLast].into_iter().chain(random).collect()
}

#[test]
fn whatever_a_power_failure_leaves_what_was_answered_for_is_there_and_the_log_goes_on() {
    let disk = PowerDisk::default();
    work(&disk, &mut Told::default()).unwrap();
    let calls = disk.calls();
    let (step, random) = if full() { (1, 24) } else { (5, 3) };
    let points: Vec<(usize, Loss)> =
        (0..=calls).step_by(step).flat_map(|call| losses(random).into_iter().map(move |loss| (call, loss))).collect();
    points.par_iter().for_each(|(call, loss)| {
        stopped_at(*call, *loss).unwrap_or_else(|what| panic!("stopped at call {call} of {calls}, {loss:?}: {what}"));
    });
    println!("{} points over {calls} calls", points.len());
    assert!(points.len() >= if full() { 10_000 } else { 500 }, "{} points", points.len());
}

#[test]
fn after_a_sync_that_failed_the_log_writes_no_more_and_opening_it_makes_the_last_group_durable() {
    let disk = PowerDisk::default();
    work(&disk, &mut Told::default()).unwrap();
    let syncs = disk.syncs();
    for sync in (0..syncs).step_by(if full() { 1 } else { 3 }) {
        let disk = PowerDisk::default();
        let mut told = Told::default();
        disk.fail_sync(sync);
        assert!(work(&disk, &mut told).is_err(), "sync {sync} of {syncs} failed, and nobody noticed");
        let before = disk.calls();
        // The process lives: nothing of what it tries reaches the disk, and it is opened again without a loss.
        let size = open_store(&disk).unwrap_or_else(|error| panic!("sync {sync}: {error}")).shared.size();
        assert!(disk.calls() > before && size >= told.entries.len() as u64);
        // What the new process was told is durable: everything that is not, goes.
        disk.lose(Loss::Everything, 0);
        holds(&disk, &mut told).unwrap_or_else(|what| panic!("sync {sync} of {syncs}: {what}"));
    }
}

#[test]
fn a_store_whose_write_failed_does_not_touch_the_disk_again() {
    let disk = PowerDisk::default();
    let mut store = open_store(&disk).unwrap();
    let mut told = Told::default();
    append(&mut store, &mut told, &entries(0..3)).unwrap();
    disk.fail_sync(disk.syncs());
    assert!(matches!(append(&mut store, &mut told, &entries(3..4)), Err(LogError::Io { .. })));
    let calls = disk.calls();
    for _ in 0..3 {
        assert!(matches!(append(&mut store, &mut told, &entries(3..4)), Err(LogError::Poisoned { .. })));
    }
    assert_eq!(disk.calls(), calls);
    assert_eq!(store.shared.size(), 3);
}
