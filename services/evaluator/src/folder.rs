//! A job's files.
//!
//! ```text
//! <data>/owner                           whose folder it is: network, its collective key, member; text
//! <data>/jobs/<request>/request          LoggedRequest<CrossRequest>: the job is there once this is
//! <data>/jobs/<request>/inputs/<chain>   CrossDelivery, as it came
//! <data>/jobs/<request>/checkpoint       people that were added up so far
//! <data>/jobs/<request>/outcome          CrossOutcome: the job is done
//! <data>/jobs/<request>/failure          Problem, JSON: the job has failed
//! ```
//!
//! Kept true: a file is there as a whole, old or new, whatever happens while it is written; folders are of mode 0700 and files
//! of 0600. A crash leaves at worst a `.tmp` file, or a folder without a request: both go at the next start. A job with an
//! outcome is done, whatever else lies beside it. A folder is one evaluator's: outcomes in it are signed, and nobody else's signature
//! would be taken for its own.
//!
//! Errors: [`FileError`]. Cost: two syncs a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nacre_hosting::{
    file::{self, FileError, PRIVATE},
    folder,
};
use nacre_schemas::{
    Digest, Document as _,
    cross::{CrossDelivery, CrossOutcome, CrossRequest},
    dossier::LoggedRequest,
    id::{ChainId, MemberId},
};
use nacre_verifier::Network;

/// The longest line-up of whose a folder is, in bytes.
const MAX_OWNER_BYTES: usize = 4_096;
/// The longest checkpoint, in bytes: some 16 kB a digit of a cell.
const MAX_CHECKPOINT_BYTES: usize = 1 << 30;
/// The longest problem that is kept, in bytes.
const MAX_FAILURE_BYTES: usize = 64 << 10;

/// A file of a job.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Request,
    Inputs(ChainId),
    Checkpoint,
    Outcome,
    Failure,
}

impl Part {
    fn max_bytes(&self) -> usize {
        match self {
            Self::Request => LoggedRequest::<CrossRequest>::MAX_BYTES,
            Self::Inputs(_) => CrossDelivery::MAX_BYTES,
            Self::Checkpoint => MAX_CHECKPOINT_BYTES,
            Self::Outcome => CrossOutcome::MAX_BYTES,
            Self::Failure => MAX_FAILURE_BYTES,
        }
    }
}

/// The folder of one job.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// The folder of all jobs.
pub(crate) struct Jobs {
    path: PathBuf,
}

/// Whose a folder is, on a line each.
pub(crate) struct Owner(String);

impl Owner {
    /// That member in that network.
    pub(crate) fn of(network: &Network, member: &MemberId) -> Self {
        Self(format!("{}\n{}\n{member}\n", network.root().network, network.key().bytes()))
    }
}

impl Jobs {
    /// Opens the folder, or makes it; or says whose it is, if it is another's.
    pub(crate) fn open(data: &Path, owner: &Owner) -> Result<Result<Self, String>, FileError> {
        let path = data.join("jobs");
        folder::make_private(&path)?;
        let file = data.join("owner");
        match file::read_if_there(&file, MAX_OWNER_BYTES)? {
            Some(there) if there == owner.0.as_bytes() => {}
            Some(there) => return Ok(Err(String::from_utf8_lossy(&there).trim_end().replace('\n', ", "))),
            None => file::replace(&file, owner.0.as_bytes(), PRIVATE)?,
        }
        Ok(Ok(Self { path }))
    }

    /// The folder of a request's job, there or not.
    pub(crate) fn of(&self, request: &Digest) -> Folder {
        Folder { path: self.path.join(request.to_string()) }
    }

    /// Every job that is there, the oldest first; what a crash left of others is removed.
    pub(crate) fn list(&self) -> Result<Vec<(Digest, Folder)>, FileError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(FileError::at(&self.path))? {
            let entry = entry.map_err(FileError::at(&self.path))?;
            // What is not named like a job is not ours, and is left alone.
            let Some(request) = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) else {
                continue;
            };
            let folder = Folder { path: entry.path() };
            let file = folder.file(&Part::Request);
            match fs::metadata(&file) {
                Ok(there) => found.push((there.modified().map_err(FileError::at(&file))?, request, folder)),
                Err(_) => folder.remove()?,
            }
        }
        found.sort_by_key(|(modified, ..)| *modified);
        Ok(found.into_iter().map(|(_, request, folder)| (request, folder)).collect())
    }
}

impl Folder {
    fn file(&self, part: &Part) -> PathBuf {
        match part {
            Part::Request => self.path.join("request"),
            Part::Inputs(chain) => self.path.join("inputs").join(chain.slug()),
            Part::Checkpoint => self.path.join("checkpoint"),
            Part::Outcome => self.path.join("outcome"),
            Part::Failure => self.path.join("failure"),
        }
    }

