//! A small network with one sealed group of known values, for the tests of this crate.

use std::collections::BTreeMap;

use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_TABLE, ristretto::CompressedRistretto, scalar::Scalar};
use nacre_access::key::AccessKey;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Digest, Document as _, Point, Signature, Signed,
    answer::CustodianId,
    catalogue::Catalogue,
    cohort::{AgeBand, Sex},
    contribution::{Commitments, EphemeralKeys},
    dossier::{ChainSums, QuantityKey},
    measure::Measure,
    membership::{MemberRole, Membership},
    query::{GroupKey, Predicate, Request, SealSpan, Statistic},
    region::Region,
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::{CheckedDossier, Network};
use nacre_zk::{
    custody::{self, KeyShare},
    elgamal,
    share::SecretShare,
    tally,
};
use rand::rngs::OsRng;

use crate::consent::Subject;

/// Each takes 2 of its 3 custodians.
const JURISDICTIONS: [&str; 2] = ["guangdong", "macao"];
const THRESHOLD: u16 = 2;
const CUSTODIANS: u16 = 3;

/// A custodian's secrets.
pub(crate) struct Secrets {
    pub(crate) id: CustodianId,
    pub(crate) secret: SecretShare,
    pub(crate) signing_key: SigningKey,
}

/// The network, its secrets, and an admitted regulator.
pub(crate) struct Scene {
    pub(crate) network: Network,
    /// By jurisdiction and number.
    pub(crate) custodians: Vec<Secrets>,
    pub(crate) regulator: Signed<Membership>,
    pub(crate) access_key: AccessKey,
}

/// A jurisdiction's keys.
struct Founding {
    shares: Vec<KeyShare>,
    signing_keys: Vec<SigningKey>,
    authority: SigningKey,
}

impl Founding {
    fn new(name: &str) -> Self {
        Self {
            shares: custody::generate(&name.parse().unwrap(), THRESHOLD, CUSTODIANS, &mut OsRng).unwrap(),
            signing_keys: (0..CUSTODIANS).map(|_| SigningKey::generate().unwrap()).collect(),
            authority: SigningKey::generate().unwrap(),
        }
    }

    fn public(&self) -> Jurisdiction {
        let custodian = |(share, key): (&KeyShare, &SigningKey)| Custodian {
            number: share.number(),
            verifying_share: share.secret().verifying_share(),
            signing_key: key.public(),
        };
        Jurisdiction {
            id: self.shares[0].jurisdiction().clone(),
            group_key: self.shares[0].group_key(),
            threshold: THRESHOLD,
            authority_key: self.authority.public(),
            custodians: self.shares.iter().zip(&self.signing_keys).map(custodian).collect(),
            pseudonyms: None,
        }
    }

    fn endorse(&self, root: &TrustRoot) -> Endorsement {
        let quorum: Vec<&KeyShare> = self.shares.iter().take(THRESHOLD.into()).collect();
        let signature = custody::endorse(&quorum, &root.to_canonical(), &mut OsRng).unwrap();
        Endorsement { jurisdiction: self.shares[0].jurisdiction().clone(), signature }
    }

