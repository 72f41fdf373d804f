//! Decryption shares, key shares and sums of points from bytes: nothing panics, no share but the custodian's own passes,
//! and a key share has one encoding.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{BATCH, SHARES, rng};
use nacre_schemas::{Digest, Document, Point, answer::Share};
use nacre_zk::{custody::KeyShare, share, tally};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Share { bytes: &'a [u8], edits: Vec<(u8, u8)> },
    KeyShare { bytes: &'a [u8], edits: Vec<(u16, u8)> },
    Points(Vec<[u8; 32]>),
}

static GIVEN: LazyLock<Share> = LazyLock::new(|| {
    let key = BATCH.contributions[0].openings.keys.to_canonical();
    // Past tag and version stands the first of the D's.
    let key = Point(key[5..37].try_into().expect("32 bytes"));
    let request = Digest::of(b"request");
    share::answer(SHARES[0].secret(), &request, &SHARES[0].custodian(), &key, &mut rng(5)).expect("a share")
});

fn edited<P: Into<usize> + Copy>(good: &[u8], edits: &[(P, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (position, change) in edits {
        let position = (*position).into() % bytes.len();
        bytes[position] ^= change;
    }
    bytes
}

fn check_share(bytes: &[u8]) {
    let Some(share) = nacre_fuzz::one_encoding::<Share>(bytes) else { return };
    let (owner, request) = (SHARES[0].custodian(), Digest::of(b"request"));
    let verifying_share = SHARES[0].secret().verifying_share();
    if share::verify(&share, &request, &owner, &verifying_share).is_ok() {
        assert_eq!(share, *GIVEN, "nobody made another share of this sum");
    }
    let _ = share::combine(&share.share, &[(owner, share.clone()), (SHARES[1].custodian(), GIVEN.clone())]);
}

fn check_key_share(bytes: &[u8]) {
    if let Ok(share) = KeyShare::from_bytes(bytes) {
        assert_eq!(*share.to_bytes(), bytes);
    }
}

fuzz_target!(|input: Input| {
    match input {
        Input::Share { bytes, edits } => {
            check_share(bytes);
            check_share(&edited(&GIVEN.to_canonical(), &edits));
        }
        Input::KeyShare { bytes, edits } => {
            check_key_share(bytes);
            check_key_share(&edited(&SHARES[0].to_bytes(), &edits));
        }
        Input::Points(points) => {
            let points: Vec<Point> = points.into_iter().map(Point).collect();
            if let Ok(sum) = tally::sum_points(&points) {
                assert!(tally::sum_points([&sum]).is_ok(), "a sum of points is a point");
            }
        }
    }
});
