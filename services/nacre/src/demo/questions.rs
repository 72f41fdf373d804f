//! The demo's questions, each answered by the network and beside it by the generator's own list.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use nacre_hosting::{file, trust};
use nacre_regulator::{Config, Question};
use nacre_schemas::{
    answer::Rule,
    cohort::AgeBand,
    measure::Measure,
    query::{Attribute, GroupKey, Quantity, Statistic},
    release::{GroupFigures, Outcome, Release},
    trust::TrustRoot,
};
use nacre_verifier::Network;
use serde::Serialize;

use super::population::{Population, Truth};
use crate::{
    commands::{Output, verify},
    consortium::Consortium,
    output,
    progress::Bars,
};

struct Asked {
    text: &'static str,
    file: &'static str,
    question: Question,
}

/// How a question came out.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// The release.
    pub release: PathBuf,
    /// Groups answered.
    pub answered: usize,
    /// Groups withheld, whole or in part.
    pub withheld: usize,
    /// Integers, or cells of the cross lane, that were shown.
    pub shown: usize,
    /// Whether every one of them is the generator's; true if there is none.
    pub exact: bool,
}

impl Answered {
    /// Whether it was held against the truth, in a word.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.exact, self.shown) {
            (false, _) => "NO",
            (true, 0) => "nothing was shown",
            (true, _) => "yes",
        }
    }
}

fn question(measure: &str, by: &[Attribute], statistics: &[Statistic], purpose: &str) -> anyhow::Result<Question> {
    let error = anyhow::Error::msg::<String>;
    Ok(Question {
        measure: measure.parse().map_err(error)?,
        version: None,
        regions: Vec::new(),
        from: super::MONTHS[0].parse().map_err(error)?,
        to: super::MONTHS[2].parse().map_err(error)?,
        sexes: Vec::new(),
        youngest: AgeBand::of_age(0),
        oldest: AgeBand::TOP,
        group_by: by.to_vec(),
        statistics: statistics.to_vec(),
        through: BTreeMap::new(),
        purpose: purpose.parse().map_err(error)?,
    })
}

/// A question about people of ten years of age.
fn of_decade(first: u32, question: Question) -> Question {
    Question { youngest: AgeBand::of_age(first), oldest: AgeBand::of_age(first + 5), ..question }
}

/// What is asked. Where the network has a cross lane, that alone answers about its measures from its month on, and the questions
/// about them end the month before.
fn questions(root: &TrustRoot) -> anyhow::Result<Vec<Asked>> {
    use Attribute as By;
    use Statistic::{Bands, Count, Mean, Sd};
    let last = match &root.cross {
        Some(_) => super::MONTHS[1],
        None => super::MONTHS[2],
    };
    let last = last.parse().map_err(anyhow::Error::msg::<String>)?;
    let mut bmi = question("bmi", &[By::Sex], &[Count, Bands], "prevalence of obesity")?;
    bmi.version = Some(1);
    let pressure = question("systolic-bp", &[By::Region, By::Sex], &[Count, Mean, Sd], "quarterly report")?;
    let steps = Question { to: last, ..question("steps", &[], &[Count, Mean], "activity by age")? };
    // Of five-year bands few would be left: a third gym's few people withhold what two have many of.
    Ok(vec![
        Asked {
            text: "Mean systolic pressure by region and sex, from January 2026 on",
            file: "systolic-by-region-and-sex.json",
            question: Question { to: last, ..pressure },
        },
        Asked {
            text: "Underweight, normal, overweight and obese by sex (WS/T 428), all regions",
            file: "bmi-bands-by-sex.json",
            question: bmi,
        },
        Asked {
            text: "Steps a day, of people of 30 to 39 years",
            file: "steps-of-30-to-39.json",
            question: of_decade(30, steps.clone()),
        },
        Asked {
            text: "Steps a day, of people of 50 to 59 years",
            file: "steps-of-50-to-59.json",
            question: of_decade(50, steps.clone()),
        },
        Asked {
            text: "Steps a day, of people of 70 to 79 years",
            file: "steps-of-70-to-79.json",
            question: of_decade(70, steps),
        },
    ])
}

/// Asks them all.
pub async fn ask_all(
    places: &Consortium,
    folder: &Path,
    population: &Population,
    output: Output,
) -> anyhow::Result<Vec<Answered>> {
    let config = Config::read(&places.regulator)?;
    let releases = folder.join("releases");
    fs::create_dir_all(&releases)?;
    let network = trust::read(&places.trust)?;
    let mut answers = Vec::new();
    for asked in questions(network.root())? {
        output.say(format_args!("\n6.{} {}", answers.len() + 1, asked.text));
        let outcome = nacre_regulator::query(&config, &asked.question, &Bars::new()).await?;
        let path = releases.join(asked.file);
        file::publish(&path, &serde_json::to_vec_pretty(&outcome.release)?)?;
        answers.push(compare(asked.text, path, population, &network, output)?);
    }
    Ok(answers)
}

