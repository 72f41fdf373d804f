//! Opening a log that was written before: everything is read and checked again, and a torn tail is cut off.
//!
//! Kept true: what is served after opening is a prefix of frames in which every checksum, frame number, link
//! of the commit chain, root and signature holds, and ends with a commit. What was answered for is in it, or
//! the log does not open: bytes are cut off only if no commit signed by the chain follows them.
//!
//! A crash cannot forge a checksum. So a frame whose checksum fails is taken for a torn write, unless a signed
//! commit to more entries lies anywhere behind it; a frame whose checksums hold and whose content is wrong is
//! damage in any place. Entries are chosen by strangers, who can write bytes that look like a frame, but not
//! sign one: hence the signature in that test.
//!
//! Errors: [`LogError::Damaged`] and the like; then nothing has been modified. Cost: reads the whole log, one
//! segment in memory at a time; two hashes an entry, a signature check a commit.

use std::{fs, path::Path, sync::Arc};

use nacre_schemas::{Digest, SigningPublicKey};

use super::{
    LogError,
    frame::{self, BadFrame, Commit, Frame, Kind},
    index::{CommitPlace, Index},
    segment::{self, FORMAT, HEADER_BYTES, Header, Segment},
    sequencer::Tail,
};
use crate::{
    merkle::{Hasher as _, Sm3Hasher, Tree},
    note::{NoteError, SignedCheckpoint},
};

/// Reads the directory's log. None if it has no commit, that is if its creation was never answered for; it
/// then has no segments either.
pub(super) fn recover(dir: &Path, origin: &str, public: &SigningPublicKey) -> Result<Option<(Index, Tail)>, LogError> {
    let firsts = segment::list(dir)?;
    let mut replay = Replay::new(dir, origin, public);
    for (position, first) in firsts.iter().enumerate() {
        let bytes = replay.read_file(*first)?;
        if let Some(stop) = replay.segment(*first, &bytes)? {
            let later = &firsts[position + 1..];
            replay.refuse_if_a_commit_follows(&stop, &bytes, later)?;
            replay.cut_off(&stop, bytes.len() as u64, later)?;
            break;
        }
    }
    replay.finish()
}

/// Starts a log in a directory without segments: a header and the commit of no entries.
pub(super) fn create(dir: &Path, origin: &str, note: SignedCheckpoint) -> Result<(Index, Tail), LogError> {
    let segment = Arc::new(Segment::create(dir, 0)?);
    let mut bytes = Header::new(origin, 0).to_bytes();
    let commit = Commit { previous: Digest([0; 32]), note };
    frame::write(&mut bytes, Kind::Commit, 0, &commit.to_payload());
    segment.write(&bytes, 0)?;
    segment::sync_directory(dir)?;
    let previous = Digest::of(&bytes[HEADER_BYTES..]);
    let tail = Tail { segment: Arc::clone(&segment), end: bytes.len() as u64, sequence: 1, previous, size: 0 };
    let place = CommitPlace { size: 0, offset: HEADER_BYTES as u64 };
    Ok((Index::new(Tree::new(), Vec::new(), vec![place], vec![segment], commit.note), tail))
}

/// Where and why replay cannot go on.
struct Stop {
    /// First entry of the segment.
    segment: u64,
    offset: u64,
    what: String,
}

/// Entries read since the last commit.
struct Group {
    /// Where the bytes that belong to it start: after the commit before, or at the segment's header.
    start: u64,
    /// Offset and leaf hash of each entry.
    entries: Vec<(u64, Digest)>,
}

impl Group {
    fn starting_at(start: u64) -> Self {
        Self { start, entries: Vec::new() }
    }
}

/// The last group of a log that replay accepted.
#[derive(Clone, Copy)]
struct LastGroup {
    start: u64,
    end: u64,
}

struct Replay<'a> {
    dir: &'a Path,
    origin: &'a str,
    public: &'a SigningPublicKey,
    tree: Tree<Sm3Hasher>,
    entry_offsets: Vec<u64>,
    commits: Vec<CommitPlace>,
    /// First entries of the segments that hold a commit.
    segments: Vec<u64>,
    /// Number of the next frame, the last commit's being the latest.
    sequence: u64,
    previous: Digest,
    /// The last commit's.
    accepted: Option<(SignedCheckpoint, LastGroup)>,
}

