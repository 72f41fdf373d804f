//! A jurisdiction that brings a key of its choice to the trust root: after seeing the others', of a lower threshold, or
//! none. The verifier refuses the whole file, so nobody encrypts under the sum.

use curve25519_dalek::scalar::Scalar;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Digest, Document as _, Point,
    ceremony::SharedKey,
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_tests::points::{IDENTITY, minus, plus, times_base};
use nacre_verifier::{Check, Failure, Network};
use nacre_zk::custody::{self, KeyShare};
use rand::rngs::OsRng;

const THRESHOLD: u16 = 2;
/// In the order of the trust root; the attacker is the last.
const JURISDICTIONS: [&str; 3] = ["guangdong", "hongkong", "macao"];
const ATTACKER: usize = 2;

/// Jurisdictions about to found a network, each with the shares of its custodians.
struct Founding {
    shares: Vec<Vec<KeyShare>>,
    root: TrustRoot,
}

fn jurisdiction(id: &str, shares: &[KeyShare]) -> Jurisdiction {
    let custodian = |share: &KeyShare| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: SigningKey::generate().unwrap().public(),
    };
    Jurisdiction {
        id: id.parse().unwrap(),
        group_key: shares[0].group_key(),
        threshold: shares[0].threshold(),
        authority_key: SigningKey::generate().unwrap().public(),
        custodians: shares.iter().map(custodian).collect(),
        pseudonyms: None,
    }
}

impl Founding {
    fn new() -> Self {
        let generate = |id: &&str| custody::generate(&id.parse().unwrap(), THRESHOLD, 3, &mut OsRng).unwrap();
        let shares: Vec<Vec<KeyShare>> = JURISDICTIONS.iter().map(generate).collect();
        let root = TrustRoot {
            network: "attack.test".parse().unwrap(),
            serial: 1,
            earlier: Vec::new(),
            catalogue: Digest::of(b"no measure is asked about"),
            disclosure: Disclosure { minimum_people: 11 },
            cross: None,
            jurisdictions: JURISDICTIONS.iter().zip(&shares).map(|(id, shares)| jurisdiction(id, shares)).collect(),
            chains: vec![Chain {
                id: "main/health".parse().unwrap(),
                jurisdiction: "guangdong".parse().unwrap(),
                region: None,
                parents: Vec::new(),
                signing_key: SigningKey::generate().unwrap().public(),
                witnesses: Vec::new(),
            }],
        };
        Self { shares, root }
    }

    /// With a pseudonyms' key, too.
    fn with_pseudonyms() -> Self {
        let mut founding = Self::new();
        for jurisdiction in &mut founding.root.jurisdictions {
            let shares = custody::generate(&jurisdiction.id, THRESHOLD, 3, &mut OsRng).unwrap();
            jurisdiction.pseudonyms = Some(shares[0].keys().stated());
        }
        founding
    }

    fn attacker(&mut self) -> &mut Jurisdiction {
        &mut self.root.jurisdictions[ATTACKER]
    }

    /// Everybody endorses the file as it stands, with the shares it has.
    fn endorsed(&self) -> SignedTrustRoot {
        let message = self.root.to_canonical();
        let endorse = |(id, shares): (&&str, &Vec<KeyShare>)| {
            let quorum: Vec<&KeyShare> = shares.iter().take(usize::from(THRESHOLD)).collect();
            let signature = custody::endorse(&quorum, &message, &mut OsRng).unwrap();
            Endorsement { jurisdiction: id.parse().unwrap(), signature }
        };
        let endorsements = JURISDICTIONS.iter().zip(&self.shares).map(endorse).collect();
        SignedTrustRoot { root: self.root.clone(), endorsements }
    }

    fn refused(&self) -> Failure {
        let failure = Network::new(self.endorsed()).map(|_| ()).unwrap_err();
        assert_eq!(failure.check, Check::TrustRoot, "{failure}");
        failure
    }
}

#[test]
fn an_honest_founding_is_taken() {
    Network::new(Founding::new().endorsed()).map(|_| ()).unwrap();
    Network::new(Founding::with_pseudonyms().endorsed()).map(|_| ()).unwrap();
}

#[test]
fn a_pseudonyms_key_of_another_form_than_a_decryption_key_is_refused() {
    let place = "macao's part of the pseudonyms' key";
    type Change = fn(&mut SharedKey);
    let changes: [(&str, Change); 8] = [
        ("the identity", |it| it.group_key = IDENTITY),
        ("a share that is the identity", |it| it.verifying_shares[0].verifying_share = IDENTITY),
        ("a share off the polynomial", |it| it.verifying_shares[2].verifying_share = it.group_key),
        ("a lower degree", |it| {
            let key = it.group_key;
            it.verifying_shares.iter_mut().for_each(|share| share.verifying_share = key);
        }),
        ("another threshold", |it| it.threshold = 3),
        ("a custodian less", |it| it.verifying_shares.truncate(2)),
        ("one twice", |it| it.verifying_shares[1] = it.verifying_shares[0].clone()),
        ("another's number", |it| it.verifying_shares[2].number = 4),
    ];
    for (what, change) in changes {
        let mut founding = Founding::with_pseudonyms();
        change(founding.attacker().pseudonyms.as_mut().unwrap());
        assert_eq!(founding.refused().place, place, "{what}");
    }
    // A key among four custodians where there are three, all in order.
    let mut founding = Founding::with_pseudonyms();
    let shares = custody::generate(&founding.attacker().id, 3, 4, &mut OsRng).unwrap();
    founding.attacker().pseudonyms = Some(shares[0].keys().stated());
    assert_eq!(founding.refused().place, place);
    // One jurisdiction has none.
    let mut founding = Founding::with_pseudonyms();
    founding.attacker().pseudonyms = None;
    assert_eq!(founding.refused().place, "attack.test");
}

