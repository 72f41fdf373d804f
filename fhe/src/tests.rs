//! The lane against plain counting, with the real parameters and one set of keys for all tests. Cost: the keys take half a minute of
//! two cores, a person 20 ms of one.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tfhe::core_crypto::prelude::*;

use crate::{
    conditional::{self, Conditioned},
    crosstab::{CHUNK, Pair, Shape},
    error::FheError,
    keys::{EvaluationKeys, PublicKey, SecretKeys},
    list::{List, Plain, Sealed},
    params::{BOXES, CROSS_1, LIST_CONTRIBUTIONS, Q64, SLOTS, SUM_LOG},
    random,
    suppress::Suppressed,
    tally::Tally,
};

mod malformed;
mod noise;

/// Keys of every role.
struct Fixture {
    secret: SecretKeys,
    public: PublicKey,
    keys: EvaluationKeys,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let secret = SecretKeys::generate(&CROSS_1).unwrap();
    let public = secret.public_key().unwrap();
    let seeded = secret.evaluation_keys(vec![0; 4_096]).unwrap();
    // Through a file, as evaluators have them.
    let mut file = Vec::new();
    let written = seeded.write(&mut file).unwrap();
    let (read, digest) = crate::keys::SeededEvaluationKeys::read(file.as_slice()).unwrap();
    assert_eq!(written, digest);
    Fixture { secret, public, keys: read.load() }
});

/// Tests that compute take turns, so that each has all cores.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for one's turn; a test that failed in its own does not fail the others.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the long campaigns are wanted.
fn full() -> bool {
    std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full")
}

impl Fixture {
    /// Lists without proofs, which nothing that computes looks at.
    fn lists(&self, plain: &[Plain]) -> Vec<List> {
        plain.chunks(LIST_CONTRIBUTIONS).map(|plain| self.unproven(plain)).collect()
    }

    fn unproven(&self, plain: &[Plain]) -> List {
        let slots: Vec<u64> = plain.iter().flat_map(|plain| plain.bits().unwrap()).collect();
        let encoded = PlaintextList::from_container(slots.iter().map(|slot| slot << SUM_LOG).collect::<Vec<u64>>());
        let count = LweCiphertextCount(slots.len());
        let mut list = LweCompactCiphertextListOwned::new(0, CROSS_1.public_dimension.to_lwe_size(), count, Q64);
        par_encrypt_lwe_compact_ciphertext_list_with_compact_public_key(
            &self.public.key,
            &mut list,
            &encoded,
            CROSS_1.glwe_noise,
            CROSS_1.glwe_noise,
            &mut random::noise().unwrap(),
        );
        let words = list.into_container();
        let (mask, bodies) = words.split_at(CROSS_1.public_dimension.0);
        let bodies = bodies.chunks_exact(SLOTS).map(|slots| slots.try_into().unwrap()).collect();
        List { mask: mask.to_vec(), bodies, proof: Vec::new() }
    }

    /// What a tally holds.
    fn decrypt(&self, tally: &Tally) -> Vec<u64> {
        let digit = |sample| u64::from(rounded(self.secret.phase(sample), SUM_LOG));
        let cell = |cell: usize| {
            tally.digits.iter().enumerate().map(|(place, cells)| digit(&cells[cell]) << (4 * place)).sum()
        };
        (0..tally.cells()).map(cell).collect()
    }

    /// What is left after suppression, squashed and decrypted.
    fn open(&self, suppressed: &Suppressed) -> Vec<u64> {
        let mut cells = vec![0; suppressed.digits.first().map_or(0, Vec::len)];
        for (place, digits) in self.keys.squash(suppressed).iter().enumerate() {
            for (cell, digit) in cells.iter_mut().zip(digits) {
                let phase = self.secret.squashed_phase(digit);
                *cell += (phase.wrapping_add(1 << 122) >> 123) as u64 * (1 << (4 * place));
            }
        }
        cells
    }
}

/// A phase's nearest value at that scale.
fn rounded(phase: u64, scale_log: u32) -> u8 {
    (phase.wrapping_add(1 << (scale_log - 1)) >> scale_log) as u8
}

