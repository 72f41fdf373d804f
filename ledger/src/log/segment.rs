//! Segment files: their names, their headers, reading frames at a position (byte layout in [`super`]).
//!
//! Kept true: a segment is created once and never under a name that exists; a directory entry is synced before
//! anything in the segment is answered for; reading a frame checks its checksums every time, so bytes that the
//! disk altered are reported and not returned.
//!
//! Errors: [`LogError::Io`] and [`LogError::Damaged`]. Cost: reading a frame is one positional read of at most
//! its kind's cap; a segment in use keeps one file descriptor.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_schemas::Digest;

use super::{
    LogError, MAX_SEGMENT_BYTES,
    disk::{self, Disk, DiskFile},
    frame::{self, Commit, Frame, HEADER_BYTES as FRAME_HEADER_BYTES, Kind, MAX_COMMIT_BYTES, number},
};
use crate::MAX_ENTRY_BYTES;

/// Bytes of a segment before its first frame.
pub(super) const HEADER_BYTES: usize = 56;
const CHECKED_BYTES: usize = HEADER_BYTES - 4;
const MAGIC: &[u8; 8] = b"NcLogSeg";
/// Raised whenever the layout of segments or frames changes.
pub(super) const FORMAT: u32 = 2;
/// No segment is longer: the group that fills it is far smaller than the rest of this.
const MAX_FILE_BYTES: u64 = 2 * MAX_SEGMENT_BYTES;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: u32,
    /// SM3 of the origin.
    pub(super) origin: Digest,
    /// Index of its first entry.
    pub(super) first: u64,
}

impl Header {
    pub(super) fn new(origin: &str, first: u64) -> Self {
        Self { format: FORMAT, origin: Digest::of(origin.as_bytes()), first }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.format.to_be_bytes());
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// The header at the front of the bytes, if there is a whole one with a good checksum.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        if !bytes.starts_with(MAGIC) || u64::from(checksum) != number(&bytes[CHECKED_BYTES..]) {
            return None;
        }
        let mut origin = Digest([0; 32]);
        origin.0.copy_from_slice(&bytes[12..44]);
        Some(Self { format: number(&bytes[8..12]) as u32, origin, first: number(&bytes[44..CHECKED_BYTES]) })
    }
}

/// The name of the segment whose first entry has this index: names sort as their indices do.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The indices of the first entries of a directory's segments, in order. Other files are left alone.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, LogError> {
    let names = disk.list(dir).map_err(LogError::io("list", dir))?;
    let first = |name: &String| {
        let first = name.strip_suffix(".seg")?.parse().ok()?;
        (*name == file_name(first)).then_some(first)
    };
    let mut firsts: Vec<u64> = names.iter().filter_map(first).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// The whole segment in memory.
