//! The evaluation keys: read from a file, expanded once, shared by whoever computes in this process.
//!
//! Kept true: keys that are in use are of the file whose digest they are named by. Errors: [`KeysError`], with the path. Cost:
//! some seconds, 350 MB read, 1.2 GB held.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_fhe::{FheError, arithmetic, keys::EvaluationKeys, keys::SeededEvaluationKeys};
use nacre_schemas::Digest;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be opened.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no evaluation keys: {error}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: FheError,
    },
}

/// Evaluation keys, and what they are known by.
pub struct Keys {
    /// Digest of their file.
    pub digest: Digest,
    /// This machine's arithmetic, for their parameters.
    pub arithmetic: Digest,
    /// The keys.
    pub evaluation: EvaluationKeys,
}

impl Keys {
    /// Reads and expands the keys of a file.
    pub fn read(path: &Path) -> Result<Arc<Self>, KeysError> {
        let file = File::open(path).map_err(|error| KeysError::Unreadable { path: path.to_owned(), error })?;
        let (seeded, digest) = SeededEvaluationKeys::read(BufReader::with_capacity(BUFFER_BYTES, file))
            .map_err(|error| KeysError::Malformed { path: path.to_owned(), error })?;
        Ok(Self::of(seeded, digest))
    }

    /// Expands keys that are at hand, whose file has that digest.
    pub fn of(seeded: SeededEvaluationKeys, digest: Digest) -> Arc<Self> {
        let evaluation = seeded.load();
        let arithmetic = arithmetic::fingerprint(evaluation.parameters());
        Arc::new(Self { digest, arithmetic, evaluation })
    }
}
