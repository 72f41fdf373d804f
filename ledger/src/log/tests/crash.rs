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
use crate::log::once::Claim;

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
    match recover::recover(&files, &[key().public()], Some(register), options.segment_bytes, None)? {
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
fn a_store_that_recovers_after_a_sync_that_failed_makes_the_last_group_durable_and_goes_on() {
    let disk = PowerDisk::default();
    work(&disk, &mut Told::default()).unwrap();
    let (syncs, mut recovered, mut found) = (disk.syncs(), 0, 0);
    for sync in (0..syncs).step_by(if full() { 1 } else { 2 }) {
        let (disk, mut told) = (PowerDisk::default(), Told::default());
        // One store from beginning to end, so most syncs are those of its groups.
        let mut store = open_store(&disk).unwrap();
        disk.fail_sync(disk.syncs() + sync);
        for number in 0..40 {
            let group: Vec<Vec<u8>> = (0..1 + number % 30).map(|entry| padded(number, entry)).collect();
            if append(&mut store, &mut told, &group).is_ok() {
                continue;
            }
            let before = store.shared.size();
            assert!(store.shared.is_failing());
            store.recover(&[key().public()]).unwrap_or_else(|error| panic!("sync {sync}: {error}"));
            // All of the group is there for good, or nothing of it.
            let size = store.shared.size();
            let length = group.len() as u64;
            assert!([before, before + length].contains(&size), "sync {sync}: {before} to {size} of {length}");
            if size == before {
                append(&mut store, &mut told, &group).unwrap();
            } else {
                found += 1;
                told.checkpoints.push(store.shared.published().latest.clone());
                told.entries.extend((before..).zip(group));
            }
            assert_eq!(register_says(&disk), store.shared.size(), "sync {sync}");
            recovered += 1;
            // Whatever was told by now is durable.
            if number % 2 == 0 {
                break;
            }
        }
        disk.lose(Loss::Everything, 0);
        assert_eq!(register_says(&disk), told.entries.len() as u64, "sync {sync}: the register was not made durable");
        holds(&disk, &mut told).unwrap_or_else(|what| panic!("sync {sync} of {syncs}: {what}"));
    }
    println!("{recovered} recovered, {found} with the group");
    assert!(recovered > 20 && found > 0 && found < recovered, "{recovered} recovered, {found} with the group");
}

/// Entries in the register.
fn register_says(disk: &PowerDisk) -> u64 {
    match register::registered_on(disk, options().register.as_ref().unwrap(), ORIGIN).unwrap() {
        register::Registered::Says { answered, .. } => answered.size,
        _ => 0,
    }
}

#[test]
fn entries_found_when_the_log_is_recovered_count_and_claims_from_before_are_refused() {
    let disk = PowerDisk::default();
    let store = open_store(&disk).unwrap();
    let reader = Reader { shared: Arc::clone(&store.shared) };
    let once = Arc::new(Once::of(OnceBy::Entry, &reader).unwrap());
    let sequencer = Sequencer { store, signer: key(), keys: vec![key().public()], once: Some(Arc::clone(&once)) };
    let (sender, orders) = mpsc::channel(4);
    let group = entries(0..2);
    let submit = |claimed_at| {
        let (answer, answered) = oneshot::channel();
        let submission = Submission { entries: group.clone(), answer, claimed_at: Some(claimed_at) };
        sender.try_send(Order::Append(submission)).ok().unwrap();
        answered
    };
    // The group is whole on the disk; what fails is the register's sync, after it.
    disk.fail_sync(disk.syncs() + 1);
    let (_, before) = once.claim(&group, &reader).unwrap();
    let failed = submit(before);
    let (asker, recovered) = oneshot::channel();
    sender.try_send(Order::Recover(asker)).ok().unwrap();
    // Claimed before the log was recovered, queued after it.
    let stale = submit(before);
    drop(sender);
    sequencer.run(orders);
    assert!(matches!(failed.blocking_recv().unwrap(), Err(LogError::Poisoned { .. })));
    recovered.blocking_recv().unwrap().unwrap();
    assert!(matches!(stale.blocking_recv().unwrap(), Err(LogError::Poisoned { .. })));
    assert_eq!(reader.size(), 2);
    let (claims, _) = once.claim(&group, &reader).unwrap();
    assert!(matches!(claims[..], [Claim::Committed(0), Claim::Committed(1)]));
}

#[test]
fn a_store_that_cannot_recover_yet_stays_closed_and_reads_the_disk_again_after_a_pause_only() {
    let disk = PowerDisk::default();
    let mut store = open_store(&disk).unwrap();
    let mut told = Told::default();
    append(&mut store, &mut told, &entries(0..3)).unwrap();
    disk.stop_at(disk.calls());
    assert!(append(&mut store, &mut told, &entries(3..4)).is_err());
    assert!(store.recover(&[key().public()]).is_err());
    let calls = disk.calls();
    // The disk is whole again, and the pause is not over.
    disk.lose(Loss::Nothing, 0);
    assert!(matches!(store.recover(&[key().public()]), Err(LogError::Poisoned { .. })));
    assert!(matches!(append(&mut store, &mut told, &entries(3..4)), Err(LogError::Poisoned { .. })));
    assert_eq!((disk.calls(), store.shared.is_failing()), (calls, true));
    std::thread::sleep(std::time::Duration::from_millis(600));
    store.recover(&[key().public()]).unwrap();
    append(&mut store, &mut told, &entries(4..5)).unwrap();
    holds(&disk, &mut told).unwrap();
}

#[test]
fn a_store_whose_log_lost_what_was_answered_for_is_to_be_read_only_and_modifies_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _lock) = open_files(Arc::new(LocalDisk), dir.path(), ORIGIN).unwrap();
    let empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: Sm3Hasher::empty() };
    let empty = SignedCheckpoint::sign(empty, &key(), ORIGIN).unwrap();
    let mut store = Store::create(files, &[], empty, None, 1 << 20).unwrap();
    let mut told = Told::default();
    append(&mut store, &mut told, &entries(0..3)).unwrap();
    let path = segment_path(dir.path(), 0);
    let before = std::fs::read(&path).unwrap();
    append(&mut store, &mut told, &entries(3..6)).unwrap();
    // As if the second group had never reached the disk, there being no register to tell.
    std::fs::write(&path, before.clone()).unwrap();
    store.fail(&LogError::NothingSubmitted);
    let refused = store.recover(&[key().public()]);
    assert!(matches!(&refused, Err(LogError::ReadOnly { why }) if why.contains("6 were answered for")), "{refused:?}");
    assert!(store.shared.refusal().is_some());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(append(&mut store, &mut told, &entries(6..7)).is_err());
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
