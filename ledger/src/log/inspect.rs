//! What is in a log, frame by frame, without believing any of it.
//!
//! Kept true: everything that can be read from the front of each segment is shown, with where it lies; where reading
//! ends is shown too, and why. Signatures and roots are not looked at: that is for [`super::check()`].
//!
//! Errors: [`LogError::Io`], and [`LogError::Damaged`] for a file that is no segment by its length. Cost: a segment in memory at a time.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    LogError,
    disk::LocalDisk,
    scan::Scan,
    segment::{self, Header},
};
use crate::note::SignedCheckpoint;

/// A piece of a log.
#[derive(Debug)]
pub enum Item<'a> {
    /// A segment begins.
    Segment {
        /// Its file.
        path: &'a Path,
        /// Index of its first entry.
        first: u64,
        /// Bytes of the file.
        bytes: u64,
    },
    /// An entry.
    Entry {
        /// Its index, if everything before it in the segment is whole.
        index: u64,
        /// Position of its frame in the segment.
        offset: u64,
        /// The entry.
        bytes: &'a [u8],
    },
    /// A commit of all entries before it.
    Commit {
        /// Number of its frame in the log.
        sequence: u64,
        /// Position of its frame in the segment.
        offset: u64,
        /// Its checkpoint.
        note: &'a SignedCheckpoint,
    },
    /// A segment ends after its last group; what is left is room.
    End {
        /// Bytes of room.
        room_bytes: u64,
    },
    /// A segment cannot be read on.
    Unreadable {
        /// Where, in bytes.
        offset: u64,
        /// Why.
        what: &'a str,
    },
}

/// Shows the log in the directory from the segment that has the entry `from`, until `visit` breaks.
pub fn inspect(dir: &Path, from: u64, visit: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
    let firsts = segment::list(&LocalDisk, dir)?;
    let start = firsts.partition_point(|first| *first <= from).saturating_sub(1);
    for first in &firsts[start..] {
        let path: PathBuf = dir.join(segment::file_name(*first));
        let bytes = segment::read_whole(&LocalDisk, dir, *first)?;
        if visit(Item::Segment { path: &path, first: *first, bytes: bytes.len() as u64 }).is_break()
            || one(&bytes, *first, visit).is_break()
        {
            break;
        }
    }
    Ok(())
}

fn one(bytes: &[u8], first: u64, visit: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    if Header::read(bytes).is_none() {
        visit(Item::Unreadable { offset: 0, what: "the segment's header does not match its checksum" })?;
    }
    let (mut scan, mut end) = (Scan::new(bytes, first), 0);
    loop {
        match scan.next_group() {
            Ok(Some(group)) => {
                for (index, (position, entry)) in (group.first..).zip(&group.entries) {
                    visit(Item::Entry { index, offset: (*position).into(), bytes: entry })?;
                }
                visit(Item::Commit { sequence: group.sequence, offset: group.commit_at, note: &group.commit.note })?;
                end = group.end;
            }
            Ok(None) => return visit(Item::End { room_bytes: bytes.len() as u64 - end }),
            Err(stop) => return visit(Item::Unreadable { offset: stop.position, what: &stop.what }),
        }
    }
}
