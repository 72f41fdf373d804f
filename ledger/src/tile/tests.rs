//! Paths as the document writes them; proofs out of tiles of trees of many sizes, and tiles that lie.

use super::*;
use crate::merkle::{Hasher as _, Nodes as _, Sm3Hasher, Tree};
use nacre_schemas::Digest;

#[test]
fn a_path_has_one_spelling() {
    for (text, path) in [
        ("tile/0/000", TilePath::Hashes { level: 0, index: 0, width: 256 }),
        ("tile/1/x001/x234/067", TilePath::Hashes { level: 1, index: 1_234_067, width: 256 }),
        ("tile/7/999.p/1", TilePath::Hashes { level: 7, index: 999, width: 1 }),
        ("tile/entries/x001/000.p/255", TilePath::Entries { index: 1_000, width: 255 }),
        ("tile/entries/x072/x057/x594/x037/x927/935", TilePath::Entries { index: (1 << 56) - 1, width: 256 }),
    ] {
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse::<TilePath>().unwrap(), path);
    }
    for refused in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/0000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001/x000",
        "tile/0/xx01/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/ 00",
        "tile/0/+00",
        "/tile/0/000",
        "tile/0/000/",
        "tile/entry/000",
        "tile/entries/x072/x057/x594/x037/x927/936",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/\u{663}00",
    ] {
        assert!(matches!(refused.parse::<TilePath>(), Err(TileError::Path(_))), "{refused}");
    }
    assert!("tile/0/".repeat(1_000_000).parse::<TilePath>().is_err());
}

fn tree(size: u64) -> Tree<Sm3Hasher> {
    let mut tree = Tree::new();
    for leaf in 0..size {
        tree.append(Sm3Hasher::leaf(&leaf.to_be_bytes()));
    }
    tree
}

/// The tile of a tree in memory.
fn tile(tree: &Tree<Sm3Hasher>, path: TilePath) -> Result<Vec<u8>, String> {
    let TilePath::Hashes { level, index, width } = path else { return Err("no bundles here".to_owned()) };
    let first = index * u64::from(WIDTH);
    let hash = |position| tree.node(u32::from(level) * HEIGHT, position).map_err(|error| error.to_string());
    let mut bytes = Vec::new();
    for position in first..first + u64::from(width) {
        bytes.extend_from_slice(hash(position)?.as_bytes());
    }
    Ok(bytes)
}

#[test]
fn proofs_out_of_tiles_are_those_of_the_tree() {
    let whole = tree(70_000);
    for size in [1, 2, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 70_000] {
        let root = whole.root_at(size).unwrap();
        let tiles = TileTree::new(size, root, |path| tile(&whole, path));
        for index in [0, 1, size / 2, size.saturating_sub(2), size - 1].into_iter().filter(|index| *index < size) {
            let leaf_hash = whole.leaf_hash(index).unwrap();
            assert_eq!(tiles.inclusion(index, &leaf_hash).unwrap(), whole.inclusion(index, size).unwrap());
            assert!(tiles.inclusion(index, &root).is_err() || size == 1);
            let bundle = tiles.leaf_hashes(index / 256).unwrap();
            assert_eq!(bundle[(index % 256) as usize], leaf_hash);
            let from_root = whole.root_at(index).unwrap();
            assert_eq!(tiles.consistency(index, &from_root).unwrap(), whole.consistency(index, size).unwrap());
            assert!(tiles.consistency(index, &leaf_hash).is_err() || index == 1);
        }
        assert!(matches!(tiles.inclusion(size, &root), Err(TileError::Tree(_))));
        assert!(matches!(tiles.leaf_hashes(size.div_ceil(256)), Err(TileError::Tree(_))));
    }
}

#[test]
fn a_tile_with_any_hash_changed_gives_no_proof_that_needs_it() {
    let whole = tree(600);
    let root = whole.root_at(600).unwrap();
    for changed in 0..256 {
        let lie = |path| {
            let mut tile = tile(&whole, path)?;
            if path == (TilePath::Hashes { level: 0, index: 1, width: 256 }) {
                tile[changed * 32] ^= 1;
            }
            Ok(tile)
        };
        let tiles = TileTree::new(600, root, lie);
        assert!(matches!(tiles.leaf_hashes(1), Err(TileError::Proof(_))), "{changed}");
        // A proof does not need the leaf that it is about.
        let proof = tiles.inclusion(300, &whole.leaf_hash(300).unwrap());
        assert_eq!(proof.is_ok(), changed == 300 - 256, "{changed}");
        tiles.leaf_hashes(0).unwrap();
    }
    let short = TileTree::new(600, root, |path| tile(&whole, path).map(|tile| tile[1..].to_vec()));
    assert!(matches!(short.leaf_hashes(0), Err(TileError::Length { .. })));
    let silent = TileTree::new(600, root, |_| Err("gone".to_owned()));
    assert!(matches!(silent.leaf_hashes(0), Err(TileError::Fetch { .. })));
}

#[test]
fn a_bundle_gives_the_entries_of_its_hashes_and_no_others() {
    let entries = vec![b"a".to_vec(), Vec::new(), vec![7; 4_096]];
    let hashes: Vec<Digest> = entries.iter().map(|entry| Sm3Hasher::leaf(entry)).collect();
    let bytes = bundle::write(&entries).unwrap();
    assert_eq!(bytes[..5], [0, 1, b'a', 0, 0]);
    assert_eq!(bundle::read(&bytes, &hashes).unwrap(), entries);
    for length in 0..bytes.len() {
        assert!(bundle::read(&bytes[..length], &hashes).is_err(), "{length} bytes");
    }
    for position in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[position] ^= 1;
        assert!(bundle::read(&bad, &hashes).is_err(), "byte {position}");
    }
    assert!(matches!(bundle::read(&[&bytes[..], b"x"].concat(), &hashes), Err(TileError::Bundle { expected: 3 })));
    assert!(bundle::read(&bytes, &hashes[..2]).is_err());
    assert_eq!(bundle::write(&[vec![0; 65_536]]), None);
}
