//! What the columns of a provider's CSV files are: `table.toml`.
//!
//! ```toml
//! person = "card"                      # the person, by the same identifier as in the register or in FHIR
//! time = "taken"
//! time-format = "%d/%m/%Y %H:%M"       # strftime; without it, ISO 8601
//! utc-offset = "+08:00"                # of times that have none; this is the default
//! id = "row"                           # names the record; without it, its content does
//! delimiter = ";"                      # a comma, if it is not given
//!
//! [row]                                # one value a line:
//! value = "result"
//! measure = "item"                     # its words are those of [measures], or names of measures
//! unit = "unit"                        # its words are UCUM, common spellings, or those of [units]
//! [measures]
//! "空腹血糖" = "fasting-glucose"
//! [units]
//! "毫摩尔每升" = "mmol/L"
//!
//! [[column]]                           # or a column for each measure:
//! name = "sbp"
//! measure = "systolic-bp"
//! unit = "mm[Hg]"
//! ```
//!
//! Kept true: a description is right as a whole before a line is read. Errors name the file and what is wrong in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{civil::Time, fmt::strtime};
use nacre_schemas::measure::Measure;
use serde::Deserialize;

use super::measure_named;
use crate::{
    refusal::Reason,
    settings::UtcOffset,
    time::{self, DateError, Moment},
};

/// The largest description, in bytes.
const MAX_BYTES: u64 = 256 << 10;

/// Why there is no description of a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("the description of the table: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not one.
    #[error("{}: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    person: String,
    time: String,
    time_format: Option<String>,
    #[serde(default)]
    utc_offset: Option<UtcOffset>,
    id: Option<String>,
    delimiter: Option<char>,
    row: Option<Row>,
    #[serde(default)]
    measures: BTreeMap<String, String>,
    #[serde(default)]
    units: BTreeMap<String, String>,
    #[serde(default)]
    column: Vec<WrittenColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    value: String,
    measure: String,
    unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    name: String,
    measure: String,
    unit: String,
}

/// What the columns are.
#[derive(Debug)]
pub(crate) struct Description {
    pub(super) person: String,
    pub(super) time: String,
    time_format: Option<String>,
    utc_offset: UtcOffset,
    pub(super) id: Option<String>,
    pub(super) delimiter: u8,
    pub(super) layout: Layout,
    measures: BTreeMap<String, &'static Measure>,
    units: BTreeMap<String, String>,
}

/// Where values stand.
#[derive(Debug)]
pub(super) enum Layout {
    /// One a line: the names of three columns.
    Row { value: String, measure: String, unit: String },
    /// A column for each measure.
    Columns(Vec<Column>),
}

/// A column of values.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) measure: &'static Measure,
    pub(super) unit: String,
}

