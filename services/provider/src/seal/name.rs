//! Names under the provider's keys: record ids, pseudonyms, fingerprints. All are HMAC-SM3 (GB/T 15852.2 with SM3).
//!
//! Kept true: what is hashed starts with a label of its own and gives each text its length, so no two different
//! things are hashed as the same bytes; without the key nobody can try out identifiers or values.

use hmac::{Hmac, KeyInit as _, Mac as _};
use nacre_reading::PersonId;
use nacre_schemas::{
    Digest, Encode as _,
    canonical::Encoder,
    cohort::{CellKey, Period},
    identity::IdentityNumber,
    measure::MeasureRef,
};
use sm3::Sm3;
use zeroize::Zeroizing;

const PERSON: &[u8] = b"nacre provider person v1\n";
const RECORD: &[u8] = b"nacre provider record v2\n";
const FINGERPRINT: &[u8] = b"nacre provider fingerprint v1\n";
const PSEUDONYM: &[u8] = b"nacre provider pseudonym v1\n";
const HELD: &[u8] = b"nacre provider held v1\n";
const IDENTITY: &[u8] = b"nacre provider identity v1\n";
const FILE: &[u8] = b"nacre provider file v1\n";

/// The person's name here: what records are named after, so that who holds it can name them without the identifier.
pub(crate) fn person(key: &[u8; 32], system: &str, person: &PersonId) -> Digest {
    keyed(key, PERSON, |out| {
        out.sized(system.as_bytes());
        out.sized(person.as_bytes());
    })
}

/// The record's id: the same for the same person, measure and month whenever it is made.
pub(crate) fn record(key: &[u8; 32], person: &Digest, measure: &MeasureRef, period: Period) -> Digest {
    keyed(key, RECORD, |out| {
        person.encode(out);
        measure.encode(out);
        period.encode(out);
    })
}

/// The person's pseudonym that the provider makes by itself: the same in every record of this provider.
pub(crate) fn pseudonym(key: &[u8; 32], system: &str, person: &PersonId) -> Digest {
    keyed(key, PSEUDONYM, |out| {
        out.sized(system.as_bytes());
        out.sized(person.as_bytes());
    })
}

/// What the outbox knows a person's identity number by, under that key of pseudonyms.
pub(crate) fn identity(key: &[u8; 32], pseudonyms: &Digest, number: &IdentityNumber) -> Digest {
    keyed(key, IDENTITY, |out| {
        pseudonyms.encode(out);
        out.raw(&number.to_bytes());
    })
}

/// What a watch remembers a file by, whose path may name a person.
pub(crate) fn file(key: &[u8; 32], path: &[u8]) -> Digest {
    keyed(key, FILE, |out| out.sized(path))
}

/// What tells whether a record has the value and cell that it was posted with.
pub(crate) fn fingerprint(key: &[u8; 32], record: &Digest, cell: &CellKey, value_steps: u32) -> Digest {
    keyed(key, FINGERPRINT, |out| {
        record.encode(out);
        cell.encode(out);
        value_steps.encode(out);
    })
}

/// A name for something that the gateway holds, by its kind and the texts that tell it from others of the kind.
pub(crate) fn held(key: &[u8; 32], kind: &str, texts: &[&[u8]]) -> Digest {
    keyed(key, HELD, |out| {
        out.sized(kind.as_bytes());
        texts.iter().for_each(|text| out.sized(text));
    })
}

fn keyed(key: &[u8; 32], label: &[u8], write: impl FnOnce(&mut Encoder)) -> Digest {
    let mut out = Encoder::new();
    write(&mut out);
    let message = Zeroizing::new(out.into_bytes());
    let mut mac = Hmac::<Sm3>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(label);
    mac.update(&message);
    Digest(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person_named(identifier: &str) -> PersonId {
        PersonId::new(identifier).unwrap()
    }

    #[test]
    fn hmac_sm3_is_that_of_rfc_2104() {
        // By hand: SM3((K ⊕ opad) ‖ SM3((K ⊕ ipad) ‖ message)).
        let key = [7; 32];
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(key).for_each(|(block, key)| *block ^= key);
            block
        };
        let inner = Digest::of_parts(&[&pad(0x36), b"label", &[0, 0, 0, 1, b'x']]);
        let expected = Digest::of_parts(&[&pad(0x5c), inner.as_bytes()]);
        assert_eq!(keyed(&key, b"label", |out| out.sized(b"x")), expected);
    }

    #[test]
    fn every_part_of_a_records_context_changes_its_id() {
        let (a, b) = (person_named("A"), person_named("B"));
        let measure: MeasureRef = "bmi@1".parse().unwrap();
        let month: Period = "2020-01".parse().unwrap();
        let of = |key: u8, system: &str, id: &PersonId, measure: &MeasureRef, month: Period| {
            record(&[key; 32], &person(&[key; 32], system, id), measure, month)
        };
        let ids = [
            of(1, "urn:s", &a, &measure, month),
            of(2, "urn:s", &a, &measure, month),
            of(1, "urn:t", &a, &measure, month),
            of(1, "urn:s", &b, &measure, month),
            of(1, "urn:s", &a, &"bmi@2".parse().unwrap(), month),
            of(1, "urn:s", &a, &measure, "2020-02".parse().unwrap()),
            // The border between system and person is part of the message.
            of(1, "urn:", &person_named("sA"), &measure, month),
            person(&[1; 32], "urn:s", &a),
            pseudonym(&[1; 32], "urn:s", &a),
            identity(&[1; 32], &Digest([1; 32]), &"A123456(3)".parse().unwrap()),
            identity(&[1; 32], &Digest([2; 32]), &"A123456(3)".parse().unwrap()),
            identity(&[1; 32], &Digest([1; 32]), &"1234567(8)".parse().unwrap()),
            identity(&[2; 32], &Digest([1; 32]), &"A123456(3)".parse().unwrap()),
        ];
        for (position, id) in ids.iter().enumerate() {
            assert!(!ids[..position].contains(id), "{position}");
        }
        assert_eq!(ids[0], of(1, "urn:s", &a, &measure, month));
    }

    #[test]
    fn a_fingerprint_is_of_the_value_and_the_whole_cell() {
        let cell = |text: &str, sex: &str, age: &str| CellKey {
            measure: "bmi@1".parse().unwrap(),
            period: text.parse().unwrap(),
            region: "440100".parse().unwrap(),
            sex: sex.parse().unwrap(),
            age_band: age.parse().unwrap(),
        };
        let (record, first) = (Digest([3; 32]), cell("2020-01", "male", "40-44"));
        let base = fingerprint(&[1; 32], &record, &first, 245);
        assert_eq!(base, fingerprint(&[1; 32], &record, &first, 245));
        assert_ne!(base, fingerprint(&[1; 32], &record, &first, 246));
        assert_ne!(base, fingerprint(&[1; 32], &record, &cell("2020-01", "female", "40-44"), 245));
        assert_ne!(base, fingerprint(&[1; 32], &record, &cell("2020-01", "male", "45-49"), 245));
        assert_ne!(base, fingerprint(&[1; 32], &Digest([4; 32]), &first, 245));
    }
}
