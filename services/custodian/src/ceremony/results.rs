//! What all custodians of a ceremony came to.
//!
//! Kept true: keys are given only if nobody who has spoken disagrees. A result that differs is its sender's signed word,
//! and names it against the first.

use nacre_schemas::ceremony::{KeyPurpose, Message, Outcome, Step};
use nacre_zk::custody::GroupKeys;

use super::{
    agreement::{self, Agreement},
    error::CeremonyError,
    files::Folder,
    message::Expected,
};

/// What was found.
#[derive(Clone, Debug)]
pub struct Results {
    /// The keys that all who have spoken came to; none if nobody has.
    pub keys: Option<GroupKeys>,
    /// Who has not spoken.
    pub waiting: Vec<String>,
}

/// Reads the results in a folder, the agreement's own participants' and no others'.
pub fn results(folder: &Folder) -> Result<(Agreement, Results), CeremonyError> {
    let agreement = Agreement::read(folder)?;
    let results = of(&agreement, folder)?;
    Ok((agreement, results))
}

/// The keys that all custodians of a finished ceremony came to, if it was held for that purpose.
pub(super) fn complete(folder: &Folder, purpose: KeyPurpose) -> Result<(Agreement, GroupKeys), CeremonyError> {
    let (agreement, Results { keys, waiting }) = results(folder)?;
    let held_for = agreement.ceremony().purpose;
    if held_for != purpose {
        let reason = format!("this ceremony is about the key for {held_for}, not about that for {purpose}");
        return Err(CeremonyError::Agreement { path: folder.agreement(), reason });
    }
    if !waiting.is_empty() {
        return Err(CeremonyError::Waiting { step: Step::Result, senders: waiting });
    }
    Ok((agreement, keys.ok_or(CeremonyError::Early("finish"))?))
}

pub(super) fn of(agreement: &Agreement, folder: &Folder) -> Result<Results, CeremonyError> {
    let mut results = Results { keys: None, waiting: Vec::new() };
    let ceremony = agreement.ceremony();
    for (participant, sender) in ceremony.participants.iter().zip(&agreement.senders) {
        if participant.receives.is_none() {
            continue;
        }
        let expected = Expected { subject: agreement.digest(), step: Step::Result, sender, receiver: None };
        let message = match expected.outgoing(folder)? {
            Some(own) => Some(own),
            None => expected.incoming(folder)?,
        };
        let Some(message) = message else {
            results.waiting.push(sender.title.clone());
            continue;
        };
        let message: Message<Outcome> = message;
        let disagrees = || CeremonyError::Disagreement(sender.title.clone());
        // What does not fit the ceremony is no result of it.
        let keys = agreement::group_keys(&ceremony.jurisdiction, &message.body.keys).map_err(|_| disagrees())?;
        let fits = keys.threshold() == ceremony.threshold
            && ceremony.previous.as_ref().is_none_or(|previous| previous.group_key == keys.group_key());
        if !fits || results.keys.as_ref().is_some_and(|first| *first != keys) {
            return Err(disagrees());
        }
        results.keys = Some(keys);
    }
    Ok(results)
}
