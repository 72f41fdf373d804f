//! The register: what a signer has last answered for, kept apart from what it answers from.
//!
//! A copy of a log's directory put back later is a valid log, of the past; going on from it would sign a second
//! history. So the register lies elsewhere, where a backup of the directory does not reach, and remembers size and
//! root. A log that has fewer entries than its register, or another root at that size, is opened to be read only. So
//! is a log whose register is missing or cannot be read: what it answered for is then not known. A witness, which has
//! no log, keeps a register of each chain in the same way.
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
//! Kept true: a register is made before its log, and appears under its name only when all of it is durable: where a log
//! is, its register was, and one without a good slot is damage and never the rest of a crash. It is
//! written after the log was synced and synced before anyone is answered: nothing that was signed
//! has left the process with more entries than the register says. A torn slot leaves the other one, and then the log
//! has more entries than that one says. One process has a register open for writing; an operator who renews one
//! ([`Register::renew`]) says what stands in it.
//!
//! Errors: [`LogError::Io`], [`LogError::OtherOrigin`], [`LogError::RegisterInUse`], [`LogError::Unregistered`]. Cost: one
//! write and one sync for each group.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_schemas::Digest;

use super::{
    Lock, LogError,
    disk::{self, Disk, DiskFile, LocalDisk},
    frame::number,
};
use crate::merkle::{Hasher as _, Sm3Hasher};

const MAGIC: &[u8; 8] = b"NcLogReg";
const SLOT_BYTES: usize = 92;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;
const SECOND_AT: u64 = 4_096;
const REGISTER_BYTES: u64 = 2 * SECOND_AT;

/// What was last answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Entries in the log.
    pub size: u64,
    /// Root of the tree of that size.
    pub root: Digest,
}

impl Answered {
    /// Nothing was answered for yet.
    pub fn nothing() -> Self {
        Self { size: 0, root: Sm3Hasher::empty() }
    }
}

/// What is at a register's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// No file.
    Missing,
    /// A file in which no slot can be read: why.
    Garbled(String),
    /// A register.
    Says {
        /// What it says was answered for.
        answered: Answered,
        /// Whether its other slot was being written, and cannot be read: then the log has more entries than this says.
        torn: bool,
    },
}

/// A register, open for writing; nobody else has it open.
pub struct Register {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    origin: String,
    file: Option<Arc<dyn DiskFile>>,
    sequence: u64,
    registered: Registered,
    _lock: Lock,
}

impl Register {
    /// Opens the register of the chain, as it is: nothing is made but the folder and the lock beside it.
    pub fn open(path: &Path, origin: &str) -> Result<Self, LogError> {
        Self::open_on(Arc::new(LocalDisk), path, origin)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, path: &Path, origin: &str) -> Result<Self, LogError> {
        disk.create_directory(folder(path)).map_err(LogError::io("create", folder(path)))?;
        let beside = with_suffix(path, ".lock");
        let lock = disk.lock(&beside).map_err(LogError::io("lock", beside))?;
        let lock = lock.ok_or_else(|| LogError::RegisterInUse { path: path.to_owned() })?;
        let (file, sequence, registered) = read(&*disk, path, origin, true)?;
        let (path, origin) = (path.to_owned(), origin.to_owned());
        Ok(Self { disk, path, origin, file, sequence, registered, _lock: lock })
    }

    /// What it is and says.
    pub fn registered(&self) -> &Registered {
        &self.registered
    }

    /// What it says; none if it is missing or cannot be read.
    pub fn answered(&self) -> Option<Answered> {
        match self.registered {
            Registered::Says { answered, .. } => Some(answered),
            Registered::Missing | Registered::Garbled(_) => None,
        }
    }

