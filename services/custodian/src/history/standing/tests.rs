use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Document as _, Signature,
    cohort::{AgeBand, Sex},
    query::{Predicate, Request, SealSpan, SignedRequest, Statistic},
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_zk::custody::{self, KeyShare};
use rand::rngs::OsRng;

use super::*;

/// Three trust roots of one line, the first first.
fn line() -> Vec<SignedTrustRoot> {
    let id = || "guangdong".parse().unwrap();
    let key = || SigningKey::generate().unwrap().public();
    let shares = custody::generate(&id(), 2, 2, &mut OsRng).unwrap();
    let custodian = |share: &KeyShare| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key(),
    };
    let mut root = TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![Jurisdiction {
            id: id(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: key(),
            custodians: shares.iter().map(custodian).collect(),
            pseudonyms: None,
        }],
        chains: vec![Chain {
            id: "main/health".parse().unwrap(),
            jurisdiction: id(),
            region: None,
            parents: Vec::new(),
            signing_key: key(),
            witnesses: Vec::new(),
        }],
    };
    let mut line = Vec::new();
    for _ in 0..3 {
        let signature = custody::endorse(&shares.iter().collect::<Vec<_>>(), &root.to_canonical(), &mut OsRng).unwrap();
        let endorsements = vec![Endorsement { jurisdiction: id(), signature }];
        line.push(SignedTrustRoot { root: root.clone(), endorsements });
        root.earlier.push(root.digest());
        root.serial += 1;
    }
    line
}

/// The line under its last root, with those of these places at hand.
fn lineage(line: &[SignedTrustRoot], at_hand: &[usize]) -> Lineage {
    let mut lineage = Lineage::new(Arc::new(Network::new(line[2].clone()).unwrap()));
    at_hand.iter().for_each(|place| lineage.add(line[*place].clone()).unwrap());
    lineage
}

/// A request that names that trust root; that it holds is the test's to say.
fn request(leaf: u64, trust: Digest) -> Logged {
    let request = Request {
        trust,
        requester: "commission".parse().unwrap(),
        measure: "bmi@1".parse().unwrap(),
        definition: Digest([2; 32]),
        statistics: vec![Statistic::Mean],
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
    };
    let signed = SignedRequest { request, seals: Vec::new(), signature: Signature([9; 64]) };
    Logged { leaf, asked: Asked::Tally(Arc::new(signed)), admission: None, standing: Standing::Unsettled }
}

/// What each request is: the place of its root, `-` for nothing, `?` for what waits for a root.
fn standings(requests: &[Logged], lineage: &Lineage) -> String {
    let word = |request: &Logged| match &request.standing {
        Standing::Counts(network) => match lineage.find(&network.digest()) {
            Named::Known(place, _) => place.to_string(),
            _ => "!".to_owned(),
        },
        Standing::Nothing => "-".to_owned(),
        Standing::Lacks(_) => "?".to_owned(),
        Standing::Unsettled => "!".to_owned(),
    };
    requests.iter().map(word).collect()
}

fn asked(line: &[SignedTrustRoot], places: &[usize]) -> Vec<Logged> {
    let trust = |place: &usize| line.get(*place).map_or(Digest([77; 32]), |signed| signed.root.digest());
    (0..).zip(places).map(|(leaf, place)| request(leaf, trust(place))).collect()
}

#[test]
fn each_counts_under_the_root_it_names_and_none_under_an_older_one_than_before_it() {
    let line = line();
    let lineage = lineage(&line, &[0, 1]);
    let mut requests = asked(&line, &[0, 1, 0, 1, 2, 9, 1, 2]);
    let all: Vec<usize> = (0..8).collect();
    settle(&mut requests, &all, &lineage);
    assert_eq!(standings(&requests, &lineage), "01-12--2");
}

#[test]
fn one_that_does_not_hold_sets_no_root() {
    let line = line();
    let lineage = lineage(&line, &[0, 1]);
    let mut requests = asked(&line, &[2, 0, 1]);
    settle(&mut requests, &[1, 2], &lineage);
    assert_eq!(standings(&requests, &lineage), "-01");
}

#[test]
fn what_a_lacking_root_decides_waits_for_it_and_nothing_else_does() {
    let line = line();
    let mut requests = asked(&line, &[0, 1, 0, 2, 1, 0]);
    let poor = lineage(&line, &[0]);
    settle(&mut requests, &[0, 2, 3, 5], &poor);
    // The third might be older than the second; after the fourth the root of the fifth no longer matters.
    assert_eq!(standings(&requests, &poor), "0??2--");
    let rich = lineage(&line, &[0, 1]);
    let mut counts = asked(&line, &[0, 1, 0, 2, 1, 0]);
    for (request, known) in counts.iter_mut().zip(&requests) {
        request.standing = known.standing.clone();
    }
    settle(&mut counts, &[1, 2], &rich);
    assert_eq!(standings(&counts, &rich), "01-2--");
    // Had the second not held, the third would count.
    settle(&mut requests, &[2], &rich);
    assert_eq!(standings(&requests, &rich), "0-02--");
}
