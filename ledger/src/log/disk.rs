//! What the log asks of a file system, and the one of the operating system.
//!
//! Kept true: the log touches files through [`Disk`] alone, so a test can put another in its place that forgets
//! what was not synced. What each call promises is what the log relies on, no more:
//!
//! * a write is durable once a later [`DiskFile::sync`] of the same file has returned; a name that was created,
//!   renamed or removed once a later [`Disk::sync_directory`] has;
//! * before that, a crash leaves any part of it, in any order;
//! * after a sync that failed nothing is known of what was written before it.
//!
//! Errors: those of the operating system, as they are. Cost: one system call a call, or a few.

use std::{
    any::Any,
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
};

/// Files by path.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Makes the directory and its parents, durably; it may exist.
    fn create_directory(&self, dir: &Path) -> io::Result<()>;
    /// Locks the file for as long as what is returned lives; none if another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
    /// Names in the directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a file that does not exist, for reading and writing by its owner alone.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists.
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Puts a file under another name, in place of what has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes durable which names the directory has.
    fn sync_directory(&self, dir: &Path) -> io::Result<()>;
}

/// An open file. Positions are absolute, so one can be used by many threads.
pub(crate) trait DiskFile: Send + Sync {
    /// Bytes of the file.
    fn length(&self) -> io::Result<u64>;
    /// Fills the bytes from the position on as far as the file goes, and says how far that was.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all of the bytes at the position.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Gives the file at least this length, in zeros, with room on the disk for them.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Cuts off what is behind the length.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes durable what was written, allocated and cut.
    fn sync(&self) -> io::Result<()>;
}

/// Up to `limit` bytes of the file from the position; fewer if it ends.
pub(super) fn read(file: &dyn DiskFile, position: u64, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; limit];
    let filled = file.read_at(&mut bytes, position)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// The file, made if there is none.
pub(super) fn open_or_create(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    match disk.open(path, true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(path),
        opened => opened,
    }
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalDisk;

impl Disk for LocalDisk {
    fn create_directory(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        match dir.parent() {
            Some(parent) if parent != Path::new("") => self.sync_directory(parent),
            _ => self.sync_directory(Path::new(".")),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in dir.read_dir()? {
            // The log's own names are plain text; others are none of its business.
            names.extend(file?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Arc::new(LocalFile(file)))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(LocalFile(OpenOptions::new().read(true).write(writable).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

struct LocalFile(File);

impl DiskFile for LocalFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.0.read_at(&mut bytes[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        use rustix::{fs::FallocateFlags, io::Errno};
        let held = self.length()?;
        if held >= length {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), held, length - held) {
            // A file system that cannot reserve room can still make the file as long: what is lost is speed.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.0.set_len(length),
            done => Ok(done?),
        }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
