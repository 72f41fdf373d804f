//! What a computation comes to after a chunk, as bytes.
//!
//! ```text
//! label     24   "nacre cross state v1" and four zeros
//! context   32   of what inputs, keys and task
//! next       8   people that were added
//! twice, counts and sums:
//!   cells    1
//!   digits   1   by position
//!   bounds   4   a digit
//!   words    8   2,049 a digit and cell
//! check     32   SM3 of all before
//! ```
//!
//! Integers are little-endian. Kept true: bytes that were read are of the very computation that reads them, whole, and of the
//! lengths that its task gives them; nothing is allocated before that is known. Who can write the file can make the result
//! another; then no other evaluator confirms it.

use nacre_schemas::Digest;

use super::{Job, Task};
use crate::{
    conditional::Sums,
    error::FheError,
    keys::EvaluationKeys,
    look_up::Sample,
    matching::People,
    params::{MAX_SUM, Q64},
    tally::Tally,
};

const LABEL: &[u8; 24] = b"nacre cross state v1\0\0\0\0";
/// Digits of a tally: of 2^28 with a few carries to come.
const MAX_DIGITS: usize = 12;

impl<'a> Job<'a> {
    /// How far it is, as bytes: 16 kB a digit and cell, some megabytes at most.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut bytes = LABEL.to_vec();
        bytes.extend(self.context.as_bytes());
        bytes.extend((self.next as u64).to_le_bytes());
        for tally in [&self.sums.people, &self.sums.values] {
            bytes.extend([tally.cells() as u8, tally.digits.len() as u8]);
            bytes.extend(tally.bounds.iter().flat_map(|bound| bound.to_le_bytes()));
            let samples = tally.digits.iter().flatten();
            bytes.extend(samples.flat_map(|sample| sample.as_ref()).flat_map(|word| word.to_le_bytes()));
        }
        let check = Digest::of(&bytes);
        bytes.extend(check.as_bytes());
        bytes
    }

    /// A computation that goes on from a checkpoint of its own.
    pub fn resume(
        keys: &'a EvaluationKeys,
        people: &'a People,
        task: Task,
        context: &Digest,
        checkpoint: &[u8],
    ) -> Result<Self, FheError> {
        let mut job = Self::new(keys, people, task, context);
        let (mut rest, check) =
            checkpoint.split_last_chunk::<{ Digest::SIZE }>().ok_or_else(|| malformed("it is too short"))?;
        if Digest::of(rest).as_bytes() != check {
            return Err(malformed("it is damaged"));
        }
        if take(&mut rest, LABEL.len())? != LABEL {
            return Err(malformed("it is none"));
        }
        if take(&mut rest, Digest::SIZE)? != job.context.as_bytes() {
            return Err(malformed("it is of another computation"));
        }
        let next = usize::try_from(word(take(&mut rest, 8)?)).unwrap_or(usize::MAX);
        let whole_chunks = next.is_multiple_of(task.chunk) || next == people.len();
        if next > people.len() || !whole_chunks {
            return Err(malformed("it does not end with a chunk"));
        }
        let (counts, sums) = task.cells();
        let (people, values) = (tally(&mut rest, counts, keys)?, tally(&mut rest, sums, keys)?);
        if !rest.is_empty() {
            return Err(malformed("bytes after its end"));
        }
        job.next = next;
        job.sums = Sums { people, values };
        Ok(job)
    }
}

fn tally(rest: &mut &[u8], cells: usize, keys: &EvaluationKeys) -> Result<Tally, FheError> {
    let head = take(rest, 2)?;
    let digits = usize::from(head[1]);
    if usize::from(head[0]) != cells || digits > MAX_DIGITS {
        return Err(malformed("another number of cells or digits"));
    }
    let bounds: Vec<u32> = take(rest, 4 * digits)?.chunks_exact(4).map(|bound| word(bound) as u32).collect();
    if bounds.iter().any(|bound| *bound > MAX_SUM) {
        return Err(malformed("a bound that no digit has"));
    }
    let size = keys.zero_sample().as_ref().len();
    let words = take(rest, 8 * size * cells * digits)?;
    let sample = |bytes: &[u8]| Sample::from_container(bytes.chunks_exact(8).map(word).collect::<Vec<u64>>(), Q64);
    let mut samples = words.chunks_exact(8 * size).map(sample);
    let mut tally = Tally::new(cells);
    tally.digits = (0..digits).map(|_| samples.by_ref().take(cells).collect()).collect();
    tally.bounds = bounds;
    Ok(tally)
}

/// The next so many bytes.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], FheError> {
    let (taken, left) = rest.split_at_checked(count).ok_or_else(|| malformed("it ends early"))?;
    *rest = left;
    Ok(taken)
}

/// An integer of up to eight bytes.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn malformed(reason: &str) -> FheError {
    FheError::malformed("checkpoint", reason)
}