pub(super) fn read_whole(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Vec<u8>, LogError> {
    let segment = Segment::open(disk, dir, first, false)?;
    let length = segment.file.length().map_err(LogError::io("read", &segment.path))?;
    if length > MAX_FILE_BYTES {
        return Err(segment.damaged(MAX_FILE_BYTES, "the file is longer than any segment"));
    }
    segment.read(0, length as usize)
}

/// An open segment file.
pub(super) struct Segment {
    /// Index of its first entry.
    pub(super) first: u64,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl Segment {
    /// Creates the file; there must be none of its name.
    pub(super) fn create(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Self, LogError> {
        let path = dir.join(file_name(first));
        let file = disk.create(&path).map_err(LogError::io("create", &path))?;
        Ok(Self { first, path, file })
    }

    /// Opens the file for reading and, if it is the last, for writing.
    pub(super) fn open(disk: &dyn Disk, dir: &Path, first: u64, writable: bool) -> Result<Self, LogError> {
        let path = dir.join(file_name(first));
        match disk.open(&path, writable) {
            Ok(file) => Ok(Self { first, path, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(LogError::Damaged { segment: path, offset: 0, what: "the segment is missing".to_owned() })
            }
            Err(error) => Err(LogError::io("open", path)(error)),
        }
    }

    /// Makes room for so many bytes, so that a later sync has no more to write than what was written.
    pub(super) fn allocate(&self, length: u64) -> Result<(), LogError> {
        self.file.allocate(length).map_err(LogError::io("make room in", &self.path))
    }

    /// Writes the bytes at the position and makes them durable.
    pub(super) fn write(&self, bytes: &[u8], position: u64) -> Result<(), LogError> {
        self.file.write_at(bytes, position).map_err(LogError::io("write to", &self.path))?;
        self.file.sync().map_err(LogError::io("sync", &self.path))
    }

    /// Writes the same bytes again and makes them durable: after a failed sync, a file system may hold bytes in
    /// memory that it no longer means to write.
    pub(super) fn rewrite(&self, start: u64, end: u64) -> Result<(), LogError> {
        self.write(&self.read(start, (end - start) as usize)?, start)
    }

    /// Cuts off everything from the position on; not yet durably.
    pub(super) fn cut(&self, end: u64) -> Result<(), LogError> {
        self.file.truncate(end).map_err(LogError::io("truncate", &self.path))
    }

    /// Makes durable what was done to the file.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.file.sync().map_err(LogError::io("sync", &self.path))
    }

    /// What the segment says of itself, if it is readable.
    pub(super) fn header(&self) -> Result<Option<Header>, LogError> {
        Ok(Header::read(&self.read(0, HEADER_BYTES)?))
    }

    /// The entry in the frame at the position.
    pub(super) fn entry(&self, position: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = self.read(position, FRAME_HEADER_BYTES + MAX_ENTRY_BYTES)?;
        let end = self.frame(&bytes, position, Kind::Entry)?.bytes.len();
        bytes.truncate(end);
        bytes.drain(..FRAME_HEADER_BYTES);
        Ok(bytes)
    }

    /// The entries in the frames at these positions, which follow each other in the segment; read at once.
    pub(super) fn entries(
        &self,
        positions: impl ExactSizeIterator<Item = u32> + Clone,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        let (Some(first), Some(last)) = (positions.clone().next(), positions.clone().last()) else {
            return Ok(Vec::new());
        };
        let span = last.saturating_sub(first) as usize;
        if span > positions.len() * (FRAME_HEADER_BYTES + MAX_ENTRY_BYTES + MAX_COMMIT_BYTES) {
            return Err(self.damaged(first.into(), "entries lie farther apart than they can"));
        }
        let bytes = self.read(first.into(), span + FRAME_HEADER_BYTES + MAX_ENTRY_BYTES)?;
        let entry = |position: u32| {
            let at = position.checked_sub(first).and_then(|at| bytes.get(at as usize..)).unwrap_or(&[]);
            Ok(self.frame(at, position.into(), Kind::Entry)?.payload.to_vec())
        };
        positions.map(entry).collect()
    }

    /// The commit in the frame at the position.
    pub(super) fn commit(&self, position: u64) -> Result<Commit, LogError> {
        let bytes = self.read(position, FRAME_HEADER_BYTES + MAX_COMMIT_BYTES)?;
        let frame = self.frame(&bytes, position, Kind::Commit)?;
        Commit::from_payload(frame.payload).map_err(|bad| self.damaged(position, bad))
    }

    /// What says that the segment is not as it was written.
    pub(super) fn damaged(&self, offset: u64, what: impl ToString) -> LogError {
        LogError::Damaged { segment: self.path.clone(), offset, what: what.to_string() }
    }

    fn frame<'a>(&self, bytes: &'a [u8], position: u64, kind: Kind) -> Result<Frame<'a>, LogError> {
        match frame::read(bytes) {
            Ok(frame) if frame.kind == kind => Ok(frame),
            Ok(_) => Err(self.damaged(position, "a frame of another kind is where it was not written")),
            Err(bad) => Err(self.damaged(position, bad)),
        }
    }

    /// Up to `limit` bytes from the position; fewer if the file ends.
    fn read(&self, position: u64, limit: usize) -> Result<Vec<u8>, LogError> {
        disk::read(&*self.file, position, limit).map_err(LogError::io("read", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_documented_bytes_and_any_flipped_bit_is_noticed() {
        let header = Header::new("abc", 258);
        let bytes = header.to_bytes();
        let origin = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        let expected = format!("4e634c6f6753656700000002{origin}0000000000000102");
        assert_eq!(hex::encode(&bytes[..CHECKED_BYTES]), expected);
        assert_eq!(Header::read(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::read(&bad), None, "bit {bit}");
        }
        assert_eq!(Header::read(&bytes[..HEADER_BYTES - 1]), None);
    }

    #[test]
    fn only_names_that_the_log_gives_are_segments() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["00000000000000000012.seg", "00000000000000000003.seg", "12.seg", "lock", "x.seg", "+12.seg"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(list(&disk::LocalDisk, dir.path()).unwrap(), [3, 12]);
    }
}