fn sealed(lists: &[List], person: usize) -> Sealed<'_> {
    let list = &lists[person / LIST_CONTRIBUTIONS];
    let position = person % LIST_CONTRIBUTIONS;
    Sealed { mask: &list.mask, bodies: &list.bodies[position], position }
}

/// People's bands of two measures, their ciphertexts, and the table.
fn table(shape: Shape, people: &[(u8, u8)]) -> Tally {
    let fixture = &*FIXTURE;
    let rows = fixture.lists(&people.iter().map(|(band, _)| Plain { band: *band, value: 0 }).collect::<Vec<_>>());
    let columns = fixture.lists(&people.iter().map(|(_, band)| Plain { band: *band, value: 0 }).collect::<Vec<_>>());
    let pairs: Vec<Pair<'_>> =
        (0..people.len()).map(|person| Pair { row: sealed(&rows, person), column: sealed(&columns, person) }).collect();
    let mut table = fixture.keys.empty_table(shape);
    for chunk in pairs.chunks(CHUNK) {
        fixture.keys.add_people(&mut table, shape, chunk);
    }
    table.normalize(&fixture.keys);
    table
}

fn counted(shape: Shape, people: &[(u8, u8)]) -> Vec<u64> {
    let mut cells = vec![0; shape.cells()];
    for (row, column) in people {
        cells[usize::from(*row) * shape.columns + usize::from(*column)] += 1;
    }
    cells
}

fn shapes() -> Vec<Shape> {
    let bands = [2, 4, 8];
    let all = bands.into_iter().flat_map(|rows| bands.map(|columns| (rows, columns)));
    all.filter_map(|(rows, columns)| Shape::new(rows, columns).ok()).collect()
}

#[test]
fn tables_of_every_shape_count_what_is_there() {
    let _turn = turn();
    let mut random = StdRng::seed_from_u64(5);
    assert_eq!(shapes().len(), 6);
    let sizes: &[usize] = if full() { &[1, 2, 17, 64, 100, 200] } else { &[1, 40] };
    for shape in shapes() {
        // Once in every run, many.
        let many = (!full() && (shape.rows, shape.columns) == (4, 4)).then_some(&200);
        for size in sizes.iter().chain(many) {
            let person = |_| (random.gen_range(0..shape.rows) as u8, random.gen_range(0..shape.columns) as u8);
            let people: Vec<(u8, u8)> = (0..*size).map(person).collect();
            let found = FIXTURE.decrypt(&table(shape, &people));
            assert_eq!(found, counted(shape, &people), "{shape:?}, {size} people");
        }
    }
}

#[test]
fn people_beyond_a_chunk_and_all_in_one_cell_are_carried() {
    let _turn = turn();
    let shape = Shape::new(2, 2).unwrap();
    let size = if full() { 3_000 } else { CHUNK + 60 };
    // One cell beyond a chunk, one with a few, two with none.
    let people: Vec<(u8, u8)> = (0..size).map(|person| if person % 50 == 7 { (0, 1) } else { (1, 1) }).collect();
    assert_eq!(FIXTURE.decrypt(&table(shape, &people)), counted(shape, &people));
    if full() {
        let shape = Shape::new(4, 4).unwrap();
        let mut random = StdRng::seed_from_u64(6);
        let people: Vec<(u8, u8)> = (0..size).map(|_| (random.gen_range(0..4), random.gen_range(0..4))).collect();
        assert_eq!(FIXTURE.decrypt(&table(shape, &people)), counted(shape, &people));
    }
}

#[test]
fn cells_under_the_minimum_open_to_nothing() {
    let _turn = turn();
    let shape = Shape::new(2, 2).unwrap();
    // Around k, and none.
    let counts = [10usize, 11, 0, 12];
    let of_cell = |cell: usize| ((cell / 2) as u8, (cell % 2) as u8);
    let people: Vec<(u8, u8)> = (0..4).flat_map(|cell| vec![of_cell(cell); counts[cell]]).collect();
    let table = table(shape, &people);
    let keys = &FIXTURE.keys;
    for (minimum, shown) in [(11, [0, 11, 0, 12]), (12, [0, 0, 0, 12]), (1, [10, 11, 0, 12])] {
        let suppressed = keys.suppress(&table, &keys.below(&table, minimum));
        assert_eq!(FIXTURE.open(&suppressed), shown, "at least {minimum}");
    }
}