impl<'a> Replay<'a> {
    fn new(dir: &'a Path, origin: &'a str, public: &'a SigningPublicKey) -> Self {
        Self {
            dir,
            origin,
            public,
            tree: Tree::new(),
            entry_offsets: Vec::new(),
            commits: Vec::new(),
            segments: Vec::new(),
            sequence: 0,
            previous: Digest([0; 32]),
            accepted: None,
        }
    }

    /// Takes over the segment's groups up to its end, or to where it stops making sense.
    fn segment(&mut self, first: u64, bytes: &[u8]) -> Result<Option<Stop>, LogError> {
        let stop = |offset, what: &str| Ok(Some(Stop { segment: first, offset, what: what.to_owned() }));
        let Some(header) = Header::read(bytes) else {
            return stop(0, "the segment's header does not match its checksum");
        };
        self.check_header(first, header)?;
        let mut group = Group::starting_at(0);
        let mut offset = HEADER_BYTES as u64;
        while offset < bytes.len() as u64 {
            let frame = match frame::read(&bytes[offset as usize..]) {
                Ok(frame) => frame,
                Err(bad) => return stop(offset, &bad.to_string()),
            };
            let expected = self.sequence + group.entries.len() as u64;
            if frame.sequence != expected {
                let what = format!("frame {} lies where frame {expected} is next", frame.sequence);
                return Err(self.damaged(first, offset, what));
            }
            let end = offset + frame.bytes.len() as u64;
            match frame.kind {
                Kind::Entry => group.entries.push((offset, Sm3Hasher::leaf(frame.payload))),
                Kind::Commit => {
                    self.commit(first, offset, &frame, group)?;
                    group = Group::starting_at(end);
                }
            }
            offset = end;
        }
        if group.start == offset { Ok(None) } else { stop(offset, "the segment ends without a commit") }
    }

    fn check_header(&self, first: u64, header: Header) -> Result<(), LogError> {
        let segment = self.dir.join(segment::file_name(first));
        if header.format != FORMAT {
            return Err(LogError::UnknownFormat { segment, found: header.format, known: FORMAT });
        }
        if header.origin != Digest::of(self.origin.as_bytes()) {
            return Err(LogError::OtherOrigin { segment, origin: self.origin.to_owned() });
        }
        let next = self.tree.size();
        if header.first != first || header.first != next {
            let what = format!(
                "the segment starts at entry {} where entry {next} is next: one before it is missing or was cut",
                header.first
            );
            return Err(self.damaged(first, 0, what));
        }
        Ok(())
    }

    /// Checks a commit against the entries before it and takes both over.
    fn commit(&mut self, first: u64, offset: u64, frame: &Frame<'_>, group: Group) -> Result<(), LogError> {
        let damaged = |replay: &Self, what: String| Err(replay.damaged(first, offset, what));
        let commit = match Commit::from_payload(frame.payload) {
            Ok(commit) => commit,
            Err(bad) => return damaged(self, bad.to_string()),
        };
        if commit.previous != self.previous {
            return damaged(self, "the commit does not follow the one before it".to_owned());
        }
        match commit.note.verify(self.origin, self.origin, self.public) {
            Ok(_) => {}
            Err(source @ NoteError::NotSigned { .. }) => {
                return Err(LogError::OtherKey { segment: self.dir.join(segment::file_name(first)), source });
            }
            Err(error) => return damaged(self, error.to_string()),
        }
        for (_, leaf_hash) in &group.entries {
            self.tree.append(*leaf_hash);
        }
        let (size, said) = (self.tree.size(), commit.note.unverified());
        if said.size != size || said.root != self.tree.root_at(size)? {
            return damaged(self, format!("the commit to {} entries is not to those before it", said.size));
        }
        self.entry_offsets.extend(group.entries.iter().map(|(offset, _)| *offset));
        self.commits.push(CommitPlace { size, offset });
        if self.segments.last() != Some(&first) {
            self.segments.push(first);
        }
        self.sequence = frame.sequence + 1;
        self.previous = Digest::of(frame.bytes);
        let last = LastGroup { start: group.start, end: offset + frame.bytes.len() as u64 };
        self.accepted = Some((commit.note, last));
        Ok(())
    }

