//! What this crate's tests start from: a key whose secret is known, and records.

use curve25519_dalek::scalar::Scalar;
use nacre_schemas::{
    Blob, Digest, Signature,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    id::{ChainId, MemberId},
    measure::Measure,
    region::Region,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::{
    batch::{ProvenBatch, Record, prove},
    elgamal::times_base,
    encoding::encode_point,
    key::CollectiveKey,
};

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A key and its secret.
pub(crate) fn key(seed: u64) -> (CollectiveKey, Scalar) {
    let x = Scalar::random(&mut rng(seed));
    (CollectiveKey::of_group_keys(&[encode_point(&times_base(&x))]).unwrap(), x)
}

pub(crate) fn chain() -> ChainId {
    "region/440100".parse().unwrap()
}

pub(crate) fn provider() -> MemberId {
    "hospital.example".parse().unwrap()
}

pub(crate) fn measure(id: &str) -> &'static Measure {
    Catalogue::built_in().newest(&id.parse().unwrap()).unwrap()
}

pub(crate) fn header(measure: &Measure, number: u32) -> Header {
    Header {
        record: Digest::of(&number.to_be_bytes()),
        provider: provider(),
        cell: CellKey {
            measure: measure.reference(),
            period: "2026-01".parse().unwrap(),
            region: Region::all().next().unwrap(),
            sex: Sex::Female,
            age_band: AgeBand::of_age(47),
        },
    }
}

pub(crate) fn restricted(number: u32) -> Restricted {
    Restricted {
        pseudonym: Digest::of_parts(&[b"person", &number.to_be_bytes()]),
        payload: Payload {
            nonce: Blob::new(vec![7; 12]).unwrap(),
            ciphertext: Blob::new(vec![number as u8; 40]).unwrap(),
            wrapped_key: Blob::new(vec![9; 32]).unwrap(),
        },
        cross: None,
    }
}

pub(crate) fn record(measure: &Measure, number: u32, value: u32) -> Record<'_> {
    Record { measure, header: header(measure, number), restricted: restricted(number), value }
}

/// Records of these measures and values, numbered from 0.
pub(crate) fn records(values: &[(&'static str, u32)]) -> Vec<Record<'static>> {
    let record = |(number, (id, value)): (u32, &(&str, u32))| record(measure(id), number, *value);
    (0..).zip(values).map(record).collect()
}

/// As it would be posted; the signature is not this crate's to check.
pub(crate) fn unsigned(proven: ProvenBatch) -> Batch {
    Batch {
        chain: chain(),
        provider: provider(),
        contributions: proven.contributions,
        range_proof: proven.range_proof,
        cross: None,
        signature: Signature([1; 64]),
    }
}

/// A proven batch of these measures and values.
pub(crate) fn batch(key: &CollectiveKey, values: &[(&'static str, u32)]) -> Batch {
    unsigned(prove(key, &chain(), &provider(), records(values), &mut rng(1)).unwrap())
}
