//! The log as its users see it: what was acknowledged is there, in order, under checkpoints that verify, also
//! after it was opened again; a log that cannot write says so and takes no more. Cost: some seconds of syncs.

use std::{collections::BTreeSet, fs};

use tempfile::TempDir;

use super::*;
use crate::merkle::{consistency, inclusion};

mod crash;
mod derived;
mod once;
mod recovery;
mod rollback;

const ORIGIN: &str = "gba.example/region/440100";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32]).unwrap()
}

fn open_with(dir: &Path, segment_bytes: u64) -> Result<Log, LogError> {
    Log::open(dir, ORIGIN, key(), LogOptions { segment_bytes, ..LogOptions::default() })
}

fn open(dir: &Path) -> Log {
    open_with(dir, LogOptions::default().segment_bytes).unwrap()
}

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

fn entries(range: Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

/// A log in which the commits bring it to 2, 3 and 6 entries.
fn written(segment_bytes: u64) -> (TempDir, Vec<Appended>) {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), segment_bytes).unwrap();
    let appended = [0..2, 2..3, 3..6].map(|range| log.blocking_append(entries(range)).unwrap());
    (dir, appended.to_vec())
}

fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(segment::file_name(first))
}

#[test]
fn a_new_log_has_a_signed_checkpoint_of_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("a/b"));
    let note = log.checkpoint();
    let checkpoint = note.verify(ORIGIN, ORIGIN, &key().public()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (0, Sm3Hasher::empty()));
    drop(log);
    assert_eq!(open(&dir.path().join("a/b")).checkpoint(), note);
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    for segment_bytes in [1, 700, 1 << 20] {
        let (dir, appended) = written(segment_bytes);
        let log = open_with(dir.path(), segment_bytes).unwrap();
        assert_eq!(appended.iter().map(|appended| appended.first).collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(log.checkpoint(), appended[2].checkpoint);
        assert_eq!(log.entries(0..6, 100).unwrap(), entries(0..6));
        assert_eq!(log.entries(1..6, 3).unwrap(), entries(1..4));
        let next = log.blocking_append(entries(6..8)).unwrap();
        assert_eq!((next.first, log.size()), (6, 8));
        drop(log);
        let log = open_with(dir.path(), segment_bytes).unwrap();
        assert_eq!(log.entries(0..8, 100).unwrap(), entries(0..8));
        assert_eq!(log.checkpoint(), next.checkpoint);
    }
}

#[test]
fn a_log_goes_on_under_another_key_if_it_is_told_the_one_before() {
    for segment_bytes in [1, 700, 1 << 20] {
        let (dir, register) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options = |earlier_keys: Vec<SigningPublicKey>| {
            let register = Some(register.path().join("register"));
            LogOptions { segment_bytes, earlier_keys, register, ..LogOptions::default() }
        };
        let log = Log::open(dir.path(), ORIGIN, key(), options(Vec::new())).unwrap();
        let appended = [0..2, 2..3, 3..6].map(|range| log.blocking_append(entries(range)).unwrap());
        drop(log);
        let fresh = || SigningKey::from_bytes(&[2; 32]).unwrap();
        let open = |earlier_keys| Log::open(dir.path(), ORIGIN, fresh(), options(earlier_keys));
        assert!(open(Vec::new()).err().is_some(), "another's log");
        for _ in 0..2 {
            let log = open(vec![key().public()]).unwrap();
            assert_eq!(log.read_only(), None);
            let checkpoint = log.checkpoint();
            assert_eq!(checkpoint.unverified(), appended[2].checkpoint.unverified(), "the same entries");
            checkpoint.verify(ORIGIN, ORIGIN, &fresh().public()).unwrap();
            assert_eq!(log.entries(0..6, 100).unwrap(), entries(0..6));
        }
        let log = open(vec![key().public()]).unwrap();
        assert_eq!(log.blocking_append(entries(6..8)).unwrap().first, 6);
        drop(log);
        // Nothing that the last segment ends with was signed by the earlier key.
        let log = open(vec![key().public()]).unwrap();
        assert_eq!((log.read_only(), log.entries(0..8, 100).unwrap()), (None, entries(0..8)));

        // A mirror and a check have to be told it too.
        let mirrored = tempfile::tempdir().unwrap();
        let mirror = |earlier_keys| {
            let options = LogOptions { segment_bytes, earlier_keys, ..LogOptions::default() };
            Mirror::open(mirrored.path(), ORIGIN, fresh().public(), &options)
        };
        let follow = |mirror: &mut Mirror| -> Result<(), LogError> {
            while mirror.size() < 8 {
                let note = log.checkpoint_covering(mirror.size())?;
                let more = log.entries(mirror.size()..note.unverified().size, 100)?;
                mirror.append(&more, &note)?;
            }
            Ok(())
        };
        follow(&mut mirror(Vec::new()).unwrap()).unwrap_err();
        follow(&mut mirror(vec![key().public()]).unwrap()).unwrap();
        assert_eq!(mirror(vec![key().public()]).unwrap().size(), 8, "opened again");
        drop(log);
        let checked = |keys: &[SigningPublicKey]| check(dir.path(), ORIGIN, keys, None, &|_| {}).unwrap();
        assert!(!checked(&[fresh().public()]).is_sound());
        let report = checked(&[fresh().public(), key().public()]);
        assert!(report.is_sound(), "{:?}", report.findings);
        assert_eq!(report.entries, 8);
    }
}

