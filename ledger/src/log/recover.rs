//! Opening a log that was written before.
//!
//! Kept true: what is served after opening is a prefix of the log that ends with a commit signed by the chain, whose
//! root is that of the entries before it. What was answered for is in it, or nothing more is signed.
//!
//! *How much is read.* The last segment, the roots of the full blocks before it, and from each other segment its header
//! and its last commit. Together they give the root that the last commit signed, or the whole log is read: once to
//! derive everything again, and if that does not give the root either, to find where it goes wrong. Segments that
//! were damaged without touching what is read here are found when they are read, and by [`super::check()`].
//!
//! *What is cut off.* A write that a crash interrupted may be there in any part. What cannot be read behind the last
//! whole group is the rest of one that nobody was answered for, and is cut off, if no commit that the chain signed
//! lies behind it (entries are chosen by strangers, who can write bytes that look like a frame, but not sign one), and
//! the register does not say that the chain has answered for more. The end of a group with its signed commit may be
//! there without its middle, if the disk wrote the two in the other order: then the register tells whether it was
//! answered for, as it is written after a sync and before the answer. Without a register that cannot be told, and
//! counts as damage.
//!
//! *After a failed write or sync*, [`Log::recover`](super::Log::recover) does the same under an open log. What the system
//! gives back may then be in its memory only. All that was not made durable before is the last group and the register's
//! slot, and both are written and synced again before anything is appended. Besides the register, what this process has
//! answered for counts.
//!
//! *What is damage.* Everything else. Then the log is opened to be read, up to the last good commit; nothing is
//! modified and nothing signed.
//!
//! Errors: [`LogError::OtherOrigin`], [`LogError::OtherKey`], [`LogError::UnknownFormat`]; [`LogError::Damaged`] and
//! [`LogError::ReadOnly`] if not one commit can be read. Cost: two hashes for each entry that is read again.

use std::{path::PathBuf, sync::Arc};

use nacre_schemas::{Digest, SigningPublicKey};

use super::{
    LogError,
    block::{LEAVES, Place},
    edge::Edge,
    register::{Answered, Register, Registered},
    scan::{Group, Scan, Stop, signed_commits, verify},
    segment::{self, FORMAT, Header, Segment},
    shared::{Files, Published, Shared},
    store::{Store, Tail},
};
use crate::{
    merkle::{Hasher as _, Nodes as _, Sm3Hasher, Tree},
    note::{NoteError, SignedCheckpoint},
};

/// Opens the directory's log. None if it has no commit, that is if its creation was never answered for; it then has no
/// segments either. `answered` is what this process has answered for, if it had the log open before.
pub(super) fn recover(
    files: &Files,
    keys: &[SigningPublicKey],
    register: Option<Register>,
    segment_bytes: u64,
    answered: Option<Answered>,
) -> Result<Recovered, LogError> {
    let firsts = segment::list(&*files.disk, &files.dir)?;
    let replay = match Replay::of_the_end(files, keys, &firsts)? {
        Some(replay) => replay,
        None => Replay::of_everything(files, keys, &firsts)?,
    };
    replay.finish(register, segment_bytes, answered)
}

/// What opening found.
pub(super) enum Recovered {
    /// A log, which takes no entries if its `refusal` is set.
    Log(Box<Store>),
    /// A directory without segments, and the register that was given.
    Nothing(Option<Register>),
}

/// The last group that replay took over.
struct LastGroup {
    first_of_segment: u64,
    start: u64,
    end: u64,
    note: SignedCheckpoint,
}

struct Replay<'a> {
    files: &'a Files,
    /// The present key, then those before it.
    keys: &'a [SigningPublicKey],
    /// All segments that there are.
    firsts: &'a [u64],
    edge: Edge,
    /// Of the full blocks.
    roots: Vec<Digest>,
    /// Number of the next frame.
    sequence: u64,
    previous: Digest,
    last: Option<LastGroup>,
    /// Where and why replay ended before the files did: the position in `firsts`, and there.
    stop: Option<(usize, Stop)>,
}

impl<'a> Replay<'a> {
    fn new(files: &'a Files, keys: &'a [SigningPublicKey], firsts: &'a [u64]) -> Self {
        Self {
            files,
            keys,
            firsts,
            edge: Edge::new(),
            roots: Vec::new(),
            sequence: 0,
            previous: Digest([0; 32]),
            last: None,
            stop: None,
        }
    }

