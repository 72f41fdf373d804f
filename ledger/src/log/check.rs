//! Reading a whole log and finding everything that is wrong with it.
//!
//! Kept true: a log that [`Report::is_sound`] calls sound has every checksum, frame number, link, root and signature right, from
//! its first byte to its last, and is what its register says. Nothing is modified, and no lock is taken: of a log that is
//! being written, the group on its way may show as [`Report::unfinished`].
//!
//! What is wrong with the derived files is listed apart: it costs time, and is put right when they are used.
//!
//! Errors: [`LogError::Io`]. Cost: all processors; two hashes an entry and a signature a commit, and some 100 MB a processor.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_schemas::{Digest, SigningPublicKey};
use rayon::prelude::*;

use super::{
    LogError,
    block::{self, Block, LEAVES, Place},
    blocks,
    disk::{self, Disk, DiskFile, LocalDisk},
    edge::Edge,
    register::{self, Registered},
    scan::{Scan, Stop, signed_commits, verify},
    segment::{self, FORMAT, Header},
};
use crate::{
    merkle::{Hasher as _, Sm3Hasher},
    note::SignedCheckpoint,
};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which file.
    pub file: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Segments read.
    pub segments: usize,
    /// Segments that there are.
    pub of_segments: usize,
    /// Entries read.
    pub entries: u64,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Segments read.
    pub segments: usize,
    /// Entries under the last checkpoint.
    pub entries: u64,
    /// Commits, each with its signature.
    pub commits: u64,
    /// The last checkpoint up to which everything is right, if there is one.
    pub checkpoint: Option<SignedCheckpoint>,
    /// What is wrong with the log.
    pub findings: Vec<Finding>,
    /// Bytes behind the last whole group that are no group: a write that was interrupted or is under way, or a last group
    /// that was damaged; the register tells which.
    pub unfinished: Option<Finding>,
    /// What is wrong with `blocks` and `roots`.
    pub derived: Vec<Finding>,
}

impl Report {
    /// Whether the log is as it was written. Derived files may be wrong all the same.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.unfinished.is_none()
    }
}

/// Checks the log of the chain `origin` in the directory; also against its register, if there is one. `keys` are the chain's
/// key and those that it had before, as [`LogOptions::earlier_keys`](super::LogOptions::earlier_keys) has them.
/// `progress` is called after each few segments.
pub fn check(
    dir: &Path,
    origin: &str,
    keys: &[SigningPublicKey],
    register: Option<&Path>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    let firsts = segment::list(&*disk, dir)?;
    let mut check = Check::new(&*disk, dir, origin);
    let at_once = rayon::current_num_threads().max(1);
    for some in firsts.chunks(at_once) {
        let read: Vec<Contents> =
            some.par_iter().map(|first| read_segment(&*disk, dir, *first, origin, keys)).collect::<Result<_, _>>()?;
        for (first, contents) in some.iter().zip(read) {
            check.segment(*first, contents, firsts.last() == Some(first));
        }
        progress(Progress { segments: check.report.segments, of_segments: firsts.len(), entries: check.edge.size() });
    }
    check.end_of_derived();
    if let Some(path) = register {
        check.register(path)?;
    }
    Ok(check.report)
}

/// A group, without its entries' bytes.
struct GroupRead {
    leaves: Vec<(Place, Digest)>,
    note: SignedCheckpoint,
    previous: Digest,
    digest: Digest,
    first_sequence: u64,
    sequence: u64,
    commit_at: u64,
}

/// What could be read of a segment, and where that ends if not at its end.
struct Contents {
    groups: Vec<GroupRead>,
    /// Commits whose signatures do not hold.
    findings: Vec<(u64, String)>,
    stop: Option<Stop>,
}

