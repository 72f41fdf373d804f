//! The one writer: puts submissions in order and has them written in groups.
//!
//! Kept true: submissions are answered in the order they were queued in, each after its group is durable and published
//! ([`super::store`]); a submission is never split over groups. After the first failure every submission is refused.
//!
//! Errors: [`LogError::Poisoned`] and [`LogError::ReadOnly`], to every submission of the group concerned. Cost: memory is
//! bounded by [`COMMIT_ENTRIES`] plus one submission, some 50 MB.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Appended, LogError, once::Once, store::Store};
use crate::{
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};

/// No further submission joins a group that has this many entries.
const COMMIT_ENTRIES: usize = 8_192;

/// Entries to append next to each other, and who waits for it.
pub(super) struct Submission {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) answer: oneshot::Sender<Result<Appended, LogError>>,
}

/// The writer's state; it lives on its own thread.
pub(super) struct Sequencer {
    pub(super) store: Store,
    pub(super) signer: SigningKey,
    pub(super) once: Option<Arc<Once>>,
}

impl Sequencer {
    /// Serves submissions until all senders are gone.
    pub(super) fn run(mut self, mut submissions: mpsc::Receiver<Submission>) {
        while let Some(group) = next_group(&mut submissions) {
            match self.commit(&group) {
                Ok(note) => self.answer(group, &note),
                Err(error) => {
                    tracing::error!(origin = self.store.shared.files.origin, %error, "entries were not appended");
                    self.refuse(group, &error);
                }
            }
        }
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

/// Waits for a submission, then takes what else is queued up to the cap; none when all senders are gone.
fn next_group(submissions: &mut mpsc::Receiver<Submission>) -> Option<Vec<Submission>> {
    let mut group = vec![submissions.blocking_recv()?];
    let mut entries = group[0].entries.len();
    while entries < COMMIT_ENTRIES {
        let Ok(submission) = submissions.try_recv() else { break };
        entries += submission.entries.len();
        group.push(submission);
    }
    Some(group)
}