#[test]
fn a_full_segment_is_followed_by_one_named_by_its_first_entry() {
    let (dir, _) = written(1);
    assert_eq!(segment::list(&LocalDisk, dir.path()).unwrap(), [0, 2, 3]);
}

#[test]
fn proofs_verify_against_the_signed_roots() {
    let (dir, appended) = written(1);
    let log = open_with(dir.path(), 1).unwrap();
    let public = key().public();
    let checkpoints: Vec<_> =
        appended.iter().map(|appended| appended.checkpoint.verify(ORIGIN, ORIGIN, &public).unwrap()).collect();
    for to in &checkpoints {
        for index in 0..to.size {
            let leaf_hash = log.leaf_hash(index).unwrap();
            assert_eq!(leaf_hash, Sm3Hasher::leaf(&entry(index)));
            let proof = log.inclusion(index, to.size).unwrap();
            inclusion::verify::<Sm3Hasher>(&leaf_hash, index, to.size, &to.root, &proof).unwrap();
        }
        for from in checkpoints.iter().filter(|from| from.size <= to.size) {
            let proof = log.consistency(from.size, to.size).unwrap();
            consistency::verify::<Sm3Hasher>(from.size, &from.root, to.size, &to.root, &proof).unwrap();
        }
    }
}

#[test]
fn the_checkpoint_that_covers_an_entry_stays_the_same() {
    for segment_bytes in [1, 1 << 20] {
        let (dir, appended) = written(segment_bytes);
        for round in 0..2 {
            let log = open_with(dir.path(), segment_bytes).unwrap();
            for (index, group) in [0, 0, 1, 2, 2, 2].into_iter().enumerate() {
                let covering = log.checkpoint_covering(index as u64).unwrap();
                assert_eq!(covering, appended[group].checkpoint, "entry {index}, round {round}");
            }
            log.blocking_append(entries(0..3)).unwrap();
        }
    }
}

#[test]
fn what_is_not_committed_is_not_answered_for() {
    let (dir, _) = written(1 << 20);
    let log = open(dir.path());
    let refused = |result: Result<(), LogError>| {
        assert!(matches!(result, Err(LogError::NotCommitted { size: 6, .. })), "{result:?}");
    };
    refused(log.entry(6).map(drop));
    refused(log.entry(u64::MAX).map(drop));
    refused(log.entries(0..7, 1).map(drop));
    refused(log.entries(7..7, 1).map(drop));
    refused(log.leaf_hash(6).map(drop));
    refused(log.checkpoint_covering(6).map(drop));
    refused(log.inclusion(0, 7).map(drop));
    refused(log.consistency(0, 7).map(drop));
    assert!(matches!(log.inclusion(5, 5), Err(LogError::Tree(_))));
    assert!(matches!(log.consistency(5, 4), Err(LogError::Tree(_))));
}

#[test]
fn submissions_over_the_caps_are_refused_and_those_at_them_taken() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    assert!(matches!(log.blocking_append(Vec::new()), Err(LogError::NothingSubmitted)));
    let long = vec![vec![0; MAX_ENTRY_BYTES], vec![0; MAX_ENTRY_BYTES + 1]];
    let refused = log.blocking_append(long);
    assert!(matches!(refused, Err(LogError::EntryTooLong { position: 1, found }) if found == MAX_ENTRY_BYTES + 1));
    let many = vec![vec![7]; MAX_SUBMISSION_ENTRIES + 1];
    assert!(matches!(log.blocking_append(many), Err(LogError::TooManyEntries { .. })));
    assert_eq!(log.size(), 0);

    log.blocking_append(vec![vec![0; MAX_ENTRY_BYTES], Vec::new()]).unwrap();
    log.blocking_append(vec![vec![7]; MAX_SUBMISSION_ENTRIES]).unwrap();
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.entry(0).unwrap(), vec![0; MAX_ENTRY_BYTES]);
    assert_eq!(log.entry(1).unwrap(), Vec::<u8>::new());
    assert_eq!(log.size(), 2 + MAX_SUBMISSION_ENTRIES as u64);
}

