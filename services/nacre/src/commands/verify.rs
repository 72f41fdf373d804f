//! `nacre verify`.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context as _, ensure};
use nacre_schemas::{limits, release::Release, trust::SignedTrustRoot};
use nacre_verifier::{
    Failure, Network,
    release::{self, Report},
};
use serde::Serialize;

use super::Output;
use crate::{cli::VerifyArgs, output};

/// What a release that does not verify ends with.
const FAILED: u8 = 2;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Verified(Report),
    Failed { check: &'static str, place: String, detail: String },
}

pub(super) fn run(args: &VerifyArgs, output: Output) -> anyhow::Result<ExitCode> {
    let release = read_release(&args.release)?;
    let verdict = read_trust(&args.trust)?.and_then(|network| release::check(&release, &network));
    match verdict {
        Ok(report) => {
            output.print(&Verdict::Verified(report.clone()), || text(&release, &report))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Failure { check, place, detail }) => {
            let failed = Verdict::Failed { check: check.word(), place: place.clone(), detail: detail.clone() };
            output.print(&failed, || format!("NOT VERIFIED\ncheck {check} failed at {place}: {detail}"))?;
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Reads a release.
pub fn read_release(path: &Path) -> anyhow::Result<Release> {
    let size = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    // Hex and names make JSON a few times as long as the canonical form, which is what is limited.
    let limit = 4 * limits::MAX_RELEASE_BYTES as u64;
    ensure!(size <= limit, "{} has {size} bytes; a release has {limit} at most", path.display());
    serde_json::from_slice(&fs::read(path)?).with_context(|| format!("{} is not a release", path.display()))
}

/// Reads and checks a trust root.
pub fn read_trust(path: &Path) -> anyhow::Result<Result<Network, Failure>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let signed: SignedTrustRoot =
        toml::from_str(&text).with_context(|| format!("{} is not a trust root", path.display()))?;
    Ok(Network::new(signed))
}

fn text(release: &Release, report: &Report) -> String {
    let list = |items: &[String]| items.iter().map(|item| format!("  {item}\n")).collect::<String>();
    format!(
        "VERIFIED  {} by {}: {}\n\n{}\n\nChecked:\n{}\nRests on, without this check seeing it:\n{}",
        release.definition.title,
        release.dossier.logged.request.request.requester,
        release.dossier.logged.request.request.purpose,
        output::release(release),
        list(&report.checked),
        list(&report.rests_on),
    )
}