    fn secrets(self) -> impl Iterator<Item = Secrets> {
        self.shares.into_iter().zip(self.signing_keys).map(|(share, signing_key)| Secrets {
            id: share.custodian(),
            secret: SecretShare::from_bytes(&share.secret().to_bytes()).unwrap(),
            signing_key,
        })
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let foundings = JURISDICTIONS.map(Founding::new);
        let chain = |id: &str, region: Option<Region>| Chain {
            id: id.parse().unwrap(),
            jurisdiction: JURISDICTIONS[0].parse().unwrap(),
            region,
            parents: Vec::new(),
            signing_key: SigningKey::generate().unwrap().public(),
            witnesses: Vec::new(),
        };
        let root = TrustRoot {
            network: "test".parse().unwrap(),
            serial: 1,
            earlier: Vec::new(),
            catalogue: Catalogue::built_in().index().digest(),
            disclosure: Disclosure { minimum_people: 2 },
            cross: None,
            jurisdictions: foundings.iter().map(Founding::public).collect(),
            chains: vec![chain("main/health", None), chain("region/440100", Some("440100".parse().unwrap()))],
        };
        let endorsements = foundings.iter().map(|founding| founding.endorse(&root)).collect();
        let network = Network::new(SignedTrustRoot { root, endorsements }).unwrap();
        let access_key = AccessKey::generate().unwrap();
        let membership = Membership {
            member: "commission".parse().unwrap(),
            role: MemberRole::Regulator,
            jurisdiction: JURISDICTIONS[0].parse().unwrap(),
            chains: vec!["main/health".parse().unwrap()],
            signing_key: SigningKey::generate().unwrap().public(),
            access_key: access_key.public(),
        };
        let regulator = foundings[0].authority.sign(membership);
        Self { network, custodians: foundings.into_iter().flat_map(Founding::secrets).collect(), regulator, access_key }
    }

    pub(crate) fn definition() -> &'static Measure {
        Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap()
    }

    /// What the group opens to: 20 people with 22.0 each, so 440.0; in squared steps 968000; by band.
    pub(crate) fn values() -> [u64; 7] {
        [20, 4_400, 968_000, 5, 6, 7, 2]
    }

    /// A checked dossier of one group with [`Scene::values`], encrypted to the network.
    pub(crate) fn subject(&self) -> Subject {
        let [_, sum, squares, bands @ ..] = Self::values();
        let (value_key, value) = self.encrypt(sum);
        let (square_key, square) = self.encrypt(squares);
        let (band_keys, bands) = bands.map(|count| self.encrypt(count)).into_iter().unzip();
        let keys = EphemeralKeys { value: value_key, square: square_key, bands: band_keys };
        let request = request();
        let quantities = request.quantities(4);
        let key_of = |quantity: &_| QuantityKey { quantity: *quantity, key: tally::key_of(&keys, *quantity).unwrap() };
        let known = quantities.iter().map(key_of).collect();
        let all = GroupKey { region: None, sex: None, age_band: None, period: None };
        let dossier = CheckedDossier {
            request_digest: request.digest(),
            dossier_digest: Digest([4; 32]),
            quantities,
            groups: BTreeMap::from([(all.clone(), Commitments { value, square, bands })]),
            finality: Vec::new(),
            request,
        };
        let keys = BTreeMap::from([(all, known)]);
        let sums =
            ChainSums { chain: "region/440100".parse().unwrap(), request: dossier.request_digest, groups: Vec::new() };
        // The chain's own signature was checked before there is a subject.
        let sums = vec![Signed { statement: sums, signature: Signature([1; 64]) }];
        Subject { network: self.network.clone(), dossier, keys, sums }
    }

    /// `(r·B, m·V + r·P)`.
    fn encrypt(&self, m: u64) -> (Point, Point) {
        let r = Scalar::random(&mut OsRng);
        let key = CompressedRistretto(self.network.key().bytes().0).decompress().unwrap();
        let commitment = Scalar::from(m) * elgamal::value_base() + r * key;
        (Point((&r * RISTRETTO_BASEPOINT_TABLE).compress().0), Point(commitment.compress().0))
    }
}

fn request() -> Request {
    Request {
        trust: Digest([1; 32]),
        requester: "commission".parse().unwrap(),
        measure: Scene::definition().reference(),
        definition: Scene::definition().digest(),
        statistics: vec![Statistic::Mean, Statistic::Sd, Statistic::Bands],
        predicate: Predicate {
            regions: vec!["440100".parse().unwrap()],
            from: "2026-01".parse().unwrap(),
            to: "2026-01".parse().unwrap(),
            sexes: Sex::ALL.to_vec(),
            youngest: AgeBand::of_age(0),
            oldest: AgeBand::TOP,
        },
        group_by: Vec::new(),
        spans: vec![SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 1, hash: Digest([8; 32]) }],
        purpose: "a test".parse().unwrap(),
        nonce: Digest([3; 32]),
    }
}
