//! Exact sums of products of a 128-bit and a 64-bit integer: of a summand's words with the halves of a mask's words (secret),
//! and of random weights with the same halves (public).
//!
//! Constant time. A tenth of what the same takes modulo ℓ.

use curve25519_dalek::scalar::Scalar;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Products that one sum takes, at most: their sum is then under 2^208, and no column overflows.
pub(super) const MAX_PRODUCTS: usize = 1 << 16;

/// A sum: column i counts 2^(64·i), and is under 2^(65 + 16).
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(super) struct WideSum {
    columns: [u128; 3],
}

impl WideSum {
    /// Adds a product.
    pub(super) fn add(&mut self, wide: u128, narrow: u64) {
        const LOW: u128 = u64::MAX as u128;
        let low = (wide & LOW) * u128::from(narrow);
        let high = (wide >> 64) * u128::from(narrow);
        self.columns[0] += low & LOW;
        self.columns[1] += (low >> 64) + (high & LOW);
        self.columns[2] += high >> 64;
    }

    /// The sum, which is under ℓ.
    pub(super) fn scalar(&self) -> Scalar {
        let mut bytes = [0; 32];
        let mut carry = 0;
        for (column, limb) in self.columns.iter().zip(bytes.chunks_exact_mut(8)) {
            let total = column + carry;
            limb.copy_from_slice(&(total as u64).to_le_bytes());
            carry = total >> 64;
        }
        bytes[24..].copy_from_slice(&(carry as u64).to_le_bytes());
        let scalar = Scalar::from_bytes_mod_order(bytes);
        bytes.zeroize();
        scalar
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_sum_is_exact() {
        let mut sum = WideSum::default();
        for _ in 0..MAX_PRODUCTS {
            sum.add(u128::MAX, u64::MAX);
        }
        let product = Scalar::from(u128::MAX) * Scalar::from(u64::MAX);
        assert_eq!(sum.scalar(), product * Scalar::from(MAX_PRODUCTS as u64));
        assert!(sum.scalar().as_bytes()[26..] == [0; 6], "it is under 2^208");
    }

    proptest! {
        #[test]
        fn sums_are_those_modulo_the_order(products in prop::collection::vec(any::<(u128, u64)>(), 0..40)) {
            let mut sum = WideSum::default();
            products.iter().for_each(|(wide, narrow)| sum.add(*wide, *narrow));
            let expected: Scalar =
                products.iter().map(|(wide, narrow)| Scalar::from(*wide) * Scalar::from(*narrow)).sum();
            prop_assert_eq!(sum.scalar(), expected);
        }
    }
}
