//! The provider's own register of people, for formats whose records say neither sex nor birth date: `people.csv`.
//!
//! Comma-separated values (RFC 4180) in UTF-8, with a header that names the columns in any order:
//!
//! | column | content | may be empty |
//! |---|---|---|
//! | `id` | the person, by the same identifier as in the records: `user_id`, or the FHIR identifier of `person-system` | no |
//! | `sex` | `female`, `male`, `other`, `unknown` | yes: the register does not say |
//! | `birth-date` | `YYYY-MM-DD` | no |
//! | `region` | GB/T 2260 code. The column may be absent | yes: the provider's own |
//! | `identity-number` | of the mainland, Hong Kong or Macao, where people are named by it. The column may be absent | yes: the register does not say |
//!
//! Kept true: the register holds as a whole or not at all. A line that were passed over would take its person's
//! records out of every figure, unseen. A person may stand in it twice if both lines say the same. Identifiers are
//! overwritten when dropped.
//!
//! Errors name file and line, never what stands there. Cost: memory by the number of people, at most [`MAX_PEOPLE`].

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use csv::ByteRecord;
use jiff::civil::Date;
use nacre_schemas::{
    cohort::Sex,
    identity::{IdentityError, IdentityNumber},
    region::Region,
};

use crate::{identifier::PersonId, time};

/// A register's file, in bytes, at most.
const MAX_REGISTER_BYTES: u64 = 256 << 20;
/// People of a register, at most.
const MAX_PEOPLE: usize = 4 << 20;
/// Bad lines that an error lists; of the rest it gives the number.
const MAX_LISTED: usize = 20;

/// What the register says of a person.
pub(crate) struct Registered {
    pub(crate) id: PersonId,
    /// Nothing, if the register does not say.
    pub(crate) sex: Option<Sex>,
    pub(crate) birth: Date,
    /// Nothing, if it is the provider's own.
    pub(crate) region: Option<Region>,
    /// Nothing, if the register does not say.
    pub(crate) identity: Option<IdentityNumber>,
}

/// Why there is no register.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The file cannot be read.
    #[error("the register of people: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More than one run takes.
    #[error("{}: a register is at most 256 MiB and 4,194,304 people; split it by the files posted", .0.display())]
    TooLarge(PathBuf),
    /// The first line does not name the columns.
    #[error("{}, line 1: {problem}; the columns are id, sex, birth-date and, if wanted, region and identity-number", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: HeaderProblem,
    },
    /// Lines that are not as they should be.
    #[error("{}{}", path.display(), listed(lines, *others))]
    Lines {
        /// The file.
        path: PathBuf,
        /// Lines, from 1, and what is wrong with each; the first of them.
        lines: Vec<(u64, LineProblem)>,
        /// How many more there are.
        others: u64,
    },
}

/// What is wrong with a register's header. A column counts from 1 and is not shown: without a header a person stands
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// No line at all.
    #[error("the file is empty")]
    Empty,
    /// No column of a register.
    #[error("column {0} is of another name")]
    Unknown(usize),
    /// A column twice.
    #[error("column {0} stands there twice")]
    Twice(usize),
    /// A column that must be there.
    #[error("there is no column `{0}`")]
    Missing(&'static str),
}

/// What is wrong with a line of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// More or fewer fields than the header.
    #[error("it has not as many fields as the header")]
    Fields,
    /// Not UTF-8.
    #[error("it is not UTF-8; export the register as CSV in UTF-8")]
    NotUtf8,
    /// The identifier.
    #[error("id is empty, longer than 256 bytes or not printable")]
    Id,
    /// The sex.
    #[error("sex is not female, male, other, unknown or empty")]
    Sex,
    /// The birth date.
    #[error("birth-date is no date as 1980-02-29")]
    BirthDate,
    /// The region.
    #[error("region is no code of GB/T 2260 that the network knows, as 440100")]
    Region,
    /// The identity number.
    #[error("identity-number: {0}")]
    IdentityNumber(IdentityError),
    /// A person who stands in the register before, otherwise.
    #[error("it contradicts line {0} on the same id")]
    Contradicts(u64),
}

