//! Reading CSV, by a description of its columns ([`description`]).
//!
//! A line is one person at one time. Either it has one value, with a word for what it is and one for its unit, or it has a
//! column for each measure; then an empty field is no value, and pressures that stand in one line are one panel.
//!
//! Kept true: a column that the description does not name is never looked at, so whatever stands there (a name, a telephone
//! number, a note) becomes no value. The first line names the columns; the order does not matter.
//!
//! Errors: a [`Reason`] for a line, or for the file. Cost: a line at a time.

pub(crate) mod description;

use std::{
    collections::HashMap,
    io::{BufReader, Read},
};

use csv::{ByteRecord, ReaderBuilder};
use nacre_schemas::{
    catalogue::Catalogue,
    measure::{Code, Measure},
};

use self::description::{Description, Layout};
use crate::{
    file::{FileError, Source},
    found::{Found, Rejected, Spot},
    identifier::PersonId,
    input::{Input, Leash},
    observation::{Known, Measured, Observation, Quantity, RecordId, Subject},
    refusal::{Place, Reason},
    time::When,
};

/// Hands what each line says to the visitor, in order.
pub(crate) fn visit(
    source: &Source,
    input: Input<'_>,
    description: Option<&Description>,
    visitor: &mut dyn FnMut(Spot<'_>, Found<'_>),
) -> Result<(), FileError> {
    let Some(description) = description else {
        visitor(spot(Place::File), Found::Unreadable(Reason::NoTable));
        return Ok(());
    };
    let (leash, slack) = Leash::new(without_mark(input).map_err(|error| source.cannot_read(error))?);
    let mut lines = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(description.delimiter)
        .from_reader(BufReader::new(leash));
    let mut line = ByteRecord::new();
    let mut columns = None;
    loop {
        slack.renew();
        let place = Place::Line(lines.position().line());
        match lines.read_byte_record(&mut line) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(_) if slack.is_used_up() => {
                visitor(spot(place), Found::Unreadable(Reason::RecordTooLong));
                return Ok(());
            }
            Err(error) => return Err(source.cannot_read(std::io::Error::other(error.to_string()))),
        }
        let place = Place::Line(line.position().map_or(1, csv::Position::line));
        match &columns {
            None => match Columns::of(description, &line) {
                Ok(found) => columns = Some(found),
                Err(reason) => {
                    visitor(spot(place), Found::Unreadable(reason));
                    return Ok(());
                }
            },
            Some(columns) => match Line::of(description, columns, &line) {
                Ok(line) => line.observe(place, visitor),
                Err(reason) => visitor(spot(place), Found::Rejected(Rejected { id: None, reason })),
            },
        }
    }
}

fn spot(place: Place) -> Spot<'static> {
    Spot { place, full_url: None }
}

/// The input without the byte-order mark that some programs begin it with.
fn without_mark(mut input: Input<'_>) -> std::io::Result<impl Read> {
    let mut first = [0; 3];
    let mut read = 0;
    while read < first.len() {
        match input.read(&mut first[read..])? {
            0 => break,
            more => read += more,
        }
    }
    let kept = if first == *b"\xef\xbb\xbf" { Vec::new() } else { first[..read].to_vec() };
    Ok(std::io::Cursor::new(kept).chain(input))
}

/// Where the columns stand that the description names.
struct Columns {
    count: usize,
    positions: HashMap<String, usize>,
}

impl Columns {
    fn of(description: &Description, header: &ByteRecord) -> Result<Self, Reason> {
        let mut positions = HashMap::new();
        let names: Vec<&str> = header.iter().map(|name| str::from_utf8(name).map_or("", str::trim)).collect();
        for wanted in description.columns() {
            let mut found = names.iter().enumerate().filter(|(_, name)| **name == wanted);
            let (Some((position, _)), None) = (found.next(), found.next()) else { return Err(Reason::OtherColumns) };
            positions.insert(wanted.to_owned(), position);
        }
        Ok(Self { count: header.len(), positions })
    }
}

/// What a line says.
struct Line<'l> {
    id: Option<String>,
    person: PersonId,
    when: Result<When, Reason>,
    values: Vec<(&'static Measure, Result<Measured<'l>, Reason>)>,
}

