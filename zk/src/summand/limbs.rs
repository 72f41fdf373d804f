//! The limbs that a share follows from, each in `[0, 2^64)`, and the two equations between them.
//!
//! With the mask `a = a' + 2^64·a''` word by word, `X' = ⟨a', s⟩` and `X'' = ⟨a'', s⟩` as integers, and D the logarithm of the
//! greatest number of words:
//!
//! ```text
//! upper   X'' = x + 2^64·h                       h = h_0 + 2^64·h_1 + 2^(64+D)·h_2
//! lower   X' + 2^64·x + f = d + 2^128·w          f = f_0 + 2^46·f_1    w = w_0 + 2^D·w_1
//! ```
//!
//! The highest limb of each number overlaps with the one below. So limbs of 64 bits, whose ranges the proof shows as they
//! are, reach little farther than numbers of 128 + D, 110 and 64 + D bits. Both sides of both equations stay under
//! 2^(193+D), far from ℓ, so modulo ℓ is over the integers.

use curve25519_dalek::scalar::Scalar;
use nacre_schemas::{cross::MAX_DIGITS, limits};
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::wide_sum::MAX_PRODUCTS;
use crate::replicated::FLOODING_BITS;

/// Limbs of a share, in this order: x; h, f and w from the lowest.
pub(super) const LIMBS: usize = limits::SHARE_LIMBS;
/// Bits of a limb.
pub(super) const LIMB_BITS: usize = 64;
/// An accepted share is off the right one by less than this, up or down: flooding is under 2^110, and what proofs let pass
/// for flooding under 2^110 + 2^64.
pub const MAX_ERROR: u128 = FLOODING + (1 << 64);
/// Flooding is below this.
const FLOODING: u128 = 1 << FLOODING_BITS;

/// D.
const WORDS_LOG: u32 = limits::MAX_MASK_WORDS.ilog2();
const QUOTIENT_SHIFTS: [u32; 3] = [0, 64, 64 + WORDS_LOG];
const FLOODING_SHIFTS: [u32; 2] = [0, FLOODING_BITS - 64];
const CARRY_SHIFTS: [u32; 2] = [0, WORDS_LOG];

/// Positions of x and f_0: their blindings make the equations hold for all others.
const REST: usize = 0;
const QUOTIENT: usize = 1;
const FLOODING_LIMBS: usize = QUOTIENT + QUOTIENT_SHIFTS.len();
const CARRY: usize = FLOODING_LIMBS + FLOODING_SHIFTS.len();

const _: () = {
    assert!(CARRY + CARRY_SHIFTS.len() == LIMBS);
    // Were one word the most, the carry could reach 2^64, which its highest limb is not.
    assert!(WORDS_LOG >= 1);
    // Both sides of both equations are under 2^(193+D), and ℓ is over 2^252.
    assert!(193 + WORDS_LOG <= 252);
    assert!(limits::MAX_MASK_WORDS <= MAX_PRODUCTS && 2 * MAX_DIGITS <= MAX_PRODUCTS);
};

/// Multiples of the limbs when `X'' - … = 0` is taken `upper` times and `X' + … - d = 0` `lower` times.
pub(super) fn multiples(upper: &Scalar, lower: &Scalar) -> [Scalar; LIMBS] {
    let mut multiples = [Scalar::ZERO; LIMBS];
    multiples[REST] = lower * two_to(64) - upper;
    for (multiple, shift) in multiples[QUOTIENT..].iter_mut().zip(QUOTIENT_SHIFTS) {
        *multiple = -(upper * two_to(64 + shift));
    }
    for (multiple, shift) in multiples[FLOODING_LIMBS..].iter_mut().zip(FLOODING_SHIFTS) {
        *multiple = lower * two_to(shift);
    }
    for (multiple, shift) in multiples[CARRY..].iter_mut().zip(CARRY_SHIFTS) {
        *multiple = -(lower * two_to(128 + shift));
    }
    multiples
}

/// `2^exponent`, for exponents under 252.
fn two_to(exponent: u32) -> Scalar {
    let mut bytes = [0; 32];
    bytes[exponent as usize / 8] = 1 << (exponent % 8);
    Scalar::from_bytes_mod_order(bytes)
}

/// The opening of the commitment to X' or X'', which follows from those to the summand.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Product {
    /// The integer.
    pub(super) number: Scalar,
    /// Its blinding.
    pub(super) blinding: Scalar,
}

/// Openings of the commitments to a share's limbs.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Limbs {
    /// The limbs.
    pub(super) values: [u64; LIMBS],
    /// Their blindings.
    pub(super) blindings: [Scalar; LIMBS],
}

