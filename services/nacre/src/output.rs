//! Tables for people.

use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use nacre_schemas::{
    answer::Rule,
    cross::{CrossCell, CrossStatistic},
    measure::{Band, Measure},
    preview::Preview,
    query::{Quantity, Statistic},
    release::{GroupFigures, Outcome, Release},
};

use nacre_verifier::cross::Definitions;

/// A line below the heads and one at either end: rows stand close, as in a printed table.
const RULED: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// A plain table with these column heads.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(RULED);
    table.set_header(heads.iter().map(|head| Cell::new(*head)));
    table
}

/// A cell with a number.
pub fn number(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// A quantity of a group, or the rule that withheld it.
pub fn outcome(figures: &GroupFigures, quantity: Quantity) -> String {
    match find(figures, quantity) {
        Some(Outcome::Value(value)) => value.to_string(),
        Some(Outcome::Withheld(rule)) => format!("withheld: {rule}"),
        None => String::new(),
    }
}

/// The rule that withheld a quantity, if one did.
fn withheld(figures: &GroupFigures, quantity: Quantity) -> String {
    match find(figures, quantity) {
        Some(Outcome::Withheld(rule)) => format!("withheld: {rule}"),
        Some(Outcome::Value(_)) | None => String::new(),
    }
}

fn find(figures: &GroupFigures, quantity: Quantity) -> Option<Outcome> {
    figures.results.iter().find(|result| result.quantity == quantity).map(|result| result.outcome)
}

/// A band as people read it: `120-139`, in the measure's unit.
pub fn band(measure: &Measure, position: usize) -> String {
    measure.bands().get(position).map(|band| limits(measure, band)).unwrap_or_default()
}

/// The same of a coarse band of the cross lane.
pub fn cross_band(measure: &Measure, position: usize) -> String {
    measure.cross_bands().get(position).map(|band| limits(measure, band)).unwrap_or_default()
}

/// The cells of a cross release: a table of counts, or counts and means by band.
pub fn cross(cells: &[CrossCell], definitions: &Definitions, statistic: CrossStatistic) -> Table {
    let Definitions { by, of } = definitions;
    let (rows, columns) = definitions.shape(statistic);
    let cell = |row: usize, column: usize| {
        cells.iter().find(|cell| usize::from(cell.by) == row && usize::from(cell.of) == column)
    };
    let head = format!("{} \\ {}", by.title, of.title);
    match statistic {
        CrossStatistic::Table => {
            let heads: Vec<String> = (0..columns).map(|column| cross_band(of, column)).collect();
            let heads: Vec<&str> = std::iter::once(head.as_str()).chain(heads.iter().map(String::as_str)).collect();
            let mut table = table(&heads);
            for row in 0..rows {
                let counts = (0..columns).map(|column| match cell(row, column) {
                    Some(cell) => number(cell.people),
                    None => number("–"),
                });
                table.add_row(std::iter::once(Cell::new(cross_band(by, row))).chain(counts));
            }
            table
        }
        CrossStatistic::Mean => {
            let mut table = table(&[by.title.as_str(), "people", of.title.as_str()]);
            for row in 0..rows {
                let (people, mean) = match cell(row, 0) {
                    Some(CrossCell { people, sum: Some(sum), .. }) => (people.to_string(), mean(of, *sum, *people)),
                    _ => ("–".to_owned(), "–".to_owned()),
                };
                table.add_row([Cell::new(cross_band(by, row)), number(people), number(mean)]);
            }
            table
        }
    }
}

/// A mean in the measure's unit, to one decimal more than its step has.
fn mean(measure: &Measure, sum: u64, people: u64) -> String {
    let places = usize::from(measure.step.places()) + 1;
    let step = measure.step.mantissa() as f64 / measure.step.denominator() as f64;
    format!("{:.places$} {}", sum as f64 * step / people as f64, measure.unit())
}

fn limits(measure: &Measure, band: &Band) -> String {
    let places = usize::from(measure.step.places());
    let unit = |steps: u32| {
        let scaled = u64::from(steps) * measure.step.mantissa();
        let denominator = measure.step.denominator();
        match places {
            0 => scaled.to_string(),
            _ => format!("{}.{:0places$}", scaled / denominator, scaled % denominator),
        }
    };
    format!("{}-{}", unit(band.lo), unit(band.hi))
}

/// What would become of each group and quantity.
pub fn preview(preview: &Preview) -> Table {
    let quantities = preview.groups.first().map(|group| group.quantities.as_slice()).unwrap_or_default();
    let names: Vec<String> = quantities.iter().map(|ruling| ruling.quantity.to_string()).collect();
    let heads: Vec<&str> = std::iter::once("group").chain(names.iter().map(String::as_str)).collect();
    let mut table = table(&heads);
    for group in &preview.groups {
        let rulings = group.quantities.iter().map(|ruling| ruling.withheld.map_or("open", Rule::word));
        table.add_row(std::iter::once(group.group.to_string()).chain(rulings.map(str::to_owned)));
    }
    table
}

/// The figures of a release.
pub fn release(release: &Release) -> Table {
    let statistics = &release.dossier.logged.request.request.statistics;
    let asks = |statistic| statistics.contains(&statistic);
    let mut heads = vec!["group".to_owned(), "n".to_owned()];
    if asks(Statistic::Mean) {
        heads.extend(["mean".to_owned(), "95 %".to_owned()]);
    }
    if asks(Statistic::Sd) {
        heads.push("SD".to_owned());
    }
    if asks(Statistic::Bands) {
        heads.extend((0..release.definition.bands().len()).map(|position| band(&release.definition, position)));
    }
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = table(&heads);
    for figures in &release.figures {
        table.add_row(row(release, figures));
    }
    table
}

fn row(release: &Release, figures: &GroupFigures) -> Vec<Cell> {
    let statistics = &release.dossier.logged.request.request.statistics;
    let asks = |statistic| statistics.contains(&statistic);
    let mut row = vec![Cell::new(figures.group.to_string()), number(outcome(figures, Quantity::Count))];
    if asks(Statistic::Mean) {
        row.push(number(figures.mean.as_ref().map(|mean| mean.estimate.to_string()).unwrap_or_default()));
        let interval = figures.mean.as_ref().and_then(|mean| mean.interval.as_ref());
        row.push(number(interval.map(|interval| format!("{} to {}", interval.low, interval.high)).unwrap_or_default()));
    }
    if asks(Statistic::Sd) {
        let sd = figures.sd.map(|sd| sd.to_string());
        row.push(number(sd.unwrap_or_else(|| withheld(figures, Quantity::Squares))));
    }
    if asks(Statistic::Bands) {
        for position in 0..release.definition.bands().len() {
            let share =
                figures.bands.get(position).map(|share| format!("{} ({} %)", share.count, share.percent.estimate));
            row.push(number(share.unwrap_or_else(|| outcome(figures, Quantity::Band(position as u8)))));
        }
    }
    row
}