impl<'l> Line<'l> {
    fn of(description: &'l Description, columns: &Columns, line: &'l ByteRecord) -> Result<Self, Reason> {
        if line.len() != columns.count {
            return Err(Reason::OtherFields);
        }
        let field = |name: &str| -> Result<&'l str, Reason> {
            let bytes = columns.positions.get(name).and_then(|position| line.get(*position)).unwrap_or_default();
            str::from_utf8(bytes).map(str::trim).map_err(|_| Reason::NotUtf8)
        };
        let person = field(&description.person)?;
        let person = if person.is_empty() { Err(Reason::NoSubject) } else { PersonId::new(person) }?;
        let when = description.moment(field(&description.time)?)?.map(When::Moment);
        let id = description.id.as_deref().map(field).transpose()?;
        let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        let mut values = Vec::new();
        match &description.layout {
            Layout::Row { value, measure, unit } => {
                let measure = description.measure(field(measure)?).ok_or(Reason::UnknownWord)?;
                let (value, unit) = (field(value)?, description.unit(field(unit)?));
                values.push((measure, measured(measure, value, unit)));
            }
            Layout::Columns(listed) => {
                for column in listed {
                    let value = field(&column.name)?;
                    if !value.is_empty() {
                        values.push((column.measure, measured(column.measure, value, &column.unit)));
                    }
                }
            }
        }
        Ok(Self { id, person, when, values })
    }

    fn observe(self, place: Place, visitor: &mut dyn FnMut(Spot<'_>, Found<'_>)) {
        let Self { id, person, when, values } = self;
        let mut pressures: Vec<Measured<'_>> = Vec::new();
        let mut panel_code = None;
        let mut report = |own: Measured<'_>, parts: Vec<Measured<'_>>, part: &str| {
            // Several observations of one line share its id, and must be told apart.
            let id = id.as_deref().map(|id| if part.is_empty() { id.to_owned() } else { format!("{id}-{part}") });
            let id = id.map_or(RecordId::Content, |id| RecordId::Given(id.into()));
            let observation = Observation::new(Ok(Subject::Person(person.clone())), when, own);
            visitor(spot(place), Found::Observation(Box::new(Observation { id, parts, ..observation })));
        };
        let mut failed = Vec::new();
        for (measure, measured) in values {
            match measured {
                Ok(measured) => match panel_of(measure) {
                    Some(code) => {
                        panel_code = Some(code);
                        pressures.push(measured);
                    }
                    None => report(measured, Vec::new(), measure.id.as_str()),
                },
                Err(reason) => failed.push(reason),
            }
        }
        if let Some(code) = panel_code {
            report(Measured::named(code.into()), pressures, "");
        }
        for reason in failed {
            visitor(spot(place), Found::Rejected(Rejected { id: None, reason }));
        }
    }
}

/// The value, under the measure's code that takes the unit. If none does the first stands, and selection says why not.
fn measured<'l>(measure: &'static Measure, value: &str, unit: &'l str) -> Result<Measured<'l>, Reason> {
    let unit = if measure.units.iter().any(|known| known.code.as_str() == unit) {
        unit
    } else {
        crate::units::ucum(unit).unwrap_or(unit)
    };
    let known = measure.units.iter().find(|known| known.code.as_str() == unit);
    let takes = |code: &&Code| known.is_some_and(|unit| code.takes(unit));
    let code = measure.codes.iter().find(takes).or(measure.codes.first()).ok_or(Reason::OtherUnit)?;
    if unit.is_empty() {
        return Err(Reason::NoUnit);
    }
    Ok(Measured::of((code.system.as_str(), code.code.as_str()), Quantity::written(value, unit)?))
}

/// The panel that the measure's values stand in, if they do not stand alone.
fn panel_of(measure: &'static Measure) -> Option<Known<'static>> {
    let code = measure.codes.first()?;
    Some((code.system.as_str(), code.within.first()?.0.as_str()))
}

/// The measure of that name, if it has values of its own.
pub(crate) fn measure_named(name: &str) -> Option<&'static Measure> {
    let catalogue = Catalogue::built_in();
    let measure = name.parse().ok().and_then(|id| catalogue.newest(&id))?;
    (!matches!(measure.derivation, Some(nacre_schemas::measure::Derivation::WorstBand(_)))).then_some(measure)
}
