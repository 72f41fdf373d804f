//! The cross lane beside its peers: a 4×4 table by one rotation a person, by sixteen single look-ups a person, and by
//! tfhe's integer types; what lists, suppression, squashing and shares take.
//!
//! `cargo bench --bench cross`: one line a measurement, medians of a few runs. `NACRE_CROSS_PEOPLE=3000` for tables of 10 to 3,000 people;
//! `NACRE_CROSS_PEER=1` for tfhe's integer types too, which take minutes.

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
use tfhe::{ConfigBuilder, FheUint8, generate_keys, prelude::*, set_server_key};

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
    if std::env::var("NACRE_CROSS_PEER").is_ok() {
        integer_types();
    }
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

/// The same table by tfhe's integer types: equality with each band, and, sums. Twenty people.
fn integer_types() {
    const PEOPLE: u8 = 20;
    let (client, server) = generate_keys(ConfigBuilder::default().build());
    set_server_key(server);
    let encrypt = |value: u8| FheUint8::try_encrypt(value, &client).unwrap();
    let rows: Vec<FheUint8> = (0..PEOPLE).map(|person| encrypt(person % 4)).collect();
    let columns: Vec<FheUint8> = (0..PEOPLE).map(|person| encrypt(person * 7 % 4)).collect();
    let (cells, took) = timed("4×4 table of 20 people by tfhe's integer types", || {
        let mut cells: Vec<FheUint8> = (0..16).map(|_| encrypt(0)).collect();
        for (row, column) in rows.iter().zip(&columns) {
            let of_row: Vec<_> = (0..4u8).map(|band| row.eq(band)).collect();
            let of_column: Vec<_> = (0..4u8).map(|band| column.eq(band)).collect();
            for (cell, count) in cells.iter_mut().enumerate() {
                let both = &of_row[cell / 4] & &of_column[cell % 4];
                *count += FheUint8::cast_from(both);
            }
        }
        cells
    });
    let total: u8 = cells
        .iter()
        .map(|cell| {
            let count: u8 = cell.decrypt(&client);
            count
        })
        .sum();
    assert_eq!(total, PEOPLE);
    println!("  {:.0} ms a person", took.as_secs_f64() * 1e3 / f64::from(PEOPLE));
}
