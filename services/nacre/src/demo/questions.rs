//! The demo's questions, each answered by the network and beside it by the generator's own list.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nacre_hosting::{file, trust};
use nacre_pages::{
    Language,
    chart::{Chart, Mark, Row, Shape},
    table::{Cell, Table},
};
use nacre_regulator::{Config, Question};
use nacre_schemas::{
    cohort::AgeBand,
    decimal::Decimal,
    measure::Measure,
    query::{Attribute, GroupKey, Quantity, Statistic},
    release::{BandShare, GroupFigures, Mean, Outcome, Release},
    trust::TrustRoot,
};
use nacre_verifier::Network;
use serde::Serialize;

use super::{
    population::{Population, Truth},
    reasons,
    tell::Teller,
};
use crate::{commands::verify, consortium::Consortium, output, progress::Bars};

struct Asked {
    /// The question for machines: the same in every language.
    text: &'static str,
    /// The key of the question for people.
    key: &'static str,
    file: &'static str,
    question: Question,
}

impl Asked {
    fn title(&self, language: Language) -> String {
        let oldest = self.question.oldest;
        let values = [
            ("from", language.month(self.question.from).into()),
            ("to", language.month(self.question.to).into()),
            ("youngest", u64::from(self.question.youngest.from_age()).into()),
            ("oldest", u64::from(oldest.to_age().unwrap_or(oldest.from_age())).into()),
        ];
        language.fill(self.key, &values)
    }
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
    /// The key of how it compares with the truth, in a sentence.
    fn verdict(&self) -> &'static str {
        match (self.exact, self.shown) {
            (false, _) => "answer-differs",
            (true, 0) => "answer-nothing-shown",
            (true, _) => "answer-equal",
        }
    }
}

/// A question and its answer, as the page tells them.
pub(super) struct Told {
    pub(super) title: String,
    pub(super) chart: Chart,
    pub(super) table: Table,
    /// What is withheld and why; that nothing is.
    pub(super) reasons: Vec<String>,
    pub(super) verified: String,
    pub(super) verdict: String,
    pub(super) exact: bool,
    pub(super) release: PathBuf,
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
            key: "question-systolic-by-region-and-sex",
            file: "systolic-by-region-and-sex.json",
            question: Question { to: last, ..pressure },
        },
        Asked {
            text: "Underweight, normal, overweight and obese by sex (WS/T 428), all regions",
            key: "question-bmi-bands-by-sex",
            file: "bmi-bands-by-sex.json",
            question: bmi,
        },
        Asked {
            text: "Steps a day, of people of 30 to 39 years",
            key: "question-steps",
            file: "steps-of-30-to-39.json",
            question: of_decade(30, steps.clone()),
        },
        Asked {
            text: "Steps a day, of people of 50 to 59 years",
            key: "question-steps",
            file: "steps-of-50-to-59.json",
            question: of_decade(50, steps.clone()),
        },
        Asked {
            text: "Steps a day, of people of 70 to 79 years",
            key: "question-steps",
            file: "steps-of-70-to-79.json",
            question: of_decade(70, steps),
        },
    ])
}

/// Asks them all.
pub(super) async fn ask_all(
    places: &Consortium,
    folder: &Path,
    population: &Population,
    teller: &mut Teller,
) -> anyhow::Result<Vec<(Answered, Told)>> {
    teller.step("step-questions");
    teller.tell("records-are", &[]);
    teller.tell("why-known", &[]);
    let config = Config::read(&places.regulator)?;
    let releases = folder.join("releases");
    fs::create_dir_all(&releases)?;
    let network = trust::read(&places.trust)?;
    let mut answers = Vec::new();
    for asked in questions(network.root())? {
        teller.part(&asked.title(teller.language()));
        let outcome = nacre_regulator::query(&config, &asked.question, &Bars::new()).await?;
        let path = releases.join(asked.file);
        file::publish(&path, &serde_json::to_vec_pretty(&outcome.release)?)?;
        answers.push(compare(&asked, path, population, &network, teller)?);
    }
    Ok(answers)
}

