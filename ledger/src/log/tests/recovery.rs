//! Opening a log after a crash, or after its files were damaged: a torn tail is cut off at a commit; everything
//! else is reported, left untouched, and keeps the log from signing. Cost: some thousand openings. Every
//! state that a crash can leave is for [`super::crash`].

use std::{collections::BTreeMap, path::PathBuf};

use super::*;
use crate::log::frame::{Commit, Kind};

/// Every segment of the directory.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = dir.read_dir().unwrap().map(|file| file.unwrap().path());
    let segments = paths.filter(|path| path.extension().is_some_and(|extension| extension == "seg"));
    segments.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A directory with these segments.
fn directory<'a>(segments: impl IntoIterator<Item = (u64, &'a [u8])>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (first, bytes) in segments {
        fs::write(segment_path(dir.path(), first), bytes).unwrap();
    }
    dir
}

/// What was written to a segment, without the room behind it: a note ends with a line end, so zeros are room.
pub(super) fn segment_bytes(dir: &Path, first: u64) -> Vec<u8> {
    let mut bytes = fs::read(segment_path(dir, first)).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

/// Start and end of each commit frame of a segment, and entries in the log with it.
pub(super) fn commits(bytes: &[u8]) -> Vec<(usize, usize, u64)> {
    let mut found = Vec::new();
    let mut offset = segment::HEADER_BYTES;
    while offset < bytes.len() {
        let frame = frame::read(&bytes[offset..]).unwrap();
        let end = offset + frame.bytes.len();
        if frame.kind == Kind::Commit {
            found.push((offset, end, Commit::from_payload(frame.payload).unwrap().note.unverified().size));
        }
        offset = end;
    }
    found
}

/// Opens what is said to be a log of the entries up to `size`, appends to it, and opens it again.
fn holds_and_goes_on(dir: &Path, size: u64, segment_bytes: u64) {
    let log = open_with(dir, segment_bytes).unwrap();
    assert_eq!(log.entries(0..log.size(), 100).unwrap(), entries(0..size));
    let checkpoint = log.checkpoint();
    let checkpoint = checkpoint.verify(ORIGIN, ORIGIN, &key().public()).unwrap();
    assert_eq!(checkpoint.size, size);
    log.blocking_append(entries(size..size + 2)).unwrap();
    drop(log);
    let log = open_with(dir, segment_bytes).unwrap();
    assert_eq!(log.entries(0..size + 2, 100).unwrap(), entries(0..size + 2));
    let proof = log.consistency(size, size + 2).unwrap();
    let to = log.checkpoint();
    let to = to.unverified();
    consistency::verify::<Sm3Hasher>(size, &checkpoint.root, size + 2, &to.root, &proof).unwrap();
}

/// Opens a damaged log: it signs nothing, nothing is modified, and what it has is the first of what was written.
#[track_caller]
fn is_damaged(dir: &Path) {
    let before = contents(dir);
    match open_with(dir, 1 << 20) {
        // Not one commit is left.
        Err(LogError::Damaged { .. }) => {}
        Ok(log) => {
            let why = log.read_only().expect("a damaged log takes no entries").to_owned();
            assert!(why.contains("is damaged at byte") && why.contains("nacre log repair"), "{why}");
            let refused = log.blocking_append(entries(0..1));
            assert!(matches!(refused, Err(LogError::ReadOnly { .. })), "{refused:?}");
            assert_eq!(log.entries(0..log.size(), 100).unwrap(), entries(0..log.size()));
            let note = log.checkpoint();
            let checkpoint = note.verify(ORIGIN, ORIGIN, &key().public()).unwrap();
            assert_eq!((checkpoint.size, checkpoint.root), (log.size(), log.reader().root_at(log.size()).unwrap()));
        }
        other => panic!("{other:?}"),
    }
    assert!(before == contents(dir), "a damaged log was modified");
}

#[test]
fn a_log_cut_at_any_byte_is_what_was_committed_before() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let commits = commits(&bytes);
    assert_eq!(commits.iter().map(|(_, _, size)| *size).collect::<Vec<_>>(), [0, 2, 3, 6]);
    for length in (0..bytes.len()).step_by(7).chain([bytes.len()]) {
        let committed = commits.iter().rev().find(|(_, end, _)| *end <= length);
        let dir = directory([(0, &bytes[..length])]);
        holds_and_goes_on(dir.path(), committed.map_or(0, |(_, _, size)| *size), 1 << 20);
    }
}

