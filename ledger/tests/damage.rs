//! Logs that were damaged on disk: the full check finds each flipped bit, nothing wrong is ever proven or returned, nothing
//! panics, and a mirror gives back what was lost, byte for byte where every note is known.
//!
//! `NACRE_CAMPAIGN=full` flips 10,000 bits, otherwise it is a sample. Cost: some 15 milliseconds a bit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nacre_ledger::{
    log::{self, Item, Log, LogError, LogOptions, Mirror, Report},
    merkle::{Hasher as _, Sm3Hasher, Tree, inclusion},
    note::SignedCheckpoint,
    signing::SigningKey,
};
use tempfile::TempDir;

const ORIGIN: &str = "gba.example/region/440100";
const SIZE: u64 = 700;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32]).unwrap()
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 9_000, ..LogOptions::default() }
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

/// A log of [`SIZE`] entries in 35 groups and several segments, closed; and its checkpoints.
fn written(dir: &Path) -> Vec<SignedCheckpoint> {
    let log = Log::open(dir, ORIGIN, key(), options()).unwrap();
    (0..SIZE / 20).map(|group| log.blocking_append(entries(group * 20..group * 20 + 20)).unwrap().checkpoint).collect()
}

/// A mirror of the log, which follows every commit.
fn mirror_of(log: &Log, dir: &Path) -> Mirror {
    let mut mirror = Mirror::open(dir, ORIGIN, key().public(), &options()).unwrap();
    follow(&mut mirror, log, log.size());
    mirror
}

fn follow(mirror: &mut Mirror, log: &Log, up_to: u64) {
    while mirror.size() < up_to {
        let note = log.checkpoint_covering(mirror.size()).unwrap();
        let size = note.unverified().size;
        mirror.append(&log.entries(mirror.size()..size, usize::MAX).unwrap(), &note).unwrap();
    }
}

fn check(dir: &Path) -> Report {
    log::check(dir, ORIGIN, &[key().public()], None, &|_| {}).unwrap()
}

/// Segments and derived files, by name.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = dir.read_dir().unwrap().map(|file| file.unwrap().path());
    let of_the_log = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "seg")
            || path.ends_with("blocks")
            || path.ends_with("roots")
    };
    paths.filter(of_the_log).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// What was written to each segment, without the room behind it.
fn segments(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(dir);
    files.retain(|path, _| path.extension().is_some());
    for bytes in files.values_mut() {
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    }
    files
}

