//! Entries that are to be in the log once: any number of submissions of one key, before, during and after, have one place.

use super::*;
use crate::log::once::{OnceBy, Placed};

fn open_once(dir: &Path, by: OnceBy) -> Log {
    Log::open(dir, ORIGIN, key(), LogOptions { once: Some(by), ..LogOptions::default() }).unwrap()
}

fn indices(placed: &[Placed]) -> Vec<(u64, bool)> {
    placed.iter().map(|placed| (placed.index, placed.repeated)).collect()
}

#[tokio::test]
async fn a_repeat_is_told_the_place_of_the_original_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let log = open_once(dir.path(), OnceBy::Entry);
        if round == 0 {
            log.append(entries(0..2)).await.unwrap();
            let placed = log.append_once([entries(1..4), entries(3..5)].concat()).await.unwrap();
            assert_eq!(indices(&placed), [(1, true), (2, false), (3, false), (3, true), (4, false)]);
        }
        let placed = log.append_once(entries(0..5)).await.unwrap();
        assert_eq!(indices(&placed), [0, 1, 2, 3, 4].map(|index| (index, true)));
        assert_eq!(log.entries(0..log.size(), 10).unwrap(), entries(0..5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_submissions_at_once_one_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_once(dir.path(), OnceBy::Entry);
    let submit = |number: u64| {
        let log = log.clone();
        tokio::spawn(async move { log.append_once(entries(number % 5..number % 5 + 3)).await.unwrap() })
    };
    let submissions: Vec<_> = (0..200).map(submit).collect();
    let mut placed = Vec::new();
    for submission in submissions {
        placed.push(submission.await.unwrap());
    }
    assert_eq!(log.size(), 7);
    assert_eq!(placed.iter().flatten().filter(|placed| !placed.repeated).count(), 7);
    for (number, placed) in (0..).zip(placed) {
        for (offset, placed) in (0..).zip(placed) {
            assert_eq!(log.entry(placed.index).unwrap(), entry(number % 5 + offset));
        }
    }
}

/// What an entry is about: its first byte.
fn first_byte(entry: &[u8]) -> Digest {
    Digest::of(&entry[..1])
}

#[tokio::test]
async fn the_key_may_be_part_of_the_entry() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let log = open_once(dir.path(), OnceBy::Key(first_byte));
        log.append_once(vec![b"a1".to_vec(), b"b1".to_vec()]).await.unwrap();
        let placed = log.append_once(vec![b"b2".to_vec(), b"a2".to_vec()]).await.unwrap();
        assert_eq!(indices(&placed), [(1, true), (0, true)]);
        assert_eq!(log.entries(0..2, 2).unwrap(), [b"a1", b"b1"]);
    }
    let log = open(&dir.path().join("other"));
    assert!(matches!(log.append_once(entries(0..1)).await, Err(LogError::KeysNotKept)));
}

#[tokio::test]
async fn keys_with_the_same_256th_part_of_the_table_and_the_same_tag_are_told_apart() {
    fn same_start(entry: &[u8]) -> Digest {
        let mut digest = Digest::of(entry);
        digest.0[..4].fill(7);
        digest
    }
    let dir = tempfile::tempdir().unwrap();
    let log = open_once(dir.path(), OnceBy::Key(same_start));
    for _ in 0..2 {
        let placed = log.append_once(entries(0..300)).await.unwrap();
        assert!(placed.iter().zip(0..).all(|(placed, index)| placed.index == index));
    }
    assert_eq!(log.size(), 300);
}

#[tokio::test]
async fn a_group_that_could_not_be_written_frees_its_keys_and_nobody_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { once: Some(OnceBy::Entry), segment_bytes: 1, ..LogOptions::default() };
    let log = Log::open(dir.path(), ORIGIN, key(), options).unwrap();
    log.append_once(entries(0..2)).await.unwrap();
    fs::create_dir(segment_path(dir.path(), 2)).unwrap();
    let (one, other) = tokio::join!(log.append_once(entries(2..4)), log.append_once(entries(3..5)));
    assert!(matches!(one, Err(LogError::Poisoned { .. })) && matches!(other, Err(LogError::Poisoned { .. })));
    // Not in flight any more: it is submitted again, and refused again.
    assert!(matches!(log.append_once(entries(2..4)).await, Err(LogError::Poisoned { .. })));
    assert_eq!(indices(&log.append_once(entries(0..2)).await.unwrap()), [(0, true), (1, true)]);
    drop(log);
    fs::remove_dir(segment_path(dir.path(), 2)).unwrap();
    let placed = open_once(dir.path(), OnceBy::Entry).append_once(entries(1..3)).await.unwrap();
    assert_eq!(indices(&placed), [(1, true), (2, false)]);
}

#[tokio::test]
async fn a_submission_that_is_dropped_before_it_is_queued_claims_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_once(dir.path(), OnceBy::Entry);
    drop(log.append_once(entries(0..1)));
    let mut polled = Box::pin(log.append_once(entries(0..1)));
    let _ = std::future::poll_fn(|context| std::task::Poll::Ready(polled.as_mut().poll(context))).await;
    drop(polled);
    assert_eq!(indices(&log.append_once(entries(0..1)).await.unwrap()), [(0, true)]);
    assert_eq!(log.size(), 1);
}
