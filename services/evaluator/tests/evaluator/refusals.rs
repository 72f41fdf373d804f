//! What does not hold, what is too much, what is called off.

use nacre_schemas::{
    Document as _,
    cross::{CrossJob, CrossStatistic},
    problem::Retry,
};
use nacre_wire::{
    body::Encoded,
    evaluator::{MAX_REQUEST_BYTES, POST_JOB},
};

use super::{
    cancel, outcome, problem,
    scene::{CHAINS, Fault, Scene},
    state, submit, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_hands_over_what_it_did_not_sign_for_this_request_is_named_and_nothing_is_computed() {
    let scene = Scene::new().await;
    let running = scene.start("data", "").await;
    let client = scene.client(&running, "commission");
    let faults = [
        (Fault::OtherWords, "its signature", Retry::No),
        (Fault::OtherRequest, "of another request", Retry::No),
        (Fault::Refuse, "refuses its inputs", Retry::No),
    ];
    for ((fault, expected, advice), number) in faults.into_iter().zip(1..) {
        scene.fails(CHAINS[1], Some(fault));
        let logged = scene.logged(CrossStatistic::Table, number);
        let request = logged.request.request.digest();
        submit(&client, &logged).await.unwrap();
        let failed = until(&client, &request, |job| matches!(job, CrossJob::Failed { .. })).await;
        let CrossJob::Failed { reason, retry } = &failed else { panic!("{fault:?}: {failed:?}") };
        assert!(reason.contains(expected) && reason.contains(CHAINS[1]), "{fault:?}: {reason}");
        assert_eq!(*retry, advice, "{fault:?}");
        assert!(outcome(&client, &request).await.is_err());
        // Asked again it says the same, without asking the chain.
        let asked = scene.asked(CHAINS[1]);
        assert_eq!(submit(&client, &logged).await.unwrap(), failed);
        assert_eq!(scene.asked(CHAINS[1]), asked);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_exchange_is_asked_again_and_a_job_that_waits_for_a_silent_one_can_be_cancelled() {
    let scene = Scene::new().await;
    let running = scene.start("data", "queue = 1").await;
    let client = scene.client(&running, "commission");
    let logged = scene.logged(CrossStatistic::Table, 1);
    let request = logged.request.request.digest();
    scene.fails(CHAINS[0], Some(Fault::Busy));
    scene.fails(CHAINS[1], Some(Fault::Silent));
    submit(&client, &logged).await.unwrap();
    until(&client, &request, |_| scene.asked(CHAINS[1]) == 1).await;
    assert_eq!(scene.asked(CHAINS[0]), 2);
    assert_eq!(problem(&outcome(&client, &request).await.unwrap_err()), (409, "not-done"));

    // The queue is full; the one that fills it is not begun twice.
    let error = submit(&client, &scene.logged(CrossStatistic::Table, 2)).await.unwrap_err();
    assert_eq!(problem(&error), (503, "busy"));
    assert!(error.is_retryable() && error.retry_after().is_some());
    assert_eq!(submit(&client, &logged).await.unwrap(), CrossJob::Fetching);

    cancel(&client, &request).await.unwrap();
    assert_eq!(problem(&state(&client, &request).await.unwrap_err()), (404, "no-job"));
    assert_eq!(std::fs::read_dir(scene.folder.path().join("data/jobs")).unwrap().count(), 0);
    // There is room again.
    submit(&client, &scene.logged(CrossStatistic::Table, 2)).await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_anothers_or_not_in_the_log_is_not_computed() {
    let scene = Scene::new().await;
    let running = scene.start("data", "").await;
    let client = scene.client(&running, "commission");
    let logged = scene.logged(CrossStatistic::Table, 1);

    let stranger = scene.client(&running, "another");
    assert_eq!(problem(&submit(&stranger, &logged).await.unwrap_err()), (403, "not-the-requester"));
    // An evaluator may ask exchanges, and not have anything computed.
    let evaluator = scene.client(&running, "evaluator");
    assert!(submit(&evaluator, &logged).await.is_err());

    let mut elsewhere = logged.clone();
    elsewhere.request_inclusion = elsewhere.admission_inclusion.clone();
    let mut unsigned = logged.clone();
    unsigned.request.request.purpose = "another".parse().unwrap();
    for (hostile, check) in [(elsewhere, "request-inclusion"), (unsigned, "request-signature")] {
        let error = submit(&client, &hostile).await.unwrap_err();
        assert_eq!(problem(&error), (422, "check-failed"));
        assert_eq!(error.problem().unwrap().check.as_deref(), Some(check));
    }
    let padding = " ".repeat(MAX_REQUEST_BYTES + 1);
    for (sent, expected) in [("\"no request\"".to_owned(), (400, "malformed")), (padding, (413, "too-large"))] {
        let error = client.call_encoded(POST_JOB, &(), &Encoded::from_bytes(sent)).await.unwrap_err();
        assert_eq!(problem(&error), expected);
    }
    assert_eq!(std::fs::read_dir(scene.folder.path().join("data/jobs")).unwrap().count(), 0);
    running.stop().await;
}
