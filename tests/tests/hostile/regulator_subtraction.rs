//! An admitted regulator whose every question is harmless by itself, and whose answers, subtracted from each other, would
//! say something of a few people: over cohorts, over time, over versions of a measure, and by many requests. The rule over
//! all logged requests (`partition`) withholds the question that would complete it; what was answered before stays answered.

use nacre::demo::population::PERSON_SYSTEM;
use nacre_regulator::{Outcome as Answer, Question};
use nacre_schemas::{
    answer::Rule,
    catalogue::Catalogue,
    cohort::{AgeBand, Sex},
    measure::Measure,
    query::Statistic,
    release::Outcome,
};
use nacre_tests::{
    Running,
    attack::{Attack, MINIMUM_PEOPLE, MONTH, definition},
    plan, question,
    sender::Sender,
};

const REGION: &str = "820000";

/// So many people of a sex and age, from that number on.
type Cohort = (u32, Sex, u32, u32);

async fn network() -> (Running, Sender) {
    let running = Running::start(&plan(&[REGION], MINIMUM_PEOPLE, PERSON_SYSTEM)).await.unwrap();
    let hospital = Sender::of(&running, &format!("hospital-{REGION}"));
    (running, hospital)
}

/// Posts those cohorts and closes the epoch.
async fn seal(running: &Running, hospital: &Sender, cohorts: &[Cohort]) {
    post(hospital, definition(), cohorts).await;
    running.seal().await.unwrap();
}

async fn post(hospital: &Sender, measure: &Measure, cohorts: &[Cohort]) {
    for (count, sex, age, first) in cohorts {
        let header = |person| {
            let mut header = hospital.header(measure, person, MONTH);
            (header.cell.sex, header.cell.age_band) = (*sex, AgeBand::of_age(*age));
            header
        };
        let persons = *first..*first + *count;
        let values: Vec<u32> = persons.clone().map(|person| 200 + person % 100).collect();
        let batch = hospital.prove(measure, persons.map(header).collect(), &values);
        hospital.post(&batch).await.unwrap();
    }
}

fn mean() -> Question {
    question("bmi", MONTH, MONTH, &[], &[Statistic::Count, Statistic::Mean])
}

fn of_age(age: u32) -> Question {
    Question { youngest: AgeBand::of_age(age), oldest: AgeBand::of_age(age), ..mean() }
}

fn of_sex(sex: Sex) -> Question {
    Question { sexes: vec![sex], ..mean() }
}

async fn ask(running: &Running, question: &Question) -> Answer {
    running.ask(question).await.unwrap().unwrap()
}

/// What became of each quantity of the one group: its value, or the word of the rule that withholds it.
fn outcomes(answer: &Answer) -> Vec<String> {
    let [figures] = &answer.release.figures[..] else { panic!("one group") };
    let word = |outcome: &Outcome| match outcome {
        Outcome::Value(_) => "opened".to_owned(),
        Outcome::Withheld(rule) => rule.to_string(),
    };
    figures.results.iter().map(|result| word(&result.outcome)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cohorts_that_differ_by_a_few_people_are_not_both_opened() {
    let (running, hospital) = network().await;
    seal(&running, &hospital, &[(40, Sex::Female, 50, 0), (3, Sex::Female, 55, 100)]).await;
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["opened"; 2], "all 43");
    assert_eq!(outcomes(&ask(&running, &of_age(50)).await), ["partition"; 2], "40 of them: 3 would be left");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_epochs_that_differ_by_a_few_people_are_not_both_opened() {
    let (running, hospital) = network().await;
    seal(&running, &hospital, &[(40, Sex::Female, 50, 0)]).await;
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["opened"; 2], "40 of the first epoch");
    seal(&running, &hospital, &[(2, Sex::Female, 50, 100)]).await;
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["partition"; 2], "42 of both: 2 came since");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_which_no_two_isolate_anybody_are_not_all_opened() {
    let (running, hospital) = network().await;
    let cohorts =
        [(20, Sex::Female, 50, 0), (20, Sex::Female, 55, 100), (20, Sex::Male, 50, 200), (4, Sex::Male, 55, 300)];
    seal(&running, &hospital, &cohorts).await;
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["opened"; 2], "all 64");
    assert_eq!(outcomes(&ask(&running, &of_sex(Sex::Female)).await), ["opened"; 2], "40 women: 24 men are left");
    // 40 of 50 to 54 years, and 24 others. But with the women known, 4 men of 55 to 59 years would stand alone.
    assert_eq!(outcomes(&ask(&running, &of_age(50)).await), ["partition"; 2]);
}

