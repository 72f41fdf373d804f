//! The tree against published vectors and against the definitions of RFC 6962 written out naively: every
//! proof that should be accepted is, and every change to one is refused. A failure prints the sizes.
//! Cost: some seconds.
//!
//! A root does not commit to its size, so a proof can hold for another size too, but only where the path has
//! the same shape there; the tests say exactly when.

use nacre_schemas::Digest;
use proptest::prelude::*;

use super::{hasher::Sha256Hasher, tree::root_of, *};

mod published;

/// `MTH`, `PATH` and `SUBPROOF` of RFC 6962 section 2.1, word for word.
mod naive {
    use super::*;

    fn k(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }

    pub(super) fn mth<H: Hasher>(d: &[Vec<u8>]) -> Digest {
        match d.len() {
            0 => H::empty(),
            1 => H::leaf(&d[0]),
            n => H::node(&mth::<H>(&d[..k(n)]), &mth::<H>(&d[k(n)..])),
        }
    }

    pub(super) fn path<H: Hasher>(m: usize, d: &[Vec<u8>]) -> Vec<Digest> {
        let n = d.len();
        if n == 1 {
            return Vec::new();
        }
        let (mut proof, last) = if m < k(n) {
            (path::<H>(m, &d[..k(n)]), mth::<H>(&d[k(n)..]))
        } else {
            (path::<H>(m - k(n), &d[k(n)..]), mth::<H>(&d[..k(n)]))
        };
        proof.push(last);
        proof
    }

    pub(super) fn subproof<H: Hasher>(m: usize, d: &[Vec<u8>], complete: bool) -> Vec<Digest> {
        let n = d.len();
        if m == n {
            return if complete { Vec::new() } else { vec![mth::<H>(d)] };
        }
        let (mut proof, last) = if m <= k(n) {
            (subproof::<H>(m, &d[..k(n)], complete), mth::<H>(&d[k(n)..]))
        } else {
            (subproof::<H>(m - k(n), &d[k(n)..], false), mth::<H>(&d[..k(n)]))
        };
        proof.push(last);
        proof
    }

    /// On which side of a run `[first, end)` each subtree lies, as its proof's verifier walks the tree.
    pub(super) fn shape(start: usize, n: usize, first: usize, end: usize) -> String {
        if start + n <= first || end <= start {
            "o".to_owned()
        } else if n == 1 {
            "l".to_owned()
        } else {
            let left = shape(start, k(n), first, end);
            format!("({left}{})", shape(start + k(n), n - k(n), first, end))
        }
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("leaf {index}").into_bytes()).collect()
}

fn hashes<H: Hasher>(data: &[Vec<u8>]) -> Vec<Digest> {
    data.iter().map(|leaf| H::leaf(leaf)).collect()
}

fn tree<H: Hasher>(data: &[Vec<u8>]) -> Tree<H> {
    let mut tree = Tree::new();
    for (index, hash) in hashes::<H>(data).into_iter().enumerate() {
        assert_eq!(tree.append(hash), index as u64);
    }
    tree
}

fn digests(texts: &[&str]) -> Vec<Digest> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The proof with each hash changed, each hash left out, and one added at each place.
fn altered(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut all = Vec::new();
    for position in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(position, proof.first().copied().unwrap_or(Digest([0; 32])));
        all.push(longer);
        if position < proof.len() {
            let mut changed = proof.to_vec();
            changed[position].0[position % 32] ^= 0x10;
            all.push(changed);
            let mut shorter = proof.to_vec();
            shorter.remove(position);
            all.push(shorter);
        }
    }
    all
}

#[test]
fn the_left_subtree_is_the_largest_power_of_two_below_the_size() {
    for (size, left) in [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8), (1 << 63, 1 << 62), (u64::MAX, 1 << 63)] {
        assert_eq!(left_leaves(size), left, "{size}");
    }
}

/// The reference data of google/certificate-transparency, `merkletree/merkle_tree_test.cc`.
fn published() -> Vec<Vec<u8>> {
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        .map(|text| hex::decode(text).unwrap())
        .to_vec()
}

