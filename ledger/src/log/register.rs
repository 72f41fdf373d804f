//! The register: what the log has last answered for, kept apart from the log.
//!
//! A copy of the log's directory put back later is a valid log, of the past; going on from it would sign a second
//! history. So the register lies elsewhere, where a backup of the directory does not reach, and remembers size and
//! root. A log that has fewer entries than its register, or another root at that size, is opened to be read only.
//!
//! ```text
//! register, 8,192 bytes: two slots, at 0 and 4,096, written in turn; the one of the higher sequence counts
//!  0  8  "NcLogReg"
//!  8  8  sequence, from 1
//! 16 32  SM3 of the origin
//! 48  8  entries in the log
//! 56 32  root of the tree of that size
//! 88  4  CRC-32 of bytes 0..88
//! ```
//!
//! Kept true: it is written after the log was synced and synced before anyone is answered: nothing that was signed
//! has left the process with more entries than the register says. A torn slot leaves the other one.
//!
//! Errors: [`LogError::Io`], [`LogError::OtherOrigin`]. Cost: one write and one sync for each group.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_schemas::Digest;

use super::{
    LogError,
    disk::{self, Disk, DiskFile},
    frame::number,
};

const MAGIC: &[u8; 8] = b"NcLogReg";
const SLOT_BYTES: usize = 92;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;
const SECOND_AT: u64 = 4_096;
const REGISTER_BYTES: u64 = 2 * SECOND_AT;

/// What was last answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Entries in the log.
    pub(super) size: u64,
    /// Root of the tree of that size.
    pub(super) root: Digest,
}

/// An open register.
pub(super) struct Register {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    origin: Digest,
    sequence: u64,
    answered: Option<Answered>,
}

impl Register {
    /// Opens the register of the chain, or makes an empty one.
    pub(super) fn open(disk: &dyn Disk, path: &Path, origin: &str) -> Result<Self, LogError> {
        let failed = LogError::io("open", path);
        let opened = || {
            if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
                disk.create_directory(folder)?;
            }
            let file = disk::open_or_create(disk, path)?;
            if file.length()? < REGISTER_BYTES {
                file.allocate(REGISTER_BYTES)?;
                file.sync()?;
                disk.sync_directory(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?;
            }
            let bytes = disk::read(&*file, 0, REGISTER_BYTES as usize)?;
            Ok((file, bytes))
        };
        let (file, bytes) = opened().map_err(failed)?;
        Self::read(path, origin, file, &bytes)
    }

    /// Opens the register of the chain to look at it, if there is one.
    pub(super) fn open_existing(disk: &dyn Disk, path: &Path, origin: &str) -> Result<Option<Self>, LogError> {
        let opened = disk.open(path, false).and_then(|file| {
            let bytes = disk::read(&*file, 0, REGISTER_BYTES as usize)?;
            Ok((file, bytes))
        });
        match opened {
            Ok((file, bytes)) => Self::read(path, origin, file, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::io("read", path)(error)),
        }
    }

    fn read(path: &Path, origin: &str, file: Arc<dyn DiskFile>, bytes: &[u8]) -> Result<Self, LogError> {
        let mut register =
            Self { path: path.to_owned(), file, origin: Digest::of(origin.as_bytes()), sequence: 0, answered: None };
        for slot in [0, SECOND_AT as usize] {
            let Some((sequence, of, answered)) = bytes.get(slot..).and_then(read_slot) else { continue };
            if of != register.origin {
                return Err(LogError::OtherOrigin { segment: path.to_owned(), origin: origin.to_owned() });
            }
            if sequence > register.sequence {
                (register.sequence, register.answered) = (sequence, Some(answered));
            }
        }
        Ok(register)
    }

    /// What it says; none if it was never written.
    pub(super) fn answered(&self) -> Option<Answered> {
        self.answered
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down, durably, what is about to be answered for.
    pub(super) fn write(&mut self, answered: Answered) -> Result<(), LogError> {
        self.sequence += 1;
        let mut slot = MAGIC.to_vec();
        slot.extend_from_slice(&self.sequence.to_be_bytes());
        slot.extend_from_slice(self.origin.as_bytes());
        slot.extend_from_slice(&answered.size.to_be_bytes());
        slot.extend_from_slice(answered.root.as_bytes());
        slot.extend_from_slice(&crc32fast::hash(&slot).to_be_bytes());
        let position = if self.sequence.is_multiple_of(2) { SECOND_AT } else { 0 };
        self.file.write_at(&slot, position).map_err(LogError::io("write to", &self.path))?;
        self.file.sync().map_err(LogError::io("sync", &self.path))?;
        self.answered = Some(answered);
        Ok(())
    }
}

fn read_slot(bytes: &[u8]) -> Option<(u64, Digest, Answered)> {
    let slot = bytes.first_chunk::<SLOT_BYTES>()?;
    if !slot.starts_with(MAGIC) || u64::from(crc32fast::hash(&slot[..CHECKED_BYTES])) != number(&slot[CHECKED_BYTES..])
    {
        return None;
    }
    let digest = |bytes: &[u8]| {
        let mut digest = Digest([0; 32]);
        digest.0.copy_from_slice(bytes);
        digest
    };
    let answered = Answered { size: number(&slot[48..56]), root: digest(&slot[56..CHECKED_BYTES]) };
    Some((number(&slot[8..16]), digest(&slot[16..48]), answered))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::log::disk::LocalDisk;

    fn answered(size: u64) -> Answered {
        Answered { size, root: Digest([size as u8; 32]) }
    }

    #[test]
    fn a_register_remembers_the_last_and_a_torn_slot_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/register");
        let open = || Register::open(&LocalDisk, &path, "abc").unwrap();
        assert_eq!(open().answered(), None);
        for size in 1..=3 {
            open().write(answered(size)).unwrap();
            assert_eq!(open().answered(), Some(answered(size)));
        }
        // The third is in the first slot.
        let bytes = fs::read(&path).unwrap();
        for position in 0..SLOT_BYTES {
            let mut torn = bytes.clone();
            torn[position] ^= 0x40;
            fs::write(&path, torn).unwrap();
            assert_eq!(open().answered(), Some(answered(2)), "byte {position}");
        }
        fs::write(&path, bytes).unwrap();
        let other = Register::open(&LocalDisk, &path, "abd").map(drop);
        assert!(matches!(other, Err(LogError::OtherOrigin { .. })), "{other:?}");
    }
}
