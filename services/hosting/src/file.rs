//! Files that are replaced as a whole, and files that are read under a cap.
//!
//! Kept true: a file that is there is whole, the old one or the new, whatever happens while it is written. It is written
//! beside its name, synced and renamed, and then its folder is synced: it is durable when writing returns. Two that write one
//! file in one process take turns. Nothing longer than its cap is taken into memory.
//!
//! A crash leaves at worst a file `*.tmp`, which the next attempt replaces and [`remove_unfinished`] removes.
//!
//! Errors: [`FileError`], with the file. Cost: two syncs a file that is written.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

/// The mode of a file that is its owner's alone.
pub const PRIVATE: u32 = 0o600;
/// The mode of a file that others may read, as far as the process's mask lets them.
const PUBLIC: u32 = 0o666;

/// What an unfinished file's name ends with.
const UNFINISHED: &str = "tmp";

/// Files that this process is writing.
static WRITING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Told when one was written.
static WRITTEN: Condvar = Condvar::new();

/// Why a file or folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system says, or what is wrong with the content.
    pub source: io::Error,
}

impl FileError {
    /// What the operating system says of that file: for `map_err`.
    pub fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }

    /// The content is not what it should be.
    pub fn broken(path: &Path, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::at(path)(io::Error::new(io::ErrorKind::InvalidData, reason))
    }

    /// Whether the content is not what it should be.
    pub fn is_broken(&self) -> bool {
        self.source.kind() == io::ErrorKind::InvalidData
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// What a file holds, of so many bytes at most.
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(FileError::at(path))?;
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map_err(FileError::at(path))?;
    if bytes.len() > max_bytes {
        return Err(FileError::broken(path, format!("it has more than {max_bytes} bytes")));
    }
    Ok(bytes)
}

/// The same of a text.
pub fn read_text(path: &Path, max_bytes: usize) -> Result<String, FileError> {
    String::from_utf8(read(path, max_bytes)?).map_err(|_| FileError::broken(path, "it is not UTF-8 text"))
}

/// What a file holds, if it is there.
pub fn read_if_there(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, FileError> {
    match read(path, max_bytes) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file as a whole, new or in place of what was there. Blocks.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let _turn = Turn::take(path);
    let unfinished = unfinished(path);
    let written = write_new(&unfinished, bytes, mode).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // A disk that is full gets its room back; what cannot be removed is replaced by the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(FileError::at(path))?;
    sync_folder_of(path)
}

/// Writes a file that others may read, as a whole. What is there and is no file, as `/dev/stdout`, is written to.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => fs::write(path, bytes).map_err(FileError::at(path)),
        _ => replace(path, bytes, PUBLIC),
    }
}

/// Makes the file if there is none; in any case it is its owner's alone.
pub fn make_private(path: &Path) -> Result<(), FileError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path);
    let made = file.and_then(|file| file.set_permissions(Permissions::from_mode(PRIVATE)));
    made.map_err(FileError::at(path))
}

/// Removes what a crash left in a folder of files that were being written. No other process writes into the folder.
pub fn remove_unfinished(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(FileError::at(folder))? {
        let path = entry.map_err(FileError::at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            fs::remove_file(&path).map_err(FileError::at(&path))?;
        }
    }
    Ok(())
}

/// Removes a file, which may be gone already.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at(path)(error)),
        _ => Ok(()),
    }
}

/// Makes it durable which files are in a folder.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::at(folder))
}

/// The same of the folder that a file is in.
pub fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Writes a file that is not there yet; not yet durable under its name.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(UNFINISHED);
    name.into()
}

/// The right to write a file, which one thread has at a time.
struct Turn(PathBuf);

impl Turn {
    fn take(path: &Path) -> Self {
        let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let others = WRITTEN.wait_while(writing, |writing| writing.contains(path));
        others.unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        WRITING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        WRITTEN.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_and_has_the_mode_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.json");
        for content in ["one", "another"] {
            replace(&path, content.as_bytes(), PRIVATE).unwrap();
            assert_eq!(read(&path, 7).unwrap(), content.as_bytes());
            assert_eq!((mode(&path), names(folder.path()).len()), (0o600, 1));
        }
        assert_eq!(read_if_there(&folder.path().join("none"), 1).unwrap(), None);
    }

    #[test]
    fn what_a_crash_left_is_replaced_or_removed_and_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.json");
        let left = folder.path().join("head.json.tmp");
        fs::write(&left, "half a he").unwrap();
        assert!(read(&path, 100).unwrap_err().is_missing());
        replace(&path, b"whole", PRIVATE).unwrap();
        assert_eq!((mode(&path), left.exists()), (0o600, false), "the mode is not that of what was left");
        fs::write(&left, "half a he").unwrap();
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["head.json"]);
    }

    #[test]
    fn a_file_that_cannot_be_written_stays_as_it_was_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.json");
        fs::create_dir(&path).unwrap();
        let error = replace(&path, b"a file", PRIVATE).unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        assert_eq!(names(folder.path()), ["head.json"], "nothing is left of it");
    }

    #[test]
    fn a_file_longer_than_its_cap_or_no_text_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.toml");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        for error in [read(&path, 1).unwrap_err(), read_text(&path, 2).unwrap_err()] {
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
        assert_eq!(read(&path, 2).unwrap(), [0xff, 0xfe]);
    }

    #[test]
    fn of_many_that_write_one_file_each_writes_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body.json");
        let body = |byte: u8| vec![byte; 100_000];
        thread::scope(|scope| {
            for byte in 0..8 {
                let path = &path;
                scope.spawn(move || replace(path, &body(byte), PRIVATE).unwrap());
            }
        });
        let read = read(&path, 100_000).unwrap();
        assert_eq!(read, body(read[0]));
        assert_eq!(names(folder.path()), ["body.json"]);
    }
}
