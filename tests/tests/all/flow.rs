//! The honest path in order: records, batches, receipts, seals, a question, a release, a verification elsewhere.

use std::{collections::BTreeSet, fs};

use nacre::demo::population::{self, PERSON_SYSTEM, Population, Site};
use nacre_hosting::trust;
use nacre_schemas::{
    catalogue::Catalogue,
    query::{Attribute, Statistic},
    release::Outcome,
};
use nacre_tests::{
    Running, plan, question,
    truth::{assert_true, opened},
};
use nacre_verifier::release;

const MONTHS: [&str; 2] = ["2026-01", "2026-02"];

fn sites(running: &Running) -> Vec<Site> {
    let region = |member: &str| member.rsplit('-').next().unwrap().parse().unwrap();
    let members = running.places.providers.keys();
    members
        .map(|member| Site { member: member.clone(), region: region(member), hospital: member.starts_with("hospital") })
        .collect()
}

fn generate(running: &Running, people: usize) -> Population {
    let months: Vec<_> = MONTHS.iter().map(|month| month.parse().unwrap()).collect();
    population::generate(&running.folder().join("records"), &sites(running), people, 5, &months).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_figure_from_a_fhir_file_to_an_offline_verification() {
    let mut running = Running::start(&plan(&["440100", "810000", "820000"], 11, PERSON_SYSTEM)).await.unwrap();
    let population = generate(&running, 240);

    // Post: every value of the generator becomes one receipted contribution.
    let mut posted = 0;
    for folder in &population.folders {
        let member = folder.file_name().unwrap().to_str().unwrap();
        let summary = running.post(member, std::slice::from_ref(folder)).await.unwrap();
        assert_eq!((summary.refused.len(), summary.queued, summary.posted), (0, 0, summary.new), "{member}");
        posted += summary.posted;
    }
    assert_eq!(posted as usize, population.truths.len());

    // Post again: nothing new, the same receipts.
    let hospital = &population.folders[0];
    let member = hospital.file_name().unwrap().to_str().unwrap();
    let config = nacre_provider::Config::read(&running.places.providers[member]).unwrap();
    let before = serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap();
    let again = running.post(member, std::slice::from_ref(hospital)).await.unwrap();
    assert_eq!((again.new, again.posted), (0, 0));
    assert!(again.already_posted > 0);
    assert_eq!(serde_json::to_string(&nacre_provider::receipts(&config).await.unwrap()).unwrap(), before);

    running.seal().await.unwrap();

    // Ask: exact, and what is withheld is withheld by name.
    let statistics = [Statistic::Count, Statistic::Mean, Statistic::Sd, Statistic::Bands];
    let by = [Attribute::Region, Attribute::Sex];
    let mut told = BTreeSet::new();
    for measure in Catalogue::built_in().measures() {
        let offered: Vec<_> = statistics.iter().copied().filter(|statistic| measure.offers(*statistic)).collect();
        let mut question = question(measure.id.as_str(), MONTHS[0], MONTHS[1], &by, &offered);
        question.version = Some(measure.version);
        let answer = running.ask(&question).await.unwrap().unwrap();
        let generated = population.truths.iter().any(|truth| truth.key.measure == measure.reference());
        // What was told under one version of a measure is not told under another.
        let first = generated && told.insert(&measure.id);
        assert_eq!(opened(&answer.release) > 0, first, "{}", measure.reference());
        assert_true(&answer.release, &population.truths);
        if offered != statistics {
            question.statistics = statistics.to_vec();
            let refused = running.ask(&question).await.unwrap().unwrap_err().to_string();
            assert!(refused.contains("no meaning"), "{refused}");
        }
    }
    let by_age = question("bmi", MONTHS[0], MONTHS[1], &[Attribute::AgeBand, Attribute::Period], &statistics);
    let answer = running.ask(&by_age).await.unwrap().unwrap();
    assert_true(&answer.release, &population.truths);
    let results: Vec<_> = answer.release.figures.iter().flat_map(|figures| &figures.results).collect();
    assert!(results.iter().any(|result| matches!(result.outcome, Outcome::Withheld(_))));

    // Verify: in another folder, with nothing but the release and the trust root.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("release.json");
    fs::write(&file, serde_json::to_vec(&answer.release).unwrap()).unwrap();
    let trust = elsewhere.path().join("trust.toml");
    fs::copy(&running.places.trust, &trust).unwrap();
    running.servers.stop_all().await.unwrap();
    let network = trust::read(&trust).unwrap();
    let read = nacre::commands::verify::read_release(&file).unwrap();
    assert_eq!(read, answer.release);
    let report = release::check(&read, &network).unwrap();
    assert_eq!(report.custodians.len(), 6);
    let agreed = report.checked.iter().filter(|line| line.contains("final by witness-guangdong")).count();
    assert!(agreed >= 4, "main chain and regions, each by its witnesses: {:?}", report.checked);
}
