//! What can go wrong with the log. Every variant is ours or our disk's fault, never a peer's; those that an
//! operator must act on say what to do.
//!
//! Cost: none.

use std::{io, path::PathBuf};

use crate::{merkle::TreeError, note::NoteError};

use super::MAX_SUBMISSION_ENTRIES;
use crate::MAX_ENTRY_BYTES;

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the log open.
    #[error("another process has the log {} open; a log has one writer", dir.display())]
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Another process has the register open.
    #[error("another process has the register {} in use: two that sign with one key would sign two histories", path.display())]
    RegisterInUse {
        /// The register's file.
        path: PathBuf,
    },
    /// What is about to be answered for cannot be written down.
    #[error("{why}")]
    Unregistered {
        /// Why not.
        why: String,
    },
    /// Committed bytes have changed or gone missing. Nothing was modified.
    #[error(
        "the log is damaged in {} at byte {offset}: {what}. Nothing was modified: copy the directory away, then \
         restore the segment from a backup or from a full witness of the chain",
        segment.display()
    )]
    Damaged {
        /// The segment's file.
        segment: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was found there.
        what: String,
    },
    /// The directory holds the log of another chain, or the register is that of another.
    #[error("{} belongs to another chain than {origin}", path.display())]
    OtherOrigin {
        /// The segment's file, or the register's.
        path: PathBuf,
        /// The origin asked for.
        origin: String,
    },
    /// The directory holds a log that was signed with another key.
    #[error("{} holds a checkpoint that the key given did not sign: {source}", segment.display())]
    OtherKey {
        /// The segment's file.
        segment: PathBuf,
        /// What the check of the signature said.
        source: NoteError,
    },
    /// A segment was written by a version with another format.
    #[error("{} has format {found}, this program reads {known}", segment.display())]
    UnknownFormat {
        /// The segment's file.
        segment: PathBuf,
        /// The format found.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The origin cannot stand in a checkpoint, or the note cannot be made.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// An option is out of its range.
    #[error("log option: {0}")]
    Options(&'static str),
    /// A write or sync failed. Whether what was submitted is in the log is known once it was
    /// [recovered](super::Log::recover) or opened again; nothing more is taken until then.
    #[error("the log takes no more entries until it is read again: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The log is open to be read only: it is damaged, or a copy of the past. Nothing is signed.
    #[error("the log takes no entries: {why}")]
    ReadOnly {
        /// What is wrong, where, and what to do.
        why: String,
    },
    /// A mirror was given a checkpoint that is not of the entries it has and was given.
    #[error(
        "the checkpoint to {size} entries is not of the {computed} that the mirror then has: the chain shows two histories, or \
         entries were lost on the way; keep the checkpoint and compare with another mirror"
    )]
    OtherHistory {
        /// Size in the checkpoint.
        size: u64,
        /// Entries computed with.
        computed: u64,
    },
    /// A mirror was given too much at once.
    #[error(
        "a mirror takes up to {} MB under one note: take the notes between (`checkpoint_covering` of the next entry)",
        super::mirror::MAX_MIRRORED_BYTES >> 20
    )]
    TooMuchMirrored,
    /// Submissions by key are not looked up in this log.
    #[error("the log was opened without `once`: it does not know which keys it has")]
    KeysNotKept,
    /// There is no tile of that level, index or width in any log.
    #[error("no such tile: {0}")]
    NoTile(&'static str),
    /// A submission of no entries.
    #[error("nothing was submitted")]
    NothingSubmitted,
    /// A submission of too many entries.
    #[error("{found} entries were submitted at once, at most {MAX_SUBMISSION_ENTRIES} are taken")]
    TooManyEntries {
        /// How many.
        found: usize,
    },
    /// An entry over the cap.
    #[error("entry {position} of the submission has {found} bytes, at most {MAX_ENTRY_BYTES} are taken")]
    EntryTooLong {
        /// Its position in the submission, from 0.
        position: usize,
        /// Its length in bytes.
        found: usize,
    },
    /// An entry, size or range that is not committed.
    #[error("entry or size {index} was asked for, {size} entries are committed")]
    NotCommitted {
        /// What was asked for.
        index: u64,
        /// Entries committed.
        size: u64,
    },
    /// A proof was asked for that no tree of the log has.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl LogError {
    /// An [`LogError::Io`], for `map_err`.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
