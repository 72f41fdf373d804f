//! The members directory: the admissions that a server goes by. One JSON file a member, each a
//! signed [`Membership`] that an authority of the trust root signed.
//!
//! Kept true: every admission in here was checked, its access key is a P-384 key in its one form, and no member is
//! admitted twice: whoever wants to change an admission replaces its file, and the server reads it at its next start.
//!
//! Errors name the file. Cost: one SM2 verification a member when loading; finding is a look-up.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use jsonwebtoken::DecodingKey;
use nacre_hosting::{
    file::{self, FileError},
    key::{KeyFile, KeyFileError},
};
use nacre_schemas::{Signed, canonical::Item as _, id::MemberId, membership::Membership};
use nacre_verifier::{Failure, Network, membership};

use crate::key::{self, AccessKey, KeyError};

/// The largest file of an admission, in bytes.
pub const MAX_ADMISSION_FILE_BYTES: usize = 16_384;

/// The most members of one directory.
pub const MAX_MEMBERS: usize = Signed::<Membership>::MAX_COUNT;

/// Why a members directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// The folder, or a file that cannot be read or is longer than an admission can be.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not the JSON of an admission.
    #[error("{path} is no admission: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// In one file of the folder.
    #[error("{path}: {source}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why the admission is not taken.
        source: Box<AdmissionError>,
    },
    /// Of the admissions given.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
}

/// Why an admission is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// No authority of the trust root vouches for it.
    #[error(transparent)]
    Unfounded(#[from] Failure),
    /// Its access key cannot be used.
    #[error("the access key of {member}: {source}")]
    AccessKey {
        /// Whose.
        member: MemberId,
        /// Why.
        source: KeyError,
    },
    /// Two admissions of one member.
    #[error("{member} is admitted twice")]
    Twice {
        /// Who.
        member: MemberId,
    },
    /// More than a directory takes.
    #[error("there are more than {MAX_MEMBERS} members")]
    TooMany,
}

struct Admission {
    signed: Signed<Membership>,
    verifying: DecodingKey,
}

/// Admissions, each checked.
pub struct Members {
    admissions: BTreeMap<MemberId, Admission>,
}

impl Members {
    /// Reads the `*.json` files of the folder and checks each against the network's trust root.
    pub fn load(folder: &Path, network: &Network) -> Result<Self, MembersError> {
        let mut members = Self { admissions: BTreeMap::new() };
        for path in admission_files(folder)? {
            let signed = read(&path)?;
            members
                .admit(signed, network)
                .map_err(|source| MembersError::Refused { path, source: Box::new(source) })?;
        }
        Ok(members)
    }

    /// Reads a member's own access key. It is compared with the admission, if the directory has that: a server that goes by
    /// it would let in nobody with another key, and one whose directory lacks it may be of another jurisdiction.
    pub fn read_access_key(&self, member: &MemberId, path: &Path) -> Result<AccessKey, KeyFileError> {
        let key = AccessKey::read(path)?;
        if let Some(admission) = self.find(member) {
            let (found, expected) = (key.public(), &admission.statement.access_key);
            let file = KeyFile { path, what: key::KIND };
            file.check(found.as_str().as_bytes(), expected.as_str().as_bytes(), member)?;
        }
        Ok(key)
    }

    /// Checks each admission against the network's trust root.
    pub fn from_signed(signed: Vec<Signed<Membership>>, network: &Network) -> Result<Self, MembersError> {
        let mut members = Self { admissions: BTreeMap::new() };
        for admission in signed {
            members.admit(admission, network)?;
        }
        Ok(members)
    }

    /// The member of that name.
    pub fn find(&self, member: &MemberId) -> Option<&Signed<Membership>> {
        self.admissions.get(member).map(|admission| &admission.signed)
    }

    /// All members, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Signed<Membership>> {
        self.admissions.values().map(|admission| &admission.signed)
    }

    /// What the member's assertions are verified with.
    pub(crate) fn verifying_key(&self, member: &MemberId) -> Option<&DecodingKey> {
        self.admissions.get(member).map(|admission| &admission.verifying)
    }

    fn admit(&mut self, signed: Signed<Membership>, network: &Network) -> Result<(), AdmissionError> {
        membership::check(&signed, network)?;
        let member = signed.statement.member.clone();
        let verifying = key::verifying(&signed.statement.access_key)
            .map_err(|source| AdmissionError::AccessKey { member: member.clone(), source })?;
        if self.admissions.contains_key(&member) {
            return Err(AdmissionError::Twice { member });
        }
        if self.admissions.len() == MAX_MEMBERS {
            return Err(AdmissionError::TooMany);
        }
        self.admissions.insert(member, Admission { signed, verifying });
        Ok(())
    }
}

/// The files of the folder that end in `.json`, by name, so that errors do not depend on the file system's order.
fn admission_files(folder: &Path) -> Result<Vec<PathBuf>, MembersError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::at(folder))? {
        let path = entry.map_err(FileError::at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            if paths.len() == MAX_MEMBERS {
                return Err(AdmissionError::TooMany.into());
            }
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Signed<Membership>, MembersError> {
    let content = file::read(path, MAX_ADMISSION_FILE_BYTES)?;
    serde_json::from_slice(&content).map_err(|source| MembersError::Malformed { path: path.to_owned(), source })
}
