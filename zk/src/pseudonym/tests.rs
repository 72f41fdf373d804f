//! The function is RFC 9497's, whoever of the custodians takes part; a part that is not made with its custodian's share
//! names the custodian.

use std::iter;

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::Identity as _};
use nacre_schemas::{
    Document as _, Point,
    canonical::fields,
    id::MemberId,
    pseudonym::{Element, Evaluation, EvaluationRequest},
};
use rand::rngs::OsRng;
use voprf::{Ristretto255, VoprfServer};
use zeroize::Zeroizing;

use super::*;
use crate::{
    custody::{self, KeyShare},
    encoding::{decode_point, decode_scalar, encode_point},
    fixture::rng,
    polynomial,
};

const JURISDICTIONS: [&str; 3] = ["guangdong", "hongkong", "macao"];

/// Three custodians a jurisdiction, of whom it takes two.
struct Scene {
    shares: BTreeMap<JurisdictionId, Vec<KeyShare>>,
    keys: Keys,
}

impl Scene {
    fn new() -> Self {
        let dealt = |name: &str| {
            let id: JurisdictionId = name.parse().unwrap();
            (id.clone(), custody::generate(&id, 2, 3, &mut rng(name.len() as u64)).unwrap())
        };
        let shares: BTreeMap<JurisdictionId, Vec<KeyShare>> = JURISDICTIONS.into_iter().map(dealt).collect();
        let keys = Keys::of_groups(shares.values().map(|shares| shares[0].keys().clone()));
        Self { shares, keys }
    }

    fn share(&self, jurisdiction: &str, number: usize) -> &KeyShare {
        &self.shares[&jurisdiction.parse().unwrap()][number - 1]
    }

    /// `Σ_j y_j`, which nobody has.
    fn key(&self) -> Scalar {
        let of_jurisdiction = |shares: &Vec<KeyShare>| -> Scalar {
            let place = |share: &KeyShare| polynomial::place(share.jurisdiction(), share.number()).unwrap();
            let places: Vec<Scalar> = shares.iter().map(place).collect();
            let secrets = shares.iter().map(|share| *share.secret().scalar());
            polynomial::coefficients(&places, &Scalar::ZERO).into_iter().zip(secrets).map(|(c, y)| c * y).sum()
        };
        self.shares.values().map(of_jurisdiction).sum()
    }

    fn evaluate(&self, share: &KeyShare, request: &EvaluationRequest) -> Evaluation {
        evaluate(share.secret(), request, &share.custodian(), &mut rng(9)).unwrap()
    }

    fn part(&self, share: &KeyShare, request: &EvaluationRequest) -> Checked {
        self.keys.check(request, &share.custodian(), &self.evaluate(share, request)).unwrap()
    }

    /// The parts of these custodians of every jurisdiction.
    fn parts(&self, numbers: &[usize], request: &EvaluationRequest) -> Vec<Checked> {
        let shares = self.shares.values().flat_map(|shares| numbers.iter().map(|number| &shares[number - 1]));
        shares.map(|share| self.part(share, request)).collect()
    }
}

fn provider() -> MemberId {
    "hospital.example".parse().unwrap()
}

fn inputs(names: &[&[u8]]) -> Vec<Zeroizing<Vec<u8>>> {
    names.iter().map(|name| Zeroizing::new(name.to_vec())).collect()
}

