//! The cross lane's peer: a 4×4 table of twenty people by tfhe's integer types: equality with each band, and, sums.
//! `cargo run --release --manifest-path benches/integers/Cargo.toml` says what a person takes; what ours takes says
//! `cargo bench --bench cross`.

use std::time::Instant;

use tfhe::{ConfigBuilder, FheUint8, generate_keys, prelude::*, set_server_key};

fn main() {
    const PEOPLE: u8 = 20;
    let (client, server) = generate_keys(ConfigBuilder::default().build());
    set_server_key(server);
    let encrypt = |value: u8| FheUint8::try_encrypt(value, &client).expect("a number of 8 bits can be encrypted");
    let rows: Vec<FheUint8> = (0..PEOPLE).map(|person| encrypt(person % 4)).collect();
    let columns: Vec<FheUint8> = (0..PEOPLE).map(|person| encrypt(person * 7 % 4)).collect();
    let start = Instant::now();
    let mut cells: Vec<FheUint8> = (0..16).map(|_| encrypt(0)).collect();
    for (row, column) in rows.iter().zip(&columns) {
        let of_row: Vec<_> = (0..4u8).map(|band| row.eq(band)).collect();
        let of_column: Vec<_> = (0..4u8).map(|band| column.eq(band)).collect();
        for (cell, count) in cells.iter_mut().enumerate() {
            let both = &of_row[cell / 4] & &of_column[cell % 4];
            *count += FheUint8::cast_from(both);
        }
    }
    let took = start.elapsed();
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
