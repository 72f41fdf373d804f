//! Decryption shares, parts of pseudonyms, key shares and sums of points from bytes: nothing panics, no share and no part
//! but the custodian's own passes, and a key share has one encoding.

use std::sync::LazyLock;

use crate::{BATCH, SHARES, rng};
use arbitrary::Arbitrary;
use nacre_schemas::{
    Digest, Document, Point,
    answer::Share,
    pseudonym::{Evaluation, EvaluationRequest},
};
use nacre_zk::{custody::KeyShare, pseudonym, share, tally};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Share { bytes: &'a [u8], edits: Vec<(u8, u8)> },
    KeyShare { bytes: &'a [u8], edits: Vec<(u16, u8)> },
    Points(Vec<[u8; 32]>),
    Evaluation { bytes: &'a [u8], edits: Vec<(u8, u8)> },
}

static GIVEN: LazyLock<Share> = LazyLock::new(|| {
    let key = BATCH.contributions[0].openings.keys.to_canonical();
    // Past tag and version stands the first of the D's.
    let key = Point(key[5..37].try_into().expect("32 bytes"));
    let request = Digest::of(b"request");
    share::answer(SHARES[0].secret(), &request, &SHARES[0].custodian(), &key, &mut rng(5)).expect("a share")
});

/// A request for pseudonyms of three people, and what the first custodian answers.
static ASKED: LazyLock<EvaluationRequest> = LazyLock::new(|| {
    let people = [b"a", b"b", b"c"].map(|person| person.to_vec().into()).into();
    let provider = "hospital".parse().expect("a name");
    pseudonym::Blinding::new(&provider, people, &mut rng(6)).expect("three people").request().clone()
});
static ANSWERED: LazyLock<Evaluation> = LazyLock::new(|| {
    pseudonym::evaluate(SHARES[0].secret(), &ASKED, &SHARES[0].custodian(), &mut rng(7)).expect("proper points")
});
static KEYS: LazyLock<pseudonym::Keys> = LazyLock::new(|| pseudonym::Keys::of_groups([SHARES[0].keys().clone()]));

fn check_evaluation(bytes: &[u8]) {
    if let Some(evaluation) = crate::one_encoding::<Evaluation>(bytes) {
        if KEYS.check(&ASKED, &SHARES[0].custodian(), &evaluation).is_ok() {
            assert_eq!(evaluation, *ANSWERED, "nobody made another part of this request");
        }
    }
    // What a provider sends a custodian.
    if let Some(request) = crate::one_encoding::<EvaluationRequest>(bytes) {
        let _ = pseudonym::evaluate(SHARES[0].secret(), &request, &SHARES[0].custodian(), &mut rng(8));
    }
}

fn edited<P: Into<usize> + Copy>(good: &[u8], edits: &[(P, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (position, change) in edits {
        let position = (*position).into() % bytes.len();
        bytes[position] ^= change;
    }
    bytes
}

fn check_share(bytes: &[u8]) {
    let Some(share) = crate::one_encoding::<Share>(bytes) else { return };
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

/// One input.
pub fn run(data: &[u8]) {
    if let Some(input) = crate::input(data) {
        check(input);
    }
}

fn check(input: Input<'_>) {
    match input {
        Input::Share { bytes, edits } => {
            check_share(bytes);
            check_share(&edited(&GIVEN.to_canonical(), &edits));
        }
        Input::KeyShare { bytes, edits } => {
            check_key_share(bytes);
            check_key_share(&edited(&SHARES[0].to_bytes(), &edits));
        }
        Input::Evaluation { bytes, edits } => {
            check_evaluation(bytes);
            check_evaluation(&edited(&ANSWERED.to_canonical(), &edits));
            check_evaluation(&edited(&ASKED.to_canonical(), &edits));
        }
        Input::Points(points) => {
            let points: Vec<Point> = points.into_iter().map(Point).collect();
            if let Ok(sum) = tally::sum_points(&points) {
                assert!(tally::sum_points([&sum]).is_ok(), "a sum of points is a point");
            }
        }
    }
}
