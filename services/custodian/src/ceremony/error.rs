//! Why a step of a ceremony is not done: who has to do what about it.

use std::path::PathBuf;

use nacre_hosting::{file::FileError, secret::SecretError, trust::TrustError};
use nacre_schemas::{Digest, ceremony::Step};
use nacre_zk::{custody::CustodyError, key::KeyError as GroupKeyError};

/// Why a step is not done. Whoever is at fault is named; running the step again is always safe.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The trust root to endorse.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A secret file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A secret file does not hold what it should.
    #[error("{}: {reason}", .path.display())]
    SecretMalformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What was agreed on cannot be carried out.
    #[error("{}: {reason}", .path.display())]
    Agreement {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The same of what was about to be agreed on.
    #[error("no such ceremony can be held: {0}")]
    Plan(String),
    /// The ceremony here is not the one whose digest the custodians told each other.
    #[error(
        "the ceremony in this folder has the digest {found}, not {expected}: compare ceremony.toml with the others'"
    )]
    OtherDigest {
        /// What was given.
        expected: String,
        /// What is here.
        found: Digest,
    },
    /// The signing key is nobody's in this ceremony.
    #[error("the signing key {0} is nobody's in this ceremony: another key file, or another ceremony?")]
    NotTakingPart(nacre_schemas::SigningPublicKey),
    /// A message is not whole, or none.
    #[error("{}: {reason}; ask {sender} to send it again", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Who sends it.
        sender: String,
        /// What is wrong.
        reason: String,
    },
    /// The signature is not its alleged sender's.
    #[error("{}: not signed by {sender}; whoever brought it is not to be trusted with it", .path.display())]
    WrongSigner {
        /// The file.
        path: PathBuf,
        /// Who should have signed.
        sender: String,
    },
    /// A message of another ceremony.
    #[error(
        "{}: {sender} signed it for another ceremony, {found}: an old message, or a ceremony.toml that differs",
        .path.display()
    )]
    OtherCeremony {
        /// The file.
        path: PathBuf,
        /// Who signed it.
        sender: String,
        /// Digest of that ceremony.
        found: Digest,
    },
    /// A message of another step, sender or receiver under this name.
    #[error("{}: signed by {sender}, but as {found}: the file was renamed", .path.display())]
    Mislabelled {
        /// The file.
        path: PathBuf,
        /// Who signed it.
        sender: String,
        /// What it says it is.
        found: String,
    },
    /// The body is not the one that was signed.
    #[error("{}: the body is not what {sender} signed; ask for the message again", .path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Who signed the head.
        sender: String,
    },
    /// A message lacks what its sender's part in the ceremony needs.
    #[error("the message of {sender} lacks {what}, or has it without need")]
    Incomplete {
        /// Whose.
        sender: String,
        /// What.
        what: &'static str,
    },
    /// A part of a message is not well-formed.
    #[error("what {sender} sent is not well-formed: {reason}")]
    Unreadable {
        /// Who.
        sender: String,
        /// What is wrong.
        reason: CustodyError,
    },
    /// Messages that have not come yet.
    #[error("waiting for {step} of {}", .senders.join(", "))]
    Waiting {
        /// Of which step.
        step: Step,
        /// Of whom.
        senders: Vec<String>,
    },
    /// This step comes after another that was not taken here.
    #[error("{0} was not done in this folder")]
    Early(&'static str),
    /// A dealer of a resharing gave no share to deal out.
    #[error("custodian {0} deals in this ceremony, from its share of the old key: give the old share.hex (--share)")]
    NoOldShare(u16),
    /// Someone sent different messages of one round to different custodians. The evidence holds both, signed.
    #[error("{cheat} cheats: it sent one round-1 message here and another to {told}; both signed, in {}", .evidence.display())]
    Equivocation {
        /// Who.
        cheat: String,
        /// Who got the other.
        told: String,
        /// File with both heads.
        evidence: PathBuf,
    },
    /// Someone passes on what another did not sign.
    #[error("{sender} cheats: it passes on, as a message of {about}, what {about} did not sign")]
    FalseWitness {
        /// Who.
        sender: String,
        /// About whom.
        about: String,
    },
    /// A dealing does not open.
    #[error("the dealing of {sender} does not open: it was encrypted for somebody or something else")]
    Sealed {
        /// Who dealt it.
        sender: String,
    },
    /// An encryption key is no key.
    #[error("the encryption key of {0} is no point of the SM2 curve")]
    EncryptionKey(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// What someone sent does not hold.
    #[error("{} cheats, or its message was spoilt: {reason}", .culprits.join(", "))]
    Guilty {
        /// Who.
        culprits: Vec<String>,
        /// What is wrong.
        reason: CustodyError,
    },
    /// The protocol, without anyone to blame.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// Public keys that do not fit together.
    #[error(transparent)]
    Keys(#[from] GroupKeyError),
    /// Someone came to other keys.
    #[error("{0} came to other keys than the rest: the ceremony is void")]
    Disagreement(String),
    /// A share that is there already is not the one of this ceremony.
    #[error("{} holds a share of something else; it is not replaced: move it away", .0.display())]
    OtherShare(PathBuf),
    /// Nonces were used, or lost, and the signature share did not get out.
    #[error(
        "the nonces are spent and no signature share was written: start over with `commit --again`, all signers with you"
    )]
    SpentNonces,
    /// A signature share made among other signers, or on other nonces.
    #[error("{0} signed among other nonces than those here: all sign and aggregate with the same commitments")]
    OtherSigners(String),
}

impl CeremonyError {
    /// With the names of those whom the protocol blames.
    pub(super) fn naming(self, name: impl Fn(u16) -> Option<String>) -> Self {
        match self {
            Self::Custody(reason) if !reason.culprits().is_empty() => {
                let culprits = reason.culprits().into_iter();
                let culprits = culprits.map(|number| name(number).unwrap_or_else(|| format!("custodian {number}")));
                Self::Guilty { culprits: culprits.collect(), reason }
            }
            other => other,
        }
    }
}