fn listed(lines: &[(u64, LineProblem)], others: u64) -> String {
    let mut text: String = lines.iter().map(|(line, problem)| format!("\n  line {line}: {problem}")).collect();
    if others > 0 {
        text.push_str(&format!("\n  … and {others} more lines"));
    }
    text
}

/// The columns of a register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Sex,
    BirthDate,
    Region,
    IdentityNumber,
}

impl Column {
    const NAMES: [(&'static str, Self); 5] = [
        ("id", Self::Id),
        ("sex", Self::Sex),
        ("birth-date", Self::BirthDate),
        ("region", Self::Region),
        ("identity-number", Self::IdentityNumber),
    ];

    fn may_be_absent(self) -> bool {
        matches!(self, Self::Region | Self::IdentityNumber)
    }
}

/// Reads a register.
pub(crate) fn read(path: &Path) -> Result<Vec<Registered>, RegisterError> {
    let explain = |source| RegisterError::Read { path: path.to_owned(), source };
    let too_large = || RegisterError::TooLarge(path.to_owned());
    let file = File::open(path).map_err(explain)?;
    if file.metadata().map_err(explain)?.len() > MAX_REGISTER_BYTES {
        return Err(too_large());
    }
    // The cap holds for what is no regular file, too.
    let mut input = BufReader::new(file.take(MAX_REGISTER_BYTES));
    if input.fill_buf().map_err(explain)?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let mut lines = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut line = ByteRecord::new();
    let mut next = |line: &mut ByteRecord| {
        lines.read_byte_record(line).map_err(|error| explain(io::Error::other(error.to_string())))
    };
    let header = |problem| RegisterError::Header { path: path.to_owned(), problem };
    if !next(&mut line)? {
        return Err(header(HeaderProblem::Empty));
    }
    let columns = columns(&line).map_err(header)?;
    let mut register = Register { columns, people: Vec::new(), lines: HashMap::new(), bad: Vec::new(), others: 0 };
    while next(&mut line)? {
        register.take(&line);
        if register.people.len() > MAX_PEOPLE {
            return Err(too_large());
        }
    }
    if register.bad.is_empty() {
        return Ok(register.people);
    }
    Err(RegisterError::Lines { path: path.to_owned(), lines: register.bad, others: register.others })
}

fn columns(header: &ByteRecord) -> Result<Vec<Column>, HeaderProblem> {
    let mut columns = Vec::new();
    for (position, name) in (1..).zip(header) {
        let column = Column::NAMES.into_iter().find(|(known, _)| known.as_bytes() == name);
        let (_, column) = column.ok_or(HeaderProblem::Unknown(position))?;
        if columns.contains(&column) {
            return Err(HeaderProblem::Twice(position));
        }
        columns.push(column);
    }
    for (name, column) in Column::NAMES {
        if !column.may_be_absent() && !columns.contains(&column) {
            return Err(HeaderProblem::Missing(name));
        }
    }
    Ok(columns)
}

/// A register that is being read.
struct Register {
    columns: Vec<Column>,
    people: Vec<Registered>,
    /// Position among the people, and line, of each.
    lines: HashMap<PersonId, (usize, u64)>,
    bad: Vec<(u64, LineProblem)>,
    others: u64,
}

impl Register {
    fn take(&mut self, record: &ByteRecord) {
        let line = record.position().map_or(0, csv::Position::line);
        let Err(problem) = self.person(record).and_then(|person| self.enter(line, person)) else { return };
        if self.bad.len() < MAX_LISTED {
            self.bad.push((line, problem));
        } else {
            self.others += 1;
        }
    }

