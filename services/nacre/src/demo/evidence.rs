//! The evidence on one record: what its provider could show to a court.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;
use nacre_hosting::{file, trust};
use nacre_provider::Config;
use nacre_schemas::{Digest, id::ChainId};
use serde::Serialize;

use super::tell::{Teller, site};
use crate::{
    commands::verify::{self, Proof},
    consortium::Consortium,
};

/// How long the chains may take to be anchored.
const PATIENCE: Duration = Duration::from_secs(60);

/// A record, and where it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The record.
    pub record: Digest,
    /// Its chain.
    pub chain: ChainId,
    /// The chains that it is anchored in, from below.
    pub anchored_in: Vec<ChainId>,
    /// The evidence.
    pub file: PathBuf,
}

/// Gathers the evidence on the first record of the last provider that posted any, and verifies it from its file. Gives what was said
/// of it too.
pub(super) async fn show(places: &Consortium, folder: &Path, teller: &mut Teller) -> anyhow::Result<(Shown, String)> {
    let (member, config, record) = a_record(places).await?;
    let gathered = nacre_provider::gather(&config, record, PATIENCE).await?;
    let file = folder.join("evidence.json");
    file::publish(&file, &serde_json::to_vec_pretty(&gathered)?)?;
    let Proof::Evidence(read) = verify::read(&file)? else { bail!("{} is no evidence", file.display()) };
    let report = nacre_verifier::evidence::check(&read, &trust::read(&places.trust)?)?;
    let anchored_in: Vec<ChainId> = read.anchors.iter().map(|step| step.chain.clone()).collect();
    let language = teller.language();
    let above: Vec<String> = anchored_in.iter().map(|chain| language.chain(chain)).collect();
    let values = [
        ("provider", site(member, language).into()),
        ("chain", language.chain(&report.chain).into()),
        ("above", language.list(&above).into()),
        ("checks", report.checked.len().into()),
    ];
    teller.step("step-evidence");
    let told = teller.tell("demo-evidence", &values);
    Ok((Shown { record, chain: report.chain, anchored_in, file }, told))
}

/// A record, and whose it is. At some sizes a region has nobody, and its providers posted nothing.
async fn a_record(places: &Consortium) -> anyhow::Result<(&str, Config, Digest)> {
    for (member, config) in places.providers.iter().rev() {
        let config = Config::read(config)?;
        if let Some(receipt) = nacre_provider::receipts(&config).await?.first() {
            return Ok((member, config, receipt.record));
        }
    }
    bail!("no provider posted anything")
}
