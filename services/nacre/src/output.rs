//! Tables for people.

use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use nacre_pages::{
    Language,
    table::{Cell as Shown, Table as Results},
};
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

/// Results as a terminal shows them.
pub fn drawn(results: &Results) -> Table {
    let heads: Vec<&str> = results.heads.iter().map(String::as_str).collect();
    let mut table = table(&heads);
    for row in &results.rows {
        table.add_row(row.iter().map(|cell| match cell {
            Shown::Words(text) => Cell::new(text),
            Shown::Number(text) | Shown::Withheld(text) => number(text),
        }));
    }
    table
}

/// A quantity of a group, or the rule that withheld it.
fn outcome(figures: &GroupFigures, quantity: Quantity, language: Language) -> Shown {
    match find(figures, quantity) {
        Some(Outcome::Value(value)) => Shown::Number(language.number(&value.to_string())),
        Some(Outcome::Withheld(rule)) => Shown::Withheld(withheld(rule, language)),
        None => Shown::Number(String::new()),
    }
}

/// That a rule withheld something.
fn withheld(rule: Rule, language: Language) -> String {
    language.fill("withheld", &[("rule", language.rule(rule).into())])
}

/// The rule that withheld a quantity, if one did.
pub fn withheld_by(figures: &GroupFigures, quantity: Quantity) -> Option<Rule> {
    match find(figures, quantity) {
        Some(Outcome::Withheld(rule)) => Some(rule),
        Some(Outcome::Value(_)) | None => None,
    }
}

fn find(figures: &GroupFigures, quantity: Quantity) -> Option<Outcome> {
    figures.results.iter().find(|result| result.quantity == quantity).map(|result| result.outcome)
}

/// A band as people read it: `120–139`, in the measure's unit.
pub fn band(measure: &Measure, position: usize, language: Language) -> String {
    measure.bands().get(position).map(|band| limits(measure, band, language)).unwrap_or_default()
}

/// The same of a coarse band of the cross lane.
pub fn cross_band(measure: &Measure, position: usize, language: Language) -> String {
    measure.cross_bands().get(position).map(|band| limits(measure, band, language)).unwrap_or_default()
}

/// The cells of a cross release: a table of counts, or counts and means by band.
pub fn cross(cells: &[CrossCell], definitions: &Definitions, statistic: CrossStatistic, language: Language) -> Results {
    let Definitions { by, of } = definitions;
    let (rows, columns) = definitions.shape(statistic);
    let cell = |row: usize, column: usize| {
        cells.iter().find(|cell| usize::from(cell.by) == row && usize::from(cell.of) == column)
    };
    let people = |cell: &CrossCell| Shown::Number(language.number(&cell.people.to_string()));
    let none = || Shown::Number("–".to_owned());
    let heads = match statistic {
        CrossStatistic::Table => {
            let bands = (0..columns).map(|column| cross_band(of, column, language));
            std::iter::once(format!("{} \\ {}", language.measure(by), language.measure(of))).chain(bands).collect()
        }
        CrossStatistic::Mean => vec![language.measure(by), language.text("table-people"), language.measure(of)],
    };
    let row = |row: usize| {
        let mut shown = vec![Shown::Words(cross_band(by, row, language))];
        match statistic {
            CrossStatistic::Table => {
                shown.extend((0..columns).map(|column| cell(row, column).map_or_else(none, people)));
            }
            CrossStatistic::Mean => match cell(row, 0) {
                Some(found @ CrossCell { sum: Some(sum), .. }) => {
                    shown.extend([people(found), Shown::Number(mean(of, *sum, found.people, language))]);
                }
                _ => shown.extend([none(), none()]),
            },
        }
        shown
    };
    Results { heads, rows: (0..rows).map(row).collect() }
}

/// A mean in the measure's unit, to one decimal more than its step has.
fn mean(measure: &Measure, sum: u64, people: u64, language: Language) -> String {
    let places = usize::from(measure.step.places()) + 1;
    let step = measure.step.mantissa() as f64 / measure.step.denominator() as f64;
    let mean = language.number(&format!("{:.places$}", sum as f64 * step / people as f64));
    format!("{mean} {}", language.unit(measure))
}

fn limits(measure: &Measure, band: &Band, language: Language) -> String {
    let places = usize::from(measure.step.places());
    let unit = |steps: u32| {
        let scaled = u64::from(steps) * measure.step.mantissa();
        let denominator = measure.step.denominator();
        language.number(&match places {
            0 => scaled.to_string(),
            _ => format!("{}.{:0places$}", scaled / denominator, scaled % denominator),
        })
    };
    format!("{}–{}", unit(band.lo), unit(band.hi))
}

