use std::collections::BTreeMap;

use nacre_ledger::signing;
use nacre_schemas::{
    Point, Statement,
    answer::{Answer, Rule},
    catalogue::Catalogue,
    cohort::{AgeBand, Sex},
    query::{Attribute, Predicate, Request, SealSpan, Statistic},
};

use super::*;

/// `number·B`.
fn point(number: u8) -> Point {
    secret(number).verifying_share()
}

fn secret(number: u8) -> SecretShare {
    let mut scalar = [0; 32];
    scalar[0] = number;
    SecretShare::from_bytes(&scalar).unwrap()
}

fn signer() -> Signer {
    let custodian = CustodianId { jurisdiction: "guangdong".parse().unwrap(), number: 1 };
    Signer { custodian, secret: secret(77), signing_key: SigningKey::from_bytes(&[5; 32]).unwrap() }
}

fn request() -> Request {
    let bmi = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
    Request {
        trust: Digest([1; 32]),
        requester: "regulator".parse().unwrap(),
        measure: bmi.reference(),
        definition: bmi.digest(),
        statistics: vec![Statistic::Mean, Statistic::Bands],
        predicate: Predicate {
            regions: vec!["440100".parse().unwrap()],
            from: "2026-01".parse().unwrap(),
            to: "2026-02".parse().unwrap(),
            sexes: Sex::ALL.to_vec(),
            youngest: AgeBand::of_age(0),
            oldest: AgeBand::TOP,
        },
        group_by: vec![Attribute::Sex],
        spans: vec![SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 1, hash: Digest([8; 32]) }],
        purpose: "a test".parse().unwrap(),
        nonce: Digest([3; 32]),
    }
}

fn dossier() -> CheckedDossier {
    let request = request();
    CheckedDossier {
        request_digest: request.digest(),
        dossier_digest: Digest([4; 32]),
        quantities: request.quantities(4),
        groups: BTreeMap::new(),
        finality: Vec::new(),
        request,
    }
}

fn group(sex: Sex) -> GroupKey {
    GroupKey { region: None, sex: Some(sex), age_band: None, period: None }
}

/// A group's keys: `first·B`, `(first + 1)·B`, ….
fn keys(first: u8) -> Vec<QuantityKey> {
    let quantities = dossier().quantities.into_iter().zip(first..);
    quantities.map(|(quantity, number)| QuantityKey { quantity, key: point(number) }).collect()
}

/// Women may be told apart from others but not in detail, men not at all.
fn decisions() -> Decisions {
    let detail = Some(Rule::TooFewPeopleForDetail);
    Decisions::from([
        (group(Sex::Female), decide::Decision { group: None, detail }),
        (group(Sex::Male), decide::Decision { group: Some(Rule::Partition), detail }),
    ])
}

fn both() -> GroupKeys {
    GroupKeys::from([(group(Sex::Female), keys(20)), (group(Sex::Male), keys(40))])
}

#[test]
fn shares_are_given_where_the_rules_allow_and_rules_named_where_not() {
    let signed = signer().answer(&dossier(), &both(), &decisions()).unwrap();
    let answer = &signed.statement;
    assert_eq!((answer.request, answer.dossier), (dossier().request_digest, Digest([4; 32])));
    let public = signer().signing_key.public();
    signing::verify(&public, &signed).unwrap();

    assert!(answer.groups.iter().map(|group| &group.group).eq(both().keys()), "the groups, in order");
    for (decided, number) in answer.groups[0].decisions.iter().zip(20..) {
        match (&decided.decision, decided.quantity) {
            (Decision::Opened(given), Quantity::Count | Quantity::Sum) => {
                assert_eq!(given.key, point(number));
                share::verify(given, &answer.request, &answer.custodian, &point(77)).unwrap();
            }
            (Decision::Withheld(Rule::TooFewPeopleForDetail), Quantity::Band(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let men = answer.groups[1].decisions.iter().map(|decided| &decided.decision);
    assert!(men.into_iter().all(|decision| *decision == Decision::Withheld(Rule::Partition)));
}

#[test]
fn a_group_that_was_not_decided_on_is_not_answered() {
    let mut decisions = decisions();
    decisions.remove(&group(Sex::Male));
    let fault = signer().answer(&dossier(), &both(), &decisions).unwrap_err();
    assert!(matches!(fault, Fault::Undecided(_)), "{fault}");
}

#[test]
fn the_identity_is_never_answered() {
    let mut keys = both();
    keys.get_mut(&group(Sex::Female)).unwrap()[1].key = Point([0; 32]);
    let fault = signer().answer(&dossier(), &keys, &decisions()).unwrap_err();
    assert!(fault.to_string().contains("the key of sum in the group female"), "{fault}");
}

#[test]
fn a_key_in_anothers_place_is_not_answered() {
    let mut keys = both();
    keys.get_mut(&group(Sex::Female)).unwrap().swap(0, 1);
    assert!(matches!(signer().answer(&dossier(), &keys, &decisions()), Err(Fault::UnanswerableKey { .. })));
}

#[test]
fn a_preview_says_what_an_answer_would_and_is_signed_as_one() {
    let quantities = dossier().quantities;
    let signed = signer().preview(Digest([6; 32]), 9, &quantities, &decisions());
    let withheld = |group: usize| -> Vec<Option<Rule>> {
        signed.statement.groups[group].quantities.iter().map(|ruling| ruling.withheld).collect()
    };
    assert_eq!(withheld(0)[..3], [None, None, Some(Rule::TooFewPeopleForDetail)]);
    assert_eq!(withheld(1)[..3], [Some(Rule::Partition); 3]);
    let public = signer().signing_key.public();
    signing::verify(&public, &signed).unwrap();
}

#[test]
fn a_refusal_is_signed_as_one() {
    let fault = Fault::FalseSums { chain: "region/440100".parse().unwrap(), group: group(Sex::Male) };
    let signed = signer().refuse(Digest([6; 32]), &fault);
    assert_eq!(signed.statement.check.as_str(), "chain-details");
    assert_eq!(signed.statement.custodian, signer().custodian);
    let public = signer().signing_key.public();
    signing::verify(&public, &signed).unwrap();
    let bytes = signed.statement.to_canonical();
    assert!(signing::verify_labelled(&public, Answer::LABEL, &bytes, &signed.signature).is_err());
}
