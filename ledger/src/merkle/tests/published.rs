//! Verification and proofs against what others published and against the definition, in SHA-256.
//!
//! `published.txt` holds vectors of transparency-dev/merkle, to accept and to refuse; its head says which and how they
//! are written. Cost: some seconds.

use rayon::prelude::*;

use super::*;

/// One vector and what is to come of it.
struct Vector<'a> {
    name: &'a str,
    kind: &'a str,
    accept: bool,
    numbers: [u64; 2],
    hashes: [Digest; 2],
    proof: Vec<Digest>,
}

fn vectors() -> Vec<Vector<'static>> {
    let (mut hashes, mut vectors) = (Vec::new(), Vec::new());
    for line in include_str!("published.txt").lines().filter(|line| !line.starts_with('#')) {
        if let Some(hash) = line.strip_prefix("hash ") {
            hashes.push(hash.parse().unwrap());
            continue;
        }
        let (vector, name) = line.split_once("  # ").unwrap();
        let [kind, verdict, first, second, one, other, proof] = vector.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let hash = |number: &str| hashes[number.parse::<usize>().unwrap()];
        vectors.push(Vector {
            name,
            kind,
            accept: verdict == "accept",
            numbers: [first.parse().unwrap(), second.parse().unwrap()],
            hashes: [hash(one), hash(other)],
            proof: proof.split(',').filter(|number| *number != "-").map(hash).collect(),
        });
    }
    vectors
}

#[test]
fn the_published_proofs_are_accepted_and_the_published_forgeries_refused() {
    let vectors = vectors();
    for Vector { name, kind, accept, numbers: [first, second], hashes: [one, other], proof } in &vectors {
        let result = match *kind {
            "inclusion" => inclusion::verify::<Sha256Hasher>(other, *first, *second, one, proof),
            "consistency" => consistency::verify::<Sha256Hasher>(*first, one, *second, other, proof),
            unknown => panic!("{unknown}"),
        };
        assert_eq!(result.is_ok(), *accept, "{name}: {result:?}");
    }
    let accepted = vectors.iter().filter(|vector| vector.accept).count();
    assert_eq!((vectors.len(), accepted), (143, 11));
}

#[test]
fn every_root_and_proof_up_to_300_leaves_is_that_of_the_definition() {
    let data = leaves(300);
    let tree = tree::<Sha256Hasher>(&data);
    (0..=data.len()).into_par_iter().for_each(|size| {
        assert_eq!(tree.root_at(size as u64), Ok(naive::mth::<Sha256Hasher>(&data[..size])), "{size}");
        for index in 0..size {
            let proof = tree.inclusion(index as u64, size as u64).unwrap();
            assert_eq!(proof, naive::path::<Sha256Hasher>(index, &data[..size]), "{index} of {size}");
            if index > 0 {
                let proof = tree.consistency(index as u64, size as u64).unwrap();
                assert_eq!(proof, naive::subproof::<Sha256Hasher>(index, &data[..size], true), "{index} to {size}");
            }
        }
    });
}
