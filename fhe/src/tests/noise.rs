//! Noise, step by step, at the largest chunk, against what `docs/noise.md` predicts.

use super::*;
use crate::look_up::{half_box, switched};

/// Logarithm of the root mean square of errors.
fn spread(errors: impl IntoIterator<Item = i64>) -> f64 {
    let (sum, count) = errors.into_iter().fold((0.0, 0.0), |(sum, count): (f64, f64), error| {
        let error = error as f64;
        (sum + error * error, count + 1.0)
    });
    (sum / count).sqrt().log2()
}

fn error(phase: u64, expected: u64) -> i64 {
    phase.wrapping_sub(expected).cast_signed()
}

/// Measured within half a bit above and two below what is predicted: too little would mean that something else is measured.
fn holds(step: &str, measured: f64, predicted: f64) {
    holds_within(0.5, step, measured, predicted);
}

fn holds_within(above: f64, step: &str, measured: f64, predicted: f64) {
    println!("{step}: 2^{measured:.1}, predicted 2^{predicted:.1}");
    assert!(measured < predicted + above && measured > predicted - 2.0, "{step}: 2^{measured} for 2^{predicted}");
}

#[test]
fn every_step_has_the_noise_that_is_predicted() {
    let _turn = turn();
    let (secret, keys) = (&FIXTURE.secret, &FIXTURE.keys);
    // Everyone's ciphertexts are their own: what is added twice adds up its noise twice.
    let plain = vec![Plain { band: 5, value: 0xabc }; CHUNK];
    let lists = FIXTURE.lists(&plain);
    let index = |person: usize| {
        let mut index = keys.zero_index();
        sealed(&lists, person).add_to(&mut index, 0..1, |_| 1);
        index
    };
    let indices: Vec<_> = (0..LIST_CONTRIBUTIONS).map(index).collect();
    let one = 1u64 << SUM_LOG;
    // Half of its variance is the key's own, and the same for all slots.
    let slots = spread(indices.iter().map(|index| error(secret.public_phase(index), one)));
    holds_within(2.0, "a slot", slots, 21.7);

    let small: Vec<_> = indices.iter().map(|index| keys.keyswitch_public(index)).collect();
    holds("key switch", spread(small.iter().map(|small| error(secret.small_phase(small), one))), 53.0);

    // The modulus switch: what is turned by, against what the sample holds.
    let turned = small.iter().map(|sample| {
        let before = secret.small_phase(sample).wrapping_add(half_box());
        let switched = switched(sample.clone(), half_box(), CROSS_1.polynomial_size);
        let mask = switched.mask().zip(secret.small_bits()).map(|(mask, bit)| mask * *bit as usize).sum::<usize>();
        let phase = (switched.body().wrapping_sub(mask) % 4_096) as u64;
        // The middle of the step that is turned by.
        error((phase << 52).wrapping_add(1 << 51), before)
    });
    holds("modulus switch", spread(turned), 54.1);

    let pairs: Vec<Pair<'_>> = (0..CHUNK)
        .map(|person| Pair { row: sealed(&lists, person), column: sealed(&lists, (person + 1) % CHUNK) })
        .collect();
    // Everyone is in band 1 of 2 and 5 of 8.
    let shape = Shape::new(2, 8).unwrap();
    let count = |people: &[Pair<'_>]| {
        let mut table = keys.empty_table(shape);
        keys.add_people(&mut table, shape, people);
        table
    };
    let off = |table: &Tally, people: usize| -> Vec<i64> {
        let expected = |cell| if cell == 13 { people as u64 * one } else { 0 };
        table.digits[0].iter().enumerate().map(|(cell, sum)| error(secret.phase(sum), expected(cell))).collect()
    };
    let rotations = pairs.chunks(1).take(64).flat_map(|pair| off(&count(pair), 1));
    holds("a rotation", spread(rotations), 41.9);

    let mut table = count(&pairs);
    let sums = off(&table, CHUNK);
    let largest = sums.iter().map(|error| error.unsigned_abs()).max().unwrap_or_default();
    // Half of its variance is what all cells of one accumulator have in common: sixteen values are too few to be close.
    holds_within(2.0, "a chunk of 255 people", spread(sums.iter().copied()), 45.9);
    assert!(largest < one / 16, "an eighth of what would be misread");

    let mut digits = Vec::new();
    let suppressed = {
        table.normalize(keys);
        digits.extend(table.digits.iter().flatten().map(|digit| {
            let phase = secret.phase(digit);
            error(phase, u64::from(rounded(phase, SUM_LOG)) << SUM_LOG)
        }));
        keys.suppress(&table, &keys.below(&table, 11))
    };
    holds("a digit", spread(digits), 42.4);

    let squashed = keys.squash(&suppressed);
    let errors = squashed.iter().flatten().map(|digit| {
        let phase = secret.squashed_phase(digit);
        let digit = phase.wrapping_add(1 << 122) >> 123;
        let error = phase.wrapping_sub(digit << 123).cast_signed();
        assert!(error.unsigned_abs() < 1 << 70, "the bound that flooding goes by");
        error as f64
    });
    let errors: Vec<f64> = errors.collect();
    let mean = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
    holds("squashed", mean.sqrt().log2(), 64.5);
}
