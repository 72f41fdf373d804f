//! Every field of a release is checked: each is changed in turn, and the check that refuses it is the right one.
//!
//! (Contribution and batch are walked the same way where they are verified, in `nacre-zk`; the share's fields again
//! there, under a custodian who signs what it changed.)

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;

use nacre::demo::population::{self, PERSON_SYSTEM, Site};
use nacre_schemas::{
    Document as _,
    answer::Decision,
    canonical::{Field, fields},
    query::Statistic,
    release::Release,
};
use nacre_tests::{Running, plan, question};
use nacre_verifier::{Check, release};

async fn a_release() -> (Running, Release) {
    let running = Running::start(&plan(&["820000"], 2, PERSON_SYSTEM)).await.unwrap();
    let site = Site { member: "hospital-820000".to_owned(), region: "820000".parse().unwrap(), hospital: true };
    let month = "2026-01".parse().unwrap();
    let population = population::generate(&running.folder().join("records"), &[site], 30, 9, &[month]).unwrap();
    running.post("hospital-820000", &population.folders).await.unwrap();
    running.seal().await.unwrap();
    let question = question("bmi", "2026-01", "2026-01", &[], Statistic::ALL);
    let release = running.ask(&question).await.unwrap().unwrap().release;
    (running, release)
}

/// The checks that may refuse a change of the field.
fn expected(field: &Field) -> &'static [Check] {
    use Check::*;
    let path = field.path.as_str();
    let rules: &[(&str, &[Check])] = &[
        ("catalogue", &[Definition]),
        ("definition", &[Definition]),
        ("dossier.logged.request.request.definition", &[Definition]),
        ("dossier.logged.request.request.measure", &[Definition, TrustRoot]),
        ("dossier.logged.request.request.requester", &[Admission]),
        ("dossier.logged.request.request.spans", &[RequestForm, RequestSignature]),
        ("dossier.logged.request.seals.count", &[SealInclusion]),
        ("dossier.logged.request.seals[0].seal", &[SealSequence]),
        ("dossier.logged.request.seals[0].inclusion", &[SealInclusion]),
        ("dossier.logged.request.seals[0].checkpoint", &[Checkpoint]),
        ("dossier.logged.request.", &[RequestForm, RequestSignature]),
        ("dossier.logged.admission_inclusion", &[AdmissionInclusion]),
        ("dossier.logged.admission", &[Admission]),
        ("dossier.logged.checkpoint", &[Checkpoint]),
        ("dossier.logged.request_inclusion", &[RequestInclusion]),
        ("dossier.chains.count", &[RequestForm]),
        ("dossier.chains[0].chain", &[RequestForm]),
        ("dossier.chains[0].checkpoint", &[Checkpoint]),
        ("dossier.chains[0].seals.count", &[SealSequence]),
        ("dossier.chains[0].seals[0].seal", &[SealInclusion, SealSequence]),
        ("dossier.chains[0].seals[0].inclusion", &[SealInclusion, SealSequence]),
        ("dossier.chains[0].seals[0].run", &[CellInclusion]),
        ("answers.count", &[Threshold]),
        ("answers", &[AnswerSignature]),
        ("figures.count", &[Combination]),
        ("figures[0].group", &[Combination]),
        ("figures[0].results", &[Combination]),
        ("figures", &[Figures]),
    ];
    rules.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(&[], |(_, checks)| checks)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_release_is_checked_by_the_right_check() {
    let (running, honest) = a_release().await;
    let network = running.network().unwrap();
    release::check(&honest, &network).unwrap();
    let (bytes, fields) = fields(&honest);
    let covered: usize = fields.iter().map(|field| field.bytes.len()).sum();
    assert_eq!(covered + 5, bytes.len(), "the fields cover the encoding but for tag and version");

    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut surprises = Vec::new();
    for field in &fields {
        for place in [field.bytes.start, field.bytes.end - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let Ok(changed) = Release::from_canonical(&changed) else {
                *refused.entry("decoding").or_default() += 1;
                continue;
            };
            let failure = release::check(&changed, &network).expect_err(&field.path);
            if !expected(field).contains(&failure.check) {
                surprises.push(format!("{}: {failure}", field.path));
            }
            *refused.entry(failure.check.word()).or_default() += 1;
        }
    }
    assert!(surprises.is_empty(), "refused by another check than expected:\n{}", surprises.join("\n"));
    println!("{} fields, refused by: {refused:?}", fields.len());
    for check in ["definition", "checkpoint", "seal-inclusion", "cell-inclusion", "answer-signature", "combination"] {
        assert!(refused.contains_key(check), "no change met {check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_repeated_or_made_up_is_refused() {
    let (running, honest) = a_release().await;
    let network = running.network().unwrap();
    type Change = fn(&mut Release);
    let changes: [(&str, Change, Check); 8] = [
        ("a jurisdiction's answers are missing", |release| drop(release.answers.remove(0)), Check::Threshold),
        ("a custodian is counted twice", |release| release.answers[1] = release.answers[0].clone(), Check::Threshold),
        ("a cell is missing", |release| drop(seal(release).run.cells.pop()), Check::CellInclusion),
        (
            "a cell stands twice",
            |release| {
                let cell = seal(release).run.cells[0].clone();
                seal(release).run.cells.insert(0, cell);
            },
            Check::CellInclusion,
        ),
        ("a seal is missing", |release| release.dossier.chains[0].seals.clear(), Check::SealSequence),
        ("a chain is missing", |release| release.dossier.chains.clear(), Check::RequestForm),
        ("a group is missing", |release| release.figures.clear(), Check::Combination),
        (
            "a mean is made up",
            |release| {
                let mean = release.figures[0].mean.as_mut().unwrap();
                mean.estimate = "12.345".parse().unwrap();
            },
            Check::Figures,
        ),
    ];
    for (name, change, check) in changes {
        let mut changed = honest.clone();
        change(&mut changed);
        let failure = release::check(&changed, &network).expect_err(name);
        assert_eq!(failure.check, check, "{name}: {failure}");
    }
    assert!(
        honest
            .answers
            .iter()
            .flat_map(|signed| &signed.statement.groups)
            .flat_map(|group| &group.decisions)
            .any(|decision| matches!(decision.decision, Decision::Opened(_)))
    );
}

fn seal(release: &mut Release) -> &mut nacre_schemas::dossier::SealEvidence {
    &mut release.dossier.chains[0].seals[0]
}