/// Numbers that are the same each time (splitmix64, Steele and others 2014).
fn random(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn full() -> bool {
    std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full")
}

/// Whatever the log answers is right, and errors are those of damage.
fn never_wrong(dir: &Path, tree: &Tree<Sm3Hasher>) {
    let log = match Log::open(dir, ORIGIN, key(), options()) {
        Ok(log) => log,
        Err(
            LogError::Damaged { .. }
            | LogError::UnknownFormat { .. }
            | LogError::OtherOrigin { .. }
            | LogError::OtherKey { .. },
        ) => return,
        Err(error) => panic!("{error}"),
    };
    let size = log.size();
    assert!(size <= SIZE);
    let note = log.checkpoint();
    let checkpoint = note.verify(ORIGIN, ORIGIN, &key().public()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (size, tree.root_at(size).unwrap()));
    for index in (0..size).step_by(9) {
        let leaf_hash = Sm3Hasher::leaf(&entry(index));
        match log.entry(index) {
            Ok(held) => assert_eq!(held, entry(index)),
            Err(error) => assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
        }
        match log.inclusion(index, size) {
            Ok(proof) => inclusion::verify::<Sm3Hasher>(&leaf_hash, index, size, &checkpoint.root, &proof).unwrap(),
            Err(error) => assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
        }
        match log.checkpoint_covering(index) {
            Ok(note) => assert_eq!(note.unverified().size, (index / 20 + 1) * 20),
            Err(error) => assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
        }
    }
}

#[test]
fn a_whole_log_is_sound_and_shows_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let notes = written(dir.path());
    let report = check(dir.path());
    assert!(report.is_sound() && report.derived.is_empty(), "{report:?}");
    assert_eq!((report.entries, report.commits), (SIZE, SIZE / 20 + 1));
    assert_eq!(report.checkpoint.as_ref(), notes.last());
    assert!(report.segments > 3);

    let (mut shown, mut commits, mut segments) = (Vec::new(), Vec::new(), 0);
    log::inspect(dir.path(), 0, &mut |item| {
        match item {
            Item::Segment { .. } => segments += 1,
            Item::Entry { index, bytes, .. } => {
                assert_eq!(index, shown.len() as u64);
                shown.push(bytes.to_vec());
            }
            Item::Commit { note, .. } => commits.push(note.clone()),
            Item::End { .. } => {}
            Item::Unreadable { what, .. } => panic!("{what}"),
        }
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((shown, commits[1..].to_vec(), segments), (entries(0..SIZE), notes, report.segments));
}

#[test]
fn each_flipped_bit_is_found_and_none_leads_to_a_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let good = files(dir.path());
    let mut tree = Tree::new();
    for entry in entries(0..SIZE) {
        tree.append(Sm3Hasher::leaf(&entry));
    }
    let places: Vec<(&PathBuf, usize)> =
        good.iter().flat_map(|(path, bytes)| (0..bytes.len()).map(move |position| (path, position))).collect();
    for flip in 0..if full() { 10_000 } else { 250 } {
        let (path, position) = places[(random(flip) % places.len() as u64) as usize];
        let mut bad = good[path].clone();
        bad[position] ^= 1 << (flip % 8);
        fs::write(path, &bad).unwrap();
        let report = check(dir.path());
        assert!(!report.is_sound() || !report.derived.is_empty(), "byte {position} of {}", path.display());
        never_wrong(dir.path(), &tree);
        // A torn tail was cut off, and derived files were put right.
        for (path, bytes) in &good {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Does something to a log, repairs it from a mirror, and sees that it is the log again.
fn repaired(
    damage: impl FnOnce(&Path, &BTreeMap<PathBuf, Vec<u8>>),
) -> (TempDir, BTreeMap<PathBuf, Vec<u8>>, log::Repaired) {
    let dir = tempfile::tempdir().unwrap();
    let (at, mirrored) = (dir.path().join("log"), dir.path().join("mirror"));
    let notes = written(&at);
    let mirror = mirror_of(&Log::open(&at, ORIGIN, key(), options()).unwrap(), &mirrored);
    let good = segments(&at);
    damage(&at, &good);
    let done = log::repair(&at, ORIGIN, &[key().public()], mirror.reader().unwrap()).unwrap();
    assert_eq!(done.size, SIZE);
    let report = check(&at);
    assert!(report.is_sound(), "{report:?}");
    let log = Log::open(&at, ORIGIN, key(), options()).unwrap();
    assert_eq!(log.read_only(), None);
    assert_eq!(log.entries(0..SIZE, usize::MAX).unwrap(), entries(0..SIZE));
    assert_eq!(log.checkpoint(), notes[notes.len() - 1]);
    drop(log);
    (dir, good, done)
}

/// Where the frame of the first entry begins.
fn first_entry_at(segment: &[u8]) -> usize {
    let entry = entry(0);
    segment.windows(entry.len()).position(|window| window == entry).unwrap() - 21
}

fn nth(good: &BTreeMap<PathBuf, Vec<u8>>, number: usize) -> (&PathBuf, &Vec<u8>) {
    good.iter().nth(number).unwrap()
}

#[test]
fn a_mirror_repairs_a_flipped_bit_byte_for_byte() {
    for flip in 0..if full() { 400 } else { 25 } {
        let (number, at) = ((random(flip) % 3) as usize, random(flip + 1_000_000) as usize);
        let (dir, good, done) = repaired(|_, good| {
            let (path, bytes) = nth(good, number);
            let mut bad = bytes.clone();
            bad[at % bytes.len()] ^= 4;
            fs::write(path, bad).unwrap();
        });
        // A mirror has every note but the first, of no entries: if that is lost, every later frame has another number.
        let (path, bytes) = nth(&good, number);
        let of_nothing = number == 0 && (56..first_entry_at(bytes)).contains(&(at % bytes.len()));
        assert_eq!(
            segments(&dir.path().join("log")) == good,
            !of_nothing,
            "byte {} of {}",
            at % bytes.len(),
            path.display()
        );
        assert_eq!(done.segments.len(), if of_nothing { good.len() } else { 1 });
        assert!(fs::read(path.with_extension("seg.damaged")).is_ok());
    }
}

#[test]
fn a_mirror_repairs_segments_that_are_cut_emptied_or_gone() {
    repaired(|_, good| fs::write(nth(good, 1).0, &nth(good, 1).1[..4_000]).unwrap());
    repaired(|_, good| fs::write(nth(good, 1).0, "").unwrap());
    repaired(|_, good| fs::remove_file(nth(good, 1).0).unwrap());
    repaired(|_, good| fs::remove_file(nth(good, 0).0).unwrap());
    repaired(|_, good| fs::remove_file(nth(good, good.len() - 1).0).unwrap());
    repaired(|at, good| {
        let (path, bytes) = nth(good, 2);
        let mut bad = bytes.clone();
        bad[500..3_000].fill(0x5a);
        fs::write(path, bad).unwrap();
        fs::remove_file(at.join("roots")).unwrap();
    });
    repaired(|at, _| fs::remove_dir_all(at).unwrap());
}

#[test]
fn a_mirror_that_is_behind_repairs_what_it_has_and_never_shortens_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let (at, mirrored) = (dir.path().join("log"), dir.path().join("mirror"));
    written(&at);
    let log = Log::open(&at, ORIGIN, key(), options()).unwrap();
    let mut mirror = Mirror::open(&mirrored, ORIGIN, key().public(), &options()).unwrap();
    follow(&mut mirror, &log, 300);
    drop(log);
    let good = segments(&at);
    let (early, late) = (nth(&good, 1).0.clone(), nth(&good, good.len() - 1).0.clone());
    let flip = |path: &Path| {
        let mut bytes = good[path].clone();
        bytes[900] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(&early);
    log::repair(&at, ORIGIN, &[key().public()], mirror.reader().unwrap()).unwrap();
    assert!(check(&at).is_sound() && segments(&at) == good);
    flip(&late);
    let before = segments(&at);
    let refused = log::repair(&at, ORIGIN, &[key().public()], mirror.reader().unwrap());
    assert!(
        matches!(&refused, Err(LogError::Damaged { what, .. }) if what.contains("the mirror has only 300")),
        "{refused:?}"
    );
    assert!(segments(&at) == before);
}

#[test]
fn a_mirror_takes_what_the_chain_signed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (at, mirrored) = (dir.path().join("log"), dir.path().join("mirror"));
    written(&at);
    let log = Log::open(&at, ORIGIN, key(), options()).unwrap();
    let mut mirror = Mirror::open(&mirrored, ORIGIN, key().public(), &options()).unwrap();
    let (first, second) = (log.checkpoint_covering(0).unwrap(), log.checkpoint_covering(20).unwrap());
    let stranger = SigningKey::from_bytes(&[2; 32]).unwrap();
    let forged = SignedCheckpoint::sign(first.unverified().clone(), &stranger, ORIGIN).unwrap();
    let refuse = |mirror: &mut Mirror| {
        assert!(matches!(mirror.append(&entries(0..20), &forged), Err(LogError::Note(_))));
        for wrong in [entries(0..19), entries(0..21), entries(1..21), Vec::new()] {
            let refused = mirror.append(&wrong, &first);
            assert!(
                matches!(refused, Err(LogError::OtherHistory { .. })) || (mirror.size() >= 20 && wrong.is_empty()),
                "{refused:?}"
            );
        }
        assert!(matches!(mirror.append(&[vec![0; 5_000]], &first), Err(LogError::EntryTooLong { .. })));
    };
    refuse(&mut mirror);
    assert!(mirror.reader().is_none());
    mirror.append(&entries(0..20), &first).unwrap();
    refuse(&mut mirror);
    mirror.append(&[], &first).unwrap();
    mirror.append(&entries(20..40), &second).unwrap();
    mirror.append(&[], &first).unwrap();
    drop(mirror);

    // It goes on where it was, and serves what the log serves.
    let mut mirror = Mirror::open(&mirrored, ORIGIN, key().public(), &options()).unwrap();
    assert_eq!(mirror.size(), 40);
    follow(&mut mirror, &log, SIZE);
    let reader = mirror.reader().unwrap();
    for index in (0..SIZE).step_by(13) {
        assert_eq!(reader.entry(index).unwrap(), entry(index));
        assert_eq!(reader.checkpoint_covering(index).unwrap(), log.checkpoint_covering(index).unwrap());
        assert_eq!(reader.inclusion(index, SIZE).unwrap(), log.inclusion(index, SIZE).unwrap());
        assert_eq!(reader.consistency(index, SIZE).unwrap(), log.consistency(index, SIZE).unwrap());
    }
    assert_eq!(reader.tile(0, 1, 256).unwrap(), log.tile(0, 1, 256).unwrap());
    assert!(check(&mirrored).is_sound());

    // A second history of the chain: signed by it, and not of these entries.
    let other = Log::open(&dir.path().join("other"), ORIGIN, key(), options()).unwrap();
    let other = other.blocking_append(entries(1..SIZE + 2)).unwrap();
    let next = entries(SIZE..SIZE + 1);
    assert!(matches!(mirror.append(&next, &other.checkpoint), Err(LogError::OtherHistory { .. })));
    assert!(matches!(Mirror::open(&mirrored, ORIGIN, key().public(), &options()), Err(LogError::Locked { .. })));
}

#[test]
fn garbage_is_reported_by_everything_that_reads_a_log() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(other.path());
    let good = fs::read(other.path().join("00000000000000000000.seg")).unwrap();
    let path = dir.path().join("00000000000000000000.seg");
    for number in 0..200_u64 {
        // Noise from some place on, behind what is whole: from the header's first byte to the middle of a commit.
        let whole = (random(number) % 2_000) as usize;
        let noise = (0..random(number + 1_000) % 3_000).map(|position| random(number << 20 | position) as u8);
        let bytes: Vec<u8> = good[..whole].iter().copied().chain(noise).collect();
        fs::write(&path, &bytes).unwrap();
        let report = check(dir.path());
        assert!(!report.is_sound() || bytes.len() == whole, "{number}: {report:?}");
        let mut pieces = 0;
        log::inspect(dir.path(), 0, &mut |_| {
            pieces += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert!(pieces >= 2);
        for name in ["blocks", "roots"] {
            fs::write(dir.path().join(name), &bytes).unwrap();
        }
        if let Ok(log) = Log::open(dir.path(), ORIGIN, key(), options()) {
            assert_eq!(log.entries(0..log.size(), usize::MAX).unwrap(), entries(0..log.size()));
        }
        for file in dir.path().read_dir().unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}