#[test]
fn the_published_roots_come_out() {
    let roots = digests(&[
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]);
    let tree = tree::<Sha256Hasher>(&published());
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(tree.root_at(size as u64), Ok(*root), "{size}");
        assert_eq!(root_of::<Sha256Hasher>(&hashes::<Sha256Hasher>(&published()[..size])), *root, "{size}");
    }
}

#[test]
fn the_published_proofs_come_out() {
    let a = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    let b = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    let c = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    let d = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    let e = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    let f = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    let g = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    let tree = tree::<Sha256Hasher>(&published());
    assert_eq!(tree.inclusion(0, 8), Ok(digests(&[a, b, c])));
    assert_eq!(tree.inclusion(5, 8), Ok(digests(&[d, e, f])));
    assert_eq!(tree.consistency(1, 8), Ok(digests(&[a, b, c])));
    assert_eq!(tree.consistency(6, 8), Ok(digests(&[g, e, f])));
    assert_eq!(tree.consistency(2, 5), Ok(digests(&[b, d])));
}

#[test]
fn a_tree_refuses_what_it_does_not_hold() {
    let tree = tree::<Sm3Hasher>(&leaves(5));
    assert_eq!(tree.root_at(6), Err(TreeError::SizeBeyond { size: 6, held: 5 }));
    assert_eq!(tree.inclusion(0, 6), Err(TreeError::SizeBeyond { size: 6, held: 5 }));
    assert_eq!(tree.inclusion(3, 3), Err(TreeError::OutsideTree { first: 3, end: 4, size: 3 }));
    assert_eq!(tree.consistency(4, 3), Err(TreeError::Shrinks { from: 4, to: 3 }));
    assert_eq!(tree.consistency(4, 6), Err(TreeError::SizeBeyond { size: 6, held: 5 }));
    assert_eq!(tree.leaf_hash(5), None);
    let hashes = hashes::<Sm3Hasher>(&leaves(5));
    assert_eq!(range::prove::<Sm3Hasher>(&hashes, 2, 0), Err(TreeError::EmptyRun));
    assert_eq!(range::prove::<Sm3Hasher>(&hashes, 2, 4), Err(TreeError::OutsideTree { first: 2, end: 6, size: 5 }));
    assert!(range::prove::<Sm3Hasher>(&hashes, usize::MAX, 2).is_err());
}

#[test]
fn small_trees_agree_with_the_definition_in_every_root_and_proof() {
    let data = leaves(36);
    let tree = tree::<Sm3Hasher>(&data);
    for size in 0..=data.len() {
        let root = naive::mth::<Sm3Hasher>(&data[..size]);
        assert_eq!(tree.root_at(size as u64), Ok(root), "{size}");
        for index in 0..size {
            let proof = tree.inclusion(index as u64, size as u64).unwrap();
            assert_eq!(proof, naive::path::<Sm3Hasher>(index, &data[..size]), "{index} of {size}");
            let leaf = Sm3Hasher::leaf(&data[index]);
            for other in 0..=size as u64 {
                let result = inclusion::verify::<Sm3Hasher>(&leaf, other, size as u64, &root, &proof);
                assert_eq!(result.is_ok(), other == index as u64, "{index} of {size} as {other}");
            }
        }
        for from in 0..=size {
            let proof = tree.consistency(from as u64, size as u64).unwrap();
            if from > 0 {
                assert_eq!(proof, naive::subproof::<Sm3Hasher>(from, &data[..size], true), "{from} to {size}");
            }
            let from_root = naive::mth::<Sm3Hasher>(&data[..from]);
            let result = consistency::verify::<Sm3Hasher>(from as u64, &from_root, size as u64, &root, &proof);
            assert_eq!(result, Ok(()), "{from} to {size}");
        }
    }
}

#[test]
fn runs_of_small_trees_are_accepted_where_they_are_and_nowhere_else() {
    let hashes = hashes::<Sm3Hasher>(&leaves(18));
    for size in 1..=hashes.len() {
        let root = root_of::<Sm3Hasher>(&hashes[..size]);
        for first in 0..size {
            for end in first + 1..=size {
                let run = &hashes[first..end];
                let proof = range::prove::<Sm3Hasher>(&hashes[..size], first, end - first).unwrap();
                for other in 0..=size {
                    let result = range::verify::<Sm3Hasher>(other as u64, run, size as u64, &root, &proof);
                    assert_eq!(result.is_ok(), other == first, "{first}..{end} of {size} at {other}");
                }
            }
        }
    }
}

