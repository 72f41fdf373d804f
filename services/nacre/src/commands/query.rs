//! `nacre query`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Context as _;
use nacre_hosting::file;
use nacre_regulator::{Config, NamedMeasure, Question};
use nacre_schemas::{answer::Rule, cohort::AgeBand, release::Outcome};

use super::{Output, cross};
use crate::{cli::QueryArgs, output, progress::Bars};

pub(super) async fn run(args: QueryArgs, output: Output) -> anyhow::Result<ExitCode> {
    if args.cross.is_some() || args.mean.is_some() {
        return cross::run(args, output).await;
    }
    let config = Config::read(&args.config)?;
    let path = args.out.clone();
    let question = question(args)?;
    let bars = Bars::new();
    let Some(path) = path else { return preview(&config, &question, &bars, output).await };
    let outcome = nacre_regulator::query(&config, &question, &bars).await?;
    bars.end();
    file::publish(&path, &serde_json::to_vec_pretty(&outcome.release)?)?;
    for fault in &outcome.faults {
        eprintln!("warning: {fault}");
    }
    let language = output.language;
    output.print(&outcome.release.figures, || {
        let results = outcome.release.figures.iter().flat_map(|figures| &figures.results);
        let withheld: Vec<Rule> = results
            .filter_map(|result| match result.outcome {
                Outcome::Withheld(rule) => Some(rule),
                Outcome::Value(_) => None,
            })
            .collect();
        let note = match withheld.len() {
            0 => String::new(),
            count => {
                let said = language.fill("query-withheld", &[("quantities", count.into())]);
                format!("\n{said}{}", output::rules(BTreeSet::from_iter(withheld), language))
            }
        };
        format!(
            "{}\n{}{note}\n{}",
            language.measure(&outcome.release.definition),
            output::drawn(&output::release(&outcome.release, language)),
            language.fill("query-release", &[("file", path.display().to_string().into())]),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn preview(config: &Config, question: &Question, bars: &Bars, output: Output) -> anyhow::Result<ExitCode> {
    let (signed, faults) = nacre_regulator::preview(config, question, bars).await?;
    bars.end();
    for fault in &faults {
        eprintln!("warning: {fault}");
    }
    let (preview, language) = (&signed.statement, output.language);
    output.print(&signed, || {
        let rulings = preview.groups.iter().flat_map(|group| &group.quantities);
        let rules: BTreeSet<Rule> = rulings.filter_map(|ruling| ruling.withheld).collect();
        let reasons = match rules.len() {
            0 => language.text("preview-nothing"),
            _ => format!("{}{}", language.text("preview-why"), output::rules(rules, language)),
        };
        format!(
            "{}\n{reasons}\n{}",
            output::drawn(&output::preview(preview, language)),
            language.fill("preview-word", &[("custodian", preview.custodian.to_string().into())]),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn question(args: QueryArgs) -> anyhow::Result<Question> {
    let error = anyhow::Error::msg::<String>;
    let measure = args.measure.as_deref().context("name the --measure")?;
    let NamedMeasure { id: measure, version } = NamedMeasure::parse(measure).map_err(error)?;
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
        through: args.through.into_iter().collect(),
        purpose: args.purpose.parse().map_err(error)?,
    })
}