    /// Makes the folder, with the request in it.
    pub(crate) fn create(&self, request: &[u8]) -> Result<(), FileError> {
        folder::make_private(&self.path)?;
        folder::make_private(&self.path.join("inputs"))?;
        self.write(&Part::Request, request)?;
        file::sync_folder_of(&self.path)
    }

    /// What a file holds, if it is there.
    pub(crate) fn read(&self, part: &Part) -> Result<Option<Vec<u8>>, FileError> {
        file::read_if_there(&self.file(part), part.max_bytes())
    }

    /// The outcome, if it is there.
    pub(crate) fn outcome(&self) -> Result<Option<CrossOutcome>, FileError> {
        let Some(bytes) = self.read(&Part::Outcome)? else { return Ok(None) };
        let outcome = CrossOutcome::from_canonical(&bytes);
        outcome.map(Some).map_err(|error| FileError::broken(&self.file(&Part::Outcome), error))
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, part: &Part) -> Result<bool, FileError> {
        let file = self.file(part);
        fs::exists(&file).map_err(FileError::at(&file))
    }

    /// Writes a file, in place of what was there. A job's files are written by one at a time.
    pub(crate) fn write(&self, part: &Part, bytes: &[u8]) -> Result<(), FileError> {
        file::replace(&self.file(part), bytes, PRIVATE)
    }

    /// Removes a file, if it is there.
    pub(crate) fn clear(&self, part: &Part) -> Result<(), FileError> {
        file::remove(&self.file(part))
    }

    /// Removes all inputs.
    pub(crate) fn clear_inputs(&self) -> Result<(), FileError> {
        folder::remove(&self.path.join("inputs"))
    }

    /// Removes the job with all its files. The request goes first: without it the rest is no job.
    pub(crate) fn remove(&self) -> Result<(), FileError> {
        self.clear(&Part::Request)?;
        folder::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(data: &Path) -> Jobs {
        Jobs::open(data, &Owner("network\nkey\nevaluator-macao\n".to_owned())).unwrap().unwrap()
    }

    #[test]
    fn anothers_folder_is_left_alone_and_it_is_said_whose_it_is() {
        let data = tempfile::tempdir().unwrap();
        open(data.path()).of(&Digest([1; 32])).create(b"asked").unwrap();
        for other in [
            "network\nkey\nevaluator-guangdong\n",
            "network\nother key\nevaluator-macao\n",
            "other\nkey\nevaluator-macao\n",
        ] {
            let opened = Jobs::open(data.path(), &Owner(other.to_owned())).unwrap();
            assert_eq!(opened.err().as_deref(), Some("network, key, evaluator-macao"));
        }
        assert_eq!(open(data.path()).list().unwrap().len(), 1);
        assert_eq!(fs::metadata(data.path().join("owner")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_job_is_there_with_its_request_and_gone_without() {
        let data = tempfile::tempdir().unwrap();
        let jobs = open(data.path());
        let (first, second) = (Digest([1; 32]), Digest([2; 32]));
        jobs.of(&first).create(b"asked").unwrap();
        // As a crash leaves it: the folder, and half a request.
        fs::create_dir_all(data.path().join(format!("jobs/{second}/inputs"))).unwrap();
        fs::write(data.path().join(format!("jobs/{second}/request.tmp")), "ask").unwrap();
        fs::write(data.path().join("jobs/notes"), "an operator's").unwrap();

        let found = open(data.path()).list().unwrap();
        assert_eq!(found.iter().map(|(request, _)| *request).collect::<Vec<_>>(), [first]);
        assert!(!data.path().join(format!("jobs/{second}")).exists());
        assert!(data.path().join("jobs/notes").exists());
        assert_eq!(found[0].1.read(&Part::Request).unwrap().unwrap(), b"asked");

        found[0].1.remove().unwrap();
        assert!(jobs.list().unwrap().is_empty());
    }

    #[test]
    fn what_is_written_replaces_what_was_there_and_is_its_owners_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = open(data.path()).of(&Digest([1; 32]));
        folder.create(b"asked").unwrap();
        let inputs = Part::Inputs("region/440100".parse().unwrap());
        for part in [Part::Checkpoint, inputs.clone()] {
            folder.write(&part, b"one").unwrap();
            folder.write(&part, b"another").unwrap();
            assert_eq!(folder.read(&part).unwrap().unwrap(), b"another");
            assert_eq!(fs::metadata(folder.file(&part)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&folder.path).unwrap().permissions().mode() & 0o777, 0o700);
        folder.clear(&Part::Checkpoint).unwrap();
        folder.clear(&Part::Checkpoint).unwrap();
        folder.clear_inputs().unwrap();
        assert!(folder.read(&Part::Checkpoint).unwrap().is_none() && !folder.has(&inputs).unwrap());
    }
}
