//! Checkpoints: a chain's signed word on its size and root.
//!
//! A checkpoint is a signed note (<https://c2sp.org/signed-note>) with the body of
//! <https://c2sp.org/tlog-checkpoint>, in a profile for the national algorithms that those documents have no
//! number for: keys and signatures are SM2, the tree and key ids SM3.
//!
//! ```text
//! <origin>\n<size, decimal>\n<base64 of the root>\n
//! \n
//! — <name> <base64 of key id (4 bytes) ‖ r‖s (64 bytes)>\n        one line a signer
//! ```
//!
//! The key id is the start of `SM3(name ‖ 0x0A ‖ 0xff ‖ "nacre-sm2" ‖ public key)`. Where a plain signed note
//! signs its text, here a label comes first (`nacre checkpoint v1\n` for the chain,
//! `nacre cosignature v1\n` for a witness), so one key's signatures of different kinds never stand in for
//! each other. There are no extension lines, and a signature line of another algorithm is refused, not skipped.
//!
//! Kept true: a [`SignedCheckpoint`] holds the very text that was signed, and that text is the only spelling of
//! its content. Its content is believed only after [`SignedCheckpoint::verify`].
//!
//! Errors: [`NoteError`]; those about a signature name the signer. Cost: one SM2 operation a call; parsing none.

use std::{fmt, str::FromStr};

use nacre_schemas::{Digest, Label, SigningPublicKey, limits};

use super::text::{self, SignatureLine};
use crate::signing::{self, SignatureError, SigningKey};

/// What a chain's signature of its checkpoint is under.
pub const CHECKPOINT: Label = Label::new("nacre checkpoint v1\n");
/// What a witness's signature is under: its word that the checkpoint extends the last it countersigned.
pub const COSIGNATURE: Label = Label::new("nacre cosignature v1\n");
/// Longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = limits::MAX_NOTE_BYTES;
/// Most signature lines of a note: the chain's and those of its witnesses.
pub const MAX_SIGNATURES: usize = 1 + limits::MAX_WITNESSES;
/// Longest origin or signer's name, in bytes.
pub const MAX_NAME_BYTES: usize = 160;

/// What a chain says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The chain: a name without white space or `+`, 1 to [`MAX_NAME_BYTES`] bytes.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root of the tree of that size.
    pub root: Digest,
}

/// Why a note cannot be made, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`].
    #[error("the note has {found} bytes, at most {MAX_NOTE_BYTES} are taken")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not the text of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// An origin or name that a note cannot carry.
    #[error("`{0}` is no name for a note: 1 to {MAX_NAME_BYTES} bytes without white space or `+`")]
    InvalidName(String),
    /// More signature lines than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A signer has two lines, so it is not clear which one counts.
    #[error("{name} has signed the note twice")]
    SignedTwice {
        /// The signer.
        name: String,
    },
    /// The checkpoint is another chain's.
    #[error("the checkpoint is of {found}, not of {expected}")]
    OtherOrigin {
        /// The chain that was asked about.
        expected: String,
        /// The chain in the note.
        found: String,
    },
    /// No line by this signer with this key.
    #[error("{name} has not signed the note with the key known for it")]
    NotSigned {
        /// The signer looked for.
        name: String,
    },
    /// The signer's line does not hold.
    #[error("the signature of {name}: {source}")]
    BadSignature {
        /// The signer.
        name: String,
        /// What is wrong with it.
        source: SignatureError,
    },
}

/// A checkpoint with its signatures, in the very text that was signed.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    text: String,
    body_bytes: usize,
    checkpoint: Checkpoint,
    signatures: Vec<SignatureLine>,
}

impl SignedCheckpoint {
    /// Signs a checkpoint with the chain's key, under this name.
    pub fn sign(checkpoint: Checkpoint, key: &SigningKey, name: &str) -> Result<Self, NoteError> {
        text::check_name(&checkpoint.origin)?;
        let mut note = text::write_checkpoint(&checkpoint);
        let body_bytes = note.len();
        let line = signature_line(&note, key, CHECKPOINT, name)?;
        note.push('\n');
        line.write(&mut note);
        Ok(Self { text: note, body_bytes, checkpoint, signatures: vec![line] })
    }

    /// The checkpoint, if it is of this chain and the chain's key signed it under this name.
    pub fn verify(&self, origin: &str, key_name: &str, public: &SigningPublicKey) -> Result<&Checkpoint, NoteError> {
        if self.checkpoint.origin != origin {
            return Err(NoteError::OtherOrigin { expected: origin.to_owned(), found: self.checkpoint.origin.clone() });
        }
        self.verified_line(CHECKPOINT, key_name, public)?;
        Ok(&self.checkpoint)
    }

    /// The note with a witness's cosignature added.
    pub fn cosign(&self, key: &SigningKey, name: &str) -> Result<Self, NoteError> {
        format!("{}{}", self.text, self.cosignature(key, name)?).parse()
    }

    /// A witness's signature line on the note: what it answers to a chain. The witness first sees to it that the checkpoint
    /// extends the last it countersigned: nothing here knows.
    pub fn cosignature(&self, key: &SigningKey, name: &str) -> Result<String, NoteError> {
        let mut text = String::new();
        signature_line(self.body(), key, COSIGNATURE, name)?.write(&mut text);
        Ok(text)
    }

    /// The note with the line that this witness answered. Nothing else in the answer is taken, and the line only if it holds:
    /// what one witness says in another's name would stand in the way of what the other says.
    pub fn with_cosignature(&self, lines: &str, name: &str, public: &SigningPublicKey) -> Result<Self, NoteError> {
        let answered: Self = format!("{}\n{lines}", self.body()).parse()?;
        let line = answered.verified_line(COSIGNATURE, name, public)?;
        let mut note = self.text.clone();
        if self.line(name, public).is_none() {
            line.write(&mut note);
        }
        note.parse()
    }

    /// Whether this witness cosigned.
    pub fn verify_cosignature(&self, name: &str, public: &SigningPublicKey) -> Result<(), NoteError> {
        self.verified_line(COSIGNATURE, name, public).map(|_| ())
    }

    /// The content without any check of who said it: for choosing the key to check it with.
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, to be stored or sent as it is.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn body(&self) -> &str {
        &self.text[..self.body_bytes]
    }

    fn line(&self, name: &str, public: &SigningPublicKey) -> Option<&SignatureLine> {
        let key_id = text::key_id(name, public);
        self.signatures.iter().find(|line| line.name == name && line.key_id == key_id)
    }

    fn verified_line(&self, label: Label, name: &str, public: &SigningPublicKey) -> Result<&SignatureLine, NoteError> {
        let line = self.line(name, public).ok_or_else(|| NoteError::NotSigned { name: name.to_owned() })?;
        signing::verify_labelled(public, label, self.body().as_bytes(), &line.signature)
            .map_err(|source| NoteError::BadSignature { name: name.to_owned(), source })?;
        Ok(line)
    }
}

fn signature_line(body: &str, key: &SigningKey, label: Label, name: &str) -> Result<SignatureLine, NoteError> {
    text::check_name(name)?;
    Ok(SignatureLine {
        name: name.to_owned(),
        key_id: text::key_id(name, &key.public()),
        signature: key.sign_labelled(label, body.as_bytes()),
    })
}

impl FromStr for SignedCheckpoint {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let (checkpoint, body_bytes, signatures) = text::parse(note)?;
        Ok(Self { text: note.to_owned(), body_bytes, checkpoint, signatures })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedCheckpoint({:?})", self.text)
    }
}

#[cfg(test)]
mod tests;