    /// Reads the last segment on top of what was derived from those before; or the last two, if the last has no whole
    /// group, or the block at its border was being written when the power went. None if neither leads to the root that was signed.
    fn of_the_end(files: &'a Files, keys: &'a [SigningPublicKey], firsts: &'a [u64]) -> Result<Option<Self>, LogError> {
        for base in (firsts.len().saturating_sub(2)..firsts.len()).rev() {
            let mut replay = Self::new(files, keys, firsts);
            if base > 0 && !replay.take_over_derived(base)? {
                continue;
            }
            for position in base..firsts.len() {
                // Nothing of what is before the base was read, so its first commit follows on anything.
                replay.segment(position, if position == base && base > 0 { Check::Inside } else { Check::Links })?;
                if replay.stop.is_some() {
                    break;
                }
            }
            let signed = replay.last.as_ref().is_some_and(|last| {
                last.note.unverified().root == replay.edge.root() && replay.verify(&last.note).is_ok()
            });
            if signed {
                return Ok(Some(replay));
            }
        }
        Ok(None)
    }

    /// Reads every segment, checking each commit's root; and each signature, if the last one does not hold.
    fn of_everything(files: &'a Files, keys: &'a [SigningPublicKey], firsts: &'a [u64]) -> Result<Self, LogError> {
        if !firsts.is_empty() {
            tracing::warn!(files.origin, segments = firsts.len(), "reading the whole log");
        }
        for check in [Check::Roots, Check::Signatures] {
            let mut replay = Self::new(files, keys, firsts);
            for position in 0..firsts.len() {
                replay.segment(position, check)?;
                if replay.stop.is_some() {
                    break;
                }
            }
            match replay.last.as_ref().map(|last| replay.verify(&last.note)) {
                None | Some(Ok(())) => return Ok(replay),
                Some(Err(source @ NoteError::NotSigned { .. })) => {
                    let first = replay.last.as_ref().map_or(0, |last| last.first_of_segment);
                    return Err(LogError::OtherKey { segment: replay.path(first), source });
                }
                Some(Err(_)) => {}
            }
        }
        // Each signature was looked at before its group was taken over.
        Err(LogError::Damaged { segment: files.dir.clone(), offset: 0, what: "no commit is signed".to_owned() })
    }