    fn person(&self, record: &ByteRecord) -> Result<Registered, LineProblem> {
        if record.len() != self.columns.len() {
            return Err(LineProblem::Fields);
        }
        let (mut id, mut sex, mut birth, mut region, mut identity) = (None, None, None, None, None);
        for (column, field) in self.columns.iter().zip(record) {
            let text = str::from_utf8(field).map_err(|_| LineProblem::NotUtf8)?;
            match column {
                Column::Id => id = Some(PersonId::new(text).map_err(|_| LineProblem::Id)?),
                Column::BirthDate => {
                    birth = Some(time::date_with_day(text).map_err(|_| LineProblem::BirthDate)?);
                }
                Column::Sex if !text.is_empty() => sex = Some(text.parse().map_err(|_| LineProblem::Sex)?),
                Column::Region if !text.is_empty() => region = Some(text.parse().map_err(|_| LineProblem::Region)?),
                Column::IdentityNumber if !text.is_empty() => {
                    identity = Some(text.parse().map_err(LineProblem::IdentityNumber)?);
                }
                Column::Sex | Column::Region | Column::IdentityNumber => {}
            }
        }
        let (Some(id), Some(birth)) = (id, birth) else { return Err(LineProblem::Fields) };
        Ok(Registered { id, sex, birth, region, identity })
    }

    fn enter(&mut self, line: u64, person: Registered) -> Result<(), LineProblem> {
        if let Some((position, first)) = self.lines.get(&person.id) {
            let before = &self.people[*position];
            let same = (before.sex, before.birth, before.region) == (person.sex, person.birth, person.region)
                && before.identity == person.identity;
            return if same { Ok(()) } else { Err(LineProblem::Contradicts(*first)) };
        }
        self.lines.insert(person.id.clone(), (self.people.len(), line));
        self.people.push(person);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Vec<String>, RegisterError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        fs::write(&path, bytes).unwrap();
        let shown = |person: Registered| {
            let id = String::from_utf8(person.id.as_bytes().to_vec()).unwrap();
            format!("{id} {:?} {} {:?}", person.sex, person.birth, person.region.map(|region| region.to_string()))
        };
        read(&path).map(|people| people.into_iter().map(shown).collect())
    }

