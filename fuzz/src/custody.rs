//! What custodians send each other, and what they keep between rounds, from bytes: nothing panics, and each value has one
//! encoding.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{SHARES, rng};
use arbitrary::Arbitrary;
use nacre_zk::custody::{
    ceremony::{Commitment, Committed, Dealing, Dealt},
    endorsement::{NonceCommitment, Nonces, SignatureShare, aggregate},
    resharing::{self, Dealer, Resharing},
};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Commitment(&'a [u8]),
    CommitmentEdited(Vec<(u16, u8)>),
    Reshared(&'a [u8]),
    ResharedEdited(Vec<(u16, u8)>),
    Dealing(&'a [u8]),
    Committed(&'a [u8]),
    Dealt(&'a [u8]),
    Dealer(&'a [u8]),
    Nonces(&'a [u8]),
    NonceCommitment(&'a [u8]),
    SignatureShare(&'a [u8]),
}

static COMMITMENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_, commitment) = Committed::begin(SHARES[0].jurisdiction(), 2, 2, 3, &mut rng(11)).expect("begun");
    commitment.to_bytes().expect("bytes")
});
static RESHARING: LazyLock<Resharing> =
    LazyLock::new(|| Resharing::new(SHARES[0].keys().clone(), &[1, 2].into(), 2, 3).expect("a resharing"));
static RESHARED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let begin = |share| Dealer::begin(&RESHARING, share, &mut rng(12)).expect("begun").1.to_bytes().expect("bytes");
    SHARES.iter().take(2).map(begin).collect()
});

fn edited(good: &[u8], edits: &[(u16, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (position, change) in edits {
        let position = usize::from(*position) % bytes.len();
        bytes[position] ^= change;
    }
    bytes
}

fn commitment(bytes: &[u8]) {
    let Ok(commitment) = Commitment::from_bytes(bytes) else { return };
    assert_eq!(commitment.to_bytes().expect("it was read"), bytes);
    let (state, _) = Committed::begin(SHARES[0].jurisdiction(), 1, 2, 3, &mut rng(13)).expect("begun");
    let good = Commitment::from_bytes(&COMMITMENT).expect("good");
    let dealt = state.deal(&BTreeMap::from([(2, good), (3, commitment)]));
    assert!(dealt.is_err(), "nobody knows the secret behind a commitment of the third");
}

fn reshared(bytes: &[u8]) {
    let Ok(commitment) = resharing::Commitment::from_bytes(bytes) else { return };
    assert_eq!(commitment.to_bytes().expect("it was read"), bytes);
    let first = resharing::Commitment::from_bytes(&RESHARED[0]).expect("good");
    if let Ok(keys) = RESHARING.keys(&BTreeMap::from([(1, first), (2, commitment)])) {
        assert_eq!(keys.group_key(), SHARES[0].group_key());
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
        Input::Commitment(bytes) => commitment(bytes),
        Input::CommitmentEdited(edits) => commitment(&edited(&COMMITMENT, &edits)),
        Input::Reshared(bytes) => reshared(bytes),
        Input::ResharedEdited(edits) => reshared(&edited(&RESHARED[1], &edits)),
        Input::Dealing(bytes) => {
            if let Ok(dealing) = Dealing::from_bytes(bytes) {
                assert_eq!(*dealing.to_bytes().expect("it was read"), bytes);
            }
        }
        Input::Committed(bytes) => drop(Committed::from_bytes(bytes)),
        Input::Dealt(bytes) => drop(Dealt::from_bytes(bytes, &BTreeMap::new())),
        Input::Dealer(bytes) => drop(Dealer::from_bytes(bytes)),
        Input::Nonces(bytes) => drop(Nonces::from_bytes(bytes)),
        Input::NonceCommitment(bytes) => {
            let Ok(commitment) = NonceCommitment::from_bytes(bytes) else { return };
            assert_eq!(commitment.to_bytes().expect("it was read"), bytes);
            let (nonces, own) = Nonces::commit(&SHARES[0], &mut rng(14)).expect("nonces");
            let _ = nonces.sign(&SHARES[0], b"root", &BTreeMap::from([(1, own), (2, commitment)]));
        }
        Input::SignatureShare(bytes) => {
            let Ok(share) = SignatureShare::from_bytes(bytes) else { return };
            assert_eq!(share.to_bytes(), bytes);
            let (nonces, own) = Nonces::commit(&SHARES[0], &mut rng(14)).expect("nonces");
            let (_, other) = Nonces::commit(&SHARES[1], &mut rng(15)).expect("nonces");
            let commitments = BTreeMap::from([(1, own), (2, other)]);
            let first = nonces.sign(&SHARES[0], b"root", &commitments).expect("a share");
            let shares = BTreeMap::from([(1, first), (2, share)]);
            assert!(aggregate(SHARES[0].keys(), b"root", &commitments, &shares).is_err(), "a signature was forged");
        }
    }
}
