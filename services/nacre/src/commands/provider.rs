//! `nacre provider`.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use comfy_table::Cell;
use nacre_hosting::{file, signals};
use nacre_provider::{
    Config, ConsentSummary, Erased, FetchSummary, Given, GrantList, GrantTerms, Outcome, Pace, Permission, PostSummary,
    Preview, PreviewedPseudonym, Report, SetAside, Status, Unreachable, Unsettled, parse_until,
};
use nacre_reading::{PersonId, Place, Refused};
use nacre_schemas::grant::Terms;

use super::Output;
use crate::{
    cli::{GrantArgs, ProviderCommand, ReadingArgs},
    output,
    progress::Bars,
};

pub(super) async fn run(command: ProviderCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ProviderCommand::Post { config, paths, reading } => {
            let bars = Bars::new();
            let summary = nacre_provider::post(&configured(&config, reading)?, &paths, &bars).await?;
            bars.end();
            output.print(&summary, || text(&summary))?;
            Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ProviderCommand::Preview { config, paths, reading } => {
            let bars = Bars::new();
            let preview = nacre_provider::preview(&configured(&config, reading)?, &paths, &bars)?;
            bars.end();
            output.print(&preview, || previewed(&preview))?;
            Ok(if preview.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ProviderCommand::Watch { config, folders, every, settle, reading } => {
            let pace = Pace { every: Duration::from_secs(every), settle: Duration::from_secs(settle) };
            watch(&configured(&config, reading)?, &folders, pace, output).await
        }
        ProviderCommand::Serve { config } => serve(Config::read(&config)?).await,
        ProviderCommand::Check { config } => super::check::provider(&config, output).await,
        ProviderCommand::Status { config } => {
            let status = nacre_provider::status(&Config::read(&config)?).await?;
            output.print(&status, || standing(&status))?;
            let well = status.set_aside.is_empty() && status.posting.clock_problem().is_none();
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        ProviderCommand::Grant(args) => grant(&args, output).await,
        ProviderCommand::Revoke { config, grants } => {
            let revoked = nacre_provider::revoke(&Config::read(&config)?, &grants).await?;
            output.print(&revoked, || {
                revoked.iter().map(|grant| format!("{grant} revoked")).collect::<Vec<_>>().join("\n")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ProviderCommand::Grants { config } => {
            let listed = nacre_provider::grants(&Config::read(&config)?).await?;
            output.print(&listed, || granted(&listed))?;
            Ok(if listed.unreachable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ProviderCommand::Fetch { config, grants } => {
            let fetched = nacre_provider::fetch(&Config::read(&config)?, &grants).await?;
            output.print(&fetched, || opened(&fetched))?;
            Ok(if fetched.unreachable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

/// The configuration, and what the command line adds to it.
fn configured(path: &Path, reading: ReadingArgs) -> anyhow::Result<Config> {
    let mut config = Config::read(path)?;
    if let Some(person) = reading.person {
        // What is wrong with it is said without it.
        let unusable = |_| anyhow::anyhow!("--person: the identifier is empty, longer than 256 bytes or not printable");
        config.unnamed.person = Some(PersonId::new(&person).map_err(unusable)?);
    }
    config.table = reading.table.map(Into::into).or(config.table);
    Ok(config)
}

async fn watch(config: &Config, folders: &[PathBuf], pace: Pace, output: Output) -> anyhow::Result<ExitCode> {
    let bars = Bars::new();
    let mut report = |report: Report| {
        bars.end();
        match report {
            Report::Posted(summary) => {
                let line = if output.json {
                    serde_json::to_string(&summary).map_err(io::Error::from)
                } else {
                    Ok(text(&summary))
                };
                if let Err(error) = line.and_then(super::write_line) {
                    eprintln!("nacre: {error}");
                }
            }
            Report::Unreadable(error) => eprintln!("nacre: {error}; trying again"),
        }
    };
    output.say(format_args!("watching {} folders; interrupt or terminate to stop", folders.len()));
    tokio::select! {
        ended = nacre_provider::watch(config, folders, pace, &bars, &mut report) => ended?,
        () = signals::stop() => {}
    }
    bars.end();
    output.say("stopped; what was not posted is posted when it is started again");
    Ok(ExitCode::SUCCESS)
}

async fn grant(args: &GrantArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let until = args.until.as_deref().map(|until| parse_until(until, config.unnamed.utc_offset)).transpose()?;
    let summary = match &args.consent {
        Some(path) => {
            let text = file::read_text(path, MAX_CONSENT_BYTES)?;
            let open = Permission::new(args.to.iter().cloned().collect(), args.purpose.into_iter().collect(), until);
            let followed = nacre_provider::grant_by_consent(&config, &text, &open).await;
            followed.with_context(|| path.display().to_string())?
        }
        None => {
            let missing = "a grant needs --to, --until and --purpose";
            let terms = GrantTerms {
                grantee: args.to.clone().context(missing)?,
                purpose: args.purpose.context(missing)?,
                until: until.context(missing)?,
            };
            let given = nacre_provider::grant(&config, &args.records, &terms).await?;
            ConsentSummary { given, revoked: Vec::new() }
        }
    };
    output.print(&summary, || {
        let mut lines: Vec<String> = summary.given.iter().map(line).collect();
        lines.extend(summary.revoked.iter().map(|grant| format!("{grant} revoked")));
        lines.push(format!("{} grants stand, {} were revoked", summary.given.len(), summary.revoked.len()));
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(given: &Given) -> String {
    let Terms { record, grantee, purpose, until, .. } = &given.terms;
    format!("{} lets {grantee} read {record} until {} ({purpose})", given.grant, end(*until))
}

/// The end of a grant in words.
fn end(until: u64) -> String {
    moment(i64::try_from(until).unwrap_or(i64::MAX))
}

fn granted(listed: &GrantList) -> String {
    let mut table = output::table(&["grant", "record", "from", "to", "purpose", "until", "state", "accesses"]);
    for one in &listed.grants {
        let Terms { record, provider, grantee, purpose, until, .. } = &one.terms;
        table.add_row(vec![
            Cell::new(one.grant),
            Cell::new(short(*record)),
            Cell::new(provider),
            Cell::new(grantee),
            Cell::new(purpose),
            Cell::new(end(*until)),
            Cell::new(one.state),
            output::number(one.accesses),
        ]);
    }
    format!("{table}\n{} grants{}", listed.grants.len(), away(&listed.unreachable))
}

/// The chains that could not be asked.
fn away(unreachable: &[Unreachable]) -> String {
    unreachable.iter().map(|Unreachable { chain, detail }| format!("\n{chain} did not answer: {detail}")).collect()
}

fn opened(fetched: &FetchSummary) -> String {
    let mut table = output::table(&["record", "from", "pseudonym", "measure, month", "value", "day", "readings"]);
    for one in &fetched.records {
        let record = &one.record;
        table.add_row(vec![
            Cell::new(short(one.terms.record)),
            Cell::new(&one.terms.provider),
            Cell::new(short(one.pseudonym)),
            Cell::new(format!("{} {}", record.measure, record.period)),
            Cell::new(format!("{} {}", record.value, record.unit)),
            Cell::new(&record.day),
            output::number(record.readings),
        ]);
    }
    let count = fetched.records.len();
    format!("{table}\n{count} records; each access is in its chain's log{}", away(&fetched.unreachable))
}

/// The largest file of Consents, in bytes.
const MAX_CONSENT_BYTES: usize = 16 << 20;

/// How many records of a preview are shown; the rest are in `--json`.
const SHOWN: usize = 20;

fn previewed(preview: &Preview) -> String {
    let mut table = output::table(&[
        "from",
        "record",
        "cell: measure, month, region, sex, age",
        "pseudonym",
        "bytes encrypted",
        "stays inside: value, day, readings",
    ]);
    for record in preview.records.iter().take(SHOWN) {
        let (cell, inside) = (&record.header.cell, &record.stays_encrypted);
        let pseudonym = match record.pseudonym {
            PreviewedPseudonym::Own(digest) => short(digest),
            PreviewedPseudonym::WithCustodians => "with custodians".to_owned(),
            PreviewedPseudonym::None => "none: refused".to_owned(),
        };
        let lengths = record.ciphertext_bytes;
        table.add_row(vec![
            format!("{}{}", record.source.file.display(), place(record.source.place)),
            short(record.header.record),
            format!("{} {} {} {} {}", cell.measure, cell.period, cell.region, cell.sex, cell.age_band),
            pseudonym,
            format!("{}+{}+{}", lengths.commitments, lengths.openings, lengths.payload + lengths.wrapped_key),
            format!("{} {}, {}, {}", inside.value, inside.unit, inside.day, inside.readings),
        ]);
    }
    let mut text = format!(
        "{} observations in {} files: {} of no measure of the catalogue, {} copies, {} refused, {} of a month that has \
         not ended.\n{} records would leave, but for those posted before. The exchange would see the first columns, without \
         \"from\"; the last one stays inside encryption.\n{table}",
        preview.observations,
        preview.files,
        preview.skipped,
        preview.repeated,
        preview.refused.len(),
        preview.deferred.len(),
        preview.records.len(),
    );
    if preview.records.len() > SHOWN {
        text.push_str(&format!("\n… and {} more; --json lists them all", preview.records.len() - SHOWN));
    }
    text.push_str(&refusals(&preview.refused));
    text
}

fn short(digest: nacre_schemas::Digest) -> String {
    digest.to_string().chars().take(12).chain(['…']).collect()
}

fn place(place: Place) -> String {
    match place {
        Place::File => String::new(),
        Place::Entry(entry) => format!(" entry {entry}"),
        Place::Line(line) => format!(" line {line}"),
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let listeners = super::listen(format_args!("gateway of {}", config.member), &config.server).await?;
    nacre_provider::serve(config, listeners, Box::pin(signals::stop())).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where everything stands, for people.
fn standing(status: &Status) -> String {
    let mut table = output::table(&["", "count"]);
    for (name, count) in [
        ("months waiting", status.waiting_months),
        ("records queued", status.queued),
        ("records posted", status.posted),
        ("of them sealed", status.sealed),
        ("records refused", status.refused),
        ("records erased", status.erased),
    ] {
        table.add_row(vec![Cell::new(name), output::number(count)]);
    }
    let mut text = format!("{}\n{table}", status.chain);
    if let Some(closes_at) = status.first_closes_at {
        text.push_str(&format!("\nthe first month closes {}", moment(closes_at)));
    }
    let posting = &status.posting;
    if let Some(error) = &posting.last_error {
        let at = posting.last_error_at.map(moment).unwrap_or_default();
        text.push_str(&format!("\nlast error, {at}: {error}"));
    }
    if let Some(next) = posting.next_attempt_at {
        text.push_str(&format!("\n{} rounds failed in a row; next attempt {}", posting.failures, moment(next)));
    }
    if let Some(problem) = posting.clock_problem() {
        text.push_str(&format!("\nclock: no month is closed: {problem}"));
    }
    for SetAside { what, why, count } in &status.set_aside {
        text.push_str(&format!("\nset aside, {count} × {what}: {why}"));
    }
    text
}

/// A time in words.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
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
        summary.refused_records(),
    );
    text.push_str(&refusals(&summary.refused));
    if summary.already_refused > 0 {
        let count = summary.already_refused;
        text.push_str(&format!(
            "\n  {count} records were refused by the exchange in an earlier run: not sent again as they are"
        ));
    }
    if !summary.already_erased.is_empty() {
        text.push_str(&format!(
            "\n{} records were erased before: what their sources say now was not posted, corrections neither. An erased record \
             is gone for good, and its id is not taken again. Take its readings out of the source",
            summary.already_erased.len()
        ));
        text.extend(summary.already_erased.iter().take(LISTED).map(|record| format!("\n  record {record}: erased")));
        if summary.already_erased.len() > LISTED {
            let more = summary.already_erased.len() - LISTED;
            text.push_str(&format!("\n  … and {more} more; --json lists them all"));
        }
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
        let Unsettled { batch, outcome, records, detail } = unsettled;
        let became = match outcome {
            Outcome::NotDelivered => "not delivered, it stays queued",
            Outcome::NotReceipted => "no receipt that holds, it stays queued",
            Outcome::Refused => "refused as a whole",
            Outcome::OpenMonth => "refused: by the exchange's clock the month has not ended; post again when it has",
        };
        text.push_str(&format!("\n  batch {batch}, {records} records: {became}: {detail}"));
    }
    text
}

/// The reasons with their counts, and the first refusals one by one.
fn refusals(refused: &[Refused]) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for refused in refused {
        *counts.entry(refused.reason.to_string()).or_default() += 1;
    }
    let mut text: String = counts.iter().map(|(reason, count)| format!("\n{count} refused: {reason}")).collect();
    for refused in refused.iter().take(LISTED) {
        let Refused { origin, measure, reason } = refused;
        let measure = measure.as_ref().map(|measure| format!(" ({measure})")).unwrap_or_default();
        text.push_str(&format!("\n  {}{}{measure}: {reason}", origin.file.display(), place(origin.place)));
    }
    if refused.len() > LISTED {
        text.push_str(&format!("\n  … and {} more; --json lists them all", refused.len() - LISTED));
    }
    text
}