/// One person's month has the old version only: a provider's new program came, or a batch is late. The difference is one value.
#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_a_measure_is_withheld_where_one_was_opened() {
    let (running, hospital) = network().await;
    let mut family = Catalogue::built_in().measures().iter().filter(|measure| measure.id == definition().id);
    let (one, two) = (family.next().unwrap(), family.next().unwrap());
    post(&hospital, one, &[(40, Sex::Female, 50, 0), (40, Sex::Female, 55, 100)]).await;
    post(&hospital, two, &[(39, Sex::Female, 50, 0), (40, Sex::Female, 55, 100)]).await;
    running.seal().await.unwrap();
    let of = |measure: &Measure, question: Question| Question { version: Some(measure.version), ..question };
    assert_eq!(outcomes(&ask(&running, &of(one, of_age(50))).await), ["opened"; 2]);
    assert_eq!(outcomes(&ask(&running, &of(two, of_age(50))).await), ["partition"; 2]);
    assert_eq!(outcomes(&ask(&running, &of(two, mean())).await), ["partition"; 2], "it is among them");
    assert_eq!(outcomes(&ask(&running, &of(two, of_age(55))).await), ["opened"; 2], "of these nothing was opened");
}

/// The same people's values under another version, in a later epoch.
#[tokio::test(flavor = "multi_thread")]
async fn nor_does_it_help_to_post_the_other_version_later() {
    let (running, hospital) = network().await;
    let mut family = Catalogue::built_in().measures().iter().filter(|measure| measure.id == definition().id);
    let (one, two) = (family.next().unwrap(), family.next().unwrap());
    post(&hospital, one, &[(40, Sex::Female, 50, 0)]).await;
    running.seal().await.unwrap();
    let of = |measure: &Measure| Question { version: Some(measure.version), ..mean() };
    assert_eq!(outcomes(&ask(&running, &of(one)).await), ["opened"; 2]);
    post(&hospital, two, &[(39, Sex::Female, 50, 0)]).await;
    running.seal().await.unwrap();
    assert_eq!(outcomes(&ask(&running, &of(two)).await), ["partition"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_logged_counts_whether_the_answer_was_collected_or_not_and_over_a_restart() {
    let (running, hospital) = network().await;
    seal(&running, &hospital, &[(40, Sex::Female, 50, 0), (3, Sex::Female, 55, 100)]).await;
    let mut attack = Attack::on(running, Vec::new());
    attack.log(attack.request(&[REGION], &[], [1, 1], 1).await).await;
    assert_eq!(outcomes(&ask(&attack.running, &of_age(50)).await), ["partition"; 2]);
    let Running { places, servers, addresses, .. } = &mut attack.running;
    for custodian in places.custodians.keys() {
        servers.stop(custodian).await.unwrap();
        servers.restart(places, custodian, &addresses[custodian]).await.unwrap();
    }
    assert_eq!(outcomes(&ask(&attack.running, &of_age(50)).await), ["partition"; 2], "custodians forgot nothing");
    assert_eq!(outcomes(&ask(&attack.running, &mean()).await), ["opened"; 2], "what was logged first is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_never_answered_stands_in_nobodys_way() {
    let (running, hospital) = network().await;
    seal(&running, &hospital, &[(40, Sex::Female, 50, 0), (3, Sex::Female, 55, 100)]).await;
    assert_eq!(outcomes(&ask(&running, &of_age(55)).await), ["too-few-people"; 2]);
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["opened"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_would_be_withheld_and_leaves_no_trace_in_what_counts() {
    let (running, hospital) = network().await;
    seal(&running, &hospital, &[(40, Sex::Female, 50, 0), (3, Sex::Female, 55, 100)]).await;
    let rulings = async |question: &Question| -> Vec<Option<Rule>> {
        let preview = running.preview(question).await.unwrap().statement;
        preview.groups.iter().flat_map(|group| &group.quantities).map(|ruling| ruling.withheld).collect()
    };
    assert_eq!(rulings(&mean()).await, [None; 2]);
    assert_eq!(rulings(&of_age(50)).await, [None; 2], "all were looked at and not asked for");
    assert_eq!(outcomes(&ask(&running, &mean()).await), ["opened"; 2]);
    assert_eq!(rulings(&of_age(50)).await, [Some(Rule::Partition); 2]);
    assert_eq!(rulings(&of_age(55)).await, [Some(Rule::TooFewPeople); 2]);
    assert_eq!(outcomes(&ask(&running, &of_age(50)).await), ["partition"; 2], "as foreseen");
    // What came late can be left out, by asking up to the seal before it.
    seal(&running, &hospital, &[(2, Sex::Female, 50, 200)]).await;
    assert_eq!(rulings(&mean()).await, [Some(Rule::Partition); 2]);
    let chain = format!("region/{REGION}").parse().unwrap();
    let before = Question { through: [(chain, 1)].into(), ..mean() };
    assert_eq!(outcomes(&ask(&running, &before).await), ["opened"; 2]);
}
