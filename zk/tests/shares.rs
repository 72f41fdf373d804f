//! Three jurisdictions open a sum together: any threshold of each suffices, fewer do not, and whoever gives a wrong
//! share is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use nacre_schemas::{
    Blob, Digest, Point, Signature, SigningPublicKey,
    answer::{CustodianId, Share},
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    id::MemberId,
    measure::Measure,
    query::Quantity,
    region::Region,
    trust::{Custodian, Jurisdiction},
};
use nacre_zk::{
    batch,
    custody::{self, KeyShare},
    dlog,
    encoding::EncodingError,
    key::{CollectiveKey, KeyError},
    share::{self, ShareError},
    tally,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const NAMES: [&str; 3] = ["guangdong", "hongkong", "macao"];
const VALUES: [u32; 9] = [118, 119, 120, 131, 139, 140, 165, 182, 240];

struct Network {
    shares: Vec<Vec<KeyShare>>,
    key: CollectiveKey,
    request: Digest,
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn network() -> Network {
    let generate = |(seed, name): (u64, &str)| custody::generate(&name.parse().unwrap(), 2, 3, &mut rng(seed)).unwrap();
    let shares: Vec<Vec<KeyShare>> = (1..).zip(NAMES).map(generate).collect();
    let keys: Vec<Point> = shares.iter().map(|shares| shares[0].group_key()).collect();
    Network { key: CollectiveKey::of_group_keys(&keys).unwrap(), shares, request: Digest::of(b"request") }
}

fn measure() -> &'static Measure {
    Catalogue::built_in().newest(&"systolic-bp".parse().unwrap()).unwrap()
}

/// A verified batch of [`VALUES`].
fn posted(network: &Network) -> Batch {
    let provider: MemberId = "hospital.example".parse().unwrap();
    let chain = "region/440100".parse().unwrap();
    let record = |value: &u32| batch::Record {
        measure: measure(),
        header: Header {
            record: Digest::of(&value.to_be_bytes()),
            provider: provider.clone(),
            cell: CellKey {
                measure: measure().reference(),
                period: "2026-01".parse().unwrap(),
                region: Region::all().next().unwrap(),
                sex: Sex::Male,
                age_band: AgeBand::of_age(50),
            },
        },
        restricted: Restricted {
            pseudonym: Digest::of(b"person"),
            payload: Payload {
                nonce: Blob::new(vec![1; 12]).unwrap(),
                ciphertext: Blob::new(vec![2; 30]).unwrap(),
                wrapped_key: Blob::new(vec![3; 32]).unwrap(),
            },
            cross: None,
        },
        value: *value,
    };
    let records = VALUES.iter().map(record).collect();
    let proven = batch::prove(&network.key, &chain, &provider, records, &mut rng(9)).unwrap();
    let batch = Batch {
        chain,
        provider,
        contributions: proven.contributions,
        range_proof: proven.range_proof,
        cross: None,
        signature: Signature([0; 64]),
    };
    batch::verify(&network.key, Catalogue::built_in(), &batch, &mut rng(10)).unwrap();
    batch
}

/// `C_Σ` and `D_Σ` of a quantity of the posted batch.
fn sums(batch: &Batch, quantity: Quantity) -> (Point, Point) {
    let bands = measure().bands().len();
    let (mut commitments, mut keys) = (tally::CommitmentSums::new(bands), tally::KeySums::new(bands));
    for contribution in &batch.contributions {
        commitments.add(&contribution.commitments).unwrap();
        keys.add(&contribution.openings.keys).unwrap();
    }
    let commitment = tally::commitment_of(&commitments.finish(), quantity).unwrap();
    (commitment, tally::key_of(&keys.finish(), quantity).unwrap())
}

impl Network {
    /// The answers of these custodians, by number, in each jurisdiction.
    fn answers(&self, key: &Point, present: [&[u16]; 3]) -> Vec<(CustodianId, Share)> {
        let pairs = self.shares.iter().zip(present);
        let chosen =
            pairs.flat_map(|(shares, present)| shares.iter().filter(move |share| present.contains(&share.number())));
        chosen
            .map(|holder| {
                let custodian = holder.custodian();
                let given = share::answer(holder.secret(), &self.request, &custodian, key, &mut rng(11)).unwrap();
                let public = holder.secret().verifying_share();
                assert_eq!(share::verify(&given, &self.request, &custodian, &public), Ok(()));
                (custodian, given)
            })
            .collect()
    }

    fn jurisdiction(&self) -> Jurisdiction {
        let shares = &self.shares[0];
        let custodian = |(number, key): (&u16, &Point)| Custodian {
            number: *number,
            verifying_share: *key,
            signing_key: SigningPublicKey([4; 65]),
        };
        Jurisdiction {
            id: shares[0].jurisdiction().clone(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: SigningPublicKey([4; 65]),
            custodians: shares[0].verifying_shares().iter().map(custodian).collect(),
            pseudonyms: None,
        }
    }
}

#[test]
fn any_threshold_in_every_jurisdiction_opens_every_quantity() {
    let network = network();
    let batch = posted(&network);
    let sum: u64 = VALUES.iter().map(|v| u64::from(*v)).sum();
    let squares: u64 = VALUES.iter().map(|v| u64::from(*v) * u64::from(*v)).sum();
    let squares_range = dlog::squares_range(9, sum, measure().lo, measure().hi).unwrap();
    let cases = [
        (Quantity::Count, 9, 0..=1000),
        (Quantity::Sum, sum, 9 * 40..=9 * 300),
        (Quantity::Squares, squares, squares_range),
        (Quantity::Band(0), 2, 0..=9),
        (Quantity::Band(1), 3, 0..=9),
        (Quantity::Band(2), 1, 0..=9),
        (Quantity::Band(3), 1, 0..=9),
        (Quantity::Band(4), 2, 0..=9),
    ];
    for (position, (quantity, expected, range)) in cases.into_iter().enumerate() {
        let (commitment, key) = sums(&batch, quantity);
        let choices: [[&[u16]; 3]; 3] = [[&[1, 2]; 3], [&[1, 3], &[2, 3], &[1, 2]], [&[1, 2, 3], &[1, 3], &[3, 2]]];
        let message = share::combine(&commitment, &network.answers(&key, choices[position % 3])).unwrap();
        assert_eq!(dlog::solve(&message, range), Ok(expected), "{quantity}");
        assert!(message.is(expected) && !message.is(expected + 1), "{quantity}");
    }
}

#[test]
fn too_few_in_any_jurisdiction_open_nothing() {
    let network = network();
    let (commitment, key) = sums(&posted(&network), Quantity::Count);
    let cases: [[&[u16]; 3]; 4] =
        [[&[1], &[1, 2], &[1, 2]], [&[1, 2], &[], &[1, 2]], [&[1, 2], &[1, 2], &[3]], [&[2], &[2], &[2]]];
    for present in cases {
        let message = share::combine(&commitment, &network.answers(&key, present)).unwrap();
        assert!(dlog::solve(&message, 0..=100_000).is_err(), "{present:?}");
    }
    assert_eq!(share::combine(&commitment, &[]), Err(ShareError::NoShares));
}

#[test]
fn a_share_from_the_wrong_key_names_its_custodian() {
    let network = network();
    let (_, key) = sums(&posted(&network), Quantity::Sum);
    let [right, wrong, ..] = &network.shares[1][..] else { panic!("three custodians") };
    let custodian = right.custodian();
    let given = share::answer(wrong.secret(), &network.request, &custodian, &key, &mut rng(12)).unwrap();
    let public = right.secret().verifying_share();
    let refused = share::verify(&given, &network.request, &custodian, &public);
    assert_eq!(refused, Err(ShareError::Proof(custodian)));
}

#[test]
fn a_share_holds_for_one_request_one_custodian_and_one_sum() {
    let network = network();
    let batch = posted(&network);
    let ((_, key), (_, other_key)) = (sums(&batch, Quantity::Sum), sums(&batch, Quantity::Count));
    let holder = &network.shares[0][0];
    let (custodian, public) = (holder.custodian(), holder.secret().verifying_share());
    let (_, given) = network.answers(&key, [&[1], &[], &[]]).remove(0);
    let refused = |share: &Share, request: &Digest, custodian: &CustodianId, public: &Point| {
        assert_eq!(share::verify(share, request, custodian, public), Err(ShareError::Proof(custodian.clone())));
    };
    refused(&given, &Digest::of(b"another"), &custodian, &public);
    refused(&given, &network.request, &CustodianId { number: 2, ..custodian.clone() }, &public);
    let elsewhere = CustodianId { jurisdiction: "macao".parse().unwrap(), ..custodian.clone() };
    refused(&given, &network.request, &elsewhere, &public);
    refused(&given, &network.request, &custodian, &network.shares[0][1].secret().verifying_share());
    refused(&Share { key: other_key, ..given.clone() }, &network.request, &custodian, &public);
    refused(&Share { share: other_key, ..given.clone() }, &network.request, &custodian, &public);
    let mut changed = given.clone();
    changed.challenge.0[0] ^= 1;
    refused(&changed, &network.request, &custodian, &public);
    let mut changed = given.clone();
    changed.response.0[0] ^= 1;
    refused(&changed, &network.request, &custodian, &public);
    assert_eq!(share::verify(&given, &network.request, &custodian, &public), Ok(()));
}

#[test]
fn identities_and_malformed_elements_are_refused() {
    let network = network();
    let (_, key) = sums(&posted(&network), Quantity::Sum);
    let holder = &network.shares[0][0];
    let (custodian, public) = (holder.custodian(), holder.secret().verifying_share());
    let identity = Point([0; 32]);
    let answer = |key: &Point| share::answer(holder.secret(), &network.request, &custodian, key, &mut rng(13));
    assert!(matches!(answer(&identity), Err(ShareError::Encoding(EncodingError::Identity(_)))));
    assert!(matches!(answer(&Point([1; 32])), Err(ShareError::Encoding(EncodingError::Point(_)))));

    let good = answer(&key).unwrap();
    let verify = |share: &Share, public: &Point| share::verify(share, &network.request, &custodian, public);
    let is_identity = |result| {
        let Err(ShareError::Malformed { source: error, .. } | ShareError::Encoding(error)) = result else {
            return false;
        };
        matches!(error, EncodingError::Identity(_))
    };
    assert!(is_identity(verify(&Share { key: identity, ..good.clone() }, &public)));
    assert!(is_identity(verify(&Share { share: identity, ..good.clone() }, &public)));
    assert!(is_identity(verify(&good, &identity)));
    let unreduced = Share { response: nacre_schemas::Scalar([0xff; 32]), ..good };
    assert!(matches!(verify(&unreduced, &public), Err(ShareError::Malformed { source: EncodingError::Scalar(_), .. })));
    assert!(share::SecretShare::from_bytes(&[0; 32]).is_err() && share::SecretShare::from_bytes(&[0xff; 32]).is_err());
}

#[test]
fn a_custodian_counts_once_and_all_shares_are_of_one_sum() {
    let network = network();
    let batch = posted(&network);
    let ((commitment, key), (_, other_key)) = (sums(&batch, Quantity::Sum), sums(&batch, Quantity::Count));
    let mut answers = network.answers(&key, [&[1], &[1, 2], &[1, 2]]);
    answers.push(answers[0].clone());
    assert_eq!(share::combine(&commitment, &answers), Err(ShareError::Duplicate(answers[0].0.clone())));
    answers.pop();
    answers.extend(network.answers(&other_key, [&[3], &[], &[]]));
    let stranger = answers.last().unwrap().0.clone();
    assert_eq!(share::combine(&commitment, &answers), Err(ShareError::OtherSum(stranger)));
}

#[test]
fn verifying_shares_lie_on_one_polynomial_through_the_group_key() {
    let network = network();
    let good = network.jurisdiction();
    assert_eq!(share::polynomial_check(&good), Ok(()));

    let mut repeated = good.clone();
    repeated.custodians[2].verifying_share = repeated.custodians[1].verifying_share;
    assert_eq!(share::polynomial_check(&repeated), Err(KeyError::NotOnPolynomial(3)));
    let foreign = Jurisdiction { group_key: network.shares[1][0].group_key(), ..good.clone() };
    assert_eq!(share::polynomial_check(&foreign), Err(KeyError::NotOnPolynomial(2)));
    // The identifiers are hashed from the names: the same keys fit no other jurisdiction and no other numbers.
    let renamed = Jurisdiction { id: "macao".parse().unwrap(), ..good.clone() };
    assert!(matches!(share::polynomial_check(&renamed), Err(KeyError::NotOnPolynomial(_))));
    let mut renumbered = good.clone();
    renumbered.custodians[2].number = 4;
    assert_eq!(share::polynomial_check(&renumbered), Err(KeyError::NotOnPolynomial(4)));

    // Two of three suffice, whatever is stated.
    let overstated = Jurisdiction { threshold: 3, ..good.clone() };
    assert_eq!(share::polynomial_check(&overstated), Err(KeyError::LowerThreshold(3)));

    for threshold in [0, 1, 4] {
        let wrong = Jurisdiction { threshold, ..good.clone() };
        assert_eq!(share::polynomial_check(&wrong), Err(KeyError::Threshold { threshold, custodians: 3 }));
    }
    let mut twice = good.clone();
    twice.custodians[2].number = 2;
    assert_eq!(share::polynomial_check(&twice), Err(KeyError::Number(2)));
    let mut zero = good.clone();
    zero.custodians[0].number = 0;
    assert_eq!(share::polynomial_check(&zero), Err(KeyError::Number(0)));
    let nothing = Jurisdiction { group_key: Point([0; 32]), ..good.clone() };
    assert!(matches!(share::polynomial_check(&nothing), Err(KeyError::Encoding(EncodingError::Identity(_)))));
    let mut empty = good;
    empty.custodians[1].verifying_share = Point([0; 32]);
    assert!(matches!(share::polynomial_check(&empty), Err(KeyError::VerifyingShare { number: 2, .. })));
}

#[test]
fn a_collective_key_is_the_sum_of_proper_group_keys() {
    let network = network();
    let keys: Vec<Point> = network.shares.iter().map(|shares| shares[0].group_key()).collect();
    assert_eq!(Ok(network.key.bytes()), tally::sum_points(&keys));
    assert_eq!(CollectiveKey::of_group_keys(&[]).err(), Some(KeyError::NoGroupKeys));
    for bad in [Point([0; 32]), Point([1; 32])] {
        assert!(matches!(CollectiveKey::of_group_keys(&[keys[0], bad]).err(), Some(KeyError::Encoding(_))));
    }
}
