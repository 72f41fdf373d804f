//! A regulator that asks both lanes about the same people: the tally lane's sum over all, less the cross lane's over those who
//! are matched, would be that of the one who is not. Neither lane answers about what the trust root leaves to the other.

use std::collections::BTreeMap;

use nacre::{consortium::CrossPlan, demo::population::PERSON_SYSTEM};
use nacre_regulator::{CrossQuestion, NamedMeasure, Question};
use nacre_schemas::{
    catalogue::Catalogue,
    cohort::Period,
    cross::CrossStatistic,
    query::{Attribute, Statistic},
    release::Outcome,
};
use nacre_tests::{Running, plan, question, sender::Sender};

const FEBRUARY: &str = "2025-02";
const MARCH: &str = "2025-03";

/// What became of each quantity of each group.
async fn ask(running: &Running, question: &Question) -> Vec<String> {
    let answer = running.ask(question).await.unwrap().unwrap();
    let results = answer.release.figures.iter().flat_map(|figures| &figures.results);
    let word = |outcome: &Outcome| match outcome {
        Outcome::Value(_) => "opened".to_owned(),
        Outcome::Withheld(rule) => rule.to_string(),
    };
    results.map(|result| word(&result.outcome)).collect()
}

async fn post(sender: &Sender, name: &str, month: &str) {
    let measure = Catalogue::built_in().find(&name.parse().unwrap()).unwrap();
    let headers = (0..24).map(|person| sender.header(measure, person, month)).collect();
    let values: Vec<u32> = (0..24).map(|person| measure.lo + 20 + person).collect();
    sender.post(&sender.prove(measure, headers, &values)).await.unwrap();
}

fn mean(by: &str, of: &str, month: &str) -> CrossQuestion {
    let month: Period = month.parse().unwrap();
    CrossQuestion {
        statistic: CrossStatistic::Mean,
        by: NamedMeasure::parse(by).unwrap(),
        of: NamedMeasure::parse(of).unwrap(),
        from: month,
        to: month,
        regions: Vec::new(),
        through: BTreeMap::new(),
        purpose: "does activity go with better values?".parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_lane_answers_about_what_is_the_others() {
    let mut plan = plan(&["440100", "810000"], 11, PERSON_SYSTEM);
    let measures = ["hba1c", "mvpa-minutes"].map(|id| id.parse().unwrap()).to_vec();
    let regions = vec!["440100".parse().unwrap()];
    plan.cross = Some(CrossPlan { regions, measures, from: Some(MARCH.parse().unwrap()) });
    let running = Running::start(&plan).await.unwrap();
    let [hospital, abroad] = ["hospital-440100", "hospital-810000"].map(|member| Sender::of(&running, member));
    for (name, month) in [("hba1c@1", FEBRUARY), ("hba1c@1", MARCH), ("bmi@1", MARCH)] {
        post(&hospital, name, month).await;
    }
    post(&abroad, "hba1c@1", MARCH).await;
    running.seal().await.unwrap();

    let asked = |id, from, to, by: &[Attribute]| question(id, from, to, by, &[Statistic::Count, Statistic::Mean]);
    let in_region = |question: Question, region: &str| Question { regions: vec![region.parse().unwrap()], ..question };
    let hba1c = |from, to| in_region(asked("hba1c", from, to, &[]), "440100");
    assert_eq!(ask(&running, &hba1c(MARCH, MARCH)).await, ["cross-lane"; 2]);
    assert_eq!(ask(&running, &hba1c(FEBRUARY, MARCH)).await, ["cross-lane"; 2], "one group touches it");
    assert_eq!(ask(&running, &hba1c(FEBRUARY, FEBRUARY)).await, ["opened"; 2], "the month before");
    let elsewhere = in_region(asked("hba1c", MARCH, MARCH, &[]), "810000");
    assert_eq!(ask(&running, &elsewhere).await, ["opened"; 2], "another chain");
    let bmi = Question { version: Some(1), ..in_region(asked("bmi", MARCH, MARCH, &[]), "440100") };
    assert_eq!(ask(&running, &bmi).await, ["opened"; 2], "another family");

    let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
    let here = |question: CrossQuestion| CrossQuestion { regions: vec!["440100".parse().unwrap()], ..question };
    for (question, says) in [
        (here(mean("mvpa-minutes", "hba1c", FEBRUARY)), "from 2025-03 on"),
        (here(mean("mvpa-minutes", "bmi", MARCH)), "does not answer about this measure"),
        (mean("mvpa-minutes", "hba1c", MARCH), "does not answer about this chain"),
    ] {
        let error = nacre_regulator::cross_query(&config, &question, &()).await.err().unwrap();
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains("cross-lane") && error.contains(says), "{error}");
    }
}
