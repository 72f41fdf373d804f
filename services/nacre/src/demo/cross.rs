//! The demo's question of the cross lane: what a hospital and a gym know of the same people, and nobody of both. It is asked
//! where the demo was told to show the lane, and what is known to leak is said there.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use nacre_hosting::{file, trust};
use nacre_pages::{
    Language,
    chart::{Chart, Mark, Row, Shape},
};
use nacre_regulator::{Config, CrossQuestion, NamedMeasure};
use nacre_schemas::{catalogue::Catalogue, cohort::Period, cross::CrossStatistic, measure::Measure, region::Region};
use nacre_verifier::cross;

use super::{
    population::{Population, Truth},
    questions::{Answered, Told},
    tell::Teller,
};
use crate::{
    consortium::{Consortium, CrossPlan},
    known_leaks::LEAK_TEXTS,
    output,
    progress::Bars,
};

/// Where people's steps and pressures are crossed.
const REGION: &str = "820000";
/// Whose bands are rows, and columns.
const MEASURES: [&str; 2] = ["steps", "systolic-bp"];
/// The question for machines: the same in every language.
const TEXT: &str = "Systolic pressure by steps a day, of people whose steps a gym knows and whose pressure a hospital";

/// People by row and column.
type Cells = BTreeMap<(u8, u8), u64>;

/// Who posts for the cross lane, and what.
pub fn plan() -> anyhow::Result<CrossPlan> {
    let error = anyhow::Error::msg::<String>;
    let measures = MEASURES.iter().map(|measure| measure.parse().map_err(error)).collect::<anyhow::Result<_>>()?;
    Ok(CrossPlan { regions: vec![REGION.parse().map_err(error)?], measures, from: Some(month()?) })
}

/// The month that is asked about, from which on values are posted crosswise too.
fn month() -> anyhow::Result<Period> {
    super::MONTHS[2].parse().map_err(anyhow::Error::msg::<String>)
}

fn question() -> anyhow::Result<CrossQuestion> {
    let error = anyhow::Error::msg::<String>;
    let [by, of] = MEASURES.map(NamedMeasure::parse);
    Ok(CrossQuestion {
        statistic: CrossStatistic::Table,
        by: by.map_err(error)?,
        of: of.map_err(error)?,
        from: month()?,
        to: month()?,
        regions: vec![REGION.parse().map_err(error)?],
        through: BTreeMap::new(),
        purpose: "does activity go with better values?".parse().map_err(error)?,
    })
}

/// Asks for the table, verifies the release, and sets the truth beside it.
pub(super) async fn ask(
    places: &Consortium,
    folder: &Path,
    population: &Population,
    teller: &mut Teller,
) -> anyhow::Result<(Answered, Told)> {
    let language = teller.language();
    let region: Region = REGION.parse().map_err(anyhow::Error::msg::<String>)?;
    let values = [("region", language.region(region).into()), ("month", language.month(month()?).into())];
    let title = language.fill("question-pressure-by-steps", &values);
    teller.step("step-cross-lane");
    teller.tell("cross-leaks", &[]);
    LEAK_TEXTS.iter().for_each(|leak| teller.say(&format!("- {}", language.text(leak))));
    teller.part(&title);
    let config = Config::read(&places.regulator)?;
    let answered = nacre_regulator::cross_query(&config, &question()?, &Bars::new()).await?;
    let path = folder.join("releases/pressure-by-steps.json");
    file::publish(&path, &serde_json::to_vec(&answered.release)?)?;
    let network = trust::read(&places.trust)?;
    let definitions = cross::check_release(&answered.release, &network)?;
    let cells = &answered.release.cells;
    let table = output::cross(cells, &definitions, CrossStatistic::Table, language);
    teller.show(&table);
    let (truth, people) = counted(population)?;
    let minimum = u64::from(network.root().disclosure.minimum_people);
    let shown: Cells = cells.iter().map(|cell| ((cell.by, cell.of), cell.people)).collect();
    let expected: Cells = truth.into_iter().filter(|(_, people)| *people >= minimum).collect();
    let exact = shown == expected;
    let (rows, columns) = definitions.shape(CrossStatistic::Table);
    let withheld = rows * columns - shown.len();
    let values = [
        ("people", people.into()),
        ("minimum", minimum.into()),
        ("withheld", withheld.into()),
        ("cells", (rows * columns).into()),
    ];
    let verified = teller.tell("cross-counted", &values);
    let verdict = match (exact, shown.len()) {
        (false, _) => "answer-differs",
        (true, 0) => "answer-nothing-shown",
        (true, _) => "cross-equal",
    };
    let verdict = teller.tell(verdict, &[]);
    let chart = chart(&title, &shown, &definitions, language);
    let (question, release) = (TEXT.to_owned(), path.clone());
    let answered = Answered { question, release, answered: shown.len(), withheld, shown: shown.len(), exact };
    Ok((answered, Told { title, chart, table, reasons: Vec::new(), verified, verdict, exact, release: path }))
}