#[test]
fn options_out_of_range_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let default = LogOptions::default();
    for options in [
        LogOptions { segment_bytes: 0, ..default.clone() },
        LogOptions { segment_bytes: MAX_SEGMENT_BYTES + 1, ..default.clone() },
        LogOptions { queue: 0, ..default.clone() },
        LogOptions { queue: MAX_QUEUE + 1, ..default.clone() },
    ] {
        assert!(matches!(Log::open(dir.path(), ORIGIN, key(), options), Err(LogError::Options(_))));
    }
    assert!(matches!(Log::open(dir.path(), "a b", key(), default), Err(LogError::Note(_))));
}

#[test]
fn a_log_that_is_open_cannot_be_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let handle = log.clone();
    drop(log);
    assert!(matches!(open_with(dir.path(), 1), Err(LogError::Locked { .. })));
    drop(handle);
    open(dir.path());
}

#[test]
fn submissions_from_many_threads_are_all_there_and_each_in_one_piece() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), 4_096).unwrap();
    let (threads, rounds, run) = (8, 12, 3);
    let appended: Vec<(u64, Appended)> = thread::scope(|scope| {
        let submitters: Vec<_> = (0..threads)
            .map(|number| {
                let log = &log;
                scope.spawn(move || {
                    let base = |round: u64| (number * rounds + round) * run;
                    let submit = |round| log.blocking_append(entries(base(round)..base(round) + run)).unwrap();
                    (0..rounds).map(|round| (base(round), submit(round))).collect::<Vec<_>>()
                })
            })
            .collect();
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    });
    drop(log);
    let log = open_with(dir.path(), 4_096).unwrap();
    assert_eq!(log.size(), threads * rounds * run);
    let firsts: BTreeSet<u64> = appended.iter().map(|(_, appended)| appended.first).collect();
    assert_eq!(firsts, (0..threads * rounds).map(|position| position * run).collect());
    for (base, Appended { first, checkpoint }) in appended {
        assert_eq!(log.entries(first..first + run, 10).unwrap(), entries(base..base + run));
        assert_eq!(log.checkpoint_covering(first).unwrap(), checkpoint);
        assert_eq!(log.checkpoint_covering(first + run - 1).unwrap(), checkpoint);
    }
}

#[tokio::test]
async fn a_submission_whose_submitter_goes_away_is_appended_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut abandoned = Box::pin(log.append(entries(0..1)));
    let _ = std::future::poll_fn(|context| std::task::Poll::Ready(abandoned.as_mut().poll(context))).await;
    drop(abandoned);
    let appended = log.append(entries(1..3)).await.unwrap();
    assert_eq!(appended.first, 1);
    assert_eq!(log.entries(0..3, 3).unwrap(), entries(0..3));
}

/// A writer that is not running yet.
fn idle_writer(dir: &Path) -> Sequencer {
    let empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: Sm3Hasher::empty() };
    let note = SignedCheckpoint::sign(empty, &key(), ORIGIN).unwrap();
    let (files, _) = open_files(Arc::new(LocalDisk), dir, ORIGIN).unwrap();
    let store = Store::create(files, &[], note, None, 1 << 20).unwrap();
    Sequencer { store, signer: key(), keys: vec![key().public()], once: None }
}

/// A submission and who waits for it.
fn submission(entries: Vec<Vec<u8>>) -> (Submission, oneshot::Receiver<Result<Appended, LogError>>) {
    let (answer, receiver) = oneshot::channel();
    (Submission { entries, answer, claimed_at: None }, receiver)
}

#[test]
fn what_is_queued_shares_one_commit_and_a_commit_has_a_cap() {
    let dir = tempfile::tempdir().unwrap();
    let sequencer = idle_writer(dir.path());
    let shared = Arc::clone(&sequencer.store.shared);
    let (sender, queue) = mpsc::channel(10);
    let sizes = [3, 4_096, 4_096, 1, 1];
    let answers: Vec<_> = sizes
        .map(|size| {
            let (submission, answer) = submission(vec![vec![0]; size]);
            sender.try_send(Order::Append(submission)).ok().unwrap();
            answer
        })
        .into_iter()
        .collect();
    drop(sender);
    sequencer.run(queue);
    let appended: Vec<Appended> = answers.into_iter().map(|answer| answer.blocking_recv().unwrap().unwrap()).collect();
    let firsts: Vec<u64> = appended.iter().map(|appended| appended.first).collect();
    assert_eq!(firsts, [0, 3, 4_099, 8_195, 8_196]);
    let commits: Vec<u64> = appended.iter().map(|appended| appended.checkpoint.unverified().size).collect();
    assert_eq!(commits, [8_195, 8_195, 8_195, 8_197, 8_197]);
    assert_eq!(shared.size(), 8_197);
}

