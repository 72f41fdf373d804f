//! `nacre query`.

use std::{fs, process::ExitCode};

use anyhow::Context as _;
use nacre_regulator::{Config, Question};
use nacre_schemas::{cohort::AgeBand, id::MeasureId, measure::MeasureRef, release::Outcome};

use super::Output;
use crate::{cli::QueryArgs, output, progress::Bars};

pub(super) async fn run(args: QueryArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let path = args.out.clone();
    let question = question(args)?;
    let bars = Bars::new();
    let outcome = nacre_regulator::query(&config, &question, &bars).await?;
    bars.end();
    let json = serde_json::to_vec_pretty(&outcome.release)?;
    fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    for fault in &outcome.faults {
        eprintln!("warning: {fault}");
    }
    output.print(&outcome.release.figures, || {
        let results = outcome.release.figures.iter().flat_map(|figures| &figures.results);
        let withheld = results.filter(|result| matches!(result.outcome, Outcome::Withheld(_))).count();
        let note = match withheld {
            0 => String::new(),
            _ => format!("\n{withheld} quantities are withheld by the disclosure rules."),
        };
        format!(
            "{}{note}\nThe release is in {}; anyone with the trust root can verify it.",
            output::release(&outcome.release),
            path.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn question(args: QueryArgs) -> anyhow::Result<Question> {
    let error = anyhow::Error::msg::<String>;
    let (measure, version): (MeasureId, Option<u16>) = if args.measure.contains('@') {
        let reference: MeasureRef = args.measure.parse().map_err(error)?;
        (reference.id, Some(reference.version))
    } else {
        (args.measure.parse().map_err(error)?, None)
    };
    let (youngest, oldest) = args.ages.map_or((AgeBand::of_age(0), AgeBand::TOP), |ages| (ages.youngest, ages.oldest));
    Ok(Question {
        measure,
        version,
        regions: args.regions,
        from: args.periods.from,
        to: args.periods.to,
        sexes: args.sex,
        youngest,
        oldest,
        group_by: args.by,
        statistics: args.statistics,
        purpose: args.purpose.parse().map_err(error)?,
    })
}