#[test]
fn comparison_goes_by_all_digits() {
    let _turn = turn();
    let keys = &FIXTURE.keys;
    let digit = |value: u64| {
        let mut sample = keys.zero_sample();
        *sample.get_mut_body().data = value << SUM_LOG;
        sample
    };
    let counts = [0u64, 15, 16, 31, 32, 33, 47, 48, 255];
    let digits = (0..2).map(|place| counts.iter().map(|count| digit(count >> (4 * place) & 15)).collect());
    let tally = Tally::of(vec![15, 15], digits.collect());
    for minimum in [1, 16, 32, 33, 256, 4_000] {
        let below = keys.below(&tally, minimum);
        for (count, below) in counts.iter().zip(&below) {
            let flag = FIXTURE.secret.phase(below).wrapping_add(1 << 62) >> 63 == 1;
            assert_eq!(flag, *count < u64::from(minimum), "{count} against {minimum}");
        }
    }
}

#[test]
fn every_number_under_256_is_split_in_its_digits() {
    let _turn = turn();
    let keys = &FIXTURE.keys;
    let step = if full() { 1 } else { 13 };
    for number in (0..256u64).step_by(step) {
        let mut sample = keys.zero_sample();
        *sample.get_mut_body().data = number << SUM_LOG;
        let (low, high) = keys.split(&sample);
        let found = (rounded(FIXTURE.secret.phase(&low), SUM_LOG), rounded(FIXTURE.secret.phase(&high), SUM_LOG));
        assert_eq!(found, ((number % 16) as u8, (number / 16) as u8), "{number}");
    }
}

#[test]
fn sums_of_values_by_band_are_exact() {
    let _turn = turn();
    let mut random = StdRng::seed_from_u64(7);
    let sizes: &[usize] = if full() { &[1, 18, 200] } else { &[20] };
    for bands in [2usize, 4, 8] {
        let many = (!full() && bands == 2).then_some(&200);
        for size in sizes.iter().chain(many) {
            let person = |index: usize| {
                let value = match index {
                    0 => 4_095,
                    1 => 0,
                    _ => random.gen_range(0..4_096),
                };
                (random.gen_range(0..bands) as u8, value)
            };
            let people: Vec<(u8, u16)> = (0..*size).map(person).collect();
            let by = FIXTURE.lists(&people.iter().map(|(band, _)| Plain { band: *band, value: 9 }).collect::<Vec<_>>());
            let of =
                FIXTURE.lists(&people.iter().map(|(_, value)| Plain { band: 1, value: *value }).collect::<Vec<_>>());
            let mut sums = FIXTURE.keys.empty_sums(bands);
            let conditioned: Vec<Conditioned<'_>> = (0..people.len())
                .map(|person| Conditioned { band: sealed(&by, person), value: sealed(&of, person) })
                .collect();
            for chunk in conditioned.chunks(conditional::CHUNK) {
                FIXTURE.keys.add_values(&mut sums, bands, chunk);
            }
            sums.people.normalize(&FIXTURE.keys);
            sums.values.normalize(&FIXTURE.keys);
            let of_band = |band: usize| people.iter().filter(move |(own, _)| usize::from(*own) == band);
            let counts: Vec<u64> = (0..bands).map(|band| of_band(band).count() as u64).collect();
            let totals: Vec<u64> =
                (0..bands).map(|band| of_band(band).map(|(_, value)| u64::from(*value)).sum()).collect();
            assert_eq!(FIXTURE.decrypt(&sums.people), counts, "{bands} bands, {size} people");
            assert_eq!(FIXTURE.decrypt(&sums.values), totals, "{bands} bands, {size} people");
        }
    }
}

#[test]
fn shapes_beyond_sixteen_cells_or_of_odd_bands_are_refused() {
    for (rows, columns) in [(8, 4), (4, 8), (8, 8)] {
        assert!(matches!(Shape::new(rows, columns), Err(FheError::OutOfRange { .. })));
    }
    for (rows, columns) in [(0, 2), (1, 4), (3, 2), (16, 1), (2, 16)] {
        assert!(matches!(Shape::new(rows, columns), Err(FheError::Malformed { .. })));
    }
    assert_eq!(BOXES, 16);
}
