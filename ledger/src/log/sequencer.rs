//! The one writer: puts submissions in order and has them written in groups.
//!
//! Kept true: submissions are answered in the order they were queued in, each after its group is durable and published
//! ([`super::store`]); a submission is never split over groups. After a failure every submission is refused that was queued
//! before the log was recovered, which happens in turn with them, and when its owner asks for it only. So an owner that
//! asks first, then looks at what the log has, and then appends, knows the fate of all that it had appended before.
//!
//! Errors: [`LogError::Poisoned`] and [`LogError::ReadOnly`], to every submission of the group concerned. Cost: memory is
//! bounded by [`COMMIT_ENTRIES`] plus one submission, some 50 MB.

use std::sync::Arc;

use nacre_schemas::SigningPublicKey;
use tokio::sync::{mpsc, oneshot};

use super::{Appended, LogError, Reader, once::Once, store::Store};
use crate::{
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};

/// No further submission joins a group that has this many entries.
const COMMIT_ENTRIES: usize = 8_192;

/// What the writer is asked.
pub(super) enum Order {
    /// To append.
    Append(Submission),
    /// To read the log again after a failure.
    Recover(oneshot::Sender<Result<(), LogError>>),
}

/// Entries to append next to each other, and who waits for it.
pub(super) struct Submission {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) answer: oneshot::Sender<Result<Appended, LogError>>,
    /// Which [`Once::recoveries`] its keys were claimed at, if they were.
    pub(super) claimed_at: Option<u64>,
}

/// The writer's state; it lives on its own thread.
pub(super) struct Sequencer {
    pub(super) store: Store,
    pub(super) signer: SigningKey,
    /// Its public half, then the keys that the chain signed with before.
    pub(super) keys: Vec<SigningPublicKey>,
    pub(super) once: Option<Arc<Once>>,
}

impl Sequencer {
    /// Serves orders until all senders are gone.
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some((group, recover)) = next_group(&mut orders) {
            let group = self.without_stale(group);
            if !group.is_empty() {
                match self.commit(&group) {
                    Ok(note) => self.answer(group, &note),
                    Err(error) => {
                        tracing::error!(origin = self.store.shared.files.origin, %error, "entries were not appended");
                        self.refuse(group, &error);
                    }
                }
            }
            if let Some(asker) = recover {
                // One that no longer waits finds the log recovered all the same.
                let _ = asker.send(self.recover());
            }
        }
    }

    /// Reads the log again after a failure. Entries that turn out to be in it count as such from here on.
    fn recover(&mut self) -> Result<(), LogError> {
        let before = self.store.shared.size();
        self.store.recover(&self.keys)?;
        let Some(once) = &self.once else { return Ok(()) };
        let reader = Reader { shared: Arc::clone(&self.store.shared) };
        let found = reader.entries(before..reader.size(), usize::MAX);
        if let Err(error) = &found {
            // What is in the log is not known by its keys: nothing may be appended until it is.
            self.store.fail(error);
        }
        once.recovered(before, found?.iter().map(Vec::as_slice));
        Ok(())
    }

    /// The group without submissions whose keys were claimed before the log was recovered: some may be in it by now.
    fn without_stale(&self, group: Vec<Submission>) -> Vec<Submission> {
        let Some(once) = &self.once else { return group };
        let now = once.recoveries();
        let (stale, group) =
            group.into_iter().partition(|submission| submission.claimed_at.is_some_and(|claimed_at| claimed_at != now));
        self.refuse(stale, &LogError::Poisoned { cause: "it was recovered meanwhile, submit again".to_owned() });
        group
    }

    fn commit(&mut self, group: &[Submission]) -> Result<SignedCheckpoint, LogError> {
        let Self { store, signer, .. } = self;
        store.commit(&entries(group).collect::<Vec<_>>(), |checkpoint: Checkpoint| {
            let name = checkpoint.origin.clone();
            Ok(SignedCheckpoint::sign(checkpoint, signer, &name)?)
        })
    }

    /// Tells each submitter where its entries are. One that no longer waits has them in the log all the same.
    fn answer(&self, group: Vec<Submission>, note: &SignedCheckpoint) {
        let mut first = note.unverified().size - entries(&group).count() as u64;
        if let Some(once) = &self.once {
            once.committed(first, entries(&group));
        }
        for submission in group {
            let count = submission.entries.len() as u64;
            let _ = submission.answer.send(Ok(Appended { first, checkpoint: note.clone() }));
            first += count;
        }
    }

    fn refuse(&self, group: Vec<Submission>, cause: &LogError) {
        if let Some(once) = &self.once {
            once.free(entries(&group), &cause.to_string());
        }
        for submission in group {
            let refusal = match cause {
                LogError::ReadOnly { why } => LogError::ReadOnly { why: why.clone() },
                LogError::Poisoned { cause } => LogError::Poisoned { cause: cause.clone() },
                other => LogError::Poisoned { cause: other.to_string() },
            };
            let _ = submission.answer.send(Err(refusal));
        }
    }
}

impl Drop for Sequencer {
    /// Also when the thread panics: nobody is left waiting.
    fn drop(&mut self) {
        if let Some(once) = &self.once {
            once.abandon();
        }
    }
}

fn entries(group: &[Submission]) -> impl Iterator<Item = &[u8]> {
    group.iter().flat_map(|submission| submission.entries.iter().map(Vec::as_slice))
}

/// Submissions, and who waits for the log to be recovered after them.
type Group = (Vec<Submission>, Option<oneshot::Sender<Result<(), LogError>>>);

/// Waits for an order, then takes what else is queued up to the cap or to the next recovery; none when all senders are gone.
fn next_group(orders: &mut mpsc::Receiver<Order>) -> Option<Group> {
    let (mut group, mut entries) = (Vec::new(), 0);
    let mut next = Some(orders.blocking_recv()?);
    while let Some(order) = next {
        match order {
            Order::Append(submission) => {
                entries += submission.entries.len();
                group.push(submission);
            }
            Order::Recover(asker) => return Some((group, Some(asker))),
        }
        next = if entries < COMMIT_ENTRIES { orders.try_recv().ok() } else { None };
    }
    Some((group, None))
}