fn read_segment(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
    origin: &str,
    keys: &[SigningPublicKey],
) -> Result<Contents, LogError> {
    let mut contents = Contents { groups: Vec::new(), findings: Vec::new(), stop: None };
    let bytes = match segment::read_whole(disk, dir, first) {
        Ok(bytes) => bytes,
        Err(LogError::Damaged { offset, what, .. }) => {
            contents.stop = Some(Stop::damage(offset, what));
            return Ok(contents);
        }
        Err(error) => return Err(error),
    };
    let expected = Header::new(origin, first);
    match Header::read(&bytes) {
        None => contents.stop = Some(Stop::torn(0, "the segment's header does not match its checksum")),
        Some(header) if header.format != FORMAT => {
            contents.stop = Some(Stop::damage(0, format!("the segment has format {}, not {FORMAT}", header.format)));
        }
        Some(header) if header != expected => {
            contents.stop =
                Some(Stop::damage(0, "the segment's header is that of another chain or another first entry"));
        }
        Some(_) => {}
    }
    let mut scan = Scan::new(&bytes, first);
    while contents.stop.is_none() {
        match scan.next_group() {
            Ok(None) => break,
            Err(stop) => {
                // A signed commit behind it: this is no end of a log.
                let rest = bytes.get(stop.position as usize..).unwrap_or(&[]);
                let size = contents.groups.last().map_or(first, |group| group.note.unverified().size);
                let followed = signed_commits(rest, origin, keys).any(|(_, note)| note.unverified().size > size);
                contents.stop = Some(Stop { torn: stop.torn && !followed, ..stop });
            }
            Ok(Some(group)) => {
                let place = |position| Place { entry: position, commit: group.commit_at as u32 };
                let leaf = |(position, entry): &(u32, &[u8])| (place(*position), Sm3Hasher::leaf(entry));
                let leaves = group.entries.iter().map(leaf).collect();
                let note = group.commit.note;
                if let Err(error) = verify(&note, origin, keys) {
                    contents.findings.push((group.commit_at, error.to_string()));
                }
                let first_sequence = group.sequence.saturating_sub(group.entries.len() as u64);
                let (previous, digest, sequence) = (group.commit.previous, group.digest, group.sequence);
                let commit_at = group.commit_at;
                contents.groups.push(GroupRead { leaves, note, previous, digest, first_sequence, sequence, commit_at });
            }
        }
    }
    Ok(contents)
}

/// The check from one segment to the next.
struct Check<'a> {
    dir: &'a Path,
    origin: &'a str,
    disk: &'a dyn Disk,
    derived: [Option<Arc<dyn DiskFile>>; 2],
    edge: Edge,
    /// What the next group has to follow on: nothing is known behind what cannot be read.
    next: Option<(u64, Digest)>,
    /// Whether the tree is that of everything so far.
    whole: bool,
    report: Report,
}

impl<'a> Check<'a> {
    fn new(disk: &'a dyn Disk, dir: &'a Path, origin: &'a str) -> Self {
        let report = Report {
            segments: 0,
            entries: 0,
            commits: 0,
            checkpoint: None,
            findings: Vec::new(),
            unfinished: None,
            derived: Vec::new(),
        };
        let derived = blocks::NAMES.map(|name| disk.open(&dir.join(name), false).ok());
        let next = Some((0, Digest([0; 32])));
        Self { dir, origin, disk, derived, edge: Edge::new(), next, whole: true, report }
    }

    fn segment(&mut self, first: u64, contents: Contents, is_last: bool) {
        let file = self.dir.join(segment::file_name(first));
        self.report.segments += 1;
        let finding = |offset, what| Finding { file: file.clone(), offset, what };
        self.report.findings.extend(contents.findings.into_iter().map(|(offset, what)| finding(offset, what)));
        if self.whole && first != self.edge.size() {
            let what = format!("entry {} is next, and no segment has it", self.edge.size());
            self.report.findings.push(finding(0, what));
            (self.whole, self.next) = (false, None);
        }
        for group in contents.groups {
            if let Err(what) = self.group(&group) {
                self.report.findings.push(finding(group.commit_at, what));
                self.whole = false;
            }
            self.next = Some((group.sequence + 1, group.digest));
            self.report.commits += 1;
        }
        if let Some(stop) = contents.stop {
            let finding = finding(stop.position, stop.what);
            if is_last && stop.torn {
                self.report.unfinished = Some(finding);
            } else {
                self.report.findings.push(finding);
                (self.whole, self.next) = (false, None);
            }
        }
    }

