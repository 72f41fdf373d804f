//! The trust root that a role goes by.
//!
//! Kept true: a role that runs goes by a trust root that every jurisdiction endorsed, and by the catalogue of measures that
//! this program carries ([`read`]). Programs that check what others made may be older or newer than the network
//! ([`read_of_any_catalogue`]).
//!
//! Errors: [`TrustError`], with the file. Cost: the check of an endorsement a jurisdiction, some milliseconds.

use std::path::{Path, PathBuf};

use nacre_schemas::{
    Document as _,
    catalogue::Catalogue,
    trust::{SignedTrustRoot, TrustRoot},
};
use nacre_verifier::{Failure, Network};
use serde::de::DeserializeOwned;

use crate::file::{self, FileError};

/// The longest file of a trust root, in bytes: its canonical form has half of that at most.
pub const MAX_BYTES: usize = 4 << 20;

/// Why there is no trust root to go by.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the trust root {0}")]
    Unreadable(#[from] FileError),
    /// It is not the TOML of a trust root.
    #[error("{} is no trust root: {source}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It does not hold, or its jurisdictions did not endorse it.
    #[error("the trust root {}: {source}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Failure,
    },
    /// The network goes by another catalogue.
    #[error("the trust root {} names another catalogue of measures than this program carries: update one of them", .0.display())]
    OtherCatalogue(PathBuf),
}

/// Reads and checks the trust root that a role goes by.
pub fn read(path: &Path) -> Result<Network, TrustError> {
    let network = read_of_any_catalogue(path)?;
    if network.root().catalogue != Catalogue::built_in().index().digest() {
        return Err(TrustError::OtherCatalogue(path.to_owned()));
    }
    Ok(network)
}

/// The same, whatever catalogue it names.
pub fn read_of_any_catalogue(path: &Path) -> Result<Network, TrustError> {
    Network::new(read_unchecked(path)?).map_err(|source| TrustError::Refused { path: path.to_owned(), source })
}

/// Reads a trust root whose endorsements are not checked yet.
pub fn read_unchecked(path: &Path) -> Result<SignedTrustRoot, TrustError> {
    read_toml(path)
}

/// Reads a trust root that is not endorsed yet.
pub fn read_unendorsed(path: &Path) -> Result<TrustRoot, TrustError> {
    read_toml(path)
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, TrustError> {
    let text = file::read_text(path, MAX_BYTES)?;
    let malformed = |source| TrustError::Malformed { path: path.to_owned(), source: Box::new(source) };
    toml::from_str(&text).map_err(malformed)
}
