//! A role's own folders: its data, which one process has at a time, and its registers, which are kept apart from it.
//!
//! Kept true: both are their owner's alone (0700). Of two processes that are started on one data folder the second does
//! not start: what they would sign could contradict itself. Registers do not lie in the data folder, since a copy of it that
//! is put back would put them back too.
//!
//! The lock is that of the operating system on a file in the folder, and goes with the process, however it ends.
//! Errors: [`FolderError`], with the path. Cost: two calls a folder.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::file::{FileError, PRIVATE};

/// Why a role does not have its folders.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system says no of the folder, or of the lock in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process has it.
    #[error("another process runs on {}; a data folder is one process's at a time: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The registers would be restored together with the data.
    #[error(
        "the registers {} lie in the data folder {}: a copy of the data that is put back would put them back too; keep \
         them elsewhere",
        .registers.display(), .data.display()
    )]
    NotApart {
        /// The folder of registers.
        registers: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
}

/// A data folder that nobody else has, for as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    // The lock goes when the file is closed.
    _lock: File,
}

impl DataFolder {
    /// Takes the folder, which is made if it is missing.
    pub fn take(data: &Path) -> Result<Self, FolderError> {
        make_private(data)?;
        let path = data.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(PRIVATE).open(&path);
        let lock = lock.map_err(FileError::at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(data.to_owned())),
            Err(TryLockError::Error(error)) => Err(FileError::at(&path)(error).into()),
        }
    }

    /// Takes the folder, and makes the one of its registers if that is missing.
    pub fn take_with_registers(data: &Path, registers: &Path) -> Result<Self, FolderError> {
        if registers.starts_with(data) {
            return Err(FolderError::NotApart { registers: registers.to_owned(), data: data.to_owned() });
        }
        let taken = Self::take(data)?;
        make_private(registers)?;
        Ok(taken)
    }
}

/// Where a role keeps its registers, unless its configuration says otherwise: beside its data.
pub fn registers_beside(data: &Path) -> PathBuf {
    let mut name = OsString::from(data);
    name.push(".registers");
    name.into()
}

/// Makes the folder if it is missing; in any case nobody else may look inside.
pub fn make_private(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    let made = made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)));
    made.map_err(FileError::at(path))
}

/// Removes a folder with everything in it; it may be gone already.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_is_one_holders_at_a_time_and_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/data");
        let first = DataFolder::take(&data).unwrap();
        assert!(matches!(DataFolder::take(&data), Err(FolderError::InUse(path)) if path == data));
        drop(first);
        DataFolder::take(&data).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&data.join("lock"))), (0o700, 0o600));
    }

    #[test]
    fn registers_do_not_lie_in_the_data() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let inside = DataFolder::take_with_registers(&data, &data.join("registers"));
        assert!(matches!(inside, Err(FolderError::NotApart { .. })), "{inside:?}");
        let beside = registers_beside(&data);
        assert_eq!(beside, dir.path().join("data.registers"));
        DataFolder::take_with_registers(&data, &beside).unwrap();
        assert!(beside.is_dir());
    }
}
