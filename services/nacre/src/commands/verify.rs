//! `nacre verify`: a release, a piece of evidence or an equivocation, told apart by what the file holds.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use nacre_hosting::{
    file::{self, FileError},
    trust::{self, TrustError},
};
use nacre_pages::Language;
use nacre_schemas::{
    Document,
    cross::{CrossCell, CrossRelease, CrossStatistic},
    equivocation::Equivocation,
    evidence::Evidence,
    limits,
    release::Release,
};
use nacre_verifier::{Failure, cross, equivocation, evidence, release};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::Output;
use crate::{cli::VerifyArgs, output};

/// What a file that does not verify ends with.
pub(super) const FAILED: u8 = 2;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict<T> {
    Verified(T),
    Failed { check: &'static str, place: String, detail: String },
}

/// What a release of the cross lane shows.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Crossed {
    statistic: CrossStatistic,
    cells: Vec<CrossCell>,
    #[serde(skip)]
    definitions: cross::Definitions,
}

/// What a chain is convicted of.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Convicted {
    equivocated: nacre_schemas::id::ChainId,
}

/// What can be verified.
pub enum Proof {
    /// An answer.
    Release(Box<Release>),
    /// An answer of the cross lane.
    Cross(Box<CrossRelease>),
    /// On a record.
    Evidence(Box<Evidence>),
    /// Against a chain.
    Equivocation(Box<Equivocation>),
}

pub(super) fn run(args: &VerifyArgs, output: Output) -> anyhow::Result<ExitCode> {
    let proof = read(&args.file)?;
    let network = match trust::read_of_any_catalogue(&args.trust) {
        Err(TrustError::Refused { source, .. }) => return conclude::<()>(output, Err(source), |()| String::new()),
        read => read?,
    };
    match proof {
        Proof::Release(release) => {
            conclude(output, release::check(&release, &network), |report| of_release(&release, report, output.language))
        }
        Proof::Cross(release) => conclude(
            output,
            cross::check_release(&release, &network).map(|definitions| Crossed {
                cells: release.cells.clone(),
                statistic: release.submission.logged.request.request.statistic,
                definitions,
            }),
            |crossed| of_cross(&release, crossed, output.language),
        ),
        Proof::Evidence(evidence) => conclude(output, evidence::check(&evidence, &network), of_evidence),
        Proof::Equivocation(found) => {
            let convicted = |()| Convicted { equivocated: found.chain.clone() };
            conclude(output, equivocation::check(&found, &network).map(convicted), |convicted| {
                format!(
                    "VERIFIED  {} signed two checkpoints that cannot both be true. Nothing that rests on its word alone \
                     holds.",
                    convicted.equivocated
                )
            })
        }
    }
}