    /// Why it says nothing, where something was answered for.
    pub fn fault(&self) -> Option<String> {
        let path = self.path.display();
        match &self.registered {
            Registered::Missing => Some(format!("the register {path} is missing")),
            Registered::Garbled(what) => Some(format!("the register {path} cannot be read: {what}")),
            Registered::Says { .. } => None,
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a register that says that nothing was answered for, if there is none. The caller knows that this is so: there
    /// is nothing yet that was answered from. One that is there is made durable, for its making may have ended with a sync
    /// that failed.
    pub fn begin(&mut self) -> Result<(), LogError> {
        if self.registered == Registered::Missing {
            return self.renew(Answered::nothing());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let durable = file.sync().and_then(|()| self.disk.sync_directory(folder(&self.path)));
        durable.map_err(LogError::io("sync", &self.path))
    }

    /// Writes down, durably, what is about to be answered for. What is there already is written again, for it may have been
    /// read back from the system's memory after a sync that failed; in its own place, so that a slot that is torn was always
    /// written for more.
    pub fn write(&mut self, answered: Answered) -> Result<(), LogError> {
        let Some(file) = &self.file else {
            return Err(LogError::Unregistered { why: self.fault().unwrap_or_default() });
        };
        let again = self.registered == (Registered::Says { answered, torn: false });
        let sequence = if again { self.sequence } else { self.sequence + 1 };
        let slot = slot(sequence, &self.origin, answered);
        file.write_at(&slot, position(sequence)).map_err(LogError::io("write to", &self.path))?;
        file.sync().map_err(LogError::io("sync", &self.path))?;
        (self.sequence, self.registered) = (sequence, Registered::Says { answered, torn: false });
        Ok(())
    }

    /// Makes the register anew, whatever is in its place; that is kept beside it, under the same name with `.replaced`. What
    /// was not answered for must not be written here, nor less than what was: to find out is for the caller.
    pub fn renew(&mut self, answered: Answered) -> Result<(), LogError> {
        let (disk, path) = (&self.disk, &self.path);
        let sequence = self.sequence + 1;
        let unfinished = with_suffix(path, ".unfinished");
        match disk.remove(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LogError::io("remove", unfinished)(error));
            }
            _ => {}
        }
        let made = || {
            let file = disk.create(&unfinished)?;
            file.allocate(REGISTER_BYTES)?;
            file.write_at(&slot(sequence, &self.origin, answered), position(sequence))?;
            file.sync()?;
            if self.registered != Registered::Missing {
                disk.rename(path, &with_suffix(path, ".replaced"))?;
            }
            disk.rename(&unfinished, path)?;
            disk.sync_directory(folder(path))?;
            Ok(file)
        };
        let file = made().map_err(LogError::io("make", path))?;
        (self.file, self.sequence) = (Some(file), sequence);
        self.registered = Registered::Says { answered, torn: false };
        Ok(())
    }
}

/// What is at the place of the chain's register, without opening it: another process may.
pub fn registered(path: &Path, origin: &str) -> Result<Registered, LogError> {
    registered_on(&LocalDisk, path, origin)
}

pub(super) fn registered_on(disk: &dyn Disk, path: &Path, origin: &str) -> Result<Registered, LogError> {
    read(disk, path, origin, false).map(|(_, _, registered)| registered)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Where the slot of that sequence lies.
fn position(sequence: u64) -> u64 {
    if sequence.is_multiple_of(2) { SECOND_AT } else { 0 }
}

fn slot(sequence: u64, origin: &str, answered: Answered) -> Vec<u8> {
    let mut slot = MAGIC.to_vec();
    slot.extend_from_slice(&sequence.to_be_bytes());
    slot.extend_from_slice(Digest::of(origin.as_bytes()).as_bytes());
    slot.extend_from_slice(&answered.size.to_be_bytes());
    slot.extend_from_slice(answered.root.as_bytes());
    slot.extend_from_slice(&crc32fast::hash(&slot).to_be_bytes());
    slot
}

type Read = (Option<Arc<dyn DiskFile>>, u64, Registered);

fn read(disk: &dyn Disk, path: &Path, origin: &str, writable: bool) -> Result<Read, LogError> {
    let file = match disk.open(path, writable) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, 0, Registered::Missing)),
        Err(error) => return Err(LogError::io("open", path)(error)),
    };
    let bytes = disk::read(&*file, 0, REGISTER_BYTES as usize).map_err(LogError::io("read", path))?;
    let (mut latest, mut torn) = (None, false);
    for at in [0, SECOND_AT as usize] {
        let bytes = bytes.get(at..).unwrap_or_default();
        let Some((sequence, of, answered)) = read_slot(bytes) else {
            // A slot that was never written is zero.
            torn |= bytes.iter().take(SLOT_BYTES).any(|byte| *byte != 0);
            continue;
        };
        if of != Digest::of(origin.as_bytes()) {
            return Err(LogError::OtherOrigin { path: path.to_owned(), origin: origin.to_owned() });
        }
        if latest.is_none_or(|(latest, _)| sequence > latest) {
            latest = Some((sequence, answered));
        }
    }
    match latest {
        Some((sequence, answered)) => Ok((Some(file), sequence, Registered::Says { answered, torn })),
        None => {
            let what = format!("none of its two slots matches its checksum ({} bytes)", bytes.len());
            Ok((None, 0, Registered::Garbled(what)))
        }
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
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn answered(size: u64) -> Answered {
        Answered { size, root: Digest([size as u8; 32]) }
    }

    fn says(answered: Answered) -> Registered {
        Registered::Says { answered, torn: false }
    }

    /// A register that was begun and written `sizes` times.
    fn written(sizes: u64) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/register");
        let mut register = Register::open(&path, "abc").unwrap();
        register.begin().unwrap();
        for size in 1..=sizes {
            register.write(answered(size)).unwrap();
        }
        (dir, path)
    }

    #[test]
    fn a_register_remembers_the_last_and_a_torn_slot_leaves_the_one_before() {
        let (_dir, path) = written(0);
        assert_eq!(registered(&path, "abc").unwrap(), says(Answered::nothing()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for size in 1..=4 {
            Register::open(&path, "abc").unwrap().write(answered(size)).unwrap();
            assert_eq!(registered(&path, "abc").unwrap(), says(answered(size)));
        }
        // It was begun with the first slot, so the fourth is there again.
        let bytes = fs::read(&path).unwrap();
        for position in 0..SLOT_BYTES {
            let mut torn = bytes.clone();
            torn[position] ^= 0x40;
            fs::write(&path, torn).unwrap();
            let before = Registered::Says { answered: answered(3), torn: true };
            assert_eq!(registered(&path, "abc").unwrap(), before, "byte {position}");
        }
        fs::write(&path, bytes).unwrap();
        let other = registered(&path, "abd");
        assert!(matches!(other, Err(LogError::OtherOrigin { .. })), "{other:?}");
    }

    #[test]
    fn a_register_that_is_missing_or_garbled_says_so_and_takes_nothing() {
        let (_dir, path) = written(3);
        let good = fs::read(&path).unwrap();
        let garbled = [Vec::new(), vec![0; 8_192], good[..40].to_vec(), good.iter().map(|byte| byte ^ 1).collect()];
        for bytes in garbled {
            fs::write(&path, &bytes).unwrap();
            let mut register = Register::open(&path, "abc").unwrap();
            assert!(matches!(register.registered(), Registered::Garbled(_)), "{} bytes", bytes.len());
            register.begin().unwrap();
            assert!(matches!(register.write(answered(4)), Err(LogError::Unregistered { .. })));
            drop(register);
            assert_eq!(fs::read(&path).unwrap(), bytes, "it was written to");
        }
        fs::remove_file(&path).unwrap();
        let mut register = Register::open(&path, "abc").unwrap();
        assert_eq!(register.registered(), &Registered::Missing);
        assert!(matches!(register.write(answered(4)), Err(LogError::Unregistered { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_register_that_is_renewed_says_what_it_was_told_and_the_old_one_is_kept() {
        let (_dir, path) = written(3);
        fs::write(&path, "garbled").unwrap();
        Register::open(&path, "abc").unwrap().renew(answered(3)).unwrap();
        assert_eq!(registered(&path, "abc").unwrap(), says(answered(3)));
        assert_eq!(fs::read(with_suffix(&path, ".replaced")).unwrap(), b"garbled");
        Register::open(&path, "abc").unwrap().write(answered(4)).unwrap();
        assert_eq!(registered(&path, "abc").unwrap(), says(answered(4)));
    }

    #[test]
    fn two_do_not_have_a_register_open() {
        let (_dir, path) = written(1);
        let first = Register::open(&path, "abc").unwrap();
        assert!(matches!(Register::open(&path, "abc").map(drop), Err(LogError::RegisterInUse { .. })));
        drop(first);
        Register::open(&path, "abc").unwrap();
    }
}
