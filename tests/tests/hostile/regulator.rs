//! An admitted regulator that asks what it was not logged for, or shows custodians less than there is.
//!
//! | it | stopped by |
//! |---|---|
//! | asks without logging, or alters what was logged | `request-inclusion`, `request-signature` |
//! | leaves cells, seals or a chain out | `cell-omission`, `seal-sequence`, `request-form` |
//! | asks about an epoch that is not sealed | `unsealed-epoch` |
//! | sends another's dossier | `not-the-requester`, `other-sender` |
//! | asks about people it may not see | the rules: `regulator_subtraction.rs`, for those that many questions add up to |

use nacre_schemas::{
    Digest,
    answer::{Decision, Rule, Verdict},
    cohort::Sex,
    dossier::{LoggedRequest, Submission},
    query::{Attribute, Request},
};
use nacre_tests::{
    attack::{ABROAD, Attack, HOME, chain, with},
    sender::problem,
};
use nacre_verifier::Check;
use nacre_wire::custodian::{POST_ANSWER, POST_CONFIRMATION};

/// The same submission about another request than the logged one.
fn about(
    submission: &Submission,
    signed: nacre_schemas::query::SignedRequest<nacre_schemas::query::Request>,
) -> Submission {
    let mut altered = submission.clone();
    altered.dossier.logged.request = signed;
    altered
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_logged_is_not_answered() {
    let attack = Attack::prepare().await;
    let honest = attack.submission(&[HOME], &[], 1).await;

    let never_logged = attack.sign_request(attack.request(&[HOME], &[Attribute::Sex], [1, 1], 9).await).await;
    attack.all_refuse(&about(&honest, never_logged), Check::RequestInclusion, "never logged").await;
    type Change = fn(&mut Request);
    let changes: [(&str, Change); 4] = [
        ("fewer people", |request| request.predicate.sexes = vec![Sex::Female]),
        ("by sex and age", |request| request.group_by = vec![Attribute::Sex, Attribute::AgeBand]),
        ("another purpose", |request| request.purpose = "something else".parse().unwrap()),
        ("asked again", |request| request.nonce = Digest([77; 32])),
    ];
    for (what, change) in changes {
        let mut request = honest.dossier.logged.request.request.clone();
        change(&mut request);
        let mut unsigned = honest.dossier.logged.request.clone();
        unsigned.request = request.clone();
        attack.all_refuse(&about(&honest, unsigned), Check::RequestSignature, what).await;
        attack.all_refuse(&about(&honest, attack.sign_request(request).await), Check::RequestInclusion, what).await;
    }
    // The exchange looks too, before it shows cells.
    let mut logged: LoggedRequest<Request> = honest.dossier.logged.clone();
    logged.request = attack.sign_request(attack.request(&[HOME], &[Attribute::Sex], [1, 1], 9).await).await;
    let refused = problem(attack.cells(&chain(HOME), &logged).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("request-inclusion")));

    // Of another request only the nonce differs, and it is its own: confirmations and sums do not move to it.
    let again = attack.submission(&[HOME], &[], 2).await;
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &honest).await;
    attack.all_refuse(&with(&again, &confirmed), Check::Confirmation, "another request's confirmations").await;
    assert!(matches!(attack.answer("macao-1", &with(&honest, &confirmed)).await, Verdict::Answered(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_logged_is_shown_whole_or_not_answered() {
    let attack = Attack::prepare().await;
    let honest = attack.submission(&[HOME, ABROAD], &[], 1).await;
    type Change = fn(&mut Submission);
    let changed = |change: Change| {
        let mut altered = honest.clone();
        change(&mut altered);
        altered
    };
    let cases: [(&str, Check, Change); 6] = [
        ("a cell left out", Check::CellInclusion, |it| drop(it.dossier.chains[0].seals[0].run.cells.remove(1))),
        ("a cell twice", Check::CellInclusion, |it| {
            let cells = &mut it.dossier.chains[0].seals[0].run.cells;
            cells.insert(1, cells[1].clone());
        }),
        ("no cells", Check::CellInclusion, |it| it.dossier.chains[0].seals[0].run.cells.clear()),
        ("no seals", Check::SealSequence, |it| it.dossier.chains[0].seals.clear()),
        ("a chain left out", Check::RequestForm, |it| {
            it.dossier.chains.pop();
            it.sums.pop();
        }),
        ("chains in another order", Check::RequestForm, |it| {
            it.dossier.chains.swap(0, 1);
            it.sums.swap(0, 1);
        }),
    ];
    for (what, check, change) in cases {
        attack.all_refuse(&changed(change), check, what).await;
    }
    // A question over two regions that names the seals of one alone is not even logged.
    let mut request = attack.request(&[HOME, ABROAD], &[Attribute::Region], [1, 1], 3).await;
    request.spans.truncate(1);
    let refused = problem(attack.try_log(request).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("request-form")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_epoch_is_not_shown_and_anothers_dossier_is_not_answered() {
    let attack = Attack::prepare().await;
    let early = attack.request(&[HOME], &[], [1, 2], 1).await;
    let refused = problem(attack.try_log(early).await);
    assert_eq!(refused.check.as_deref(), Some("seal-inclusion"), "{}", refused.detail);
    let mut honest = attack.submission(&[HOME], &[], 2).await;

    // What another regulator asked and collected, in the hands of this one.
    honest.dossier.logged.request.request.requester = "another-commission".parse().unwrap();
    let custodian = &attack.custodians["macao-1"];
    assert_eq!(problem(custodian.call(POST_ANSWER, &(), &honest).await).word(), "not-the-requester");
    assert_eq!(problem(custodian.call(POST_CONFIRMATION, &(), &honest).await).word(), "not-the-requester");
    let refused = problem(attack.cells(&chain(HOME), &honest.dossier.logged).await);
    assert_eq!(refused.word(), "other-sender");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_too_few_people_is_withheld_by_every_custodian() {
    let attack = Attack::prepare().await;
    let submission = attack.submission(&[HOME], &[Attribute::Sex, Attribute::AgeBand], 1).await;
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &submission).await;
    let mut withheld = Vec::new();
    for custodian in attack.custodians.keys() {
        let Verdict::Answered(signed) = attack.answer(custodian, &with(&submission, &confirmed)).await else {
            panic!("{custodian} refuses an honest question");
        };
        let few = |group: &&nacre_schemas::answer::GroupAnswer| {
            group.decisions.iter().all(|decided| decided.decision == Decision::Withheld(Rule::TooFewPeople))
        };
        withheld.push(signed.statement.groups.iter().filter(few).map(|group| group.group.clone()).collect::<Vec<_>>());
    }
    assert!(!withheld[0].is_empty());
    assert!(withheld.iter().all(|groups| *groups == withheld[0]), "the rules decide, not the custodian");
}
