//! From `m·V` to m, for m in a known range: baby-step giant-step (Shanks 1971).
//!
//! A table holds `j·V` for j below T; the sought point steps down by `T·V` until it meets the table. With T about
//! the root of the width, both halves cost the same, 0.9 µs a step on one core; both use all of rayon's threads. The
//! table keeps 32 bits of each encoding, so a meeting is confirmed by one multiplication before it counts.
//!
//! Memory: 16 to 32 bytes an entry, at most 2^22 entries: 64 MB for the widest range, 2^44 (80 MB while it is made);
//! 0.5 MB for a width of 10^9. Everything here is about to be published, and runs in variable time.

use std::ops::RangeInclusive;

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use rayon::prelude::*;

use crate::elgamal::{MessagePoint, times_value_base, value_base};

/// The widest range that is searched.
pub const MAX_WIDTH: u64 = 1 << 44;
/// Entries of the largest table.
const MAX_ENTRIES: u32 = 1 << 22;
/// Points that are encoded together: their field inversions are shared.
const CHUNK: u32 = 1 << 10;

/// Why no number was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DlogError {
    /// The range is wider than 2^44.
    #[error("a range of {width} numbers is too wide to search; 2^44 is the most")]
    TooWide {
        /// How many numbers it has, less one.
        width: u128,
    },
    /// No number in the range is behind the point.
    #[error("no number from {lo} to {hi} is behind this point")]
    NotInRange {
        /// Start of the range.
        lo: u64,
        /// End of the range.
        hi: u64,
    },
    /// So many values with that sum do not exist within the measure's range.
    #[error("{count} values of {lo} to {hi} cannot add up to {sum}")]
    Inconsistent {
        /// How many values.
        count: u64,
        /// What they add up to.
        sum: u64,
        /// Least value.
        lo: u32,
        /// Greatest value.
        hi: u32,
    },
}

/// The m in the range for which the point is `m·V`. For several points of similar ranges, a [`Solver`] saves the
/// table.
pub fn solve(point: &MessagePoint, range: RangeInclusive<u64>) -> Result<u64, DlogError> {
    Solver::for_width(width(&range)?).solve(point, range)
}

/// Where the sum of squares of `count` values from `lo` to `hi` lies, given their sum: at least `sum²/count`
/// (Cauchy and Schwarz), at most `(lo + hi)·sum - count·lo·hi`, since `(v - lo)·(hi - v) ≥ 0` for each.
pub fn squares_range(count: u64, sum: u64, lo: u32, hi: u32) -> Result<RangeInclusive<u64>, DlogError> {
    let (n, total, low, high) = (u128::from(count), u128::from(sum), u128::from(lo), u128::from(hi));
    if !(n * low..=n * high).contains(&total) {
        return Err(DlogError::Inconsistent { count, sum, lo, hi });
    }
    if count == 0 {
        return Ok(0..=0);
    }
    let least = (total * total).div_ceil(n);
    let greatest = (low + high) * total - n * low * high;
    let too_wide = |_| DlogError::TooWide { width: greatest - least };
    Ok(u64::try_from(least).map_err(too_wide)?..=u64::try_from(greatest).map_err(too_wide)?)
}

/// How many numbers the range has, less one.
fn width(range: &RangeInclusive<u64>) -> Result<u64, DlogError> {
    let (lo, hi) = (*range.start(), *range.end());
    let width = hi.checked_sub(lo).ok_or(DlogError::NotInRange { lo, hi })?;
    if width > MAX_WIDTH { Err(DlogError::TooWide { width: width.into() }) } else { Ok(width) }
}

/// A table of baby steps, for any number of points.
pub struct Solver {
    entries: u32,
    table: Table,
}

impl Solver {
    /// With a table for ranges of about this width. It solves others too, only not at the best price.
    pub fn for_width(width: u64) -> Self {
        let entries = u32::try_from(width.isqrt() + 1).map_or(MAX_ENTRIES, |entries| entries.min(MAX_ENTRIES));
        let mut table = Table::new(entries);
        let chunks: Vec<Vec<u32>> = (0..entries.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let from = chunk * CHUNK;
                let start = times_value_base(&Scalar::from(from));
                tags(&progression(start, value_base(), CHUNK.min(entries - from)))
            })
            .collect();
        for (index, tag) in (0..).zip(chunks.into_iter().flatten()) {
            table.insert(tag, index);
        }
        Self { entries, table }
    }

    /// The m in the range for which the point is `m·V`.
    pub fn solve(&self, point: &MessagePoint, range: RangeInclusive<u64>) -> Result<u64, DlogError> {
        let width = width(&range)?;
        let (lo, hi) = (*range.start(), *range.end());
        let origin = point.0 - times_value_base(&Scalar::from(lo));
        let giant = times_value_base(&Scalar::from(self.entries));
        let giants = width / u64::from(self.entries) + 1;
        let chunk = u64::from(CHUNK);
        (0..giants.div_ceil(chunk))
            .into_par_iter()
            .find_map_any(|position| {
                let from = position * chunk;
                let start = origin - giant * Scalar::from(from);
                let count = chunk.min(giants - from) as u32;
                let steps = tags(&progression(start, -giant, count));
                (from..).zip(steps).find_map(|(step, tag)| {
                    let offsets = self.table.find(tag).map(|index| step * u64::from(self.entries) + u64::from(index));
                    offsets.filter(|offset| *offset <= width).map(|offset| lo + offset).find(|m| point.is(*m))
                })
            })
            .ok_or(DlogError::NotInRange { lo, hi })
    }
}

/// `start, start + step, …`
fn progression(start: RistrettoPoint, step: RistrettoPoint, count: u32) -> Vec<RistrettoPoint> {
    let next = |point: &RistrettoPoint| Some(point + step);
    std::iter::successors(Some(start), next).take(count as usize).collect()
}

/// 32 bits of the encoding of each point's double. Doubling is one-to-one, and what is encoded together this way
/// takes a tenth of the time.
fn tags(points: &[RistrettoPoint]) -> Vec<u32> {
    let tag = |encoding: &CompressedRistretto| {
        let [a, b, c, d, ..] = encoding.to_bytes();
        u32::from_le_bytes([a, b, c, d])
    };
    RistrettoPoint::double_and_compress_batch(points).iter().map(tag).collect()
}

/// Tags and their indices by open addressing, at most half full.
struct Table {
    /// Tag and index + 1; 0 stands for an empty slot.
    slots: Vec<(u32, u32)>,
}

impl Table {
    fn new(entries: u32) -> Self {
        Self { slots: vec![(0, 0); 2 * (entries as usize).next_power_of_two()] }
    }

    /// The slots from the tag's own onwards.
    fn probe(&self, tag: u32) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        // Tags are even: the lowest bit of an encoding is 0. Use the others.
        let home = (tag >> 1) as usize;
        (0..=mask).map(move |offset| (home + offset) & mask)
    }

    fn insert(&mut self, tag: u32, index: u32) {
        let free = self.probe(tag).find(|slot| self.slots[*slot].1 == 0);
        self.slots[free.expect("the table is at most half full")] = (tag, index + 1);
    }

    fn find(&self, tag: u32) -> impl Iterator<Item = u32> {
        let filled = self.probe(tag).map(|slot| self.slots[slot]).take_while(|(_, index)| *index != 0);
        filled.filter(move |(found, _)| *found == tag).map(|(_, index)| index - 1)
    }
}

#[cfg(test)]
mod tests;
