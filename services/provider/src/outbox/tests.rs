//! What the outbox promises, without an exchange.

use std::path::Path;

use nacre_schemas::Digest;

use super::{
    Outbox, OutboxError,
    owner::Owner,
    record::{Plan, State},
};
use crate::{
    seal::batch::{Sealed, SealedRecord},
    tests::config,
};

/// Bytes that stand for a batch: the outbox reads them back only to post them.
fn sealed(bytes: &[u8], records: &[u8]) -> Sealed {
    let record =
        |record: &u8| SealedRecord { id: Digest([*record; 32]), fingerprint: Digest([record ^ 0xff; 32]), month: None };
    let records = records.iter().map(record).collect();
    Sealed { id: Digest::of(bytes), bytes: bytes.to_vec(), records }
}

async fn state(outbox: &Outbox, record: u8) -> Option<State> {
    outbox.known(&Digest([record; 32])).await.unwrap().map(|known| known.state)
}

async fn open(folder: &Path) -> Outbox {
    Outbox::open(folder, &Owner::configured(&config(folder))).await.unwrap()
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
async fn a_value_is_sealed_once_and_again_only_if_another_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path()).await;
    let plan = async |fingerprint: u8| outbox.plan(&Digest([1; 32]), &Digest([fingerprint; 32])).await.unwrap();
    let (same, other) = (1 ^ 0xff, 7);
    assert_eq!(plan(same).await, Plan::Seal);
    let batch = sealed(b"batch", &[1]);
    outbox.enqueue(&batch).await.unwrap();
    assert_eq!((plan(same).await, plan(other).await), (Plan::Queued, Plan::OtherValue));
    outbox.refuse(&batch.id, Some(&Digest([1; 32])), "record-exists").await.unwrap();
    assert_eq!((plan(same).await, plan(other).await), (Plan::Refused, Plan::Seal));
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

mod spool {
    use super::*;
    use crate::{
        outbox::{
            month::Closing,
            observation::{Arrival, ArrivingObservation, ArrivingReading, Conflict, Manner, Taken},
            person::{ArrivingPatient, PersonRow},
        },
        seal::batch::{Spooled, Subject},
    };

    fn digest(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    fn patient() -> Arrival {
        let subject = Subject { name: digest(1), pseudonym: digest(2) };
        Arrival::Patient(ArrivingPatient { id: digest(3), person: PersonRow { subject, sealed: vec![0; 100] } })
    }

    fn observation(id: u8, record: u8, bytes: usize) -> Arrival {
        let month = digest(9);
        let closing = Closing { ends_at: 5, closes_at: 10 };
        let reading =
            ArrivingReading { record: digest(record), month, person: digest(1), closing, sealed: vec![7; bytes] };
        Arrival::Observation(ArrivingObservation {
            id: digest(id),
            identifier: None,
            content: digest(id),
            withdrawn: false,
            manner: Manner::Create,
            if_match: None,
            sealed: vec![7; 64],
            readings: vec![reading],
        })
    }

    /// A month's batch, as it would be sealed of what is due.
    fn of_month(spooled: Spooled, records: &[u8]) -> Sealed {
        let bytes = records.to_vec();
        let record = |id: &u8| SealedRecord { id: digest(*id), fingerprint: digest(0xff), month: Some(spooled) };
        Sealed { id: Digest::of(&bytes), bytes, records: records.iter().map(record).collect() }
    }

    #[tokio::test]
    async fn a_full_disk_takes_nothing_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open(folder.path()).await;
        outbox.take(&[patient(), observation(10, 20, 64)], true).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(outbox.connection()).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
            .execute(outbox.connection())
            .await
            .unwrap();
        let full = outbox.take(&[observation(11, 21, 1 << 20)], true).await.unwrap_err();
        assert!(full.is_disk_full(), "{full}");
        assert!(outbox.observation(&digest(11)).await.unwrap().is_none());
        assert_eq!(outbox.due_months(10, 9).await.unwrap()[0].readings.len(), 1);
        // The limit was the connection's, which is replaced: there is room again.
        assert_eq!(outbox.take(&[observation(11, 21, 1 << 20)], true).await.unwrap(), [Taken::Created]);
    }

    #[tokio::test]
    async fn what_a_month_was_reduced_from_is_kept_until_it_is_receipted_and_it_is_not_queued_if_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open(folder.path()).await;
        outbox.take(&[patient(), observation(10, 20, 64)], true).await.unwrap();
        assert!(outbox.due_months(9, 9).await.unwrap().is_empty(), "its time has not come");
        let due = outbox.due_months(10, 9).await.unwrap().remove(0);
        outbox.take(&[observation(11, 21, 64)], true).await.unwrap();
        assert!(!outbox.enqueue(&of_month(due.spooled, &[20])).await.unwrap(), "another reading has come since");
        let due = outbox.due_months(10, 9).await.unwrap().remove(0);
        outbox.expect(due.spooled, 2).await.unwrap();
        let first = of_month(due.spooled, &[20]);
        assert!(outbox.enqueue(&first).await.unwrap());
        assert_eq!(outbox.due_months(10, 9).await.unwrap().len(), 1, "one of its two records is not queued");
        let late = outbox.take(&[observation(12, 20, 64)], false).await.unwrap();
        assert_eq!(late, [Taken::Refused(Conflict::Late)]);
        assert!(outbox.enqueue(&of_month(due.spooled, &[21])).await.unwrap());
        assert!(outbox.due_months(10, 9).await.unwrap().is_empty());
        assert_eq!(outbox.refuse(&first.id, None, "proof-rejected").await.unwrap(), [digest(20)]);
        let due = outbox.due_months(10, 9).await.unwrap().remove(0);
        assert_eq!((due.refusals, due.readings.len()), (1, 2), "it can be sealed anew");
    }

    #[tokio::test]
    async fn a_wait_is_cut_to_the_longest_that_begins_now_and_never_below_the_months_own_end() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open(folder.path()).await;
        outbox.take(&[patient(), observation(10, 20, 64)], true).await.unwrap();
        let first_closes_at = async || outbox.month_counts().await.unwrap().first_closes_at;
        for (latest, expected) in [(11, 10), (10, 10), (7, 7), (3, 5), (9, 5)] {
            outbox.shorten_waits(latest).await.unwrap();
            assert_eq!(first_closes_at().await, Some(expected), "{latest}");
        }
    }

    #[tokio::test]
    async fn a_transaction_with_a_conflict_leaves_nothing_and_without_the_rest_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open(folder.path()).await;
        outbox.take(&[patient(), observation(10, 20, 64)], true).await.unwrap();
        let mut other = observation(10, 20, 64);
        if let Arrival::Observation(other) = &mut other {
            other.content = digest(99);
        }
        for (whole, kept) in [(true, false), (false, true)] {
            let taken = outbox.take(&[observation(11, 21, 64), other_of(&other)], whole).await.unwrap();
            assert_eq!(taken, [Taken::Created, Taken::Refused(Conflict::OtherContent)]);
            assert_eq!(outbox.observation(&digest(11)).await.unwrap().is_some(), kept);
        }
    }

    fn other_of(arrival: &Arrival) -> Arrival {
        match arrival {
            Arrival::Observation(observation) => Arrival::Observation(observation.clone()),
            Arrival::Patient(_) => patient(),
        }
    }
}
