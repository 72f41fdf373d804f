//! Secret files: one secret each, in hex or as text (PEM), readable by their owner alone.
//!
//! Kept true: a file is created with mode 0600 and never replaces another, and is on disk (itself and its name)
//! when writing returns; a file that others could have read is refused, with the remedy; what was read is
//! overwritten in memory when dropped. Errors name the file and never what is in it.
//!
//! A crash while writing leaves a file that reading refuses; remove it.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::file::{self, PRIVATE};

/// The longest secret file, in bytes.
pub const MAX_SECRET_FILE_BYTES: usize = 16_384;

/// Why a secret cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The operating system says no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error(
        "{path} can be read or written by others (mode {mode:04o}): the secret may be known; chmod 600 it, or replace it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a device.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Longer than a secret can be.
    #[error("{path} has more than {MAX_SECRET_FILE_BYTES} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not the hex digits expected.
    #[error("{path} should hold {digits} lower-case hex digits and does not")]
    NotHex {
        /// The file.
        path: PathBuf,
        /// How many digits were expected.
        digits: usize,
    },
    /// Not UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a secret of `N` bytes, written as lower-case hex.
pub fn read<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>, SecretError> {
    let content = read_file(path)?;
    let digits = content.trim_ascii();
    let mut secret = Zeroizing::new([0; N]);
    let lower = !digits.iter().any(u8::is_ascii_uppercase);
    // The decoder's own error would name a digit of the secret.
    if !lower || hex::decode_to_slice(digits, secret.as_mut()).is_err() {
        return Err(SecretError::NotHex { path: path.to_owned(), digits: 2 * N });
    }
    Ok(secret)
}

/// Writes a secret as lower-case hex into a new file of mode 0600.
pub fn write(path: &Path, secret: &[u8]) -> Result<(), SecretError> {
    let mut content = Zeroizing::new(vec![b'\n'; 2 * secret.len() + 1]);
    hex::encode_to_slice(secret, &mut content[..2 * secret.len()])
        .expect("fails only if the room is not two digits a byte, and it is");
    write_file(path, &content)
}

/// Reads a secret text, such as a private key in PEM.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let content = read_file(path)?;
    let text = std::str::from_utf8(&content).map_err(|_| SecretError::NotText { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes a secret text into a new file of mode 0600.
pub fn write_text(path: &Path, text: &str) -> Result<(), SecretError> {
    write_file(path, text.as_bytes())
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let fault = |source| SecretError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(fault)?;
    // Of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { path: path.to_owned() });
    }
    refuse_exposed(path, &metadata)?;
    // All the room at once: a vector that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_SECRET_FILE_BYTES + 1));
    file.take(MAX_SECRET_FILE_BYTES as u64 + 1).read_to_end(&mut content).map_err(fault)?;
    if content.len() > MAX_SECRET_FILE_BYTES {
        return Err(SecretError::TooLong { path: path.to_owned() });
    }
    Ok(content)
}

fn refuse_exposed(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), SecretError> {
    if content.len() > MAX_SECRET_FILE_BYTES {
        return Err(SecretError::TooLong { path: path.to_owned() });
    }
    let fault = |source| SecretError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path).map_err(fault)?;
    let sync_folder = || file::sync_folder_of(path).map_err(|error| error.source);
    file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| sync_folder()).map_err(|source| {
        // Half a secret is of no use to anyone, and its name would be in the way of the next attempt.
        let _ = std::fs::remove_file(path);
        fault(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        write(&path, &[0xa5; 32]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", "a5".repeat(32)));
        assert_eq!(*read::<32>(&path).unwrap(), [0xa5; 32]);
        let path = folder.path().join("access.pem");
        write_text(&path, "-----BEGIN\nx\n").unwrap();
        assert_eq!(read_text(&path).unwrap().as_str(), "-----BEGIN\nx\n");
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        write(&path, &[1; 16]).unwrap();
        let error = write(&path, &[2; 16]).unwrap_err();
        assert!(matches!(&error, SecretError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
        assert_eq!(*read::<16>(&path).unwrap(), [1; 16]);
    }

    #[test]
    fn a_secret_is_written_for_its_owner_alone_and_refused_when_others_can_reach_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        write(&path, &[1; 16]).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = read::<16>(&path).unwrap_err();
            assert!(matches!(error, SecretError::Exposed { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(matches!(read_text(&path), Err(SecretError::Exposed { .. })));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(*read::<16>(&path).unwrap(), [1; 16]);
    }

    #[test]
    fn what_is_not_the_secret_expected_is_refused_without_being_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let contents = ["", "zz", "A5A5", "a5a5a5", "a5 a5", "a5a5\na5a5"];
        for (number, content) in contents.into_iter().enumerate() {
            let path = folder.path().join(number.to_string());
            write_text(&path, content).unwrap();
            let error = read::<2>(&path).unwrap_err();
            assert!(matches!(error, SecretError::NotHex { digits: 4, .. }));
            assert!(content.is_empty() || !error.to_string().contains(content), "{error}");
        }
        assert!(matches!(read::<2>(folder.path()), Err(SecretError::NotAFile { .. })));
        let path = folder.path().join("long");
        std::fs::write(&path, vec![b'a'; MAX_SECRET_FILE_BYTES + 1]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_text(&path), Err(SecretError::TooLong { .. })));
        assert!(matches!(write_text(&path, &"a".repeat(MAX_SECRET_FILE_BYTES + 1)), Err(SecretError::TooLong { .. })));
    }
}
