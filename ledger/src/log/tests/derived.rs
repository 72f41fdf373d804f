//! What is derived from entries: it is right at every size, however the log was written and opened; where it is wrong or
//! missing it is made again; and no proof, tile or entry that is wrong comes out.

use super::*;
use crate::{
    log::block::Block,
    merkle::Tree,
    tile::{TilePath, TileTree, bundle},
};

const SIZE: u64 = 1_100;

/// A log of [`SIZE`] entries in groups of many sizes, and its tree.
fn long(dir: &Path, segment_bytes: u64) -> Tree<Sm3Hasher> {
    let mut next = 0;
    let mut log = open_with(dir, segment_bytes).unwrap();
    for length in [1, 254, 1, 1, 255, 7, 250, 331].into_iter().cycle() {
        if next == SIZE {
            break;
        }
        let end = SIZE.min(next + length);
        log.blocking_append(entries(next..end)).unwrap();
        next = end;
        if length == 7 {
            drop(log);
            log = open_with(dir, segment_bytes).unwrap();
        }
    }
    let mut tree = Tree::new();
    for index in 0..SIZE {
        tree.append(Sm3Hasher::leaf(&entry(index)));
    }
    tree
}

/// Whether the log gives what the tree gives.
fn agrees(log: &Log, tree: &Tree<Sm3Hasher>) {
    let sizes = [1, 2, 255, 256, 257, 300, 511, 512, 513, 768, 1_000, 1_023, 1_024, 1_025, SIZE - 1, SIZE];
    for size in sizes {
        assert_eq!(log.reader().root_at(size).unwrap(), tree.root_at(size).unwrap(), "{size}");
        for index in (0..size).step_by(37).chain([size - 1]) {
            assert_eq!(log.inclusion(index, size).unwrap(), tree.inclusion(index, size).unwrap(), "{index} of {size}");
            assert_eq!(
                log.consistency(index, size).unwrap(),
                tree.consistency(index, size).unwrap(),
                "{index}, {size}"
            );
        }
    }
    assert_eq!(log.entries(0..SIZE, SIZE as usize).unwrap(), entries(0..SIZE));
    for index in (0..SIZE).step_by(31) {
        assert!(log.checkpoint_covering(index).unwrap().unverified().size > index);
    }
}

#[test]
fn proofs_of_every_size_are_those_of_the_tree() {
    for segment_bytes in [1, 5_000, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let tree = long(dir.path(), segment_bytes);
        agrees(&open_with(dir.path(), segment_bytes).unwrap(), &tree);
    }
}

#[test]
fn what_is_derived_is_made_again_where_it_is_missing_or_wrong() {
    for segment_bytes in [5_000, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let tree = long(dir.path(), segment_bytes);
        let (blocks, roots) = (dir.path().join("blocks"), dir.path().join("roots"));
        let good = [fs::read(&blocks).unwrap(), fs::read(&roots).unwrap()];
        let mut zeroed = good[0].clone();
        zeroed[block::BYTES + 100..2 * block::BYTES].fill(0);
        let mut flipped = good[1].clone();
        flipped[40] ^= 1;
        let damages = [
            [Vec::new(), good[1].clone()],
            [good[0].clone(), Vec::new()],
            [Vec::new(), Vec::new()],
            [good[0][..block::BYTES + 9].to_vec(), good[1][..40].to_vec()],
            [zeroed.clone(), good[1].clone()],
            [good[0].clone(), flipped.clone()],
            [zeroed, flipped],
            [vec![7; good[0].len()], vec![7; good[1].len()]],
        ];
        for [bad_blocks, bad_roots] in damages {
            fs::write(&blocks, bad_blocks).unwrap();
            fs::write(&roots, bad_roots).unwrap();
            let log = open_with(dir.path(), segment_bytes).unwrap();
            assert_eq!(log.read_only(), None);
            agrees(&log, &tree);
        }
        // Altered while the log is open, with checksums that hold: hashes are shown to belong under the root, and
        // places to be where the entry is.
        let log = open_with(dir.path(), segment_bytes).unwrap();
        let forge = |at: usize| {
            let mut forged = Block::parse(good[0][block::BYTES..2 * block::BYTES].to_vec(), 1).unwrap().seal().to_vec();
            forged[at] ^= 1;
            let checksum = crc32fast::hash(&forged[..block::BYTES - 4]);
            forged[block::BYTES - 4..].copy_from_slice(&checksum.to_be_bytes());
            forged
        };
        for at in [23, 27, 2_068, 2_068 + 256 * 32 + 5, 2_068 + 500 * 32] {
            log.reader().shared.files.blocks.forget();
            let mut bytes = good[0].clone();
            bytes[block::BYTES..2 * block::BYTES].copy_from_slice(&forge(at));
            fs::write(&blocks, bytes).unwrap();
            agrees(&log, &tree);
        }
    }
}