impl Limbs {
    /// The share d of products X' and X'' with flooding under 2^110, and its limbs, which fulfil the equations. Constant
    /// time.
    pub(super) fn of_share<R: RngCore + CryptoRng>(
        products: &[Product; 2],
        flooding: u128,
        rng: &mut R,
    ) -> (u128, Self) {
        let [lower, upper] = products;
        let [low, high] = split(&upper.number);
        let (x, h_0) = (low as u64, (low >> 64) as u64);
        let [h_1, h_2] = overlapping(high, WORDS_LOG);
        let [f_0, f_1] = overlapping(flooding, FLOODING_BITS - 64);
        let mut sum = lower.number + Scalar::from(u128::from(x) << 64) + Scalar::from(flooding);
        let [share, carry] = split(&sum);
        sum.zeroize();
        let [w_0, w_1] = overlapping(carry, WORDS_LOG);
        let values = [x, h_0, h_1, h_2, f_0, f_1, w_0, w_1];
        (share, Self { values, blindings: blindings(products, rng) })
    }
}

/// Blindings that fulfil both equations: random but for those of x and f_0, which follow.
pub(super) fn blindings<R: RngCore + CryptoRng>([lower, upper]: &[Product; 2], rng: &mut R) -> [Scalar; LIMBS] {
    let mut blindings = [(); LIMBS].map(|()| Scalar::random(rng));
    blindings[REST] = Scalar::ZERO;
    blindings[REST] = upper.blinding + inner_product(&of_upper(), &blindings);
    blindings[FLOODING_LIMBS] = Scalar::ZERO;
    blindings[FLOODING_LIMBS] = -(lower.blinding + inner_product(&of_lower(), &blindings));
    blindings
}

/// Multiples of the limbs in the upper equation.
pub(super) fn of_upper() -> [Scalar; LIMBS] {
    multiples(&Scalar::ONE, &Scalar::ZERO)
}

/// Of those in the lower.
pub(super) fn of_lower() -> [Scalar; LIMBS] {
    multiples(&Scalar::ZERO, &Scalar::ONE)
}

/// An integer under ℓ as its lower and upper 128 bits.
fn split(number: &Scalar) -> [u128; 2] {
    let (low, high) = number.as_bytes().split_at(16);
    [low, high].map(|half| u128::from_le_bytes(half.try_into().expect("half of 32 bytes")))
}

/// The number as `low + 2^shift·high`, low under 2^shift; high is a limb if the number has at most 64 bits more.
fn overlapping(number: u128, shift: u32) -> [u64; 2] {
    [(number & ((1 << shift) - 1)) as u64, (number >> shift) as u64]
}

fn inner_product(a: &[Scalar; LIMBS], b: &[Scalar; LIMBS]) -> Scalar {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::rng;

    /// Both equations, over limbs or over blindings: 0 if they hold.
    fn left_over(products: [Scalar; 2], share: Scalar, limbs: &[Scalar; LIMBS]) -> [Scalar; 2] {
        let [lower, upper] = products;
        [lower + inner_product(&of_lower(), limbs) - share, upper + inner_product(&of_upper(), limbs)]
    }

    fn check(numbers: [Scalar; 2], flooding: u128) {
        let products =
            numbers.map(|number| Product { number, blinding: Scalar::random(&mut rng(number.as_bytes()[0].into())) });
        let (share, limbs) = Limbs::of_share(&products, flooding, &mut rng(9));
        let values = limbs.values.map(Scalar::from);
        assert_eq!(left_over(numbers, Scalar::from(share), &values), [Scalar::ZERO; 2]);
        let blindings = [0, 1].map(|half: usize| products[half].blinding);
        assert_eq!(left_over(blindings, Scalar::ZERO, &limbs.blindings), [Scalar::ZERO; 2]);
    }

    fn number(low: u128, high: u128) -> Scalar {
        Scalar::from(low) + Scalar::from(high) * two_to(128)
    }

    #[test]
    fn the_greatest_numbers_have_limbs() {
        let greatest = Scalar::from(limits::MAX_MASK_WORDS as u64) * Scalar::from(u64::MAX) * Scalar::from(u128::MAX);
        for flooding in [0, FLOODING - 1] {
            check([greatest; 2], flooding);
            check([Scalar::ZERO, greatest], flooding);
            check([greatest, Scalar::ZERO], flooding);
            check([Scalar::ZERO; 2], flooding);
        }
    }

    proptest! {
        #[test]
        fn limbs_fulfil_the_equations(low: [u128; 2], high: [u128; 2], flooding: u128, bits in 1..=64 + WORDS_LOG) {
            let numbers = [0, 1].map(|half| number(low[half], (high[half] >> (64 - WORDS_LOG)) >> bits));
            check(numbers, flooding % FLOODING);
        }
    }
}
