//! What the outbox promises, without an exchange.

use std::path::Path;

use nacre_schemas::Digest;

use super::{Outbox, OutboxError, record::State};
use crate::seal::batch::Sealed;

/// Bytes that stand for a batch: the outbox reads them back only to post them.
fn sealed(bytes: &[u8], records: &[u8]) -> Sealed {
    let records = records.iter().map(|record| (Digest([*record; 32]), Digest([record ^ 0xff; 32]))).collect();
    Sealed { id: Digest::of(bytes), bytes: bytes.to_vec(), records }
}

async fn state(outbox: &Outbox, record: u8) -> Option<State> {
    outbox.known(&Digest([record; 32])).await.unwrap().map(|known| known.state)
}

async fn open(folder: &Path) -> Outbox {
    Outbox::open(folder).await.unwrap()
}

#[tokio::test]
async fn a_batch_is_queued_with_all_its_records_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path()).await;
    outbox.enqueue(&sealed(b"first", &[1, 2])).await.unwrap();
    let error = outbox.enqueue(&sealed(b"second", &[3, 2, 4])).await;
    assert!(matches!(error, Err(OutboxError::Damaged(_))));
    assert_eq!(outbox.queued().await.unwrap(), [Digest::of(b"first")]);
    assert_eq!((state(&outbox, 3).await, state(&outbox, 4).await), (None, None));
    assert_eq!(outbox.queued_records().await.unwrap(), 2);
}

#[tokio::test]
async fn what_was_queued_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path()).await;
    for name in [&b"b"[..], b"a", b"c"] {
        outbox.enqueue(&sealed(name, &name[..1])).await.unwrap();
    }
    // Copied while it is open: what a crash would leave, the log not yet written back.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let again = open(copy.path()).await;
    assert_eq!(again.queued().await.unwrap(), [&b"b"[..], b"a", b"c"].map(Digest::of), "in the order of sealing");
    let known = again.known(&Digest([b'a'; 32])).await.unwrap().unwrap();
    assert_eq!((known.state, known.fingerprint), (State::Queued, Digest([b'a' ^ 0xff; 32])));
}

#[tokio::test]
async fn a_refusal_keeps_the_record_to_blame_and_frees_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path()).await;
    let batch = sealed(b"batch", &[1, 2, 3]);
    outbox.enqueue(&batch).await.unwrap();
    let mut freed = outbox.refuse(&batch.id, Some(&Digest([2; 32])), "record-exists").await.unwrap();
    freed.sort();
    assert_eq!(freed, [Digest([1; 32]), Digest([3; 32])]);
    assert_eq!((state(&outbox, 1).await, state(&outbox, 2).await), (None, Some(State::Refused)));
    assert!(outbox.queued().await.unwrap().is_empty());
    // Freed and refused records can both be sealed again.
    outbox.enqueue(&sealed(b"another", &[1, 2, 3])).await.unwrap();
    assert_eq!(state(&outbox, 2).await, Some(State::Queued));
}

#[tokio::test]
async fn a_batch_that_was_changed_on_disk_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path()).await;
    let batch = sealed(b"no batch", &[1]);
    outbox.enqueue(&batch).await.unwrap();
    assert!(matches!(outbox.batch(&batch.id).await, Err(OutboxError::Damaged(_))));
}

#[tokio::test]
async fn one_run_posts_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()).await, open(folder.path()).await);
    let lock = first.lock().unwrap();
    assert!(matches!(second.lock(), Err(OutboxError::InUse(_))));
    drop(lock);
    assert!(second.lock().is_ok());
    first.close().await;
    second.close().await;
}