    /// Checks how a group follows on the one before, and its root if everything before it was there.
    fn group(&mut self, group: &GroupRead) -> Result<(), String> {
        match self.next {
            Some((sequence, _)) if sequence != group.first_sequence => {
                return Err(format!("frame {} lies where frame {sequence} is next", group.first_sequence));
            }
            Some((_, digest)) if digest != group.previous => {
                return Err("the commit does not follow the one before it".to_owned());
            }
            _ => {}
        }
        if !self.whole {
            return Ok(());
        }
        for (place, leaf_hash) in &group.leaves {
            if let Some(block) = self.edge.push(*place, *leaf_hash) {
                self.derived_block(block);
            }
        }
        let said = group.note.unverified();
        if said.root != self.edge.root() || said.size != self.edge.size() {
            return Err(format!("the commit to {} entries is not to those before it", said.size));
        }
        if self.report.findings.is_empty() {
            self.report.entries = said.size;
            self.report.checkpoint = Some(group.note.clone());
        }
        Ok(())
    }

    /// Compares what is on disk of a full block with what it has to be.
    fn derived_block(&mut self, mut block: Block) {
        let (number, root) = (block.number(), block.root());
        let good = [block.seal().to_vec(), root.as_bytes().to_vec()];
        for (which, good) in good.into_iter().enumerate() {
            let position = number * good.len() as u64;
            let held = self.derived[which].as_ref().and_then(|file| disk::read(&**file, position, good.len()).ok());
            if held.is_none_or(|held| held != good) {
                let what = format!("what is derived from entries {}.. is missing or wrong", number * LEAVES as u64);
                let file = self.dir.join(blocks::NAMES[which]);
                self.report.derived.push(Finding { file, offset: position, what });
            }
        }
    }

    /// Looks at the blocks that are not full: each has to be of a beginning of its entries, if it is there.
    fn end_of_derived(&mut self) {
        let (Some(file), true) = (&self.derived[0], self.whole) else { return };
        let number = self.edge.block().number();
        let position = number * block::BYTES as u64;
        let held = disk::read(&**file, position, block::BYTES).unwrap_or_default();
        if held.iter().all(|byte| *byte == 0) {
            return;
        }
        let is_beginning = Block::parse(held, number).is_some_and(|held| {
            let count = held.count().min(self.edge.block().count());
            held.leaf_hashes().take(count).eq(self.edge.block().leaf_hashes().take(count))
        });
        if !is_beginning {
            let file = self.dir.join(blocks::NAMES[0]);
            let what = "the last block is not of the entries behind the full ones".to_owned();
            self.report.derived.push(Finding { file, offset: position, what });
        }
    }

    fn register(&mut self, path: &Path) -> Result<(), LogError> {
        let mut finding = |what: String| self.report.findings.push(Finding { file: path.to_owned(), offset: 0, what });
        let answered = match register::registered_on(self.disk, path, self.origin)? {
            Registered::Says { answered, .. } => answered,
            Registered::Missing => {
                finding("the register is missing".to_owned());
                return Ok(());
            }
            Registered::Garbled(what) => {
                finding(format!("the register cannot be read: {what}"));
                return Ok(());
            }
        };
        let (size, root) = (self.report.entries, self.edge.root());
        let what = if answered.size > size {
            format!("{} entries were answered for, and the log has {size}", answered.size)
        } else if answered.size == self.edge.size() && answered.root != root {
            format!("the {size} entries are not those that were answered for")
        } else {
            return Ok(());
        };
        self.report.findings.push(Finding { file: path.to_owned(), offset: 0, what });
        Ok(())
    }
}