    /// Puts what is derived from the segments before the one at the position in place of reading them, if it is there and
    /// each of them has its header and its last commit where it should.
    fn take_over_derived(&mut self, position: usize) -> Result<bool, LogError> {
        let first = self.firsts[position];
        let (full, rest) = (first / LEAVES as u64, (first % LEAVES as u64) as usize);
        let Some(roots) = self.files.blocks.roots(full) else { return Ok(false) };
        let block = if rest == 0 {
            Some(super::block::Block::new(full))
        } else {
            self.files.blocks.read(full).and_then(|block| block.prefix(rest))
        };
        let Some(edge) = block.and_then(|block| Edge::over(&roots, block)) else { return Ok(false) };
        (self.edge, self.roots) = (edge, roots);
        for pair in self.firsts[..=position].windows(2) {
            if !self.is_whole(pair[0], pair[1])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a segment has its header, and its last commit where the block of its last entry says.
    fn is_whole(&self, first: u64, next: u64) -> Result<bool, LogError> {
        let segment = Segment::open(&*self.files.disk, &self.files.dir, first, false)?;
        match segment.header()? {
            Some(header) if header.first == first => self.check_header(first, header)?,
            _ => return Ok(false),
        }
        let (number, position) = ((next - 1) / LEAVES as u64, ((next - 1) % LEAVES as u64) as usize);
        let place = self.files.blocks.read(number).and_then(|block| block.place(position));
        let commit = place.and_then(|place| segment.commit(place.commit.into()).ok());
        Ok(commit.is_some_and(|commit| commit.note.unverified().size == next))
    }

    /// Takes over the groups of the segment at the position, up to its end or to where it stops making sense.
    fn segment(&mut self, position: usize, check: Check) -> Result<(), LogError> {
        let first = self.firsts[position];
        let bytes = match segment::read_whole(&*self.files.disk, &self.files.dir, first) {
            Ok(bytes) => bytes,
            Err(LogError::Damaged { offset, what, .. }) => {
                self.stop = Some((position, Stop::damage(offset, what)));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let stop = match Header::read(&bytes) {
            None => Err(Stop::torn(0, "the segment's header does not match its checksum")),
            Some(header) => {
                self.check_header(first, header)?;
                let next = self.edge.size();
                if header.first != first {
                    let what = format!("the segment's header says that it starts at entry {}", header.first);
                    Err(Stop::damage(0, what))
                } else if first != next {
                    let what = format!("entry {next} is next, and no segment has it");
                    Err(Stop::damage(0, what))
                } else {
                    let mut scan = match check {
                        Check::Inside => Scan::new(&bytes, first),
                        _ => Scan::following(&bytes, first, self.sequence, self.previous),
                    };
                    self.groups(&mut scan, check)
                }
            }
        };
        self.stop = stop.err().map(|stop| (position, stop));
        Ok(())
    }

    fn groups(&mut self, scan: &mut Scan<'_>, check: Check) -> Result<(), Stop> {
        while let Some(group) = scan.next_group()? {
            self.group(&group, check)?;
        }
        Ok(())
    }

    /// Takes over a group, if its root (and signature) is right.
    fn group(&mut self, group: &Group<'_>, check: Check) -> Result<(), Stop> {
        let (mut edge, mut full) = (None, Vec::new());
        let staged = match check {
            Check::Inside | Check::Links => &mut self.edge,
            Check::Roots | Check::Signatures => edge.insert(self.edge.clone()),
        };
        for (position, entry) in &group.entries {
            let place = Place { entry: *position, commit: group.commit_at as u32 };
            full.extend(staged.push(place, Sm3Hasher::leaf(entry)));
        }
        let note = &group.commit.note;
        if let Some(staged) = edge {
            if note.unverified().root != staged.root() || note.unverified().origin != self.files.origin {
                let size = note.unverified().size;
                return Err(Stop::damage(
                    group.commit_at,
                    format!("the commit to {size} entries is not to those before it"),
                ));
            }
            if matches!(check, Check::Signatures) {
                self.verify(note).map_err(|error| Stop::damage(group.commit_at, error))?;
            }
            self.edge = staged;
        }
        for block in full {
            self.roots.push(block.root());
            // What cannot be written is derived again when it is read.
            let _ = self.files.blocks.write_full(block);
        }
        (self.sequence, self.previous) = (group.sequence + 1, group.digest);
        let first_of_segment =
            if group.start == 0 { group.first } else { self.last.as_ref().map_or(0, |last| last.first_of_segment) };
        let (start, end, note) = (group.start, group.end, group.commit.note.clone());
        self.last = Some(LastGroup { first_of_segment, start, end, note });
        Ok(())
    }

    /// The log, ready to grow or to be read only.
    fn finish(
        self,
        register: Option<Register>,
        segment_bytes: u64,
        own: Option<Answered>,
    ) -> Result<Recovered, LogError> {
        // The register may be ahead of what was answered for, by the group that failed.
        let registered = register.as_ref().and_then(Register::answered);
        let answered = registered.into_iter().chain(own).max_by_key(|answered| answered.size);
        let Some(last) = &self.last else {
            return match answered {
                Some(answered) if registered != Some(answered) => Err(LogError::Damaged {
                    segment: self.files.dir.clone(),
                    offset: 0,
                    what: format!("no commit can be read, and {} entries were answered for", answered.size),
                }),
                _ => self.finish_without_commit(register),
            };
        };
        let upper = self.roots.iter().fold(Tree::<Sm3Hasher>::new(), |mut tree, root| {
            tree.append(*root);
            tree
        });
        let kept = self.firsts.iter().copied().filter(|first| *first <= last.first_of_segment).collect();
        let edge = Arc::new(self.edge.block().clone());
        let published = Published { latest: last.note.clone(), segments: kept, upper, edge };
        let shared = Arc::new(Shared::new(self.files.clone(), published));
        let contradiction = register.as_ref().and_then(|register| contradicts(&shared, register));
        let contradiction = contradiction.or_else(|| behind(&shared, own?, "this process"));
        let verdict = match contradiction {
            Some(why) => Verdict::Damage(why),
            None => self.verdict(answered)?,
        };
        let segment = Segment::open(&*self.files.disk, &self.files.dir, last.first_of_segment, true)?;
        let mut register = register;
        match verdict {
            Verdict::Damage(why) => shared.refuse_writes(why),
            Verdict::Sound => self.settle(&segment, last, false, &mut register)?,
            Verdict::Torn => self.settle(&segment, last, true, &mut register)?,
        }
        let tail =
            Tail { segment: Some(Arc::new(segment)), end: last.end, sequence: self.sequence, previous: self.previous };
        Ok(Recovered::Log(Box::new(Store { shared, segment_bytes, tail, edge: self.edge, register, failure: None })))
    }

    /// What there is if no commit can be read: nothing, or damage.
    fn finish_without_commit(self, register: Option<Register>) -> Result<Recovered, LogError> {
        let answered = register.as_ref().and_then(Register::answered);
        let fault = match register.as_ref().map(Register::registered) {
            Some(Registered::Missing) if self.firsts.is_empty() => None,
            _ => register.as_ref().and_then(Register::fault),
        };
        if let Some(fault) = fault {
            let dir = self.files.dir.display();
            return Err(LogError::ReadOnly { why: format!("{dir} has no whole entries, and {fault}: {RENEW}") });
        }
        if let Some((position, stop)) = &self.stop {
            match self.verdict(answered)? {
                Verdict::Torn => self.remove_from(*position)?,
                Verdict::Sound | Verdict::Damage(_) => {
                    let (segment, offset) = (self.path(self.firsts[*position]), stop.position);
                    return Err(LogError::Damaged { segment, offset, what: stop.what.clone() });
                }
            }
        }
        match (answered, &register) {
            (Some(Answered { size: 1.., .. }), Some(register)) => {
                let (dir, path) = (self.files.dir.display(), register.path().display());
                let size = answered.map_or(0, |answered| answered.size);
                Err(LogError::ReadOnly {
                    why: format!("{dir} has no entries, and {path} says that {size} were answered for: {RESTORE}"),
                })
            }
            _ => Ok(Recovered::Nothing(register)),
        }
    }

    /// What to make of the place where replay stopped.
    fn verdict(&self, answered: Option<Answered>) -> Result<Verdict, LogError> {
        let Some((position, stop)) = &self.stop else { return Ok(Verdict::Sound) };
        let size = self.edge.size();
        let unanswered = |behind: &[u64]| match (behind, answered) {
            ([] | [0], _) => true,
            ([one], Some(answered)) => *one > answered.size,
            _ => false,
        };
        let behind = if stop.torn { self.signed_commits_behind(*position, stop.position)? } else { Vec::new() };
        if stop.torn && unanswered(&behind) && answered.is_none_or(|answered| answered.size <= size) {
            return Ok(Verdict::Torn);
        }
        let path = self.path(self.firsts[*position]);
        let followed =
            behind.last().map_or(String::new(), |size| format!(", and a signed commit to {size} entries follows"));
        Ok(Verdict::Damage(format!(
            "{} is damaged at byte {}: {}{followed}; the {size} entries before are whole. {REPAIR}",
            path.display(),
            stop.position,
            stop.what
        )))
    }

    /// Sizes in the commits beyond what was taken over that the chain signed, at any position from the one given on.
    fn signed_commits_behind(&self, position: usize, from: u64) -> Result<Vec<u64>, LogError> {
        let mut sizes = Vec::new();
        for later in position..self.firsts.len() {
            let bytes = segment::read_whole(&*self.files.disk, &self.files.dir, self.firsts[later])?;
            let from = if later == position { from as usize } else { 0 };
            let found = signed_commits(bytes.get(from..).unwrap_or(&[]), &self.files.origin, self.keys);
            sizes.extend(found.map(|(_, note)| note.unverified().size));
        }
        sizes.retain(|size| self.last.is_none() || *size > self.edge.size());
        sizes.sort_unstable();
        sizes.dedup();
        Ok(sizes)
    }

    /// Cuts off what is behind the last group, if there is something, and makes that group durable once more: the process
    /// that wrote it may have died of the sync that failed. Then it is registered, as it may have been signed; anew even if
    /// the register has it, for that may have been the sync that failed.
    fn settle(
        &self,
        segment: &Segment,
        last: &LastGroup,
        torn: bool,
        register: &mut Option<Register>,
    ) -> Result<(), LogError> {
        if torn {
            let after = self.firsts.partition_point(|first| *first <= last.first_of_segment);
            self.remove_from(after)?;
            segment.cut(last.end)?;
            segment.sync()?;
        }
        segment.rewrite(last.start, last.end)?;
        self.files.disk.sync_directory(&self.files.dir).map_err(LogError::io("sync", &self.files.dir))?;
        let said = last.note.unverified();
        let answered = Answered { size: said.size, root: said.root };
        register.as_mut().map_or(Ok(()), |register| register.write(answered))
    }

    /// Removes the segments from the position on, the last first: a crash in between leaves a log that recovers the same way.
    fn remove_from(&self, position: usize) -> Result<(), LogError> {
        for first in self.firsts[position..].iter().rev() {
            let path = self.path(*first);
            tracing::warn!(origin = self.files.origin, segment = %path.display(), "removing a segment without a whole group");
            self.files.disk.remove(&path).map_err(LogError::io("remove", path))?;
        }
        self.files.disk.sync_directory(&self.files.dir).map_err(LogError::io("sync", &self.files.dir))
    }

    fn verify(&self, note: &SignedCheckpoint) -> Result<(), NoteError> {
        verify(note, &self.files.origin, self.keys)
    }

    fn check_header(&self, first: u64, header: Header) -> Result<(), LogError> {
        let segment = self.path(first);
        if header.format != FORMAT {
            return Err(LogError::UnknownFormat { segment, found: header.format, known: FORMAT });
        }
        if header.origin != Digest::of(self.files.origin.as_bytes()) {
            return Err(LogError::OtherOrigin { path: segment, origin: self.files.origin.clone() });
        }
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        self.files.dir.join(segment::file_name(first))
    }
}

/// Why the log is not known to be what the chain answered for, by its register, if it is not.
fn contradicts(shared: &Shared, register: &Register) -> Option<String> {
    let (dir, size, path) = (shared.files.dir.display(), shared.size(), register.path().display());
    let (answered, torn) = match register.registered() {
        Registered::Says { answered, torn } => (*answered, *torn),
        Registered::Missing | Registered::Garbled(_) => {
            let fault = register.fault().unwrap_or_default();
            return Some(format!("{dir} has {size} whole entries, and {fault}: {RENEW}"));
        }
    };
    if torn && answered.size == size {
        return Some(format!(
            "{dir} has {size} whole entries, and {path} has a slot that cannot be read, which was written for more: \
             if {path} was not damaged, {RESTORE}. If it was, {RENEW}"
        ));
    }
    behind(shared, answered, &path.to_string())
}

/// Why the log is not what `who` says that the chain answered for, if it is not.
fn behind(shared: &Shared, answered: Answered, who: &str) -> Option<String> {
    let (dir, size) = (shared.files.dir.display(), shared.size());
    if answered.size > size {
        let said = answered.size;
        return Some(format!(
            "{dir} has {size} whole entries, and {who} says that {said} were answered for: {RESTORE}"
        ));
    }
    match shared.root_at(answered.size) {
        Ok(root) if root == answered.root => None,
        Ok(_) => Some(format!(
            "the {} first entries of {dir} are not those that {who} says were answered for: {RESTORE}",
            answered.size
        )),
        Err(error) => Some(error.to_string()),
    }
}

/// What to make of the end of a log.
enum Verdict {
    /// It ends with a commit.
    Sound,
    /// A group that nobody was answered for was not written whole.
    Torn,
    /// It was answered for, and is not there as it was written.
    Damage(String),
}

/// What to do about an older copy.
const RESTORE: &str = "this is an older or another copy of the log, and going on from it would sign a second history. Restore \
                       the newest copy, or repair this one from a mirror";
/// What to do about a register that says nothing.
const RENEW: &str = "what was answered for is not known, and going on from an older copy would sign a second history. Nothing \
                     was modified. Restore the register, or have its role's peers confirm size and root and renew it \
                     (`nacre exchange register renew`, `nacre custodian register renew`)";
/// What to do about damage.
const REPAIR: &str = "Nothing was modified. Copy the directory away; take a mirror of the chain (`nacre log mirror`) and \
                      repair from it (`nacre log repair`), or restore the segment from a backup";

/// How closely a replay looks at commits.
#[derive(Clone, Copy)]
enum Check {
    /// That they follow one another, from the segment's second on.
    Inside,
    /// That each follows the one before.
    Links,
    /// Also each root.
    Roots,
    /// Also each signature.
    Signatures,
}
