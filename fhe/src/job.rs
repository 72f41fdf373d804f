//! A request's computation, step by step: people are added chunk by chunk, then small cells are set to zero and what is left
//! is squashed.
//!
//! ```text
//! Job::new, or Job::resume from a checkpoint → step, step, … → finish
//! ```
//!
//! Kept true: the same people, task and keys give the same digits to the bit, whatever the number of threads and however often
//! it was interrupted. That rests on chunks too: sums are split when a chunk would overflow them, so
//! all evaluators add as many people at a time. The digits do not tell how many people there are, but for the class that
//! [`count_digits`] puts them in: whose digits are looked at learns whether there are more than 255 or 4,095. Nobody at all is
//! a valid answer, and looks like any other.
//!
//! Errors: [`FheError`] for a task that cannot be, or a checkpoint of another one. Cost, on two cores: 20 ms a person for a
//! table, 40 ms for a mean of four bands; then 0.2 s a digit. Memory: 16 kB a digit, and 64 kB once it is squashed.

mod checkpoint;

use nacre_schemas::{
    Blob, Digest,
    cross::{CrossDigit, CrossManifest, CrossResult, CrossStatistic},
};

use crate::{
    conditional::{self, Conditioned, Sums},
    crosstab::{self, Pair, Shape},
    error::FheError,
    keys::EvaluationKeys,
    matching::{MAX_PEOPLE, People},
    params::{BAND_BITS, VALUE_BITS},
    squash::SquashedDigit,
    suppress::Suppressed,
    tally::Tally,
};

/// Bits of a digit.
const DIGIT_BITS: u32 = 4;
/// Digits of one person's value.
const VALUE_DIGITS: usize = VALUE_BITS / DIGIT_BITS as usize;

/// What people are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table(Shape),
    Mean { bands: usize },
}

/// What is computed of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    form: Form,
    minimum_people: u32,
    chunk: usize,
}

impl Task {
    /// A table of rows and columns, or means by the bands that are rows, of one column. Cells of fewer than the minimum of
    /// people are set to zero.
    pub fn new(
        statistic: CrossStatistic,
        (rows, columns): (usize, usize),
        minimum_people: u32,
    ) -> Result<Self, FheError> {
        let (form, chunk) = match statistic {
            CrossStatistic::Table => (Form::Table(Shape::new(rows, columns)?), crosstab::CHUNK),
            CrossStatistic::Mean => {
                if columns != 1 || !rows.is_power_of_two() || !(2..=1 << BAND_BITS).contains(&rows) {
                    return Err(FheError::malformed("shape", format!("means of {rows}×{columns} bands")));
                }
                (Form::Mean { bands: rows }, conditional::CHUNK)
            }
        };
        Ok(Self { form, minimum_people, chunk })
    }

    /// The same, in chunks of fewer people: more is saved when it is interrupted, and the result's words are others.
    pub fn in_chunks_of(mut self, people: usize) -> Result<Self, FheError> {
        if people == 0 || people > self.chunk {
            let (found, max) = (people as u64, self.chunk as u64);
            return Err(FheError::OutOfRange { what: "the number of people of a chunk", found, max });
        }
        self.chunk = people;
        Ok(self)
    }

    /// Cells of counts, and of sums.
    fn cells(&self) -> (usize, usize) {
        match self.form {
            Form::Table(shape) => (shape.cells(), 0),
            Form::Mean { bands } => (bands, bands),
        }
    }

    /// What distinguishes it from others.
    fn bytes(&self) -> Vec<u8> {
        let (kind, rows, columns) = match self.form {
            Form::Table(shape) => (1, shape.rows as u8, shape.columns as u8),
            Form::Mean { bands } => (2, bands as u8, 1),
        };
        let mut bytes = vec![kind, rows, columns];
        bytes.extend(self.minimum_people.to_le_bytes());
        bytes.extend((self.chunk as u32).to_le_bytes());
        bytes
    }
}

/// Digits of a count among so many people: 2, 3 or 4, so that their number is told generously rounded up.
pub fn count_digits(people: usize) -> usize {
    (2..).find(|digits| people >> (DIGIT_BITS * digits) == 0).map_or(4, |digits| digits as usize)
}

