//! Giving a damaged log back what a mirror of it has.
//!
//! Kept true: what is written is under roots that the chain signed, entry by entry as it was; what is whole in the damaged
//! log stays, also behind the damage and beyond what the mirror has. A segment is put in the place of the damaged one only when it
//! is durable; the damaged one is kept beside it (`.seg.damaged`). A repair that is interrupted is begun again.
//!
//! *Bytes.* An entry frame follows from entry and frame number, a commit frame from note and the frame before. If every
//! note of the damaged part is known, from behind the damage or from the mirror, the segment is what it was, byte for byte. A
//! note that nobody has any more leaves its entries to the next commit that is known: frame numbers and links then change
//! from there on, and later segments are written anew with the same entries and notes. If that lost commit ended a
//! segment, the segment goes on to the next commit; a segment whose file is gone becomes part of the one before.
//!
//! Errors: [`LogError::OtherHistory`] if mirror and log are not of one history, [`LogError::Damaged`] if neither has an entry.
//! Cost: reads and hashes the whole log.

use std::{path::Path, sync::Arc};

use nacre_schemas::{Digest, SigningPublicKey};

use super::{
    LogError, MAX_SEGMENT_BYTES, Reader,
    block::Place,
    disk::LocalDisk,
    edge::Edge,
    frame::{self, Commit, Kind},
    open_files,
    scan::{Scan, signed_commits, verify},
    segment::{self, HEADER_BYTES, Header},
    shared::Files,
};
use crate::{
    merkle::{Hasher as _, Sm3Hasher},
    note::SignedCheckpoint,
};

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Segments that were written anew, by their first entries.
    pub segments: Vec<u64>,
    /// Entries taken from the mirror.
    pub entries_from_mirror: u64,
    /// Entries in the log now.
    pub size: u64,
}

/// Repairs the log of the chain `origin` in the directory, from a mirror of the chain. `keys` are the chain's key and those
/// that it had before. The log is closed. What the mirror has beyond the log's end is added: a log that was restored from an
/// old copy becomes the newest.
pub fn repair(dir: &Path, origin: &str, keys: &[SigningPublicKey], mirror: &Reader) -> Result<Repaired, LogError> {
    let (files, _lock) = open_files(Arc::new(LocalDisk), dir, origin)?;
    let firsts = segment::list(&*files.disk, dir)?;
    let mut repair = Repair {
        files: &files,
        keys,
        mirror,
        edge: Edge::new(),
        sequence: 0,
        previous: Digest([0; 32]),
        open: None,
        waiting: Vec::new(),
        merged: Vec::new(),
        done: Repaired::default(),
    };
    for (position, first) in firsts.iter().enumerate() {
        let next = firsts.get(position + 1).copied();
        repair.segment(*first, next)?;
    }
    repair.fill(mirror.size(), None)?;
    repair.close()?;
    repair.put_away_merged()?;
    // Everything derived is derived again.
    for name in super::blocks::NAMES {
        let path = dir.join(name);
        files.disk.remove(&path).map_err(LogError::io("remove", path))?;
    }
    files.disk.sync_directory(dir).map_err(LogError::io("sync", dir))?;
    repair.done.size = repair.edge.size();
    Ok(repair.done)
}

struct Repair<'a> {
    files: &'a Files,
    keys: &'a [SigningPublicKey],
    mirror: &'a Reader,
    /// Of everything written so far.
    edge: Edge,
    sequence: u64,
    previous: Digest,
    /// The segment being put together: its first entry and its bytes.
    open: Option<(u64, Vec<u8>)>,
    /// Entries whose commit is not known yet.
    waiting: Vec<Vec<u8>>,
    /// Segments that are now part of the one before.
    merged: Vec<u64>,
    done: Repaired,
}