/// Reads the release back from its file, verifies it, and sets the truth beside it.
fn compare(
    text: &str,
    path: PathBuf,
    population: &Population,
    network: &Network,
    output: Output,
) -> anyhow::Result<Answered> {
    let release = verify::read_release(&path)?;
    let report = nacre_verifier::release::check(&release, network)?;
    let truths = truths(&release, &population.truths);
    let mut table = output::release(&release);
    let (mut exact, mut withheld) = (true, 0);
    for (figures, row) in release.figures.iter().zip(table.row_iter_mut()) {
        let values = truths.get(&figures.group).map(Vec::as_slice).unwrap_or_default();
        withheld += usize::from(rules(figures).next().is_some());
        exact &= agrees(&release.definition, figures, values);
        row.add_cell(output::number(truth_text(&release.definition, figures, values)));
    }
    if let Some(header) = table.header() {
        let mut header = header.clone();
        header.add_cell(comfy_table::Cell::new("truth (only the demo knows)"));
        table.set_header(header);
    }
    exact &= truths.len() == release.figures.len();
    output.say(table);
    output.say(explained(&release));
    let verified = format!("verified offline: {} checks, {} custodians", report.checked.len(), report.custodians.len());
    let results = release.figures.iter().flat_map(|figures| &figures.results);
    let answered = Answered {
        question: text.to_owned(),
        release: path,
        answered: release.figures.len() - withheld,
        withheld,
        shown: results.filter(|result| matches!(result.outcome, Outcome::Value(_))).count(),
        exact,
    };
    output.say(format_args!("   {verified}; every integer equals the truth: {}", answered.verdict()));
    Ok(answered)
}

/// The rules that withheld something of a group.
fn rules(figures: &GroupFigures) -> impl Iterator<Item = Rule> + '_ {
    figures.results.iter().filter_map(|result| match result.outcome {
        Outcome::Withheld(rule) => Some(rule),
        Outcome::Value(_) => None,
    })
}

/// Why what is not shown is not.
fn explained(release: &Release) -> String {
    let mut groups: BTreeMap<Rule, usize> = BTreeMap::new();
    for figures in &release.figures {
        for rule in rules(figures).collect::<BTreeSet<_>>() {
            *groups.entry(rule).or_default() += 1;
        }
    }
    if groups.is_empty() {
        return "   nothing is withheld".to_owned();
    }
    let all = release.figures.len();
    let lines = groups
        .iter()
        .map(|(rule, groups)| format!("   withheld in {groups} of {all} groups, {rule}: {}", rule.explain()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The generator's values of each group.
fn truths(release: &Release, all: &[Truth]) -> BTreeMap<GroupKey, Vec<u32>> {
    let request = &release.dossier.logged.request.request;
    let mut groups: BTreeMap<GroupKey, Vec<u32>> = BTreeMap::new();
    for truth in all.iter().filter(|truth| request.holds(&truth.key)) {
        groups.entry(request.group_of(&truth.key)).or_default().push(truth.value);
    }
    groups
}

fn agrees(measure: &Measure, figures: &GroupFigures, values: &[u32]) -> bool {
    figures.results.iter().all(|result| match result.outcome {
        Outcome::Value(value) => value == integer(measure, result.quantity, values),
        Outcome::Withheld(_) => true,
    })
}

fn integer(measure: &Measure, quantity: Quantity, values: &[u32]) -> u64 {
    match quantity {
        Quantity::Count => values.len() as u64,
        Quantity::Sum => values.iter().map(|value| u64::from(*value)).sum(),
        Quantity::Squares => values.iter().map(|value| u64::from(*value).pow(2)).sum(),
        Quantity::Band(position) => {
            values.iter().filter(|value| measure.band_of(**value) == Some(usize::from(position))).count() as u64
        }
    }
}

/// The group's truth in a few words: n, and the mean or the band counts.
fn truth_text(measure: &Measure, figures: &GroupFigures, values: &[u32]) -> String {
    let asks_bands = figures.results.iter().any(|result| matches!(result.quantity, Quantity::Band(_)));
    if asks_bands {
        let count = |position| integer(measure, Quantity::Band(position), values).to_string();
        let counts: Vec<String> = (0..measure.bands().len() as u8).map(count).collect();
        return format!("n {}: {}", values.len(), counts.join(" / "));
    }
    let step = measure.step.mantissa() as f64 / measure.step.denominator() as f64;
    let mean = integer(measure, Quantity::Sum, values) as f64 / values.len().max(1) as f64 * step;
    format!("n {}, mean {mean:.2}", values.len())
}

/// The releases, for the frauds.
pub(super) fn releases(folder: &Path, root: &TrustRoot) -> anyhow::Result<Vec<Release>> {
    questions(root)?.iter().map(|asked| verify::read_release(&folder.join("releases").join(asked.file))).collect()
}