fn conclude<T: Serialize>(
    output: Output,
    verdict: Result<T, Failure>,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<ExitCode> {
    match verdict {
        Ok(report) => {
            let text = text(&report);
            output.print(&Verdict::Verified(report), || text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Failure { check, place, detail }) => {
            let text = format!("NOT VERIFIED\ncheck {check} failed at {place}: {detail}");
            output.print(&Verdict::<T>::Failed { check: check.word(), place, detail }, || text)?;
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// The fields that only one kind of file has.
#[derive(Deserialize)]
struct Shape {
    dossier: Option<IgnoredAny>,
    submission: Option<IgnoredAny>,
    anchors: Option<IgnoredAny>,
    older: Option<IgnoredAny>,
}

/// Reads whatever can be verified: JSON, or the canonical bytes.
pub fn read(path: &Path) -> anyhow::Result<Proof> {
    let bytes = bytes(path)?;
    let (dossier, anchors, older, submission) = if bytes.first() == Some(&b'{') {
        let shape: Shape = serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
        (shape.dossier.is_some(), shape.anchors.is_some(), shape.older.is_some(), shape.submission.is_some())
    } else {
        let tagged = |tag: [u8; 4]| bytes.starts_with(&tag);
        (tagged(Release::TAG), tagged(Evidence::TAG), tagged(Equivocation::TAG), tagged(CrossRelease::TAG))
    };
    match (dossier, anchors, older, submission) {
        (false, false, false, true) => Ok(Proof::Cross(parse(path, &bytes, "a release of the cross lane")?)),
        (true, false, false, false) => Ok(Proof::Release(parse(path, &bytes, "a release")?)),
        (false, true, false, false) => Ok(Proof::Evidence(parse(path, &bytes, "evidence")?)),
        (false, false, true, false) => Ok(Proof::Equivocation(parse(path, &bytes, "an equivocation")?)),
        _ => bail!("{} is no release, no evidence on a record, and no equivocation of a chain", path.display()),
    }
}

/// Reads a release.
pub fn read_release(path: &Path) -> anyhow::Result<Release> {
    Ok(*parse(path, &bytes(path)?, "a release")?)
}

/// Reads a release of the cross lane.
pub(super) fn read_cross_release(path: &Path) -> anyhow::Result<CrossRelease> {
    Ok(*parse(path, &bytes(path)?, "a release of the cross lane")?)
}

fn bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    // Hex and names make JSON a few times as long as the canonical form, which is what is limited.
    file::read(path, 4 * limits::MAX_RELEASE_BYTES)
}

fn parse<T: Document + for<'a> Deserialize<'a>>(path: &Path, bytes: &[u8], what: &str) -> anyhow::Result<Box<T>> {
    let explain = || format!("{} is not {what}", path.display());
    let canonical = bytes.starts_with(&T::TAG);
    Ok(Box::new(if canonical {
        T::from_canonical(bytes).with_context(explain)?
    } else {
        serde_json::from_slice(bytes).with_context(explain)?
    }))
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("  {item}\n")).collect()
}

fn of_release(release: &Release, report: &release::Report, language: Language) -> String {
    format!(
        "VERIFIED  {} by {}: {}\n\n{}\n\nChecked:\n{}\nRests on, without this check seeing it:\n{}",
        release.definition.title,
        release.dossier.logged.request.request.requester,
        release.dossier.logged.request.request.purpose,
        output::drawn(&output::release(release, language)),
        lines(&report.checked),
        lines(&report.rests_on),
    )
}

fn of_cross(release: &CrossRelease, crossed: &Crossed, language: Language) -> String {
    let request = &release.submission.logged.request.request;
    format!(
        "VERIFIED  {} by {}: {}\n\n{}\n\nChecked:\n{}\nRests on, without this check seeing it:\n{}",
        request.statistic,
        request.requester,
        request.purpose,
        output::drawn(&output::cross(&crossed.cells, &crossed.definitions, crossed.statistic, language)),
        lines(&[
            "the request stands in the main chain, signed by an admitted regulator".to_owned(),
            "an evaluator of every jurisdiction signed that it computed this very result".to_owned(),
            "a threshold of custodians of every jurisdiction gave shares; they open it to these cells".to_owned(),
            "no cell of fewer people than the minimum is shown".to_owned(),
        ]),
        lines(&[
            "the exchanges handed over what their providers proved; one evaluator a jurisdiction computed by itself: who \
             holds the inputs can compute it again"
                .to_owned(),
            "every custodian gave the share it holds: where only a threshold of a jurisdiction answered, one of them can \
             have changed the figures"
                .to_owned(),
        ]),
    )
}

fn of_evidence(report: &evidence::Report) -> String {
    format!(
        "VERIFIED  record {} of {}: leaf {} of {}{}\n\nChecked:\n{}\nRests on, without this check seeing it:\n{}",
        report.record,
        report.provider,
        report.leaf,
        report.chain,
        if report.erased { "; erased since" } else { "" },
        lines(&report.checked),
        lines(&report.rests_on),
    )
}