    /// Refuses to cut anything off that the chain may have answered for.
    fn refuse_if_a_commit_follows(&self, stop: &Stop, bytes: &[u8], later: &[u64]) -> Result<(), LogError> {
        let mut following = self.signed_commit_in(&bytes[stop.offset as usize..]);
        for first in later {
            following = match following {
                Some(size) => Some(size),
                None => self.signed_commit_in(&self.read_file(*first)?),
            };
        }
        let Some(following) = following else { return Ok(()) };
        let what = format!(
            "{}, and a commit to {following} entries follows. A write torn by a loss of power can look like this: if \
             nobody has a checkpoint of more than {} entries, cut this segment to {} bytes by hand and remove the \
             later ones",
            stop.what,
            self.tree.size(),
            self.kept_bytes(stop.segment)
        );
        Err(self.damaged(stop.segment, stop.offset, what))
    }

    /// The size in the first commit at any position of the bytes that the chain signed and that goes beyond
    /// what replay has accepted.
    fn signed_commit_in(&self, bytes: &[u8]) -> Option<u64> {
        let marked = (0..bytes.len()).filter(|position| bytes[*position] == Kind::Commit as u8);
        marked.filter_map(|position| self.signed_commit_at(&bytes[position..]).ok().flatten()).next()
    }

    fn signed_commit_at(&self, bytes: &[u8]) -> Result<Option<u64>, BadFrame> {
        let frame = frame::read(bytes)?;
        if frame.kind != Kind::Commit {
            return Ok(None);
        }
        let commit = Commit::from_payload(frame.payload)?;
        let size = commit.note.unverified().size;
        let beyond = self.accepted.is_none() || size > self.tree.size();
        Ok((beyond && commit.note.verify(self.origin, self.origin, self.public).is_ok()).then_some(size))
    }

    /// Bytes of a segment up to the last commit accepted; 0 if it has none.
    fn kept_bytes(&self, segment: u64) -> u64 {
        match &self.accepted {
            Some((_, last)) if self.segments.last() == Some(&segment) => last.end,
            _ => 0,
        }
    }

    /// Cuts the log off after its last commit, durably. A segment without a commit goes altogether.
    fn cut_off(&self, stop: &Stop, length: u64, later: &[u64]) -> Result<(), LogError> {
        let kept = self.kept_bytes(stop.segment);
        tracing::warn!(
            origin = self.origin,
            segment = segment::file_name(stop.segment),
            kept_bytes = kept,
            cut_bytes = length - kept,
            later_segments = later.len(),
            entries = self.tree.size(),
            reason = stop.what,
            "cutting off what a crash left after the last commit"
        );
        // From the end towards the kept part: a crash in between leaves a log that recovers the same way.
        for first in later.iter().rev() {
            self.remove(*first)?;
        }
        if kept > 0 {
            Segment::open(self.dir, stop.segment, true)?.cut(kept)?;
        } else {
            self.remove(stop.segment)?;
        }
        segment::sync_directory(self.dir)
    }

    /// The index and tail, with the last group made durable once more: the process that wrote it may have died of
    /// the sync that failed.
    fn finish(self) -> Result<Option<(Index, Tail)>, LogError> {
        let Some((latest, last)) = self.accepted else { return Ok(None) };
        let mut segments = Vec::new();
        for first in &self.segments {
            let writable = self.segments.last() == Some(first);
            segments.push(Arc::new(Segment::open(self.dir, *first, writable)?));
        }
        let Some(segment) = segments.last().cloned() else { return Ok(None) };
        segment.rewrite(last.start, last.end)?;
        segment::sync_directory(self.dir)?;
        let size = self.tree.size();
        let tail = Tail { segment, end: last.end, sequence: self.sequence, previous: self.previous, size };
        Ok(Some((Index::new(self.tree, self.entry_offsets, self.commits, segments, latest), tail)))
    }

    fn read_file(&self, first: u64) -> Result<Vec<u8>, LogError> {
        let path = self.dir.join(segment::file_name(first));
        fs::read(&path).map_err(LogError::io("read", path))
    }

    fn remove(&self, first: u64) -> Result<(), LogError> {
        let path = self.dir.join(segment::file_name(first));
        fs::remove_file(&path).map_err(LogError::io("remove", path))
    }

    fn damaged(&self, first: u64, offset: u64, what: String) -> LogError {
        LogError::Damaged { segment: self.dir.join(segment::file_name(first)), offset, what }
    }
}
