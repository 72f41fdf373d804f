//! Signing messages, and judging those of others.
//!
//! Kept true: a message that passes was signed by the key that the agreement gives its sender, for this ceremony, this
//! step and this receiver, with this body.

use std::path::{Path, PathBuf};

use nacre_ledger::signing::{self, SigningKey};
use nacre_schemas::{
    Digest, Document, Signed, SigningPublicKey,
    ceremony::{Head, Message, Step},
    id::MemberId,
};
use serde::de::DeserializeOwned;

use super::{
    error::CeremonyError,
    files::{self, Folder},
};

/// Somebody who sends messages: name, key, and what people call it.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) name: MemberId,
    pub(crate) key: SigningPublicKey,
    /// As `custodian 3 (health-bureau)`.
    pub(crate) title: String,
}

/// Signs a message.
pub(crate) fn sign<B: Document>(
    key: &SigningKey,
    subject: Digest,
    step: Step,
    sender: &MemberId,
    receiver: Option<&MemberId>,
    body: B,
) -> Message<B> {
    let head = Head { subject, step, sender: sender.clone(), receiver: receiver.cloned(), body: body.digest() };
    Message { signed: key.sign(head), body }
}

/// Whether the head is signed by that key.
pub(crate) fn is_signed(signed: &Signed<Head>, key: &SigningPublicKey) -> bool {
    signing::verify(key, signed).is_ok()
}

/// What a reader expects of a message.
pub(crate) struct Expected<'a> {
    pub(crate) subject: Digest,
    pub(crate) step: Step,
    pub(crate) sender: &'a Sender,
    pub(crate) receiver: Option<&'a MemberId>,
}

impl Expected<'_> {
    fn file(&self) -> String {
        files::name(self.sender.name.as_str(), self.step, self.receiver.map(|receiver| receiver.as_str()))
    }

    /// The message, from what came in; none if it has not come.
    pub(crate) fn incoming<B: Document + DeserializeOwned>(
        &self,
        folder: &Folder,
    ) -> Result<Option<Message<B>>, CeremonyError> {
        self.read(folder.incoming(&self.file()))
    }

    /// The message, from what went out.
    pub(crate) fn outgoing<B: Document + DeserializeOwned>(
        &self,
        folder: &Folder,
    ) -> Result<Option<Message<B>>, CeremonyError> {
        self.read(folder.out(&self.file()))
    }

    fn read<B: Document + DeserializeOwned>(&self, path: PathBuf) -> Result<Option<Message<B>>, CeremonyError> {
        let message = files::read::<B>(&path, &self.sender.title)?;
        message.map(|message| self.check(&path, message)).transpose()
    }

    fn check<B: Document>(&self, path: &Path, message: Message<B>) -> Result<Message<B>, CeremonyError> {
        let (path, sender) = (path.to_owned(), self.sender.title.clone());
        let head = &message.signed.statement;
        if !is_signed(&message.signed, &self.sender.key) {
            return Err(CeremonyError::WrongSigner { path, sender });
        }
        if head.subject != self.subject {
            return Err(CeremonyError::OtherCeremony { path, sender, found: head.subject });
        }
        if head.step != self.step || head.sender != self.sender.name || head.receiver.as_ref() != self.receiver {
            let receiver = head.receiver.as_ref().map(|receiver| receiver.as_str());
            let found = files::name(head.sender.as_str(), head.step, receiver);
            return Err(CeremonyError::Mislabelled { path, sender, found });
        }
        if head.body != message.body.digest() {
            return Err(CeremonyError::Altered { path, sender });
        }
        Ok(message)
    }
}