/// People by pairs of bands: a row for each band of the one measure, with a bar for each of the other.
fn chart(title: &str, shown: &Cells, definitions: &cross::Definitions, language: Language) -> Chart {
    let (rows, columns) = definitions.shape(CrossStatistic::Table);
    let in_unit = |measure: &Measure, position| {
        let band = output::cross_band(measure, position, language);
        language.fill("band-in-unit", &[("band", band.into()), ("unit", language.unit(measure).into())])
    };
    let mark = |row: usize, column: usize| match shown.get(&(row as u8, column as u8)) {
        Some(people) => Mark::Value { at: *people as f64, text: language.number(&people.to_string()), interval: None },
        None => Mark::Withheld { rule: language.text("cross-empty-or-small") },
    };
    let row = |row| Row {
        label: in_unit(definitions.by, row),
        marks: (0..columns).map(|column| mark(row, column)).collect(),
    };
    Chart {
        id: "chart-pressure-by-steps".to_owned(),
        title: title.to_owned(),
        axis: language.text("axis-people"),
        shape: Shape::Bars,
        series: (0..columns).map(|column| in_unit(definitions.of, column)).collect(),
        rows: (0..rows).map(row).collect(),
    }
}

/// How many people are in each pair of bands that month, as the generator knows, and how many have both.
fn counted(population: &Population) -> anyhow::Result<(Cells, u64)> {
    let error = anyhow::Error::msg::<String>;
    let region: Region = REGION.parse().map_err(error)?;
    let mut bands: Vec<BTreeMap<usize, u8>> = Vec::new();
    for name in MEASURES {
        let measure = Catalogue::built_in().newest(&name.parse().map_err(error)?);
        let measure = measure.context("the catalogue has the demo's measures")?;
        let values = values(population, region, measure)?;
        bands.push(values.into_iter().map(|(person, value)| (person, band(measure, value))).collect());
    }
    let (mut cells, mut people) = (Cells::new(), 0);
    for (person, row) in &bands[0] {
        if let Some(column) = bands[1].get(person) {
            *cells.entry((*row, *column)).or_default() += 1;
            people += 1;
        }
    }
    Ok((cells, people))
}

/// Each person's value of the month.
fn values(population: &Population, region: Region, measure: &Measure) -> anyhow::Result<BTreeMap<usize, u32>> {
    let (reference, month) = (measure.reference(), month()?);
    let of_month = |truth: &&Truth| {
        let key = &truth.key;
        key.region == region && key.measure == reference && key.period == month
    };
    Ok(population.truths.iter().filter(of_month).map(|truth| (truth.person, truth.value)).collect())
}

fn band(measure: &Measure, value: u32) -> u8 {
    let band = measure.cross_bands().iter().position(|band| (band.lo..=band.hi).contains(&value));
    band.unwrap_or_default() as u8
}
