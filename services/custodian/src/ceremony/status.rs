//! How far a ceremony has come, as the files of one folder show: whose messages are there, all of them checked.

use nacre_schemas::{
    SigningPublicKey,
    ceremony::{FirstRound, Message, Outcome, SecondRound, Step},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    agreement::Agreement,
    error::CeremonyError,
    files::Folder,
    message::{Expected, Sender},
};

/// What is there of one participant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// What it is called, as `custodian 3 (health-bureau)`.
    pub participant: String,
    /// Its signing key.
    pub signing_key: SigningPublicKey,
    /// Its message of round 1.
    pub round_1: bool,
    /// Whom its dealings that are there are for; those for others go by elsewhere.
    pub round_2_to: Vec<String>,
    /// The keys it came to.
    pub result: bool,
}

/// Reads a folder.
pub fn status(folder: &Folder) -> Result<(Agreement, Vec<Progress>), CeremonyError> {
    let agreement = Agreement::read(folder)?;
    let there = |sender: &Sender| -> Result<Progress, CeremonyError> {
        let mut round_2_to = Vec::new();
        for receiver in &agreement.senders {
            if is_there::<SecondRound>(&agreement, folder, Step::SecondRound, sender, Some(receiver))? {
                round_2_to.push(receiver.title.clone());
            }
        }
        Ok(Progress {
            participant: sender.title.clone(),
            signing_key: sender.key,
            round_1: is_there::<FirstRound>(&agreement, folder, Step::FirstRound, sender, None)?,
            round_2_to,
            result: is_there::<Outcome>(&agreement, folder, Step::Result, sender, None)?,
        })
    };
    let progress = agreement.senders.iter().map(there).collect::<Result<_, _>>()?;
    Ok((agreement, progress))
}

fn is_there<B: nacre_schemas::Document + DeserializeOwned>(
    agreement: &Agreement,
    folder: &Folder,
    step: Step,
    sender: &Sender,
    receiver: Option<&Sender>,
) -> Result<bool, CeremonyError> {
    let receiver = receiver.map(|receiver| &receiver.name);
    let expected = Expected { subject: agreement.digest(), step, sender, receiver };
    let out: Option<Message<B>> = expected.outgoing(folder)?;
    Ok(out.is_some() || expected.incoming::<B>(folder)?.is_some())
}