/// Reads the release back from its file, verifies it, and sets the truth beside it.
fn compare(
    asked: &Asked,
    path: PathBuf,
    population: &Population,
    network: &Network,
    teller: &Teller,
) -> anyhow::Result<(Answered, Told)> {
    let language = teller.language();
    let release = verify::read_release(&path)?;
    let report = nacre_verifier::release::check(&release, network)?;
    let truths = truths(&release, &population.truths);
    let mut table = output::release(&release, language);
    table.heads.push(language.text("table-truth"));
    let (mut exact, mut withheld) = (true, 0);
    for (figures, row) in release.figures.iter().zip(&mut table.rows) {
        let values = truths.get(&figures.group).map(Vec::as_slice).unwrap_or_default();
        withheld += usize::from(!reasons::rules(figures).is_empty());
        exact &= agrees(&release.definition, figures, values);
        row.push(Cell::Words(truth_text(&release.definition, figures, values, language)));
    }
    exact &= truths.len() == release.figures.len();
    let results = release.figures.iter().flat_map(|figures| &figures.results);
    let answered = Answered {
        question: asked.text.to_owned(),
        release: path.clone(),
        answered: release.figures.len() - withheld,
        withheld,
        shown: results.filter(|result| matches!(result.outcome, Outcome::Value(_))).count(),
        exact,
    };
    let minimum = network.root().disclosure.minimum_people;
    let mut reasons = reasons::of_release(&release, &population.truths, minimum, language);
    if reasons.is_empty() {
        reasons.push(language.text("answer-nothing-withheld"));
    }
    teller.show(&table);
    reasons.iter().for_each(|reason| teller.say(reason));
    let (checks, custodians) = (report.checked.len(), report.custodians.len());
    let verified = teller.tell("answer-verified", &[("checks", checks.into()), ("custodians", custodians.into())]);
    let verdict = teller.tell(answered.verdict(), &[]);
    let title = asked.title(language);
    let chart = chart(asked.file, &title, &release, language);
    Ok((answered, Told { title, chart, table, reasons, verified, verdict, exact, release: path }))
}

/// The answer as a picture: shares of bands as bars; means as points, and a single one as a bar.
fn chart(file: &str, title: &str, release: &Release, language: Language) -> Chart {
    let definition = &release.definition;
    let is_by_band = release.dossier.logged.request.request.statistics.contains(&Statistic::Bands);
    let bands = 0..definition.bands().len();
    let row = |figures: &GroupFigures| {
        let marks = if is_by_band {
            bands.clone().map(|position| share_mark(figures, position, language)).collect()
        } else {
            vec![mean_mark(figures, language)]
        };
        Row { label: language.group(&figures.group), marks }
    };
    let unit = language.unit(definition);
    let in_unit = |position| {
        let band = output::band(definition, position, language);
        language.fill("band-in-unit", &[("band", band.into()), ("unit", unit.as_str().into())])
    };
    Chart {
        id: format!("chart-{}", file.trim_end_matches(".json")),
        title: title.to_owned(),
        axis: if is_by_band { language.text("axis-percent") } else { unit.clone() },
        shape: if is_by_band || release.figures.len() < 2 { Shape::Bars } else { Shape::Points },
        series: if is_by_band { bands.clone().map(in_unit).collect() } else { vec![language.measure(definition)] },
        rows: release.figures.iter().map(row).collect(),
    }
}

fn share_mark(figures: &GroupFigures, position: usize, language: Language) -> Mark {
    let Some(BandShare { count, percent, .. }) = figures.bands.get(position) else {
        return withheld_mark(figures, Quantity::Band(position as u8), language);
    };
    let written = language.number(&percent.estimate.to_string());
    Mark::Value {
        at: real(percent.estimate),
        text: language.fill("band-share", &[("count", (*count).into()), ("percent", written.into())]),
        interval: Some((real(percent.low), real(percent.high))),
    }
}

fn mean_mark(figures: &GroupFigures, language: Language) -> Mark {
    let Some(Mean { estimate, interval }) = &figures.mean else {
        return withheld_mark(figures, Quantity::Sum, language);
    };
    Mark::Value {
        at: real(*estimate),
        text: language.number(&estimate.to_string()),
        interval: interval.as_ref().map(|interval| (real(interval.low), real(interval.high))),
    }
}

/// Where there is no figure, a rule withheld the quantity that it rests on.
fn withheld_mark(figures: &GroupFigures, quantity: Quantity, language: Language) -> Mark {
    let rule = output::withheld_by(figures, quantity).map(|rule| language.rule(rule));
    Mark::Withheld { rule: rule.unwrap_or_default() }
}

fn real(decimal: Decimal) -> f64 {
    decimal.mantissa() as f64 / decimal.denominator() as f64
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

/// The group's truth in a few words: its records, and the mean or the band counts.
fn truth_text(measure: &Measure, figures: &GroupFigures, values: &[u32], language: Language) -> String {
    let records = ("records", values.len().into());
    let asks_bands = figures.results.iter().any(|result| matches!(result.quantity, Quantity::Band(_)));
    if asks_bands {
        let count = |position| language.number(&integer(measure, Quantity::Band(position), values).to_string());
        let counts: Vec<String> = (0..measure.bands().len() as u8).map(count).collect();
        return language.fill("truth-bands", &[records, ("bands", counts.join(" / ").into())]);
    }
    let step = measure.step.mantissa() as f64 / measure.step.denominator() as f64;
    let mean = integer(measure, Quantity::Sum, values) as f64 / values.len().max(1) as f64 * step;
    language.fill("truth-mean", &[records, ("mean", language.number(&format!("{mean:.2}")).into())])
}

/// The releases, for the frauds.
pub(super) fn releases(folder: &Path, root: &TrustRoot) -> anyhow::Result<Vec<Release>> {
    questions(root)?.iter().map(|asked| verify::read_release(&folder.join("releases").join(asked.file))).collect()
}