#[test]
fn a_last_segment_cut_at_any_byte_is_what_was_committed_before() {
    let (dir, _) = written(1);
    let firsts = segment::list(&LocalDisk, dir.path()).unwrap();
    let segments: Vec<(u64, Vec<u8>)> =
        firsts.iter().map(|first| (*first, segment_bytes(dir.path(), *first))).collect();
    let ((last, bytes), before) = segments.split_last().unwrap();
    for length in (0..bytes.len()).step_by(11) {
        let kept = before.iter().map(|(first, bytes)| (*first, bytes.as_slice()));
        let dir = directory(kept.chain([(*last, &bytes[..length])]));
        holds_and_goes_on(dir.path(), 3, 1);
    }
}

#[test]
fn a_tail_of_garbage_is_cut_off() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let half_a_group = &bytes[commits(&bytes)[2].1..commits(&bytes)[3].0];
    for tail in [&[0; 5_000][..], &[2; 700], &[0xff; 30], b"x", half_a_group] {
        let dir = directory([(0, &[&bytes[..commits(&bytes)[2].1], tail].concat()[..])]);
        holds_and_goes_on(dir.path(), 3, 1 << 20);
    }
    // A file that was created, and whose bytes the crash took.
    let dir = directory([(0, &bytes[..]), (6, &[0; 40][..])]);
    holds_and_goes_on(dir.path(), 6, 1 << 20);
}

#[test]
fn a_flipped_bit_before_the_last_commit_frame_is_damage_and_nothing_is_modified() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let (last_commit, _, _) = commits(&bytes)[3];
    for position in 0..last_commit {
        let mut bad = bytes.clone();
        bad[position] ^= 1 << (position % 8);
        is_damaged(directory([(0, &bad[..])]).path());
    }
}

#[test]
fn a_destroyed_last_commit_frame_is_cut_off_as_if_torn() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let (start, end, _) = commits(&bytes)[3];
    for position in (start..end).step_by(17) {
        let mut bad = bytes.clone();
        bad[position] ^= 1;
        holds_and_goes_on(directory([(0, &bad[..])]).path(), 3, 1 << 20);
    }
}

#[test]
fn damage_in_an_earlier_segment_is_found_though_commits_follow_in_others_only() {
    let (dir, _) = written(1);
    let firsts = segment::list(&LocalDisk, dir.path()).unwrap();
    let segments: Vec<(u64, Vec<u8>)> =
        firsts.iter().map(|first| (*first, segment_bytes(dir.path(), *first))).collect();
    let all = || segments.iter().map(|(first, bytes)| (*first, bytes.as_slice()));
    for (damaged, whole) in &segments[..segments.len() - 1] {
        // Missing altogether, cut in the middle, cut after the header, its last byte changed.
        is_damaged(directory(all().filter(|(first, _)| first != damaged)).path());
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bad in [&whole[..whole.len() - 9], &whole[..segment::HEADER_BYTES], &[], &changed] {
            let replace = |(first, bytes)| if first == *damaged { (first, bad) } else { (first, bytes) };
            is_damaged(directory(all().map(replace)).path());
        }
    }
}

#[test]
fn frames_moved_or_repeated_with_good_checksums_are_damage() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let ends: Vec<usize> = commits(&bytes).iter().map(|(_, end, _)| *end).collect();
    let group = |number: usize| &bytes[ends[number - 1]..ends[number]];
    let head = &bytes[..ends[0]];
    is_damaged(directory([(0, &[head, group(2)].concat()[..])]).path());
    is_damaged(directory([(0, &[head, group(1), group(1)].concat()[..])]).path());
    is_damaged(directory([(0, &[head, group(2), group(1)].concat()[..])]).path());
    let mut stray = bytes.clone();
    frame::write(&mut stray, Kind::Entry, 1, &entry(6));
    is_damaged(directory([(0, &stray[..])]).path());
}

