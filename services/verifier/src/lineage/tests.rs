use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Document as _, SigningPublicKey,
    cohort::Period,
    trust::{
        Chain, CrossKeys, CrossLane, CrossScope, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot,
        TrustRoot,
    },
};
use nacre_zk::custody::{self, KeyShare};
use rand::rngs::OsRng;

use super::*;

/// The custodians of a network, and its first trust root.
struct Founded {
    shares: Vec<KeyShare>,
    root: TrustRoot,
}

fn key() -> SigningPublicKey {
    SigningKey::generate().unwrap().public()
}

fn founded() -> Founded {
    let jurisdiction: JurisdictionId = "guangdong".parse().unwrap();
    let shares = custody::generate(&jurisdiction, 2, 2, &mut OsRng).unwrap();
    let custodian = |share: &KeyShare| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key(),
    };
    let chain = |id: &str, region: Option<&str>| Chain {
        id: id.parse().unwrap(),
        jurisdiction: jurisdiction.clone(),
        region: region.map(|region| region.parse().unwrap()),
        parents: Vec::new(),
        signing_key: key(),
        witnesses: Vec::new(),
    };
    let root = TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Digest([1; 32]),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![Jurisdiction {
            id: jurisdiction.clone(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: key(),
            custodians: shares.iter().map(custodian).collect(),
            pseudonyms: None,
        }],
        chains: vec![chain("main/health", None), chain("region/440100", Some("440100"))],
    };
    Founded { shares, root }
}

impl Founded {
    fn endorse(&self, root: TrustRoot) -> SignedTrustRoot {
        let shares: Vec<&KeyShare> = self.shares.iter().collect();
        let signature = custody::endorse(&shares, &root.to_canonical(), &mut OsRng).unwrap();
        SignedTrustRoot {
            root,
            endorsements: vec![Endorsement { jurisdiction: "guangdong".parse().unwrap(), signature }],
        }
    }

    fn network(&self, root: &TrustRoot) -> Arc<Network> {
        Arc::new(Network::new(self.endorse(root.clone())).unwrap())
    }
}

/// A root that follows others, with another k.
fn after(before: &[&TrustRoot]) -> TrustRoot {
    let last = before[before.len() - 1];
    let mut root = last.clone();
    root.serial += 1;
    root.disclosure.minimum_people += 1;
    root.earlier = before.iter().map(|root| root.digest()).collect();
    root
}

fn lane(from: &str) -> CrossLane {
    let none = Digest([2; 32]);
    CrossLane {
        scope: CrossScope {
            chains: vec!["region/440100".parse().unwrap()],
            measures: vec!["hba1c".parse().unwrap(), "steps".parse().unwrap()],
            from: from.parse::<Period>().unwrap(),
        },
        keys: CrossKeys {
            parameters: "test".parse().unwrap(),
            public_key: none,
            evaluation_keys: none,
            summands: none,
        },
    }
}

fn refusal(outcome: Result<(), Failure>) -> String {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.check, Check::TrustRoot);
    failure.detail
}

#[test]
fn roots_are_found_at_their_place_as_far_as_they_are_at_hand() {
    let founded = founded();
    let first = founded.root.clone();
    let second = after(&[&first]);
    let third = after(&[&first, &second]);
    let mut lineage = Lineage::new(founded.network(&third));
    assert!(matches!(lineage.find(&third.digest()), Named::Known(2, _)));
    assert!(matches!(lineage.find(&first.digest()), Named::Lacking(0)));
    assert!(matches!(lineage.find(&Digest([9; 32])), Named::Foreign));
    lineage.add(founded.endorse(second.clone())).unwrap();
    lineage.add(founded.endorse(second.clone())).unwrap();
    let Named::Known(1, network) = lineage.find(&second.digest()) else { panic!("it was added") };
    assert_eq!(network.root(), &second);
    assert_eq!(lineage.lacking().collect::<Vec<_>>(), [&first.digest()]);
    lineage.add(founded.endorse(first)).unwrap();
    assert_eq!(lineage.lacking().count(), 0);
}

#[test]
fn a_root_that_the_present_one_does_not_follow_is_not_added() {
    let founded = founded();
    let first = founded.root.clone();
    let second = after(&[&first]);
    let mut lineage = Lineage::new(founded.network(&second));
    let aside = TrustRoot { disclosure: Disclosure { minimum_people: 2 }, ..first.clone() };
    assert!(lineage.is_of_this_key(&aside));
    assert!(refusal(lineage.add(founded.endorse(aside))).contains("would be forgotten"));
    let later = after(&[&first, &second]);
    assert!(refusal(lineage.add(founded.endorse(later))).contains("would be forgotten"), "the present one is older");
    let mut unendorsed = founded.endorse(first);
    unendorsed.endorsements[0].signature.0[0] ^= 1;
    refusal(lineage.add(unendorsed));
    let other = self::founded();
    assert!(!lineage.is_of_this_key(&other.root), "another collective key");
}

#[test]
fn a_root_that_does_not_fit_its_place_is_not_added() {
    let founded = founded();
    let first = founded.root.clone();
    let second = after(&[&first]);
    let unrelated = TrustRoot { earlier: vec![Digest([7; 32])], ..second.clone() };
    let mut lineage = Lineage::new(founded.network(&after(&[&first, &unrelated])));
    assert!(refusal(lineage.add(founded.endorse(unrelated))).contains("does not follow"));
    let mut late = second;
    late.serial = 40;
    let mut third = after(&[&first, &late]);
    third.serial = 3;
    let mut lineage = Lineage::new(founded.network(&third));
    lineage.add(founded.endorse(first)).unwrap();
    assert!(refusal(lineage.add(founded.endorse(late))).contains("serial"));
}

#[test]
fn what_the_cross_lane_answers_about_never_changes() {
    let founded = founded();
    for (before, now) in
        [(Some(lane("2026-01")), None), (None, Some(lane("2026-01"))), (Some(lane("2026-01")), Some(lane("2026-02")))]
    {
        let first = TrustRoot { cross: before, ..founded.root.clone() };
        let second = TrustRoot { cross: now, ..after(&[&first]) };
        let mut lineage = Lineage::new(founded.network(&second));
        assert!(refusal(lineage.add(founded.endorse(first))).contains("cross lane"));
    }
    let first = TrustRoot { cross: Some(lane("2026-01")), ..founded.root.clone() };
    let mut second = after(&[&first]);
    second.cross.as_mut().unwrap().keys.summands = Digest([3; 32]);
    Lineage::new(founded.network(&second)).add(founded.endorse(first)).unwrap();
}

#[test]
fn a_scope_names_measures_and_chains_with_records_in_order() {
    let founded = founded();
    let changed = |change: fn(&mut CrossScope)| {
        let mut lane = lane("2026-01");
        change(&mut lane.scope);
        Network::check_unendorsed(&TrustRoot { cross: Some(lane), ..founded.root.clone() }).map(drop)
    };
    changed(|_| ()).unwrap();
    for change in [
        (|scope| scope.chains.clear()) as fn(&mut CrossScope),
        |scope| scope.chains[0] = "main/health".parse().unwrap(),
        |scope| scope.chains[0] = "region/810000".parse().unwrap(),
        |scope| scope.chains.push("region/440100".parse().unwrap()),
        |scope| scope.measures.reverse(),
        |scope| drop(scope.measures.pop()),
    ] {
        refusal(changed(change));
    }
}
