//! How far main chains were followed: a file a chain, `<data>/heads/<slug>.json`.
//!
//! Kept true: a file is whole, of a checkpoint that was checked, and durable before anything is said by it. Errors:
//! [`FileError`]. Cost: two syncs a write.

use std::path::{Path, PathBuf};

use nacre_hosting::{
    file::{self, FileError, PRIVATE},
    folder,
};
use nacre_schemas::{Digest, id::ChainId};
use serde::{Deserialize, Serialize};

/// The longest file of a head, in bytes.
const MAX_HEAD_BYTES: usize = 1_024;

/// The folder.
pub(super) struct Heads {
    folder: PathBuf,
}

/// Size and root of a main chain's tree: of a checkpoint that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Digest,
}

impl Heads {
    pub(super) fn open(data: &Path) -> Result<Self, FileError> {
        let folder = data.join("heads");
        folder::make_private(&folder)?;
        file::remove_unfinished(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, id: &ChainId) -> PathBuf {
        self.folder.join(format!("{}.json", id.slug()))
    }

    pub(super) fn read(&self, id: &ChainId) -> Result<Option<Head>, FileError> {
        let path = self.path(id);
        let Some(bytes) = file::read_if_there(&path, MAX_HEAD_BYTES)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| FileError::broken(&path, error))
    }

    /// Durable when it returns.
    pub(super) fn write(&self, id: &ChainId, head: &Head) -> Result<(), FileError> {
        let path = self.path(id);
        let bytes = serde_json::to_vec(head).map_err(|error| FileError::broken(&path, error))?;
        file::replace(&path, &bytes, PRIVATE)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nacre_schemas::measure::Domain;

    use super::*;

    fn chain() -> ChainId {
        Domain::Health.main_chain()
    }

    fn head(size: u64) -> Head {
        Head { size, root: Digest([size as u8; 32]) }
    }

    #[test]
    fn how_far_a_chain_was_followed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let heads = Heads::open(folder.path()).unwrap();
        assert_eq!(heads.read(&chain()).unwrap(), None);
        for size in [3, 5] {
            heads.write(&chain(), &head(size)).unwrap();
        }
        fs::write(folder.path().join("heads/left.tmp"), "half a he").unwrap();
        let heads = Heads::open(folder.path()).unwrap();
        assert_eq!(heads.read(&chain()).unwrap(), Some(head(5)));
        assert!(!folder.path().join("heads/left.tmp").exists());
    }
}