/// A computation under way.
pub struct Job<'a> {
    keys: &'a EvaluationKeys,
    people: &'a People,
    task: Task,
    /// Of what it is: people, keys and task.
    context: Digest,
    next: usize,
    sums: Sums,
}

/// What a computation gives.
pub struct Digits {
    /// Digits of a count.
    pub count_digits: u8,
    /// Digits of a sum; none in a table.
    pub sum_digits: u8,
    /// Counts, then sums: by digit from the lowest, then by cell.
    pub digits: Vec<CrossDigit>,
}

impl<'a> Job<'a> {
    /// A computation that has not begun. The context says what inputs and keys it is of; a checkpoint holds for that alone.
    pub fn new(keys: &'a EvaluationKeys, people: &'a People, task: Task, context: &Digest) -> Self {
        debug_assert!(people.len() <= MAX_PEOPLE);
        let (counts, sums) = task.cells();
        let context = Digest::of_parts(&[b"nacre cross job v1\n", context.as_bytes(), &task.bytes()]);
        Self {
            keys,
            people,
            task,
            context,
            next: 0,
            sums: Sums { people: Tally::new(counts), values: Tally::new(sums) },
        }
    }

    /// Adds a chunk of people. False if there was nobody left to add.
    pub fn step(&mut self) -> bool {
        let chunk = self.next..self.people.len().min(self.next + self.task.chunk);
        if chunk.is_empty() {
            return false;
        }
        self.next = chunk.end;
        let both = chunk.map(|person| (self.people.sealed(person, 0), self.people.sealed(person, 1)));
        match self.task.form {
            Form::Table(shape) => {
                let pairs: Vec<Pair<'_>> = both.map(|(row, column)| Pair { row, column }).collect();
                self.keys.add_people(&mut self.sums.people, shape, &pairs);
            }
            Form::Mean { bands } => {
                let people: Vec<Conditioned<'_>> = both.map(|(band, value)| Conditioned { band, value }).collect();
                self.keys.add_values(&mut self.sums, bands, &people);
            }
        }
        true
    }

    /// People that were added.
    pub fn done(&self) -> usize {
        self.next
    }

    /// Suppresses and squashes. None if told not to go on; it is asked before every digit of the cells.
    ///
    /// What is not added yet is left out: call it after the last step.
    pub fn finish(mut self, mut go_on: impl FnMut() -> bool) -> Option<Digits> {
        let counts = count_digits(self.people.len());
        let sums = if self.sums.values.cells() == 0 { 0 } else { counts + VALUE_DIGITS };
        let keys = self.keys;
        for (tally, digits) in [(&mut self.sums.people, counts), (&mut self.sums.values, sums)] {
            if !go_on() {
                return None;
            }
            tally.normalize(keys);
            tally.resize(keys, digits);
        }
        let below = keys.below(&self.sums.people, self.task.minimum_people);
        let mut digits = Vec::new();
        for tally in [&self.sums.people, &self.sums.values] {
            for position in keys.suppress(tally, &below).digits {
                if !go_on() {
                    return None;
                }
                let squashed = keys.squash(&Suppressed { digits: vec![position] });
                digits.extend(squashed.iter().flatten().map(to_digit));
            }
        }
        Some(Digits { count_digits: counts as u8, sum_digits: sums as u8, digits })
    }
}

impl Digits {
    /// The result of that request, on those inputs.
    pub fn into_result(
        self,
        request: Digest,
        keys: Digest,
        arithmetic: Digest,
        manifests: Vec<CrossManifest>,
    ) -> CrossResult {
        let Self { count_digits, sum_digits, digits } = self;
        CrossResult { request, keys, arithmetic, manifests, count_digits, sum_digits, digits }
    }
}

fn to_digit(squashed: &SquashedDigit) -> CrossDigit {
    let bytes: Vec<u8> = squashed.as_ref().iter().flat_map(|word| word.to_le_bytes()).collect();
    CrossDigit { words: Blob::new(bytes).expect("a squashed sample has as many words as a digit holds") }
}
