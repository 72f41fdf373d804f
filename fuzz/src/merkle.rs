//! Inclusion, consistency and run proofs: verifying does not panic, whatever is shown; what a tree proves verifies, and no
//! change of a proof, a leaf or a root does.

use arbitrary::Arbitrary;
use nacre_ledger::{
    merkle::{Sm3Hasher, Tree, consistency, inclusion, range},
    seal,
};
use nacre_schemas::{Digest, dossier::CellRun};

#[derive(Arbitrary, Debug)]
struct Shown {
    first: u64,
    second: u64,
    leaf: [u8; 32],
    root: [u8; 32],
    proof: Vec<[u8; 32]>,
    leaves: Vec<[u8; 32]>,
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Shown(Shown),
    Grown { size: u8, from: u8, index: u8, flip: (u8, u8) },
    Run { bytes: &'a [u8], total: u32 },
}

fn verify_shown(shown: &Shown) {
    let digests = |bytes: &[[u8; 32]]| bytes.iter().copied().map(Digest).collect::<Vec<_>>();
    let (proof, leaves) = (digests(&shown.proof), digests(&shown.leaves));
    let (leaf, root) = (Digest(shown.leaf), Digest(shown.root));
    let _ = inclusion::verify::<Sm3Hasher>(&leaf, shown.first, shown.second, &root, &proof);
    let _ = consistency::verify::<Sm3Hasher>(shown.first, &leaf, shown.second, &root, &proof);
    let _ = consistency::earlier_root::<Sm3Hasher>(shown.first, shown.second, &root, &proof);
    let _ = range::verify::<Sm3Hasher>(shown.first, &leaves, shown.second, &root, &proof);
    let _ = range::verify::<Sm3Hasher>(0, &leaves, leaves.len() as u64, &root, &proof);
}

fn flip(proof: &mut [Digest], (hash, bit): (u8, u8)) -> bool {
    let count = proof.len();
    if count == 0 {
        return false;
    }
    proof[usize::from(hash) % count].0[usize::from(bit >> 3)] ^= 1 << (bit & 7);
    true
}

fn prove(size: u8, from: u8, index: u8, change: (u8, u8)) {
    let mut tree = Tree::<Sm3Hasher>::new();
    let leaves: Vec<Digest> = (0..size).map(|leaf| Digest::of(&[leaf])).collect();
    for leaf in &leaves {
        tree.append(*leaf);
    }
    let size = u64::from(size);
    let root = tree.root_at(size).expect("its own size");
    let index = u64::from(index);
    if index < size {
        let leaf = &leaves[index as usize];
        let mut proof = tree.inclusion(index, size).expect("inside");
        assert_eq!(inclusion::verify::<Sm3Hasher>(leaf, index, size, &root, &proof), Ok(()));
        if flip(&mut proof, change) {
            assert!(inclusion::verify::<Sm3Hasher>(leaf, index, size, &root, &proof).is_err());
        }
        let count = usize::from(change.0) % (size - index) as usize + 1;
        let run = &leaves[index as usize..][..count];
        let mut proof = range::prove::<Sm3Hasher>(&leaves, index as usize, count).expect("inside");
        assert_eq!(range::verify::<Sm3Hasher>(index, run, size, &root, &proof), Ok(()));
        if flip(&mut proof, change) {
            assert!(range::verify::<Sm3Hasher>(index, run, size, &root, &proof).is_err());
        }
    }
    let from = u64::from(from);
    if from <= size {
        let earlier = tree.root_at(from).expect("smaller");
        let mut proof = tree.consistency(from, size).expect("smaller");
        assert_eq!(consistency::verify::<Sm3Hasher>(from, &earlier, size, &root, &proof), Ok(()));
        if flip(&mut proof, change) {
            assert!(consistency::verify::<Sm3Hasher>(from, &earlier, size, &root, &proof).is_err());
        }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    if let Some(input) = crate::input(data) {
        check(input);
    }
}

fn check(input: Input<'_>) {
    match input {
        Input::Shown(shown) => verify_shown(&shown),
        Input::Grown { size, from, index, flip } => prove(size, from, index, flip),
        Input::Run { bytes, total } => {
            if let Ok(run) = serde_json::from_slice::<CellRun>(bytes) {
                let _ = seal::verify_run(&run, &Digest::of(b"root"), total);
            }
        }
    }
}
