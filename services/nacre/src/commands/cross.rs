//! `nacre query --cross … --table` and `nacre query --mean … --by-band …`.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use nacre_hosting::file;
use nacre_regulator::{Config, CrossQuestion, NamedMeasure};
use nacre_schemas::cross::CrossStatistic;

use super::Output;
use crate::{cli::QueryArgs, output, progress::Bars};

pub(super) async fn run(args: QueryArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let path = args.out.clone().context("say with --out where to write the release")?;
    let question = question(args)?;
    let bars = Bars::new();
    let answered = nacre_regulator::cross_query(&config, &question, &bars).await?;
    bars.end();
    file::publish(&path, &serde_json::to_vec(&answered.release)?)?;
    for fault in &answered.faults {
        eprintln!("warning: {fault}");
    }
    let (statistic, language) = (question.statistic, output.language);
    output.print(&answered.release.cells, || {
        format!(
            "{}\n{}\n{}",
            output::drawn(&output::cross(&answered.release.cells, &answered.definitions, statistic, language)),
            language.text("cross-small-cells"),
            language.fill("cross-release", &[("file", path.display().to_string().into())]),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn question(args: QueryArgs) -> anyhow::Result<CrossQuestion> {
    let error = anyhow::Error::msg::<String>;
    let named = |text: &str| NamedMeasure::parse(text.trim()).map_err(error);
    let (statistic, by, of) = match (&args.cross, &args.mean, &args.by_band) {
        (Some(pair), _, _) => {
            let pair: Vec<&str> = pair.split(',').collect();
            ensure!(pair.len() == 2, "--cross takes two measures, as mvpa-minutes,hba1c");
            (CrossStatistic::Table, named(pair[0])?, named(pair[1])?)
        }
        (None, Some(mean), Some(band)) => (CrossStatistic::Mean, named(band)?, named(mean)?),
        _ => anyhow::bail!("name --cross with --table, or --mean with --by-band"),
    };
    Ok(CrossQuestion {
        statistic,
        by,
        of,
        from: args.periods.from,
        to: args.periods.to,
        regions: args.regions,
        through: args.through.into_iter().collect(),
        purpose: args.purpose.parse().map_err(error)?,
    })
}
