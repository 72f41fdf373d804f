//! Fuzz targets, a module each: what each does with bytes from anywhere. The programs that libFuzzer drives are in `fuzz_targets`; the
//! workspace's tests run the corpora through the same code.
//!
//! Here is what they share: a network made from fixed seeds, and the property of every encoding.

pub mod ceremony;
pub mod custody;
pub mod documents;
pub mod json;
pub mod log;
pub mod merkle;
pub mod notes;
pub mod proofs;
pub mod records;
pub mod seeds;
pub mod shares;
pub mod tokens;
pub mod trust;
pub mod verifier;

use std::{
    fmt::Debug,
    sync::{Arc, LazyLock},
};

use arbitrary::{Arbitrary, Unstructured};
use nacre_access::{key::AccessKey, members::Members, server::Gatekeeper};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Digest, Document, Signed,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    measure::Measure,
    membership::{MemberRole, Membership},
    region::Region,
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_zk::{
    batch,
    custody::{KeyShare, endorse, generate},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

/// The region that has a chain.
pub const REGION: &str = "440100";

/// The input that libFuzzer makes of those bytes, and hands to a target.
fn input<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    let is_long_enough = data.len() >= T::size_hint(0).0;
    is_long_enough.then(|| T::arbitrary_take_rest(Unstructured::new(data)).ok()).flatten()
}

/// A generator of that seed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The key of that number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32]).expect("in range")
}

/// The custodians' shares, 2 of 3.
pub static SHARES: LazyLock<Vec<KeyShare>> =
    LazyLock::new(|| generate(&"guangdong".parse().expect("a name"), 2, 3, &mut rng(1)).expect("a key"));

/// A network of one jurisdiction, a main and a regional chain.
pub static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let root = trust_root();
    let both: Vec<&KeyShare> = SHARES.iter().take(2).collect();
    let signature = endorse(&both, &root.to_canonical(), &mut rng(2)).expect("a signature");
    let endorsements = vec![Endorsement { jurisdiction: SHARES[0].jurisdiction().clone(), signature }];
    Network::new(SignedTrustRoot { root, endorsements }).expect("it verifies")
});

fn trust_root() -> TrustRoot {
    let custodian = |share: &KeyShare| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key(10 + share.number() as u8).public(),
    };
    let region: Region = REGION.parse().expect("a region");
    let chain = |id: &str, region: Option<Region>| Chain {
        id: id.parse().expect("a name"),
        jurisdiction: "guangdong".parse().expect("a name"),
        region,
        parents: Vec::new(),
        signing_key: key(2).public(),
        witnesses: Vec::new(),
    };
    TrustRoot {
        network: "fuzz".parse().expect("a name"),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![Jurisdiction {
            id: "guangdong".parse().expect("a name"),
            group_key: SHARES[0].group_key(),
            threshold: 2,
            authority_key: key(1).public(),
            custodians: SHARES.iter().map(custodian).collect(),
            pseudonyms: None,
        }],
        chains: vec![chain("main/health", None), chain(region.chain().as_str(), Some(region))],
    }
}

/// A measure.
pub fn measure() -> &'static Measure {
    Catalogue::built_in().newest(&"systolic-bp".parse().expect("a name")).expect("it is there")
}

/// A batch of one contribution that verifies.
pub static BATCH: LazyLock<Batch> = LazyLock::new(|| {
    let region: Region = REGION.parse().expect("a region");
    let (chain, provider) = (region.chain(), "hospital".parse().expect("a name"));
    let record = batch::Record {
        measure: measure(),
        header: Header {
            record: Digest::of(b"record"),
            provider,
            cell: CellKey {
                measure: measure().reference(),
                period: "2026-01".parse().expect("a month"),
                region,
                sex: Sex::Male,
                age_band: AgeBand::of_age(50),
            },
        },
        restricted: Restricted {
            pseudonym: Digest::of(b"person"),
            payload: Payload {
                nonce: Blob::new(vec![1; 12]).expect("short"),
                ciphertext: Blob::new(vec![2; 30]).expect("short"),
                wrapped_key: Blob::new(vec![3; 32]).expect("short"),
            },
            cross: None,
        },
        value: 131,
    };
    let provider = record.header.provider.clone();
    let proven = batch::prove(NETWORK.key(), &chain, &provider, vec![record], &mut rng(3)).expect("a proof");
    let signature = nacre_schemas::Signature([0; 64]);
    Batch {
        chain,
        provider,
        contributions: proven.contributions,
        range_proof: proven.range_proof,
        cross: None,
        signature,
    }
});

/// A regulator's admission, and its key.
pub static MEMBER: LazyLock<(Signed<Membership>, AccessKey)> = LazyLock::new(|| {
    let access_key = AccessKey::generate().expect("randomness");
    let membership = Membership {
        member: "regulator".parse().expect("a name"),
        role: MemberRole::Regulator,
        jurisdiction: "guangdong".parse().expect("a name"),
        chains: NETWORK.root().chains.iter().map(|chain| chain.id.clone()).collect(),
        signing_key: key(3).public(),
        access_key: access_key.public(),
    };
    (key(1).sign(membership), access_key)
});

