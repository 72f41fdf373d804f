//! Shares of one `D` from different requests combine. Two exchanges of different jurisdictions and an admitted regulator
//! try to collect them for a `D` of their choice, and every honest custodian refuses.
//!
//! The attackers here hold both chains' keys. Custodians' keys are used only where a test says that they are corrupt.

use nacre_schemas::{
    Document as _, Signed,
    answer::Verdict,
    canonical::fields,
    confirmation::{Confirmation, Finding},
};
use nacre_tests::attack::{ABROAD, Attack, HOME, chain, with};
use nacre_verifier::{Check, confirmation};
use nacre_zk::share;

#[tokio::test(flavor = "multi_thread")]
async fn no_honest_custodian_gives_a_share_of_a_key_that_its_chains_own_custodians_do_not_confirm() {
    let attack = Attack::prepare().await;
    let (key, _, _) = attack.target().await;
    let honest = attack.submission(&[HOME], &[], 2).await;
    let abroad = attack.submission(&[ABROAD], &[], 3).await;
    let altered = attack.falsify_key(&honest, HOME, key);
    let altered_abroad = attack.falsify_key(&abroad, ABROAD, key);

    // The chain's own custodians see the difference; the others have nothing to confirm.
    for custodian in ["guangdong-1", "guangdong-2", "guangdong-3"] {
        let Finding::Refused(refused) = attack.confirm(custodian, &altered).await.unwrap() else {
            panic!("{custodian} confirms false sums");
        };
        assert_eq!(refused.statement.check.as_str(), Check::ChainDetails.word());
    }
    for custodian in ["hongkong-1", "macao-1"] {
        let error = attack.confirm(custodian, &altered).await.unwrap_err();
        assert_eq!(error.problem().map(|problem| problem.word()), Some("no-own-chain"));
    }

    // Both requests of the attack, without confirmations.
    attack.all_refuse(&altered, Check::Confirmation, "request 1").await;
    attack.all_refuse(&altered_abroad, Check::Confirmation, "request 2").await;
    // With what honest custodians confirmed of honest sums.
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &honest).await;
    attack.all_refuse(&with(&altered, &confirmed), Check::Confirmation, "other sums").await;
    let confirmed_abroad = attack.confirmations(&["hongkong-1", "hongkong-2"], &abroad).await;
    attack.all_refuse(&with(&altered, &confirmed_abroad), Check::Confirmation, "another chain's and request's").await;
    // With fewer corrupt custodians than it takes: 1 of the 2 here, and any number elsewhere.
    let corrupt = attack.forge("guangdong-1", &altered);
    attack.all_refuse(&with(&altered, std::slice::from_ref(&corrupt)), Check::Confirmation, "one alone").await;
    let twice = [corrupt.clone(), corrupt.clone()];
    attack.all_refuse(&with(&altered, &twice), Check::Confirmation, "one twice").await;
    let foreign = ["hongkong-1", "hongkong-2", "macao-1"].map(|custodian| attack.forge(custodian, &altered));
    attack.all_refuse(&with(&altered, &foreign), Check::Confirmation, "foreign custodians").await;
    let mixed = [corrupt, foreign[0].clone()];
    attack.all_refuse(&with(&altered, &mixed), Check::Confirmation, "one and a foreign one").await;

    // The honest sums with their confirmations are answered by everyone.
    for custodian in attack.custodians.keys() {
        let verdict = attack.answer(custodian, &with(&honest, &confirmed)).await;
        assert!(matches!(verdict, Verdict::Answered(_)), "{custodian}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_threshold_of_confirmations_that_stands_between_the_attack_and_the_record() {
    let attack = Attack::prepare().await;
    let (key, commitment, secret) = attack.target().await;
    // As if a threshold of custodians were corrupt in both jurisdictions: the shares of two requests then combine.
    let altered = attack.falsify_key(&attack.submission(&[HOME], &[], 2).await, HOME, key);
    let forged = ["guangdong-1", "guangdong-2"].map(|custodian| attack.forge(custodian, &altered));
    let altered = with(&altered, &forged);
    let altered_abroad = attack.falsify_key(&attack.submission(&[ABROAD], &[], 3).await, ABROAD, key);
    let forged = ["hongkong-1", "hongkong-2"].map(|custodian| attack.forge(custodian, &altered_abroad));
    let altered_abroad = with(&altered_abroad, &forged);
    let mut shares = attack.shares(&["hongkong-1", "hongkong-2", "macao-1", "macao-2"], &altered).await;
    shares.extend(attack.shares(&["guangdong-1", "guangdong-2"], &altered_abroad).await);
    assert!(share::combine(&commitment, &shares).unwrap().is(secret), "the attack is a real one");

    // Even then a custodian checks its own chains by itself, whatever others confirm.
    let Verdict::Refused(refused) = attack.answer("guangdong-3", &altered).await else {
        panic!("guangdong-3 takes the others' word for its own chain");
    };
    assert_eq!(refused.statement.check.as_str(), Check::ChainDetails.word());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_confirmation_is_checked() {
    let attack = Attack::prepare().await;
    let submission = attack.submission(&[HOME, ABROAD], &[], 2).await;
    let custodians = ["guangdong-1", "guangdong-3", "hongkong-2", "hongkong-3"];
    let honest = attack.confirmations(&custodians, &submission).await;
    let checked = attack.checked(&submission);
    let check = |confirmations: &[Signed<Confirmation>]| {
        confirmation::check(confirmations, &submission.sums, &checked, &attack.network)
    };
    check(&honest).unwrap();
    attack.check(&with(&submission, &honest)).unwrap();

    // Changed by a stranger, and changed and signed again by the custodian itself.
    let (bytes, fields) = fields(&honest[0]);
    assert_eq!(fields.iter().map(|field| field.bytes.len()).sum::<usize>() + 5, bytes.len());
    for field in &fields {
        for place in field.bytes.clone() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let Ok(changed) = Signed::<Confirmation>::from_canonical(&changed) else { continue };
            let again = attack.sign("guangdong-1", changed.statement.clone());
            for hostile in [changed, again] {
                if hostile == honest[0] {
                    // Only the signature was changed, and signing is deterministic.
                    continue;
                }
                let mut confirmations = honest.clone();
                confirmations[0] = hostile;
                let failure = check(&confirmations).expect_err(&field.path);
                assert_eq!(failure.check, Check::Confirmation, "{}: {failure}", field.path);
            }
        }
    }

    let refused = |confirmations: &[Signed<Confirmation>], place: &str, detail: &str| {
        let failure = check(confirmations).expect_err(detail);
        assert!(failure.check == Check::Confirmation && failure.place.contains(place), "{failure}");
        assert!(failure.detail.contains(detail), "{failure}");
    };
    refused(&honest[1..], "region/440100", "1 custodians of guangdong confirm");
    refused(&honest[..3], "region/810000", "1 custodians of hongkong confirm");
    refused(&honest[..2], "region/810000", "0 custodians of hongkong confirm");
    let more = |extra: Signed<Confirmation>| [honest.as_slice(), &[extra]].concat();
    refused(&more(honest[1].clone()), "region/440100 by guangdong-3", "counted twice");
    refused(&more(attack.forge("macao-1", &submission)), "region/440100 by macao-1", "the chain is guangdong's");
    let mut elsewhere = honest[0].statement.clone();
    elsewhere.chain = chain("820000");
    refused(&more(attack.sign("guangdong-1", elsewhere)), "region/820000 by guangdong-1", "does not ask this chain");
    // More than it takes is no harm.
    check(&more(attack.confirmations(&["guangdong-2"], &submission).await.remove(0))).unwrap();

    // The same question asked again is another request: its confirmations do not serve this one.
    let again = attack.submission(&[HOME, ABROAD], &[], 4).await;
    let stale = attack.check(&with(&again, &honest)).unwrap_err();
    assert!(stale.check == Check::Confirmation && stale.detail.contains("another request"), "{stale}");
    // Sums that leave out a chain need no confirmation of it, so they are not looked at.
    let short = confirmation::check(&honest[..2], &submission.sums[..1], &checked, &attack.network).unwrap_err();
    assert_eq!((short.check, short.place.as_str()), (Check::Confirmation, "submission"));
}