#[test]
fn a_pseudonyms_key_that_decrypts_is_refused() {
    // Custodians multiply whatever a provider sends: were it by their decryption shares, that would open any record.
    let mut founding = Founding::with_pseudonyms();
    let own = founding.shares[ATTACKER][0].keys().stated();
    founding.attacker().pseudonyms = Some(own.clone());
    let failure = founding.refused();
    assert!(failure.place.starts_with("macao's part") && failure.detail.contains("decrypts"), "{failure}");

    // Another key, but one custodian holds the same share of both: its polynomial runs through that place.
    let mut founding = Founding::with_pseudonyms();
    let own = founding.shares[ATTACKER][0].keys().stated();
    let other = founding.attacker().pseudonyms.clone().unwrap();
    let shift = minus(&own.verifying_shares[0].verifying_share, &other.verifying_shares[0].verifying_share);
    let moved = founding.attacker().pseudonyms.as_mut().unwrap();
    moved.group_key = plus(&other.group_key, &shift);
    moved.verifying_shares.iter_mut().for_each(|share| share.verifying_share = plus(&share.verifying_share, &shift));
    let failure = founding.refused();
    assert!(failure.place.starts_with("macao's part") && failure.detail.contains("decrypts"), "{failure}");
}

#[test]
fn a_key_chosen_after_the_others_cannot_be_endorsed() {
    let mut founding = Founding::new();
    let own = founding.root.jurisdictions[ATTACKER].group_key;
    let others = plus(&founding.root.jurisdictions[0].group_key, &founding.root.jurisdictions[1].group_key);
    // P = Σ P_j is then the attacker's own key: it would decrypt alone. Shifting each verifying share by the same point
    // keeps them on one polynomial through it.
    let rogue = founding.attacker();
    rogue.group_key = minus(&own, &others);
    for custodian in &mut rogue.custodians {
        custodian.verifying_share = minus(&custodian.verifying_share, &others);
    }
    assert_eq!(plus(&rogue.group_key, &others), own);
    let failure = founding.refused();
    assert_eq!(failure.place, "macao's endorsement", "{failure}");

    // Nor does an endorsement of the honest file serve for it.
    let mut honest = Founding::new();
    let signed = honest.endorsed();
    honest.attacker().group_key = signed.root.jurisdictions[0].group_key;
    let replayed = SignedTrustRoot { root: honest.root, endorsements: signed.endorsements };
    assert!(Network::new(replayed).is_err());
}

#[test]
fn a_threshold_lower_than_the_one_stated_is_seen() {
    // Every custodian holds the whole key: a polynomial of degree 0 where degree 1 is stated.
    let mut founding = Founding::new();
    let key = founding.attacker().group_key;
    founding.attacker().custodians.iter_mut().for_each(|custodian| custodian.verifying_share = key);
    let failure = founding.refused();
    assert!(failure.place == "macao" && failure.detail.contains("fewer"), "{failure}");

    // Half of the custodians, or all and one more, as a threshold.
    for threshold in [0, 1, 4] {
        let mut founding = Founding::new();
        founding.attacker().threshold = threshold;
        assert_eq!(founding.refused().place, "macao", "{threshold}");
    }
    // A custodian off the polynomial, whose share opens nothing.
    let mut founding = Founding::new();
    founding.attacker().custodians[2].verifying_share = times_base(&Scalar::from(7_u8));
    let failure = founding.refused();
    assert!(failure.place == "macao" && failure.detail.contains('3'), "{failure}");
}

#[test]
fn no_key_is_the_identity_or_no_point() {
    let changes: [fn(&mut Jurisdiction); 4] = [
        |it| it.group_key = IDENTITY,
        |it| it.custodians[0].verifying_share = IDENTITY,
        |it| it.group_key = Point([0xff; 32]),
        |it| {
            it.group_key = IDENTITY;
            it.custodians.iter_mut().for_each(|custodian| custodian.verifying_share = IDENTITY);
        },
    ];
    for change in changes {
        let mut founding = Founding::new();
        change(founding.attacker());
        assert_eq!(founding.refused().place, "macao");
    }
    // Two keys that cancel: P is the identity, and everything is sent in the clear.
    let mut founding = Founding::new();
    let others = plus(&founding.root.jurisdictions[0].group_key, &founding.root.jurisdictions[1].group_key);
    let own = founding.attacker().group_key;
    let shift = plus(&own, &others);
    founding.attacker().group_key = minus(&own, &shift);
    for custodian in &mut founding.attacker().custodians {
        custodian.verifying_share = minus(&custodian.verifying_share, &shift);
    }
    assert_eq!(founding.refused().place, "attack.test");
}