#[test]
fn damaged_entries_are_reported_and_never_proven_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let tree = long(dir.path(), 5_000);
    let log = open_with(dir.path(), 5_000).unwrap();
    let (place, _) = log.reader().shared.place(300).unwrap();
    let segment = segment_path(dir.path(), log.reader().shared.segment_of(300).unwrap().first);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[place.entry as usize + frame::HEADER_BYTES] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let damaged: Vec<u64> = (0..SIZE).filter(|index| log.entry(*index).is_err()).collect();
    assert_eq!(damaged, [300]);
    // Proofs need no entries, as long as what is derived is whole.
    agrees_but(&log, &tree, damaged[0]);
    // Without that, nothing about its block can be said, and everything else can.
    log.reader().shared.files.blocks.forget();
    fs::write(dir.path().join("blocks"), "").unwrap();
    for index in 0..SIZE {
        let proof = log.inclusion(index, SIZE);
        match proof {
            Ok(proof) => assert_eq!(proof, tree.inclusion(index, SIZE).unwrap()),
            Err(error) => {
                assert!(matches!(error, LogError::Damaged { .. }), "{error}");
                assert_eq!(index / 256, damaged[0] / 256);
            }
        }
    }
}

fn agrees_but(log: &Log, tree: &Tree<Sm3Hasher>, damaged: u64) {
    for index in 0..SIZE {
        assert_eq!(log.inclusion(index, SIZE).unwrap(), tree.inclusion(index, SIZE).unwrap());
        assert_eq!(log.entry(index).is_err(), index == damaged, "{index}");
    }
}

#[test]
fn tiles_and_bundles_of_the_log_give_its_proofs_and_entries() {
    let dir = tempfile::tempdir().unwrap();
    let tree = long(dir.path(), 5_000);
    let log = open_with(dir.path(), 5_000).unwrap();
    let fetch = |path| match path {
        TilePath::Hashes { level, index, width } => log.tile(level, index, width).map_err(|error| error.to_string()),
        TilePath::Entries { .. } => Err("hashes were asked for".to_owned()),
    };
    for size in [1, 255, 256, 257, 1_024, SIZE] {
        let tiles = TileTree::new(size, tree.root_at(size).unwrap(), fetch);
        for index in (0..size).step_by(23) {
            let leaf_hash = tree.leaf_hash(index).unwrap();
            assert_eq!(tiles.inclusion(index, &leaf_hash).unwrap(), tree.inclusion(index, size).unwrap());
        }
        for number in 0..size.div_ceil(256) {
            let hashes = tiles.leaf_hashes(number).unwrap();
            let bundled = log.bundle(number, hashes.len() as u16).unwrap();
            let end = size.min((number + 1) * 256);
            assert_eq!(bundle::read(&bundled, &hashes).unwrap(), entries(number * 256..end));
        }
    }
    for (level, index, width) in [(0, 4, 77), (0, 5, 1), (1, 0, 5), (2, 0, 1), (7, u64::MAX, 256)] {
        assert!(matches!(log.tile(level, index, width), Err(LogError::NotCommitted { .. })), "{level} {index} {width}");
    }
    for (level, index, width) in [(8, 0, 1), (0, 0, 0), (0, 0, 257)] {
        assert!(matches!(log.tile(level, index, width), Err(LogError::NoTile(_))), "{level} {index} {width}");
    }
    assert!(log.bundle(4, 76).is_ok() && log.bundle(4, 77).is_err());
}
