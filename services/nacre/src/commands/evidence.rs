//! `nacre evidence`.

use std::{process::ExitCode, time::Duration};

use nacre_hosting::{file, trust};
use nacre_provider::Config;

use super::Output;
use crate::cli::EvidenceArgs;

pub(super) async fn run(args: &EvidenceArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let evidence = nacre_provider::gather(&config, args.record, Duration::from_secs(args.wait)).await?;
    let network = trust::read_of_any_catalogue(&config.trust)?;
    let report = nacre_verifier::evidence::check(&evidence, &network)?;
    file::publish(&args.out, &serde_json::to_vec_pretty(&evidence)?)?;
    output.print(&report, || {
        let way: Vec<&str> = evidence.anchors.iter().map(|step| step.chain.as_str()).collect();
        format!(
            "Record {} is leaf {} of {}, anchored in {}.\nThe evidence is in {}; anyone with the trust root can verify it: \
             nacre verify {} --trust {}",
            report.record,
            report.leaf,
            report.chain,
            if way.is_empty() { "no other chain".to_owned() } else { way.join(", then in ") },
            args.out.display(),
            args.out.display(),
            config.trust.display(),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