fn blinding(names: &[&[u8]]) -> Blinding {
    Blinding::new(&provider(), inputs(names), &mut OsRng).unwrap()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn the_function_is_that_of_rfc_9497() {
    // Appendix A.1.2: ristretto255-SHA512, VOPRF mode, test vectors 1 and 2.
    let key = Scalar::from_canonical_bytes(bytes("e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909"));
    let vectors = [
        (
            "00",
            "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
             a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
        ),
        (
            "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
            "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
            "cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c",
            "60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468",
            "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
             356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
        ),
    ];
    for (input, blind, blinded, evaluated, expected) in vectors {
        let input = hex::decode(input).unwrap();
        let blind = Scalar::from_canonical_bytes(bytes(blind)).unwrap();
        let a = blind * function::hash_to_group(&input);
        assert_eq!(encode_point(&a), Point(bytes(blinded)));
        let s = key.unwrap() * a;
        assert_eq!(encode_point(&s), Point(bytes(evaluated)));
        let output = function::output(&input, &encode_point(&(blind.invert() * s)));
        assert_eq!(*output, bytes::<64>(expected));
    }
}

#[test]
fn shares_of_a_key_give_what_the_whole_key_gives_in_another_implementation() {
    let scene = Scene::new();
    let server = VoprfServer::<Ristretto255>::new_with_key(scene.key().as_bytes()).unwrap();
    let long = [7; 65_535];
    let names: [&[u8]; 4] = [b"", b"A1234563", b"11010519491231002X", &long];
    let blinding = blinding(&names);
    let parts = scene.parts(&[1, 3], blinding.request());
    let outputs = blinding.outputs(&scene.keys, &parts).unwrap();
    for (name, output) in names.iter().zip(&outputs) {
        assert_eq!(server.evaluate(name).unwrap()[..], output[..]);
    }
    let pseudonyms = blinding.finish(&scene.keys, &parts).unwrap();
    let expected = outputs.iter().map(|output| Digest::of_parts(&[b"nacre pseudonym v1\n", &**output]));
    assert!(pseudonyms.into_iter().eq(expected));
}

#[test]
fn one_person_has_one_pseudonym_whoever_asks_and_whoever_answers() {
    let scene = Scene::new();
    let all: [&[usize]; 4] = [&[1, 2], &[2, 3], &[3, 1], &[1, 2, 3]];
    let mut found = Vec::new();
    for numbers in all {
        let blinding = blinding(&[b"A", b"B"]);
        let parts = scene.parts(numbers, blinding.request());
        found.push(blinding.finish(&scene.keys, &parts).unwrap());
    }
    assert!(found.iter().all(|pseudonyms| *pseudonyms == found[0]));
    assert_ne!(found[0][0], found[0][1]);
}

#[test]
fn what_custodians_see_is_never_the_same() {
    let same = blinding(&[b"A", b"A"]);
    let again = blinding(&[b"A"]);
    let seen: Vec<Element> = same.request().elements.iter().chain(&again.request().elements).copied().collect();
    assert!(seen[0] != seen[1] && seen[0] != seen[2] && seen[1] != seen[2]);
}

/// What becomes of the first part of Macao once it was changed.
fn altered(change: impl Fn(&Scene, &EvaluationRequest, &mut Evaluation)) -> PseudonymError {
    let scene = Scene::new();
    let blinding = blinding(&[b"A", b"B", b"C"]);
    let share = scene.share("macao", 1);
    let mut evaluation = scene.evaluate(share, blinding.request());
    change(&scene, blinding.request(), &mut evaluation);
    scene.keys.check(blinding.request(), &share.custodian(), &evaluation).unwrap_err()
}

#[test]
fn a_part_that_is_not_made_with_the_share_names_its_custodian() {
    let liar = CustodianId { jurisdiction: "macao".parse().unwrap(), number: 1 };
    let point = |element: &Element| decode_point(&element.0, crate::encoding::Place::of("S")).unwrap();
    let add = |element: &mut Element, other: &RistrettoPoint| {
        *element = Element(encode_point(&(point(element) + other)));
    };
    let one = RistrettoPoint::mul_base(&Scalar::ONE);
    type Change<'c> = Box<dyn Fn(&Scene, &EvaluationRequest, &mut Evaluation) + 'c>;
    let proofs: [(&str, Change<'_>); 5] = [
        ("one person's", Box::new(|_, _, it| add(&mut it.elements[1], &one))),
        (
            "two that cancel",
            Box::new(|_, _, it| {
                add(&mut it.elements[0], &one);
                add(&mut it.elements[1], &-one);
            }),
        ),
        ("changed places", Box::new(|_, _, it| it.elements.swap(0, 2))),
        ("another scalar as the response", Box::new(|_, _, it| it.response = it.challenge)),
        ("another scalar as the challenge", Box::new(|_, _, it| it.challenge = it.response)),
    ];
    for (what, change) in proofs {
        assert_eq!(altered(change), PseudonymError::Proof(liar.clone()), "{what}");
    }
    let others: [(&str, Change<'_>); 4] = [
        ("of another request", Box::new(|_, _, it| it.request.0[0] ^= 1)),
        ("in another's name", Box::new(|_, _, it| it.custodian.number = 2)),
        ("one too few", Box::new(|_, _, it| it.elements.truncate(2))),
        ("one too many", Box::new(|_, _, it| it.elements.push(it.elements[0]))),
    ];
    for (what, change) in others {
        assert_eq!(altered(change), PseudonymError::OtherRequest(liar.clone()), "{what}");
    }
    // Another custodian's share, proven for what it is, under this one's name.
    let error = altered(|scene, request, it| {
        let other = scene.share("macao", 2).secret();
        *it = evaluate(other, request, &it.custodian, &mut rng(3)).unwrap();
    });
    assert_eq!(error, PseudonymError::Proof(liar.clone()));
    assert_eq!(error.culprit(), Some(&liar));
}

#[test]
fn every_changed_field_of_a_part_is_found() {
    let scene = Scene::new();
    let blinding = blinding(&[b"A", b"B"]);
    let share = scene.share("hongkong", 3);
    let (bytes, fields) = fields(&scene.evaluate(share, blinding.request()));
    assert!(fields.len() >= 7);
    for field in fields {
        let mut changed = bytes.clone();
        changed[field.bytes.start] ^= 1;
        let Ok(evaluation) = Evaluation::from_canonical(&changed) else { continue };
        let checked = scene.keys.check(blinding.request(), &share.custodian(), &evaluation);
        assert!(checked.is_err(), "{}", field.path);
    }
}

#[test]
fn a_part_for_one_provider_counts_for_no_other() {
    let scene = Scene::new();
    let blinding = blinding(&[b"A"]);
    let share = scene.share("guangdong", 1);
    let evaluation = scene.evaluate(share, blinding.request());
    let other = EvaluationRequest { provider: "gym.example".parse().unwrap(), ..blinding.request().clone() };
    let moved = Evaluation { request: other.digest(), ..evaluation };
    let error = scene.keys.check(&other, &share.custodian(), &moved).unwrap_err();
    assert_eq!(error, PseudonymError::Proof(share.custodian()));
}

#[test]
fn what_is_no_proper_point_is_neither_evaluated_nor_taken() {
    let scene = Scene::new();
    let share = scene.share("guangdong", 1);
    let good = blinding(&[b"A", b"B"]);
    let identity = encode_point(&RistrettoPoint::identity());
    let mut negative = good.request().elements[1].0;
    negative.0[0] ^= 1;
    for bad in [identity, negative, Point([0xff; 32])] {
        let mut request = good.request().clone();
        request.elements[1] = Element(bad);
        let error = evaluate(share.secret(), &request, &share.custodian(), &mut OsRng).unwrap_err();
        assert!(
            matches!(&error, PseudonymError::Blinded(source) if source.to_string().starts_with("blinded person 1"))
        );
        assert_eq!(error.culprit(), None);
        let mut evaluation = scene.evaluate(share, good.request());
        evaluation.elements[1] = Element(bad);
        let error = scene.keys.check(good.request(), &share.custodian(), &evaluation).unwrap_err();
        assert!(matches!(error, PseudonymError::Malformed { .. }), "{error}");
        assert_eq!(error.culprit(), Some(&share.custodian()));
    }
    let mut evaluation = scene.evaluate(share, good.request());
    evaluation.response.0 = [0xff; 32];
    let error = scene.keys.check(good.request(), &share.custodian(), &evaluation).unwrap_err();
    assert!(matches!(error, PseudonymError::Malformed { .. }), "{error}");
    assert!(decode_scalar(&evaluation.challenge, crate::encoding::Place::of("c")).is_ok());
}

#[test]
fn nobody_too_many_and_what_is_too_long_are_refused() {
    let scene = Scene::new();
    let share = scene.share("guangdong", 1);
    let count = |count: usize| {
        let elements = blinding(&[b"A"]).request().elements[0];
        let request = EvaluationRequest { provider: provider(), elements: vec![elements; count] };
        evaluate(share.secret(), &request, &share.custodian(), &mut OsRng).map(drop)
    };
    let max = limits::MAX_BLINDED;
    assert_eq!((count(0), count(max + 1)), (Err(PseudonymError::Count(0)), Err(PseudonymError::Count(max + 1))));
    assert_eq!((count(1), count(max)), (Ok(()), Ok(())));
    let new = |inputs| Blinding::new(&provider(), inputs, &mut OsRng).map(drop);
    assert_eq!(new(Vec::new()), Err(PseudonymError::Count(0)));
    assert_eq!(new(inputs(&vec![b"A".as_slice(); max + 1])), Err(PseudonymError::Count(max + 1)));
    assert_eq!(new(inputs(&[b"A", &[0; 65_536]])), Err(PseudonymError::TooLong(1)));
}

#[test]
fn fewer_than_the_threshold_of_any_jurisdiction_give_nothing() {
    let scene = Scene::new();
    let blinding = blinding(&[b"A"]);
    let parts = scene.parts(&[1, 2], blinding.request());
    for (position, jurisdiction) in (0..parts.len()).zip(JURISDICTIONS.into_iter().flat_map(|j| iter::repeat_n(j, 2))) {
        let mut fewer = parts.clone();
        fewer.remove(position);
        let jurisdiction = jurisdiction.parse().unwrap();
        let expected = PseudonymError::TooFew { jurisdiction, present: 1, threshold: 2 };
        assert_eq!(blinding.outputs(&scene.keys, &fewer).unwrap_err(), expected);
        let twice = parts[(position + 1) % parts.len()].clone();
        let expected = PseudonymError::Duplicate(twice.custodian.clone());
        fewer.push(twice);
        assert_eq!(blinding.outputs(&scene.keys, &fewer).unwrap_err(), expected);
    }
    let of_another = self::blinding(&[b"A"]);
    let error = of_another.outputs(&scene.keys, &parts).unwrap_err();
    assert_eq!(error, PseudonymError::OtherRequest(parts[0].custodian.clone()));
}

#[test]
fn strangers_have_no_part() {
    let scene = Scene::new();
    let blinding = blinding(&[b"A"]);
    let evaluation = scene.evaluate(scene.share("macao", 1), blinding.request());
    for (jurisdiction, number) in [("macao", 4), ("macao", 0), ("taiwan", 1)] {
        let stranger = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number };
        let error = scene.keys.check(blinding.request(), &stranger, &evaluation).unwrap_err();
        assert_eq!(error, PseudonymError::Unknown(stranger));
    }
}

#[test]
fn the_digest_of_the_keys_is_of_the_key_of_every_jurisdiction() {
    let (scene, mut other) = (Scene::new(), Scene::new());
    assert_eq!(scene.keys.digest(), other.keys.digest());
    let macao: JurisdictionId = "macao".parse().unwrap();
    let shares = custody::generate(&macao, 2, 3, &mut OsRng).unwrap();
    other.keys.groups.insert(macao, shares[0].keys().clone());
    assert_ne!(scene.keys.digest(), other.keys.digest());
}

#[test]
fn who_is_asked_about_is_not_printed() {
    assert_eq!(format!("{:?}", blinding(&[b"A1234563"])), "Blinding(1 people)");
}