    fn problems(text: &str) -> Vec<(u64, LineProblem)> {
        match read_bytes(text.as_bytes()) {
            Err(RegisterError::Lines { lines, .. }) => lines,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn columns_may_stand_in_any_order_quoted_and_behind_a_byte_order_mark() {
        let expected = ["A, 1 Some(Female) 1980-02-29 Some(\"440100\")", "张三 None 2001-12-01 None"];
        let text = "id,sex,birth-date,region\n\"A, 1\",female,1980-02-29,440100\n张三,,2001-12-01,\n";
        assert_eq!(read_bytes(text.as_bytes()).unwrap(), expected);
        let text = "\u{feff}\"birth-date\",region,sex,id\r\n1980-02-29,440100,female,\"A, 1\"\r\n\r\n2001-12-01,,,张三";
        assert_eq!(read_bytes(text.as_bytes()).unwrap(), expected);
        let without_region = "id,sex,birth-date\nA,male,1980-02-29\nB,unknown,1980-02-29\nA,male,1980-02-29\n";
        let expected = ["A Some(Male) 1980-02-29 None", "B Some(Unknown) 1980-02-29 None"];
        assert_eq!(read_bytes(without_region.as_bytes()).unwrap(), expected);
        assert!(read_bytes(b"id,sex,birth-date\n").unwrap().is_empty());
    }

    #[test]
    fn a_header_that_does_not_name_the_columns_is_refused_without_being_shown() {
        for (text, expected) in [
            ("", HeaderProblem::Empty),
            ("A1,female,1980-02-29\n", HeaderProblem::Unknown(1)),
            ("id,sex,birth-date,name\n", HeaderProblem::Unknown(4)),
            ("id;sex;birth-date\n", HeaderProblem::Unknown(1)),
            ("id,Sex,birth-date\n", HeaderProblem::Unknown(2)),
            ("id,sex,birth-date,id\n", HeaderProblem::Twice(4)),
            ("id,birth-date\n", HeaderProblem::Missing("sex")),
            ("sex,birth-date\n", HeaderProblem::Missing("id")),
            ("id,sex,region\n", HeaderProblem::Missing("birth-date")),
        ] {
            let error = read_bytes(text.as_bytes()).unwrap_err();
            let RegisterError::Header { problem, .. } = &error else { panic!("{error}") };
            assert_eq!(*problem, expected, "{text}");
            assert!(error.to_string().contains("people.csv, line 1: ") && !error.to_string().contains("A1"), "{error}");
        }
    }

    #[test]
    fn every_bad_line_is_named_and_none_of_the_register_holds() {
        let text = "id,sex,birth-date,region\nA,female,1980-02-29,440100\n,male,1980-01-01,\nB,M,1980-01-01,\n\
                    C,male,1981-02-29,\nD,male,1980,\nE,male,,\nF,male,1980-01-01,440199\nG,male,1980-01-01\n\
                    H,male,1980-01-01,,x\n\"I\nI\",male,1980-01-01,\nJ,male,1980-01-01,\n";
        let expected = [
            (3, LineProblem::Id),
            (4, LineProblem::Sex),
            (5, LineProblem::BirthDate),
            (6, LineProblem::BirthDate),
            (7, LineProblem::BirthDate),
            (8, LineProblem::Region),
            (9, LineProblem::Fields),
            (10, LineProblem::Fields),
            (11, LineProblem::Id),
        ];
        assert_eq!(problems(text), expected);
        assert!(matches!(
            read_bytes(b"id,sex,birth-date\n\xff,male,1980-01-01\n").unwrap_err(),
            RegisterError::Lines { lines, .. } if lines == [(2, LineProblem::NotUtf8)]
        ));
        let long = format!("id,sex,birth-date\n{},male,1980-01-01\n", "x".repeat(257));
        assert_eq!(problems(&long), [(2, LineProblem::Id)]);
    }

    #[test]
    fn a_person_who_stands_there_twice_must_be_described_alike() {
        let first = "id,sex,birth-date,region\nA,female,1980-02-29,440100\n";
        for second in
            ["A,male,1980-02-29,440100", "A,female,1980-02-28,440100", "A,female,1980-02-29,", "A,,1980-02-29,440100"]
        {
            assert_eq!(problems(&format!("{first}B,,1990-01-01,\n{second}\n")), [(4, LineProblem::Contradicts(2))]);
        }
    }

    #[test]
    fn identity_numbers_are_checked_and_not_shown() {
        let header = "id,sex,birth-date,identity-number\n";
        let text =
            format!("{header}A,female,1980-02-29,a123456(3)\nA,female,1980-02-29,A1234563\nB,male,1980-01-01,\n");
        assert_eq!(read_bytes(text.as_bytes()).unwrap().len(), 2);
        let text =
            format!("{header}A,female,1980-02-29,A123456(3)\nB,male,1980-01-01,A123456(4)\nA,female,1980-02-29,\n");
        let expected =
            [(3, LineProblem::IdentityNumber(IdentityError::CheckCharacter)), (4, LineProblem::Contradicts(2))];
        assert_eq!(problems(&text), expected);
        let error = read_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 3: identity-number: the check") && !error.contains("123456"), "{error}");
    }

    #[test]
    fn an_error_lists_so_many_lines_and_counts_the_others() {
        let text = format!("id,sex,birth-date\n{}", "Unmistakable,M,1980-01-01\n".repeat(30));
        let error = read_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("people.csv\n  line 2: sex is not") && error.contains("and 10 more lines"), "{error}");
        assert!(!error.contains("Unmistakable"));
    }

    #[test]
    fn a_register_over_the_cap_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        File::create(&path).unwrap().set_len(MAX_REGISTER_BYTES + 1).unwrap();
        assert!(matches!(read(&path), Err(RegisterError::TooLarge(_))));
        assert!(matches!(read(&folder.path().join("absent.csv")), Err(RegisterError::Read { .. })));
    }
}