#[test]
fn after_a_failed_write_nothing_is_taken_until_the_log_is_recovered_or_opened_again() {
    let (dir, appended) = written(1);
    let log = open_with(dir.path(), 1).unwrap();
    // The next segment cannot be created where a directory is.
    let obstacle = segment_path(dir.path(), 6);
    fs::create_dir(&obstacle).unwrap();
    for _ in 0..2 {
        let refused = log.blocking_append(entries(6..7));
        assert!(matches!(&refused, Err(LogError::Poisoned { cause }) if cause.contains("create")), "{refused:?}");
        fs::remove_dir(&obstacle).ok();
    }
    assert_eq!((log.size(), log.checkpoint()), (6, appended[2].checkpoint.clone()));
    assert_eq!(log.entries(0..6, 10).unwrap(), entries(0..6));
    assert!(log.leaf_hash(6).is_err() && log.inclusion(0, 7).is_err());
    drop(log);
    let log = open_with(dir.path(), 1).unwrap();
    assert_eq!(log.blocking_append(entries(6..7)).unwrap().first, 6);
}

#[tokio::test]
async fn a_log_that_was_recovered_goes_on_and_what_was_queued_before_is_refused() {
    let (dir, appended) = tokio::task::spawn_blocking(|| written(1)).await.unwrap();
    let log = open_with(dir.path(), 1).unwrap();
    let reader = log.reader().clone();
    let obstacle = segment_path(dir.path(), 6);
    fs::create_dir(&obstacle).unwrap();
    assert!(matches!(log.append(entries(6..7)).await, Err(LogError::Poisoned { .. })));
    // What is in the way is in the way of reading, too.
    assert!(log.is_failing() && log.recover().await.is_err());
    fs::remove_dir(&obstacle).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let (before, recovered, after) = tokio::join!(log.append(entries(6..7)), log.recover(), log.append(entries(6..8)));
    assert!(matches!(before, Err(LogError::Poisoned { .. })), "{before:?}");
    recovered.unwrap();
    assert_eq!((after.unwrap().first, log.is_failing()), (6, false));
    assert_eq!(reader.entries(0..8, 10).unwrap(), entries(0..8), "handles from before see it all");
    assert_eq!(reader.checkpoint_covering(0).unwrap(), appended[0].checkpoint);
    log.recover().await.unwrap();
    drop((log, reader));
    assert_eq!(open_with(dir.path(), 1).unwrap().entries(0..8, 10).unwrap(), entries(0..8));
}

#[test]
fn an_entry_or_commit_that_the_disk_altered_is_reported_and_not_returned() {
    let (dir, _) = written(1 << 20);
    let log = open(dir.path());
    let path = segment_path(dir.path(), 0);
    let good = recovery::segment_bytes(dir.path(), 0);
    let alter = |position: usize| {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, bad).unwrap();
    };
    let find = |needle: &[u8]| good.windows(needle.len()).position(|window| window == needle).unwrap();
    alter(find(&entry(1)));
    assert!(matches!(log.entry(1), Err(LogError::Damaged { .. })));
    assert_eq!(log.entry(0).unwrap(), entry(0));
    alter(find(b"440100\n3\n"));
    assert!(matches!(log.checkpoint_covering(2), Err(LogError::Damaged { .. })));

    // Whole frames that changed places keep their checksums: the leaf in the tree tells.
    let frame_bytes = frame::HEADER_BYTES + entry(0).len();
    let (first, second) = (find(&entry(0)) - frame::HEADER_BYTES, find(&entry(1)) - frame::HEADER_BYTES);
    let mut bad = good.clone();
    bad[first..first + frame_bytes].copy_from_slice(&good[second..second + frame_bytes]);
    fs::write(&path, bad).unwrap();
    assert!(matches!(log.entry(0), Err(LogError::Damaged { .. })));

    let commits = recovery::commits(&good);
    let ((to, end, _), (from, until, _)) = (commits[1], commits[2]);
    let mut bad = good.clone();
    bad[to..end].copy_from_slice(&good[from..until]);
    fs::write(&path, bad).unwrap();
    assert!(matches!(log.checkpoint_covering(0), Err(LogError::Damaged { .. })));
}
