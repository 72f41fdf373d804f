//! The demo's question of the cross lane: what a hospital and a gym know of the same people, and nobody of both. It is asked
//! where the demo was told to show the lane, and what is known to leak is said there.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use nacre_hosting::{file, trust};
use nacre_regulator::{Config, CrossQuestion, NamedMeasure};
use nacre_schemas::{catalogue::Catalogue, cohort::Period, cross::CrossStatistic, measure::Measure, region::Region};
use nacre_verifier::cross;

use super::{
    population::{Population, Truth},
    questions::Answered,
};
use crate::{
    commands::Output,
    consortium::{Consortium, CrossPlan},
    known_leaks, output,
    progress::Bars,
};

/// Where people's steps and pressures are crossed.
const REGION: &str = "820000";
/// Whose bands are rows, and columns.
const MEASURES: [&str; 2] = ["steps", "systolic-bp"];
const TEXT: &str = "Systolic pressure by steps a day, of people whose steps a gym knows and whose pressure a hospital";

/// What is said in place of the question.
pub(super) const OFF: &str = "\nThe cross lane (statistics over what a hospital and a gym know of the same people) is off, as in every network unless \
     its\ntrust root has it: it is known to tell more than it should, up to one patient's exact value. \
     `nacre demo --cross-lane-with-known-leaks`\nshows it, and what leaks.";

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
pub async fn ask(
    places: &Consortium,
    folder: &Path,
    population: &Population,
    output: Output,
) -> anyhow::Result<Answered> {
    output.say(format_args!("\n6.6 {TEXT}"));
    let leaks = known_leaks::listed("   - ");
    output.say(format_args!(
        "   This is the cross lane, for invented data only. What is known to leak:\n{}",
        leaks.trim_end()
    ));
    let config = Config::read(&places.regulator)?;
    let answered = nacre_regulator::cross_query(&config, &question()?, &Bars::new()).await?;
    let path = folder.join("releases/pressure-by-steps.json");
    file::publish(&path, &serde_json::to_vec(&answered.release)?)?;
    let network = trust::read(&places.trust)?;
    let definitions = cross::check_release(&answered.release, &network)?;
    let cells = &answered.release.cells;
    output.say(output::cross(cells, &definitions, CrossStatistic::Table));
    let (truth, people) = counted(population)?;
    let minimum = u64::from(network.root().disclosure.minimum_people);
    let shown: Cells = cells.iter().map(|cell| ((cell.by, cell.of), cell.people)).collect();
    let expected: Cells = truth.into_iter().filter(|(_, people)| *people >= minimum).collect();
    let exact = shown == expected;
    let (rows, columns) = definitions.shape(CrossStatistic::Table);
    let (answered, withheld) = (shown.len(), rows * columns - shown.len());
    let answered = Answered { question: TEXT.to_owned(), release: path, answered, withheld, shown: shown.len(), exact };
    output.say(format_args!(
        "   {people} people, counted on ciphertexts by three evaluators; cells of fewer than {minimum} were set to zero under \
         encryption:\n   {withheld} of {} are not shown. Shares verified; every cell equals the truth, and none is missing: {}",
        rows * columns,
        answered.verdict(),
    ));
    Ok(answered)
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