impl Repair<'_> {
    /// Puts together the segment that starts with `first`, up to `next` if another follows.
    fn segment(&mut self, first: u64, next: Option<u64>) -> Result<(), LogError> {
        // What is between the segment before and this one.
        self.fill(first, None)?;
        // A segment whose first entry still waits for its commit goes on in the one before.
        if self.next_entry() > first || !self.waiting.is_empty() {
            self.merged.push(first);
        }
        if self.next_entry() > first {
            return Ok(());
        }
        let bytes = match segment::read_whole(&*self.files.disk, &self.files.dir, first) {
            Ok(bytes) => bytes,
            Err(LogError::Damaged { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        if self.waiting.is_empty() {
            self.close()?;
            self.open = Some((first, Header::new(&self.files.origin, first).to_bytes()));
        }
        let mut scan = Scan::new(&bytes, first);
        loop {
            let stopped = match scan.next_group() {
                Ok(Some(group)) => {
                    let end = group.end;
                    let entries: Vec<Vec<u8>> = group.entries.iter().map(|(_, entry)| entry.to_vec()).collect();
                    if self.whole(entries, &group.commit.note) {
                        continue;
                    }
                    end
                }
                Ok(None) => return Ok(()),
                Err(stop) => stop.position,
            };
            let Some((position, size)) = self.resume(&bytes, stopped, next)? else { return Ok(()) };
            scan = Scan::behind(&bytes, position, size);
        }
    }

    /// Goes on behind the first commit after the position that the chain signed, with the mirror's entries up to there; or up to
    /// the next segment, if there is none.
    fn resume(&mut self, bytes: &[u8], position: u64, next: Option<u64>) -> Result<Option<(u64, u64)>, LogError> {
        let from = usize::try_from(position).unwrap_or(usize::MAX).clamp(HEADER_BYTES.min(bytes.len()), bytes.len());
        let rest = &bytes[from..];
        let known = self.next_entry();
        let later = |note: &SignedCheckpoint| {
            let size = note.unverified().size;
            size > known && size <= self.mirror.size() && next.is_none_or(|next| size <= next)
        };
        let found = signed_commits(rest, &self.files.origin, self.keys).find(|(_, note)| later(note));
        match found {
            Some((behind, note)) => {
                let size = note.unverified().size;
                self.fill(size, Some(&note))?;
                Ok(Some(((from + behind) as u64, size)))
            }
            None => {
                let beyond = |(_, note): (usize, SignedCheckpoint)| note.unverified().size > known;
                if next.is_none() && signed_commits(rest, &self.files.origin, self.keys).any(beyond) {
                    return Err(self.nobody_has(known));
                }
                self.fill(next.unwrap_or(0), None)?;
                Ok(None)
            }
        }
    }

    /// Takes over a group of the log if it leads to the root that its note signs.
    fn whole(&mut self, entries: Vec<Vec<u8>>, note: &SignedCheckpoint) -> bool {
        if verify(note, &self.files.origin, self.keys).is_err() {
            return false;
        }
        let before = self.waiting.len();
        self.waiting.extend(entries);
        let taken = self.commit(note).is_ok();
        if !taken {
            self.waiting.truncate(before);
        }
        taken
    }

    /// Takes entries from the mirror up to `size`, with the notes that it has on the way and then this one.
    fn fill(&mut self, size: u64, note: Option<&SignedCheckpoint>) -> Result<(), LogError> {
        while self.next_entry() < size {
            let next = self.next_entry();
            if next >= self.mirror.size() {
                let what = format!(
                    "entry {next} is damaged or missing, and the mirror has only {} entries",
                    self.mirror.size()
                );
                return Err(LogError::Damaged { segment: self.files.dir.clone(), offset: 0, what });
            }
            let covering = self.mirror.checkpoint_covering(next)?;
            let end = covering.unverified().size.min(size);
            for index in next..end {
                self.waiting.push(self.mirror.entry(index)?);
                self.done.entries_from_mirror += 1;
            }
            if end == covering.unverified().size && note.is_none_or(|note| note.unverified().size != end) {
                self.commit(&covering)?;
            }
        }
        match note {
            Some(note) => self.commit(note),
            None => Ok(()),
        }
    }

    fn nobody_has(&self, index: u64) -> LogError {
        let what =
            format!("entry {index} is damaged or missing, and the mirror has only {} entries", self.mirror.size());
        LogError::Damaged { segment: self.files.dir.clone(), offset: 0, what }
    }

    /// Index of the entry that is needed next.
    fn next_entry(&self) -> u64 {
        self.edge.size() + self.waiting.len() as u64
    }

    /// Writes the entries that wait and their commit to the open segment.
    fn commit(&mut self, note: &SignedCheckpoint) -> Result<(), LogError> {
        let mut edge = self.edge.clone();
        for entry in &self.waiting {
            edge.push(Place { entry: 0, commit: 0 }, Sm3Hasher::leaf(entry));
        }
        let said = note.unverified();
        if said.size != edge.size() || said.root != edge.root() {
            return Err(LogError::OtherHistory { size: said.size, computed: edge.size() });
        }
        if self.open.as_ref().is_none_or(|(_, bytes)| bytes.len() as u64 > MAX_SEGMENT_BYTES) {
            self.close()?;
            let first = self.edge.size();
            self.open = Some((first, Header::new(&self.files.origin, first).to_bytes()));
        }
        let Some((_, bytes)) = &mut self.open else { return Ok(()) };
        for entry in self.waiting.drain(..) {
            frame::write(bytes, Kind::Entry, self.sequence, &entry);
            self.sequence += 1;
        }
        let start = bytes.len();
        let commit = Commit { previous: self.previous, note: note.clone() };
        frame::write(bytes, Kind::Commit, self.sequence, &commit.to_payload());
        self.sequence += 1;
        self.previous = Digest::of(&bytes[start..]);
        self.edge = edge;
        Ok(())
    }

    /// Puts the open segment in its place, if it is not there as it is.
    fn close(&mut self) -> Result<(), LogError> {
        let Some((first, bytes)) = self.open.take() else { return Ok(()) };
        if bytes.len() == HEADER_BYTES {
            return Ok(());
        }
        let held = segment::read_whole(&*self.files.disk, &self.files.dir, first).unwrap_or_default();
        let room = held.strip_prefix(&bytes[..]);
        if room.is_some_and(|room| room.iter().all(|byte| *byte == 0)) {
            return Ok(());
        }
        let path = self.files.dir.join(segment::file_name(first));
        let (new, damaged) = (path.with_extension("seg.new"), path.with_extension("seg.damaged"));
        let disk = &self.files.disk;
        let written = || {
            // What an interrupted repair left.
            let _ = disk.remove(&new);
            let file = disk.create(&new)?;
            file.write_at(&bytes, 0)?;
            file.sync()?;
            if !held.is_empty() {
                disk.rename(&path, &damaged)?;
            }
            disk.rename(&new, &path)?;
            disk.sync_directory(&self.files.dir)
        };
        written().map_err(LogError::io("replace", &path))?;
        self.done.segments.push(first);
        Ok(())
    }

    /// Takes segments away that the one before has taken up.
    fn put_away_merged(&self) -> Result<(), LogError> {
        for first in &self.merged {
            let path = self.files.dir.join(segment::file_name(*first));
            let away = path.with_extension("seg.damaged");
            self.files.disk.rename(&path, &away).map_err(LogError::io("put away", path))?;
        }
        self.files.disk.sync_directory(&self.files.dir).map_err(LogError::io("sync", &self.files.dir))
    }
}
