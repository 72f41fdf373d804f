//! How far main chains were followed: a file a chain, `<data>/heads/<slug>.json`.
//!
//! Kept true: a file is whole, of a checkpoint that was checked, and durable before anything is said by it. Errors: the
//! operating system's. Cost: two syncs a write.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use nacre_schemas::{Digest, id::ChainId};
use serde::{Deserialize, Serialize};

use crate::record::{remove_unfinished, write_whole};

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
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("heads");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        remove_unfinished(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, id: &ChainId) -> PathBuf {
        self.folder.join(format!("{}.json", id.slug()))
    }

    pub(super) fn read(&self, id: &ChainId) -> io::Result<Option<Head>> {
        match fs::read(self.path(id)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Durable when it returns.
    pub(super) fn write(&self, id: &ChainId, head: &Head) -> io::Result<()> {
        write_whole(&self.folder, &self.path(id), &serde_json::to_vec(head)?)
    }
}

#[cfg(test)]
mod tests {
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
