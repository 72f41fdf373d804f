//! A ceremony's folder: what comes in, what goes out, what is kept.
//!
//! ```text
//! ceremony.toml                     what was agreed on; public
//! out/<sender>.round-1.json, …      own messages: bring them to everyone's `in`
//! in/                               the others' messages
//! secret/round-1.hex, round-2.hex   between rounds; mode 0600; overwritten and removed when spent
//! share.hex                         the share, once the ceremony is finished; mode 0600
//! ```
//!
//! Kept true: a file that is there is whole (it is written beside its name, synced, and renamed), and readable by its
//! owner alone. What a crash leaves is named `*.tmp` and replaced by the next attempt. A message of more than
//! [`MAX_MESSAGE_BYTES`] is not read.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use nacre_hosting::{
    file::{self, FileError, PRIVATE},
    folder, secret,
};
use nacre_schemas::ceremony::{Message, Step};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::error::CeremonyError;

/// The longest message: of a signature share or a dealing with the heads of all others.
pub const MAX_MESSAGE_BYTES: usize = 256 << 10;

/// The folder of a ceremony, or of an endorsement.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder of that path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What is agreed on.
    pub fn agreement(&self) -> PathBuf {
        self.0.join("ceremony.toml")
    }

    /// The share, once there is one.
    pub fn share(&self) -> PathBuf {
        self.0.join("share.hex")
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.0.join("out").join(name)
    }

    pub(crate) fn incoming(&self, name: &str) -> PathBuf {
        self.0.join("in").join(name)
    }

    pub(crate) fn secret(&self, name: &str) -> PathBuf {
        self.0.join("secret").join(name)
    }

    /// Makes the folders that are missing.
    pub(crate) fn prepare(&self) -> Result<(), CeremonyError> {
        for name in ["out", "in", "secret"] {
            let path = self.0.join(name);
            folder::make_private(&path)?;
        }
        Ok(())
    }

    /// Puts a message out; gives its path.
    pub(crate) fn send<B: Serialize>(&self, message: &Message<B>) -> Result<PathBuf, CeremonyError> {
        let head = &message.signed.statement;
        let receiver = head.receiver.as_ref().map(|receiver| receiver.as_str());
        let path = self.out(&name(head.sender.as_str(), head.step, receiver));
        replace(&path, &to_json(&path, message)?)?;
        Ok(path)
    }
}

/// A message's file.
pub(crate) fn name(sender: &str, step: Step, receiver: Option<&str>) -> String {
    match receiver {
        Some(receiver) => format!("{sender}.{step}.to.{receiver}.json"),
        None => format!("{sender}.{step}.json"),
    }
}

/// As a file holds it.
pub(crate) fn to_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, CeremonyError> {
    let bytes = serde_json::to_vec_pretty(value);
    bytes.map_err(|error| FileError::broken(path, error).into())
}

/// Reads a message; none if it is not there.
pub(crate) fn read<B: DeserializeOwned>(path: &Path, sender: &str) -> Result<Option<Message<B>>, CeremonyError> {
    let malformed =
        |reason: String| CeremonyError::Malformed { path: path.to_owned(), sender: sender.to_owned(), reason };
    let bytes = match file::read_if_there(path, MAX_MESSAGE_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) if error.is_broken() => return Err(malformed(error.source.to_string())),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| malformed(error.to_string()))
}

/// Writes a file whole, in place of the one of that name, if there is one; durable when this returns.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CeremonyError> {
    Ok(file::replace(path, bytes, PRIVATE)?)
}

/// Writes a secret file, hex.
pub(crate) fn write_secret(path: &Path, secret: &[u8]) -> Result<(), CeremonyError> {
    let mut text = Zeroizing::new(vec![b'\n'; 2 * secret.len() + 1]);
    hex::encode_to_slice(secret, &mut text[..2 * secret.len()])
        .expect("fails only if the room is not two digits a byte, and it is");
    replace(path, &text)
}

/// Reads a secret file, hex; none if it is not there.
pub(crate) fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, CeremonyError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = secret::read_text(path)?;
    let mut bytes = Zeroizing::new(vec![0; text.trim().len() / 2]);
    // The decoder's own error would name a digit of the secret.
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| secret_malformed(path, "it is not hex"))?;
    Ok(Some(bytes))
}

/// A secret file that does not hold what it should; the reason names nothing of what it holds.
pub(crate) fn secret_malformed(path: &Path, reason: impl ToString) -> CeremonyError {
    CeremonyError::SecretMalformed { path: path.to_owned(), reason: reason.to_string() }
}

/// Overwrites and removes a secret file; it may be gone already. Durable when this returns. A disk that remaps its
/// blocks, or a snapshot, can keep the old content all the same: keep such folders on an encrypted disk.
pub(crate) fn destroy(path: &Path) -> Result<(), CeremonyError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::at(path)(error).into()),
    };
    let length = file.metadata().map_err(FileError::at(path))?.len() as usize;
    file.write_all(&vec![0; length]).and_then(|()| file.sync_all()).map_err(FileError::at(path))?;
    file::remove(path)?;
    Ok(file::sync_folder_of(path)?)
}
