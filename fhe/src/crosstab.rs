//! Cross-tables: how many people are in which pair of cross bands.
//!
//! A person is one index `K_b·a + b`, and one bootstrapping: an accumulator with one box of ones is turned by the index, and
//! holds a one at the coefficient of the person's cell and zeros at all others. Accumulators of a chunk are added up and
//! taken apart once.
//!
//! Whatever a malformed input holds, the box stands at one of the sixteen coefficients, with one sign or the other: it
//! changes the table by at most one person in one cell.

use rayon::prelude::*;
use tfhe::core_crypto::prelude::LweCiphertextOwned;

use crate::{
    error::FheError,
    keys::EvaluationKeys,
    list::Sealed,
    look_up::{Accumulator, add, half_box},
    params::{BAND_BITS, BOXES, MAX_SUM, Q64, READ_LOG, SUM_LOG},
    tally::Tally,
};

/// People that are added up before the sums are taken apart.
pub const CHUNK: usize = MAX_SUM as usize;

/// A table's numbers of bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bands of the first measure: 2, 4 or 8.
    pub rows: usize,
    /// Bands of the second.
    pub columns: usize,
}

impl Shape {
    /// Both powers of two, sixteen cells at most.
    pub fn new(rows: usize, columns: usize) -> Result<Self, FheError> {
        for bands in [rows, columns] {
            if !bands.is_power_of_two() || !(2..=1 << BAND_BITS).contains(&bands) {
                return Err(FheError::malformed("shape", format!("{bands} bands: it takes 2, 4 or 8")));
            }
        }
        if rows * columns > BOXES {
            let (found, max) = ((rows * columns) as u64, BOXES as u64);
            return Err(FheError::OutOfRange { what: "the number of cells", found, max });
        }
        Ok(Self { rows, columns })
    }

    /// How many cells.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }
}

/// One person's contributions to both measures.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// To the first, whose bands are rows.
    pub row: Sealed<'a>,
    /// To the second, whose bands are columns.
    pub column: Sealed<'a>,
}

impl EvaluationKeys {
    /// Adds up to [`CHUNK`] people to a table.
    pub fn add_people(&self, table: &mut Tally, shape: Shape, people: &[Pair<'_>]) {
        debug_assert!(people.len() <= CHUNK && table.cells() == shape.cells());
        let sum = people.par_iter().map(|pair| self.indicators(shape, pair)).reduce(
            || self.zero_accumulator(),
            |mut sum, one| {
                add(sum.as_mut(), one.as_ref());
                sum
            },
        );
        let cells = (0..shape.cells()).into_par_iter().map(|cell| self.extract(&sum, self.place(cell))).collect();
        table.add(self, 0, people.len() as u32, cells);
    }

    /// An empty table.
    pub fn empty_table(&self, shape: Shape) -> Tally {
        Tally::new(shape.cells())
    }

    /// The coefficient of a cell: the box of ones starts at the last, and turning brings it towards the first.
    pub(crate) fn place(&self, cell: usize) -> usize {
        (BOXES - 1 - cell) * self.box_size()
    }

    fn indicators(&self, shape: Shape, pair: &Pair<'_>) -> Accumulator {
        let mut index = self.zero_index();
        add_band(&mut index, &pair.row, shape.rows, shape.columns as u64);
        add_band(&mut index, &pair.column, shape.columns, 1);
        let mut accumulator = self.table(|index| u64::from(index == BOXES - 1) << SUM_LOG);
        self.rotate(self.keyswitch_public(&index), half_box(), &mut accumulator);
        accumulator
    }

    pub(crate) fn zero_index(&self) -> LweCiphertextOwned<u64> {
        LweCiphertextOwned::new(0, self.parameters.public_dimension.to_lwe_size(), Q64)
    }
}

/// Adds a band, times a factor, at the scale of reading.
pub(crate) fn add_band(index: &mut LweCiphertextOwned<u64>, sealed: &Sealed<'_>, bands: usize, factor: u64) {
    let bits = bands.ilog2() as usize;
    sealed.add_to(index, 0..bits, |bit| factor << (READ_LOG - SUM_LOG) << bit);
}
