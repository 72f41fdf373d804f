//! The cross lane beside its peers: a 4×4 table by one rotation a person, and by sixteen single look-ups a person; what lists,
//! suppression, squashing and shares take. The same table by tfhe's integer types is in `benches/integers`.
//!
//! `cargo bench --bench cross`: one line a measurement, medians of a few runs. `NACRE_CROSS_PEOPLE=3000` for tables of 10 to 3,000 people.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

use std::time::{Duration, Instant};

use nacre_fhe::{
    conditional::{self, Conditioned},
    crosstab::{CHUNK, Pair, Shape},
    keys::{EvaluationKeys, SecretKeys, SeededEvaluationKeys},
    list::{List, Plain, Sealed},
    params::{CROSS_1, LIST_CONTRIBUTIONS},
    tally::Tally,
};
use nacre_schemas::Digest;
use nacre_zk::replicated;

/// People of what is measured at one size only.
const FEW: usize = 300;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    let took = start.elapsed();
    println!("{what:<58} {:>10.1} ms", took.as_secs_f64() * 1e3);
    (done, took)
}

fn sealed(lists: &[List], person: usize) -> Sealed<'_> {
    let (list, position) = (&lists[person / LIST_CONTRIBUTIONS], person % LIST_CONTRIBUTIONS);
    Sealed { mask: &list.mask, bodies: &list.bodies[position], position }
}

fn main() {
    let people: usize = std::env::var("NACRE_CROSS_PEOPLE").ok().and_then(|people| people.parse().ok()).unwrap_or(128);
    let (secret, _) = timed("secret keys", || SecretKeys::generate(&CROSS_1).unwrap());
    let (public, _) = timed("public key and reference string", || secret.public_key().unwrap());
    let dealt = replicated::deal(secret.shared(), &[(3, 2); 3]).unwrap();
    let (seeded, _) = timed("evaluation keys", || secret.evaluation_keys(dealt.correction.clone()).unwrap());
    let (mut public_file, mut file) = (Vec::new(), Vec::new());
    public.write(&mut public_file).unwrap();
    seeded.write(&mut file).unwrap();
    println!("public key file {} bytes, evaluation key file {} bytes", public_file.len(), file.len());
    let (read, _) = timed("evaluation keys: read", || SeededEvaluationKeys::read(file.as_slice()).unwrap().0);
    let (keys, _) = timed("evaluation keys: expand and transform", || read.load());
    drop((seeded, file));

    let band = |person: usize, of: usize| Plain { band: (person * of % 4) as u8, value: (person * 37 % 4_096) as u16 };
    let batch: Vec<Plain> = (0..LIST_CONTRIBUTIONS).map(|person| band(person, 3)).collect();
    let (list, _) = timed("a list of 64: encrypt and prove", || public.encrypt(&batch, b"bench").unwrap());
    println!("proof {} bytes", list.proof.len());
    timed("a list of 64: verify", || public.verify(&list, b"bench").unwrap());
    timed("a list of 1: encrypt and prove", || public.encrypt(&batch[..1], b"bench").unwrap());

    // Many people from two lists: what is computed does not depend on it.
    let second: Vec<Plain> = (0..LIST_CONTRIBUTIONS).map(|person| band(person, 7)).collect();
    let lists = [list, public.encrypt(&second, b"bench").unwrap()];
    let pair = |person: usize| Pair {
        row: sealed(&lists[..1], person % LIST_CONTRIBUTIONS),
        column: sealed(&lists[1..], (person * 5 + 1) % LIST_CONTRIBUTIONS),
    };
    for (rows, columns) in [(2, 2), (2, 4), (4, 4)] {
        let shape = Shape::new(rows, columns).unwrap();
        let table = tabulate(&keys, shape, people.min(FEW), &pair);
        if shape.cells() == 16 {
            after(&keys, &table, &dealt.summands);
        }
    }
    let shape = Shape::new(4, 4).unwrap();
    for people in [10, 30, 100, 300, 1_000, 3_000].into_iter().filter(|size| *size <= people) {
        tabulate(&keys, shape, people, &pair);
    }
    mean(&keys, &lists, people.min(FEW));
    single_look_ups(&keys, &pair(0));
}

/// A table of so many people, normalized.
fn tabulate<'a>(keys: &EvaluationKeys, shape: Shape, people: usize, pair: &impl Fn(usize) -> Pair<'a>) -> Tally {
    let pairs: Vec<Pair<'_>> = (0..people).map(pair).collect();
    let (table, took) = timed(&format!("{}×{} table of {people} people", shape.rows, shape.columns), || {
        let mut table = keys.empty_table(shape);
        for chunk in pairs.chunks(CHUNK) {
            keys.add_people(&mut table, shape, chunk);
        }
        table.normalize(keys);
        table
    });
    println!("  {:.2} ms a person", took.as_secs_f64() * 1e3 / people as f64);
    table
}

fn after(keys: &EvaluationKeys, table: &Tally, summands: &[Vec<replicated::Summand>]) {
    let (suppressed, _) = timed("  suppress 16 cells", || keys.suppress(table, &keys.below(table, 11)));
    let (squashed, took) = timed("  squash its digits", || keys.squash(&suppressed));
    let digits: Vec<_> = squashed.iter().flatten().collect();
    println!("  {:.0} ms a digit, {} digits", took.as_secs_f64() * 1e3 / digits.len() as f64, digits.len());
    let expanded = summands[0][0].expand(4_096);
    let (_, took) = timed("  shares of all digits under one summand", || {
        digits
            .iter()
            .enumerate()
            .map(|(position, digit)| {
                expanded.share(digit.get_mask().as_ref(), &Digest([1; 32]), position as u32).unwrap()
            })
            .fold(0u128, u128::wrapping_add)
    });
    println!("  {:.0} µs a share", took.as_secs_f64() * 1e6 / digits.len() as f64);
}

fn mean(keys: &EvaluationKeys, lists: &[List], people: usize) {
    let person = |person: usize| Conditioned {
        band: sealed(&lists[..1], person % LIST_CONTRIBUTIONS),
        value: sealed(&lists[1..], (person * 5 + 1) % LIST_CONTRIBUTIONS),
    };
    let conditioned: Vec<Conditioned<'_>> = (0..people).map(person).collect();
    for bands in [2, 4, 8] {
        let (_, took) = timed(&format!("mean by {bands} bands of {people} people"), || {
            let mut sums = keys.empty_sums(bands);
            for chunk in conditioned.chunks(conditional::CHUNK) {
                keys.add_values(&mut sums, bands, chunk);
            }
            sums.people.normalize(keys);
            sums.values.normalize(keys);
        });
        println!("  {:.2} ms a person", took.as_secs_f64() * 1e3 / people as f64);
    }
}

/// What one person would take with a look-up for each cell.
fn single_look_ups(keys: &EvaluationKeys, pair: &Pair<'_>) {
    let shape = Shape::new(4, 4).unwrap();
    let (_, one) = timed("one person, one rotation", || {
        let mut table = keys.empty_table(shape);
        keys.add_people(&mut table, shape, &[*pair]);
    });
    let (_, sixteen) = timed("one person, sixteen rotations", || {
        for _ in 0..shape.cells() {
            let mut table = keys.empty_table(shape);
            keys.add_people(&mut table, shape, &[*pair]);
        }
    });
    println!("  ratio {:.1}", sixteen.as_secs_f64() / one.as_secs_f64());
}