/// A server's gatekeeper that knows the member.
pub fn gatekeeper() -> Arc<Gatekeeper> {
    let members = Members::from_signed(vec![MEMBER.0.clone()], &NETWORK).expect("admitted");
    Arc::new(Gatekeeper::new("http://127.0.0.1:7000", Arc::new(members)).expect("an address"))
}

/// What is decoded has this one encoding.
pub fn one_encoding<D: Document + PartialEq + Debug>(bytes: &[u8]) -> Option<D> {
    let document = D::from_canonical(bytes).ok()?;
    assert_eq!(document.to_canonical(), bytes, "{} has two encodings", D::NAME);
    Some(document)
}

/// Every document that has a JSON form too, with a macro applied to all. (An entry has none.)
#[macro_export]
macro_rules! for_each_document {
    ($apply:ident) => {
        $apply! {
            nacre_schemas::anchor::Anchor,
            nacre_schemas::answer::Share,
            nacre_schemas::answer::Answer,
            nacre_schemas::Signed<nacre_schemas::answer::Answer>,
            nacre_schemas::answer::Refusal,
            nacre_schemas::Signed<nacre_schemas::answer::Refusal>,
            nacre_schemas::batch::Batch,
            nacre_schemas::batch::BatchStatement,
            nacre_schemas::Signed<nacre_schemas::batch::BatchStatement>,
            nacre_schemas::catalogue::CatalogueIndex,
            nacre_schemas::cell::Cell,
            nacre_schemas::cell::CellNumbers,
            nacre_schemas::cell::CellDetail,
            nacre_schemas::cell::ChainDetails,
            nacre_schemas::ceremony::Ceremony,
            nacre_schemas::ceremony::Head,
            nacre_schemas::ceremony::FirstRound,
            nacre_schemas::ceremony::SecondRound,
            nacre_schemas::ceremony::Outcome,
            nacre_schemas::ceremony::NonceCommitment,
            nacre_schemas::ceremony::SignatureShare,
            nacre_schemas::confirmation::Confirmation,
            nacre_schemas::Signed<nacre_schemas::confirmation::Confirmation>,
            nacre_schemas::contribution::Header,
            nacre_schemas::contribution::Commitments,
            nacre_schemas::contribution::EphemeralKeys,
            nacre_schemas::contribution::Openings,
            nacre_schemas::contribution::Restricted,
            nacre_schemas::contribution::Contribution,
            nacre_schemas::dossier::LoggedRequest<nacre_schemas::query::Request>,
            nacre_schemas::dossier::ChainEvidence,
            nacre_schemas::dossier::Dossier,
            nacre_schemas::dossier::ChainSums,
            nacre_schemas::Signed<nacre_schemas::dossier::ChainSums>,
            nacre_schemas::dossier::NumbersRequest,
            nacre_schemas::dossier::ChainNumbers,
            nacre_schemas::dossier::ChainAnswer,
            nacre_schemas::dossier::Submission,
            nacre_schemas::equivocation::Equivocation,
            nacre_schemas::erasure::Erasure,
            nacre_schemas::Signed<nacre_schemas::erasure::Erasure>,
            nacre_schemas::evidence::Evidence,
            nacre_schemas::evidence::Dispute,
            nacre_schemas::Signed<nacre_schemas::evidence::Dispute>,
            nacre_schemas::log::LogPage,
            nacre_schemas::measure::Measure,
            nacre_schemas::members::MemberContribution,
            nacre_schemas::members::MembersPage,
            nacre_schemas::membership::Membership,
            nacre_schemas::Signed<nacre_schemas::membership::Membership>,
            nacre_schemas::preview::Preview,
            nacre_schemas::Signed<nacre_schemas::preview::Preview>,
            nacre_schemas::query::Request,
            nacre_schemas::query::SignedRequest<nacre_schemas::query::Request>,
            nacre_schemas::receipt::BatchReceipt,
            nacre_schemas::release::Release,
            nacre_schemas::summand::PublishedSummand,
            nacre_schemas::summand::SummandProof,
            nacre_schemas::trust::TrustRoot,
            nacre_schemas::trust::SignedTrustRoot,
            nacre_schemas::pseudonym::EvaluationRequest,
            nacre_schemas::pseudonym::Evaluation,
            nacre_schemas::Signed<nacre_schemas::pseudonym::Evaluation>,
            nacre_schemas::pseudonym::EvaluationRecord,
            nacre_schemas::grant::Terms,
            nacre_schemas::grant::Grant,
            nacre_schemas::Signed<nacre_schemas::grant::Grant>,
            nacre_schemas::grant::NewGrant,
            nacre_schemas::grant::Revocation,
            nacre_schemas::Signed<nacre_schemas::grant::Revocation>,
            nacre_schemas::grant::Access,
            nacre_schemas::Signed<nacre_schemas::grant::Access>,
            nacre_schemas::grant::Delivery,
        }
    };
}