#[test]
fn a_segment_under_another_name_is_damage() {
    let (dir, _) = written(1);
    fs::rename(segment_path(dir.path(), 2), segment_path(dir.path(), 1)).unwrap();
    is_damaged(dir.path());
}

/// The header, the commit of nothing, and a group of one entry with this commit.
fn forged(commit: &Commit, head: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    frame::write(&mut bytes, Kind::Entry, 1, &entry(0));
    frame::write(&mut bytes, Kind::Commit, 2, &commit.to_payload());
    bytes
}

#[test]
fn a_commit_with_good_checksums_and_wrong_content_is_damage() {
    let (dir, _) = written(1 << 20);
    let bytes = segment_bytes(dir.path(), 0);
    let (start, end, _) = commits(&bytes)[0];
    let head = &bytes[..end];
    let sign = |size, root| {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
        SignedCheckpoint::sign(checkpoint, &key(), ORIGIN).unwrap()
    };
    let good = Commit { previous: Digest::of(&bytes[start..end]), note: sign(1, Sm3Hasher::leaf(&entry(0))) };
    assert_eq!(open(directory([(0, &forged(&good, head)[..])]).path()).size(), 1);

    let other_root = Commit { note: sign(1, Sm3Hasher::leaf(b"x")), ..good.clone() };
    let other_size = Commit { note: sign(2, Sm3Hasher::leaf(&entry(0))), ..good.clone() };
    let other_previous = Commit { previous: Digest([0; 32]), ..good.clone() };
    // Right in every number, under the signature of another checkpoint.
    let signature = |note: &SignedCheckpoint| note.as_str().split_once("\n\n").unwrap().1.to_owned();
    let unsigned = good.note.as_str().replace(&signature(&good.note), &signature(&other_root.note));
    let unsigned = Commit { note: unsigned.parse().unwrap(), ..good.clone() };
    for commit in [other_root, other_size, other_previous, unsigned] {
        is_damaged(directory([(0, &forged(&commit, head)[..])]).path());
    }
}

#[test]
fn an_entry_that_looks_like_a_commit_does_not_keep_a_torn_log_from_opening() {
    let (dir, appended) = written(1 << 20);
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 1_000, root: Digest([5; 32]) };
    let stranger = SigningKey::from_bytes(&[2; 32]).unwrap();
    let forged = SignedCheckpoint::sign(checkpoint, &stranger, ORIGIN).unwrap();
    let replayed = appended[2].checkpoint.clone();
    let hostile: Vec<Vec<u8>> = [forged, replayed]
        .map(|note| {
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Kind::Commit, 99, &Commit { previous: Digest([0; 32]), note }.to_payload());
            bytes
        })
        .to_vec();
    let kept = segment_bytes(dir.path(), 0).len();
    open(dir.path()).blocking_append(hostile).unwrap();
    let mut torn = segment_bytes(dir.path(), 0);
    torn.truncate(torn.len() - 1);
    torn[kept] ^= 1;
    holds_and_goes_on(directory([(0, &torn[..])]).path(), 6, 1 << 20);
}

#[test]
fn the_log_of_another_chain_key_or_format_is_not_touched() {
    let (dir, _) = written(1 << 20);
    let before = contents(dir.path());
    let options = LogOptions::default;
    let other = Log::open(dir.path(), "gba.example/judicial", key(), options());
    assert!(matches!(other, Err(LogError::OtherOrigin { .. })), "{other:?}");
    let stranger = SigningKey::from_bytes(&[2; 32]).unwrap();
    let other = Log::open(dir.path(), ORIGIN, stranger, options());
    assert!(matches!(other, Err(LogError::OtherKey { .. })), "{other:?}");
    assert!(before == contents(dir.path()));

    let newer = segment::Header { format: 3, ..segment::Header::new(ORIGIN, 0) }.to_bytes();
    let dir = directory([(0, &newer[..])]);
    assert!(matches!(open_with(dir.path(), 1), Err(LogError::UnknownFormat { found: 3, .. })));
}