/// What would become of each group and quantity.
pub fn preview(preview: &Preview, language: Language) -> Results {
    let quantities = preview.groups.first().map(|group| group.quantities.as_slice()).unwrap_or_default();
    let names = quantities.iter().map(|ruling| quantity(ruling.quantity, language));
    let heads = std::iter::once(language.text("table-group")).chain(names).collect();
    let rows = preview.groups.iter().map(|group| {
        let rulings = group.quantities.iter().map(|ruling| match ruling.withheld {
            Some(rule) => Shown::Withheld(withheld(rule, language)),
            None => Shown::Words(language.text("preview-open")),
        });
        std::iter::once(Shown::Words(language.group(&group.group))).chain(rulings).collect()
    });
    Results { heads, rows: rows.collect() }
}

fn quantity(quantity: Quantity, language: Language) -> String {
    match quantity {
        Quantity::Count => language.text("quantity-count"),
        Quantity::Sum => language.text("quantity-sum"),
        Quantity::Squares => language.text("quantity-squares"),
        Quantity::Band(position) => language.fill("quantity-band", &[("number", (u64::from(position) + 1).into())]),
    }
}

/// These rules, a line each, with what they say.
pub fn rules(rules: impl IntoIterator<Item = Rule>, language: Language) -> String {
    let line = |rule| format!("\n  {}", named(&language.rule(rule), &language.rule_meaning(rule), language));
    rules.into_iter().map(line).collect()
}

/// A name, and what there is to say of it.
pub fn named(name: &str, text: &str, language: Language) -> String {
    language.fill("name-and-text", &[("name", name.into()), ("text", text.into())])
}

/// The figures of a release.
pub fn release(release: &Release, language: Language) -> Results {
    let statistics = &release.dossier.logged.request.request.statistics;
    let asks = |statistic| statistics.contains(&statistic);
    let unit = language.unit(&release.definition);
    let mut heads = vec![language.text("table-group"), language.text("table-records")];
    if asks(Statistic::Mean) {
        heads.push(language.fill("table-mean", &[("unit", unit.as_str().into())]));
        heads.push(language.text("table-interval"));
    }
    if asks(Statistic::Sd) {
        heads.push(language.text("table-sd"));
    }
    if asks(Statistic::Bands) {
        heads.extend((0..release.definition.bands().len()).map(|position| {
            let band = band(&release.definition, position, language);
            language.fill("band-in-unit", &[("band", band.into()), ("unit", unit.as_str().into())])
        }));
    }
    Results { heads, rows: release.figures.iter().map(|figures| row(release, figures, language)).collect() }
}

fn row(release: &Release, figures: &GroupFigures, language: Language) -> Vec<Shown> {
    let statistics = &release.dossier.logged.request.request.statistics;
    let asks = |statistic| statistics.contains(&statistic);
    let mut row = vec![Shown::Words(language.group(&figures.group)), outcome(figures, Quantity::Count, language)];
    if asks(Statistic::Mean) {
        let written = |value: &dyn ToString| language.number(&value.to_string());
        row.push(Shown::Number(figures.mean.as_ref().map(|mean| written(&mean.estimate)).unwrap_or_default()));
        let interval = figures.mean.as_ref().and_then(|mean| mean.interval.as_ref());
        row.push(Shown::Number(interval.map_or_else(String::new, |interval| {
            let (low, high) = (written(&interval.low), written(&interval.high));
            language.fill("interval", &[("low", low.into()), ("high", high.into())])
        })));
    }
    if asks(Statistic::Sd) {
        row.push(match (figures.sd, withheld_by(figures, Quantity::Squares)) {
            (None, Some(rule)) => Shown::Withheld(withheld(rule, language)),
            (sd, _) => Shown::Number(sd.map(|sd| language.number(&sd.to_string())).unwrap_or_default()),
        });
    }
    if asks(Statistic::Bands) {
        for position in 0..release.definition.bands().len() {
            row.push(match figures.bands.get(position) {
                Some(share) => {
                    let percent = language.number(&share.percent.estimate.to_string());
                    let values = [("count", share.count.into()), ("percent", percent.into())];
                    Shown::Number(language.fill("band-share", &values))
                }
                None => outcome(figures, Quantity::Band(position as u8), language),
            });
        }
    }
    row
}