#[test]
fn a_run_of_one_leaf_has_the_hashes_of_its_inclusion_proof() {
    let hashes = hashes::<Sm3Hasher>(&leaves(21));
    let tree = tree::<Sm3Hasher>(&leaves(21));
    for index in 0..hashes.len() {
        let mut run = range::prove::<Sm3Hasher>(&hashes, index, 1).unwrap();
        let mut path = tree.inclusion(index as u64, 21).unwrap();
        run.sort();
        path.sort();
        assert_eq!(run, path, "{index}");
    }
}

#[test]
fn the_empty_tree_is_extended_by_every_tree_but_only_under_its_own_root() {
    let root = naive::mth::<Sm3Hasher>(&leaves(3));
    let empty = Sm3Hasher::empty();
    assert_eq!(consistency::verify::<Sm3Hasher>(0, &empty, 3, &root, &[]), Ok(()));
    assert_eq!(consistency::verify::<Sm3Hasher>(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(consistency::verify::<Sm3Hasher>(0, &root, 3, &root, &[]), Err(ProofError::RootMismatch));
    assert_eq!(consistency::verify::<Sm3Hasher>(0, &root, 0, &root, &[]), Err(ProofError::RootMismatch));
    assert_eq!(consistency::verify::<Sm3Hasher>(0, &empty, 3, &root, &[root]), Err(ProofError::UnusedHash));
    assert_eq!(consistency::verify::<Sm3Hasher>(3, &root, 3, &empty, &[]), Err(ProofError::RootMismatch));
    assert_eq!(consistency::verify::<Sm3Hasher>(3, &root, 3, &root, &[root]), Err(ProofError::UnusedHash));
    assert_eq!(consistency::verify::<Sm3Hasher>(3, &root, 2, &root, &[]), Err(ProofError::Shrinks { from: 3, to: 2 }));
}

#[test]
fn claims_of_enormous_trees_are_answered_at_once() {
    let hash = Digest([1; 32]);
    let proof = vec![hash; 200];
    for size in [1 << 40, u64::MAX - 1, u64::MAX] {
        for index in [0, size / 2, size - 1] {
            assert!(inclusion::verify::<Sm3Hasher>(&hash, index, size, &hash, &proof).is_err());
            assert!(range::verify::<Sm3Hasher>(index, &[hash], size, &hash, &proof).is_err());
            assert!(range::verify::<Sm3Hasher>(index, &[hash; 3], size, &hash, &proof).is_err());
            assert!(consistency::verify::<Sm3Hasher>(index, &hash, size, &hash, &proof).is_err());
        }
    }
    assert!(range::verify::<Sm3Hasher>(u64::MAX, &[hash; 3], u64::MAX, &hash, &proof).is_err());
    assert_eq!(range::verify::<Sm3Hasher>(0, &[], 5, &hash, &proof), Err(ProofError::EmptyRun));
}

proptest! {
    #[test]
    fn an_inclusion_proof_holds_for_its_leaf_alone(size in 1usize..=300, pick: prop::sample::Index) {
        let data = leaves(size);
        let index = pick.index(size);
        let proof = tree::<Sm3Hasher>(&data).inclusion(index as u64, size as u64).unwrap();
        prop_assert_eq!(&proof, &naive::path::<Sm3Hasher>(index, &data));
        let (leaf, root) = (Sm3Hasher::leaf(&data[index]), naive::mth::<Sm3Hasher>(&data));
        let verify = |leaf: &Digest, index: usize, size: usize, root: &Digest, proof: &[Digest]| {
            inclusion::verify::<Sm3Hasher>(leaf, index as u64, size as u64, root, proof).is_ok()
        };
        prop_assert!(verify(&leaf, index, size, &root, &proof));
        for other in (0..size + 2).filter(|other| *other != index) {
            prop_assert!(!verify(&leaf, other, size, &root, &proof));
            if let Some(data) = data.get(other) {
                prop_assert!(!verify(&Sm3Hasher::leaf(data), index, size, &root, &proof));
            }
        }
        let shape = naive::shape(0, size, index, index + 1);
        for other in index + 1..=size + 20 {
            let same = naive::shape(0, other, index, index + 1) == shape;
            prop_assert_eq!(verify(&leaf, index, other, &root, &proof), same, "size {}", other);
        }
        for changed in altered(&proof) {
            prop_assert!(!verify(&leaf, index, size, &root, &changed));
        }
        prop_assert!(!verify(&leaf, index, size, &Digest([7; 32]), &proof));
    }

    #[test]
    fn a_consistency_proof_holds_for_its_two_trees_alone(to in 2usize..=300, pick: prop::sample::Index) {
        let data = leaves(to);
        let from = 1 + pick.index(to - 1);
        let tree = tree::<Sm3Hasher>(&data);
        let proof = tree.consistency(from as u64, to as u64).unwrap();
        prop_assert_eq!(&proof, &naive::subproof::<Sm3Hasher>(from, &data, true));
        let roots: Vec<Digest> = (0..=to as u64).map(|size| tree.root_at(size).unwrap()).collect();
        let verify = |from: usize, from_root: &Digest, to: usize, to_root: &Digest, proof: &[Digest]| {
            consistency::verify::<Sm3Hasher>(from as u64, from_root, to as u64, to_root, proof).is_ok()
        };
        prop_assert!(verify(from, &roots[from], to, &roots[to], &proof));
        for other in (0..=to).filter(|other| *other != from) {
            prop_assert!(!verify(from, &roots[other], to, &roots[to], &proof));
            // With its own size and root, but the proof of another size.
            let own = tree.consistency(other as u64, to as u64).unwrap() == proof;
            prop_assert_eq!(verify(other, &roots[other], to, &roots[to], &proof), own, "from {}", other);
        }
        for changed in altered(&proof) {
            prop_assert!(!verify(from, &roots[from], to, &roots[to], &changed));
        }
        prop_assert!(!verify(to, &roots[to], from, &roots[from], &proof));
        prop_assert!(!verify(from, &roots[from], to, &Digest([7; 32]), &proof));
    }

    #[test]
    fn a_run_holds_for_its_leaves_and_place_alone(
        size in 1usize..=300,
        ends: (prop::sample::Index, prop::sample::Index),
    ) {
        let hashes = hashes::<Sm3Hasher>(&leaves(size));
        let (a, b) = (ends.0.index(size), ends.1.index(size));
        let (first, end) = (a.min(b), a.max(b) + 1);
        let root = naive::mth::<Sm3Hasher>(&leaves(size));
        let run = &hashes[first..end];
        let proof = range::prove::<Sm3Hasher>(&hashes, first, end - first).unwrap();
        let verify = |first: usize, run: &[Digest], size: usize, root: &Digest, proof: &[Digest]| {
            range::verify::<Sm3Hasher>(first as u64, run, size as u64, root, proof).is_ok()
        };
        prop_assert!(verify(first, run, size, &root, &proof));
        for other in (0..size + 2).filter(|other| *other != first) {
            prop_assert!(!verify(other, run, size, &root, &proof));
        }
        let shape = naive::shape(0, size, first, end);
        for other in 1..=size + 20 {
            let same = end <= other && naive::shape(0, other, first, end) == shape;
            prop_assert_eq!(verify(first, run, other, &root, &proof), same, "size {}", other);
        }
        for changed in altered(&proof) {
            prop_assert!(!verify(first, run, size, &root, &changed));
        }
        for changed in altered(run) {
            prop_assert!(!verify(first, &changed, size, &root, &proof));
        }
        if run.len() > 1 {
            let mut swapped = run.to_vec();
            swapped.swap(0, end - first - 1);
            prop_assert!(!verify(first, &swapped, size, &root, &proof));
        }
        prop_assert!(!verify(first, run, size, &Digest([7; 32]), &proof));
    }
}