impl Description {
    /// Reads a description.
    pub(crate) fn read(path: &Path) -> Result<Self, TableError> {
        let explain = |source| TableError::Read { path: path.to_owned(), source };
        let malformed = |detail| TableError::Malformed { path: path.to_owned(), detail };
        if fs::metadata(path).map_err(explain)?.len() > MAX_BYTES {
            return Err(malformed("larger than 256 KiB, so not the description of a table".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(explain)?;
        Self::parse(&text).map_err(malformed)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let measure = |name: &str| {
            measure_named(name)
                .ok_or_else(|| format!("`{name}` is no measure of the catalogue that has values of its own"))
        };
        let layout = match (written.row, written.column) {
            (Some(Row { value, measure, unit }), columns) if columns.is_empty() => Layout::Row { value, measure, unit },
            (None, columns) if !columns.is_empty() => {
                let column =
                    |WrittenColumn { name, measure: of, unit }| Ok(Column { name, measure: measure(&of)?, unit });
                Layout::Columns(columns.into_iter().map(column).collect::<Result<_, String>>()?)
            }
            _ => return Err("it needs either [row] or [[column]], and not both".to_owned()),
        };
        let delimiter = written.delimiter.unwrap_or(',');
        let delimiter = u8::try_from(delimiter).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte));
        let measures = written.measures.into_iter().map(|(word, name)| Ok((word, measure(&name)?)));
        let description = Self {
            person: written.person,
            time: written.time,
            time_format: written.time_format,
            utc_offset: written.utc_offset.unwrap_or(crate::settings::Unnamed::default().utc_offset),
            id: written.id,
            delimiter: delimiter.ok_or("delimiter: it is one ASCII character, and no quotation mark")?,
            layout,
            measures: measures.collect::<Result<_, String>>()?,
            units: written.units,
        };
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        match self.columns().find(|name| name.is_empty() || !seen.insert(name.to_owned())) {
            Some("") => return Err("a column without a name".to_owned()),
            Some(twice) => return Err(format!("the column `{twice}` stands for two things")),
            None => {}
        }
        match &self.time_format {
            // A format that no text can have fails at the first line, for another reason; this tells one that is none.
            Some(format) if strtime::format(format, &jiff::Zoned::default()).is_err() => {
                Err(format!("time-format: `{format}` is none as %Y-%m-%d %H:%M"))
            }
            _ => Ok(()),
        }
    }

    /// The names of the columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let values: Vec<&str> = match &self.layout {
            Layout::Row { value, measure, unit } => vec![value, measure, unit],
            Layout::Columns(columns) => columns.iter().map(|column| column.name.as_str()).collect(),
        };
        let all = [self.person.as_str(), &self.time].into_iter();
        all.chain(self.id.as_deref()).chain(values)
    }

    /// The measure that a word stands for.
    pub(super) fn measure(&self, word: &str) -> Option<&'static Measure> {
        self.measures.get(word).copied().or_else(|| measure_named(word))
    }

    /// The unit that a word stands for.
    pub(super) fn unit<'w>(&'w self, word: &'w str) -> &'w str {
        self.units.get(word).map_or(word, String::as_str)
    }

    /// A time. Where a table writes one with its offset, as FHIR does, what is wrong with it is said of each value, inside.
    pub(super) fn moment(&self, text: &str) -> Result<Result<Moment, Reason>, Reason> {
        if text.is_empty() {
            return Err(Reason::NoDate);
        }
        match &self.time_format {
            Some(format) => self.by_format(format, text).map(Ok).ok_or(Reason::InvalidDate),
            None => self.iso(text),
        }
    }

    fn by_format(&self, format: &str, text: &str) -> Option<Moment> {
        let parts = strtime::parse(format, text).ok()?;
        let date = parts.to_date().ok()?;
        if parts.hour().is_none() {
            return Some(Moment::of_day(date));
        }
        let offset = parts.offset().unwrap_or(self.utc_offset.0);
        let time = parts.to_time().unwrap_or(Time::midnight());
        let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
        Moment::at(instant, offset)
    }

    /// ISO 8601, with a space for the T, without seconds, and without an offset, as tables have it.
    fn iso(&self, text: &str) -> Result<Result<Moment, Reason>, Reason> {
        let explain = |error| match error {
            DateError::NoDay => Reason::DateWithoutDay,
            _ => Reason::InvalidDate,
        };
        let (date, rest) = text.split_at_checked(10).ok_or(Reason::InvalidDate)?;
        let day = time::date_with_day(date).map_err(explain)?;
        if rest.is_empty() {
            return Ok(Ok(Moment::of_day(day)));
        }
        let rest = rest.strip_prefix(['T', ' ']).ok_or(Reason::InvalidDate)?;
        let (clock, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
        let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
        if zone.is_empty() {
            let time: Time = clock.parse().map_err(|_| Reason::InvalidDate)?;
            let instant = self.utc_offset.0.to_timestamp(day.to_datetime(time)).map_err(|_| Reason::InvalidDate)?;
            return Ok(Moment::at(instant, self.utc_offset.0).ok_or(Reason::InvalidDate));
        }
        Ok(time::moment(&format!("{date}T{clock}{zone}")).map_err(Reason::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "person = \"p\"\ntime = \"t\"\n[row]\nvalue = \"v\"\nmeasure = \"m\"\nunit = \"u\"\n";

    #[test]
    fn a_description_that_contradicts_itself_says_where() {
        assert!(Description::parse(ROWS).is_ok());
        for (text, named) in [
            ("person = \"p\"\ntime = \"t\"\n".to_owned(), "either [row] or [[column]]"),
            (format!("{ROWS}[[column]]\nname = \"x\"\nmeasure = \"bmi\"\nunit = \"kg/m2\"\n"), "not both"),
            (ROWS.replace("\"v\"", "\"t\""), "`t` stands for two things"),
            (ROWS.replace("\"v\"", "\"\""), "without a name"),
            (format!("{ROWS}[measures]\nx = \"height\"\n"), "`height` is no measure"),
            (format!("{ROWS}[measures]\nx = \"blood-pressure-class\"\n"), "no measure"),
            (format!("delimiter = \"\\\"\"\n{ROWS}"), "delimiter"),
            (format!("time-format = \"%Q-%!\"\n{ROWS}"), "time-format"),
            (format!("tyme = \"t\"\n{ROWS}"), "tyme"),
        ] {
            let error = Description::parse(&text).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn times_are_read_as_tables_have_them() {
        let plain = Description::parse(ROWS).unwrap();
        for (text, expected) in [
            ("2026-01-05", Ok("2026-01-05")),
            ("2026-01-05 07:30", Ok("2026-01-05T07:30:00+08:00")),
            ("2026-01-05T07:30:15Z", Ok("2026-01-05T07:30:15Z")),
            ("2026-01-05 07:30:15-05:00", Ok("2026-01-05T07:30:15-05:00")),
            ("2026-01", Err(Reason::InvalidDate)),
            ("05/01/2026", Err(Reason::InvalidDate)),
            ("2026-01-05 25:30", Err(Reason::InvalidDate)),
            ("", Err(Reason::NoDate)),
        ] {
            assert_eq!(plain.moment(text), expected.map(|text| Ok(time::moment(text).unwrap())), "{text}");
        }
        let formatted = Description::parse(&format!("time-format = \"%d/%m/%Y %H:%M\"\nutc-offset = \"Z\"\n{ROWS}"));
        let formatted = formatted.unwrap();
        assert_eq!(formatted.moment("05/01/2026 07:30"), Ok(Ok(time::moment("2026-01-05T07:30:00Z").unwrap())));
        assert_eq!(formatted.moment("2026-01-05"), Err(Reason::InvalidDate));
    }
}
