//! What a custodian keeps between rounds, in secret files.
//!
//! Kept true: the message of round 1 is in the same file as the secrets behind it, so that a custodian that was
//! interrupted sends the same message again and never a second one, which would look like a fraud. The next state is
//! durable before the last is destroyed.

use nacre_ledger::sealing::DecryptionKey;
use nacre_schemas::{
    DecodeError,
    canonical::{Decode as _, Decoder, Encode as _, Encoder},
};
use zeroize::Zeroizing;

use super::{
    error::CeremonyError,
    files::{self, Folder},
};

const MAX_PART_BYTES: usize = 8_192;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// After round 1.
    Committed,
    /// After round 2.
    Dealt,
}

impl Stage {
    fn file(self) -> &'static str {
        match self {
            Self::Committed => "round-1.hex",
            Self::Dealt => "round-2.hex",
        }
    }
}

/// The content.
pub(super) struct State {
    /// The polynomial's state, as `nacre-zk` encodes it; empty for who deals nothing, or nothing any more.
    pub(super) polynomial: Zeroizing<Vec<u8>>,
    /// Of who receives.
    pub(super) decryption: Option<DecryptionKey>,
    /// The message of round 1, as the file that went out; empty afterwards.
    pub(super) message: Vec<u8>,
}

impl State {
    /// Reads a state; none if it is not there.
    pub(super) fn load(folder: &Folder, stage: Stage) -> Result<Option<Self>, CeremonyError> {
        let path = folder.secret(stage.file());
        let bytes = files::read_secret(&path)?;
        bytes.map(|bytes| Self::decode(&bytes).map_err(|error| files::secret_malformed(&path, error))).transpose()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        let message = input.sized(MAX_PART_BYTES, "message")?.to_vec();
        let polynomial = Zeroizing::new(input.sized(MAX_PART_BYTES, "polynomial")?.to_vec());
        let decryption = if bool::decode(&mut input)? {
            let key = Zeroizing::new(input.array::<32>("decryption key")?);
            Some(DecryptionKey::from_bytes(&key).ok_or_else(|| DecodeError::invalid("decryption key", "no SM2 key"))?)
        } else {
            None
        };
        input.finish()?;
        Ok(Self { polynomial, decryption, message })
    }

    /// Writes it, durable when this returns.
    pub(super) fn store(&self, folder: &Folder, stage: Stage) -> Result<(), CeremonyError> {
        let mut head = Encoder::new();
        head.sized(&self.message);
        (self.polynomial.len() as u32).encode(&mut head);
        let head = head.into_bytes();
        // Reserved in full, so that no copy of a secret stays behind in an outgrown buffer.
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + self.polynomial.len() + 33));
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.polynomial);
        bytes.push(u8::from(self.decryption.is_some()));
        if let Some(key) = &self.decryption {
            bytes.extend_from_slice(&*key.to_bytes());
        }
        files::write_secret(&folder.secret(stage.file()), &bytes)
    }

    /// Destroys it, if it is there.
    pub(super) fn destroy(folder: &Folder, stage: Stage) -> Result<(), CeremonyError> {
        files::destroy(&folder.secret(stage.file()))
    }
}
