//! The demo at small sizes and other seeds: where most groups are too small to be shown, it says so, and nothing it says is
//! untrue. The README's size is run by `.ci/run`.

use nacre::{
    cli::DemoArgs,
    commands::Output,
    demo::{self, Summary, frauds},
    known_leaks::{CrossLane, CrossLaneFlag},
};

async fn show(people: u32, seed: u64) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let args = DemoArgs { people, seed, out, cross_lane: CrossLaneFlag::default() };
    demo::show(&args, Output::for_machines()).await.unwrap()
}

fn outcome(summary: &Summary, fraud: &str) -> frauds::Outcome {
    summary.frauds.iter().find(|tried| tried.fraud.contains(fraud)).unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_size_what_is_shown_is_right_and_a_fraud_without_anything_to_alter_is_not_tried() {
    let mut nothing_shown = 0;
    for (people, seed) in [(50, 2026), (50, 7), (100, 2026), (100, 7)] {
        let summary = show(people, seed).await;
        assert!(summary.is_right(), "{people} people, seed {seed}");
        assert_eq!((summary.cross_lane.clone(), summary.answers.len()), (CrossLane::Off, 5));
        // Of ten years of age there may be nobody at all.
        assert!(summary.answers.iter().take(2).all(|answer| answer.answered + answer.withheld > 0));
        let shown: usize = summary.answers.iter().map(|answer| answer.shown).sum();
        let expected = if shown > 0 { frauds::Outcome::Caught } else { frauds::Outcome::NotTried };
        assert_eq!(outcome(&summary, "raised by one"), expected, "{people} people, seed {seed}");
        assert_eq!(outcome(&summary, "wrong key"), expected, "{people} people, seed {seed}");
        assert_eq!(outcome(&summary, "350"), frauds::Outcome::Caught, "{people} people, seed {seed}");
        nothing_shown += usize::from(summary.answers.iter().any(|answer| answer.shown == 0));
    }
    assert!(nothing_shown > 0, "no size at which an answer is withheld whole was tried");
}
