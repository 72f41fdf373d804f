//! One question, by two evaluators: one that is never stopped, and one that is stopped while it fetches and while it computes.

use nacre_schemas::{
    Document as _,
    cross::{CrossJob, CrossStatistic},
};
use nacre_verifier::cross;

use super::{
    open, outcome, problem,
    scene::{CHAINS, Fault, MINIMUM_PEOPLE, Scene},
    state, submit, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluator_that_is_stopped_goes_on_and_comes_to_the_bytes_of_one_that_is_not() {
    let scene = Scene::new().await;
    let logged = scene.logged(CrossStatistic::Mean, 1);
    let request = logged.request.request.digest();
    let jobs = |data: &str| scene.folder.path().join(data).join("jobs").join(request.to_string());

    // Stopped while the second chain is silent: what the first handed over stays.
    scene.fails(CHAINS[1], Some(Fault::Silent));
    let running = scene.start("stopped", "").await;
    let client = scene.client(&running, "commission");
    submit(&client, &logged).await.unwrap();
    until(&client, &request, |job| *job == CrossJob::Fetching && scene.asked(CHAINS[1]) == 1).await;
    running.stop().await;
    scene.fails(CHAINS[1], None);

    // Stopped between two chunks: what was added up stays.
    let running = scene.start("stopped", "threads = 1").await;
    let client = scene.client(&running, "commission");
    let added = |job: &CrossJob| matches!(job, CrossJob::Computing { twentieths } if *twentieths > 0);
    until(&client, &request, added).await;
    running.stop().await;
    let checkpoint = std::fs::read(jobs("stopped").join("checkpoint")).unwrap();
    assert!(!jobs("stopped").join("outcome").exists());

    // Damaged inputs are fetched again, and only those.
    std::fs::write(jobs("stopped").join("inputs/region-440300"), "of no use").unwrap();
    let running = scene.start("stopped", "keep-inputs = true").await;
    let client = scene.client(&running, "commission");
    until(&client, &request, |job| *job == CrossJob::Done).await;
    assert_eq!((scene.asked(CHAINS[0]), scene.asked(CHAINS[1])), (1, 3));
    let stopped = outcome(&client, &request).await.unwrap();
    assert!(jobs("stopped").join("inputs/region-440100").exists() && !jobs("stopped").join("checkpoint").exists());

    // Whose result it is, and what it says.
    let (definitions, _) = cross::check(&logged, &scene.network).unwrap();
    cross::check_result(&stopped.result, &logged.request.request, &definitions, &scene.network).unwrap();
    let own = "guangdong".parse().unwrap();
    cross::check_confirmation(&stopped.confirmation, &own, &request, &stopped.result.digest(), &scene.network).unwrap();
    let (counts, sums) = scene.truth();
    let shown = |of: [u64; 4]| -> Vec<u64> {
        counts.iter().zip(of).map(|(count, of)| if *count < MINIMUM_PEOPLE.into() { 0 } else { of }).collect()
    };
    assert!(counts.iter().any(|count| *count < MINIMUM_PEOPLE.into()), "a cell is withheld: {counts:?}");
    assert_eq!(open(&stopped.result, 4), (shown(counts), shown(sums)));

    // Another evaluator, never stopped, on its own: the same bytes.
    let other = scene.start("other", "").await;
    let other_client = scene.client(&other, "commission");
    submit(&other_client, &logged).await.unwrap();
    until(&other_client, &request, |job| *job == CrossJob::Done).await;
    let unstopped = outcome(&other_client, &request).await.unwrap();
    assert!(stopped.result == unstopped.result, "two evaluators came to different bytes");
    assert!(!jobs("other").join("inputs").exists());
    other.stop().await;
    let asked = scene.asked(CHAINS[0]);

    // Done stays done: over a restart, however often it is asked, and from a checkpoint that is left over.
    running.stop().await;
    std::fs::write(jobs("stopped").join("checkpoint"), checkpoint).unwrap();
    let running = scene.start("stopped", "").await;
    let client = scene.client(&running, "commission");
    assert_eq!(submit(&client, &logged).await.unwrap(), CrossJob::Done);
    assert_eq!(outcome(&client, &request).await.unwrap(), stopped);
    assert_eq!(scene.asked(CHAINS[0]), asked);

    // To others there is no such job; and its requester can have it removed.
    let stranger = scene.client(&running, "another");
    assert_eq!(problem(&state(&stranger, &request).await.unwrap_err()), (404, "no-job"));
    assert_eq!(problem(&outcome(&stranger, &request).await.unwrap_err()), (404, "no-job"));
    super::cancel(&stranger, &request).await.unwrap_err();
    assert!(jobs("stopped").exists());
    super::cancel(&client, &request).await.unwrap();
    assert_eq!(problem(&state(&client, &request).await.unwrap_err()), (404, "no-job"));
    assert!(!jobs("stopped").exists());
    running.stop().await;
}
