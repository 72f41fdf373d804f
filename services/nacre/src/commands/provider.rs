//! `nacre provider`.

use std::process::ExitCode;

use comfy_table::Cell;
use nacre_provider::{Config, Erased, Place, PostSummary};

use super::Output;
use crate::{cli::ProviderCommand, output, progress::Bars};

pub(super) async fn run(command: ProviderCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ProviderCommand::Post { config, paths } => {
            let bars = Bars::new();
            let summary = nacre_provider::post(&Config::read(&config)?, &paths, &bars).await?;
            bars.end();
            output.print(&summary, || text(&summary))?;
            let clean = summary.refused.is_empty()
                && summary.refused_at_exchange.is_empty()
                && (summary.queued, summary.unnamed) == (0, 0);
            Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ProviderCommand::Erase { config, records } => {
            let config = Config::read(&config)?;
            let mut erased = Vec::new();
            for record in records {
                erased.push(nacre_provider::erase(&config, record).await?);
            }
            output.print(&erased, || {
                let line = |one: &Erased| format!("{} erased; the order stands at leaf {}", one.record, one.leaf);
                erased.iter().map(line).collect::<Vec<_>>().join("\n")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ProviderCommand::Receipts { config } => {
            let receipts = nacre_provider::receipts(&Config::read(&config)?).await?;
            output.print(&receipts, || {
                let mut table = output::table(&["record", "chain", "leaf", "checkpoint size"]);
                for receipt in &receipts {
                    table.add_row(vec![
                        receipt.record.to_string(),
                        receipt.chain.to_string(),
                        receipt.leaf.to_string(),
                        receipt.checkpoint_size.to_string(),
                    ]);
                }
                format!("{table}\n{} receipts", receipts.len())
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How many refusals are listed one by one; the rest are in `--json`.
const LISTED: usize = 20;

fn text(summary: &PostSummary) -> String {
    let mut table = output::table(&["measure", "readings", "months", "new"]);
    for (measure, counts) in &summary.by_measure {
        table.add_row(vec![
            Cell::new(measure),
            output::number(counts.readings),
            output::number(counts.months),
            output::number(counts.new),
        ]);
    }
    let mut text = format!(
        "{} observations in {} files: {} of no measure of the catalogue, {} copies, {} refused, {} of a month that has \
         not ended.\n{table}\n{} records posted, {} queued, {} posted before, {} refused by the exchange.",
        summary.observations,
        summary.files,
        summary.skipped,
        summary.repeated,
        summary.refused.len(),
        summary.deferred.len(),
        summary.posted,
        summary.queued,
        summary.already_posted,
        summary.refused_at_exchange.len(),
    );
    for refused in summary.refused.iter().take(LISTED) {
        let place = match refused.origin.place {
            Place::File => String::new(),
            Place::Entry(entry) => format!(" entry {entry}"),
            Place::Line(line) => format!(" line {line}"),
        };
        text.push_str(&format!("\n  {}{place}: {}", refused.origin.file.display(), refused.reason));
    }
    if summary.refused.len() > LISTED {
        text.push_str(&format!("\n  … and {} more; --json lists them all", summary.refused.len() - LISTED));
    }
    for refused in &summary.refused_at_exchange {
        text.push_str(&format!("\n  record {}: {}", refused.record, refused.detail));
    }
    if summary.unnamed > 0 {
        text.push_str(&format!("\n  {} records wait for pseudonyms; post again later", summary.unnamed));
    }
    for fault in &summary.custodian_faults {
        text.push_str(&format!("\n  custodian {}: {}", fault.custodian, fault.detail));
    }
    for unsettled in &summary.unsettled {
        text.push_str(&format!("\n  batch {}: {}", unsettled.batch, unsettled.detail));
    }
    text
}
