//! The masks of a result's digits.

use nacre_schemas::{Digest, cross::MAX_DIGITS};
use rayon::prelude::*;

use super::{SummandError, check_same_length, check_words};
use crate::transcript;

/// The masks a of a result's digits, in order, each with its digest.
///
/// Made once for all summands and holders. A digit's body is not in it: a share does not depend on it.
#[derive(Clone, Debug)]
pub struct Masks {
    masks: Vec<Vec<u128>>,
    digests: Vec<Digest>,
}

impl Masks {
    /// 1 to [`MAX_DIGITS`] masks of equally many words, each in `[0, 2^128)`. Cost: hashing them.
    pub fn new(masks: Vec<Vec<u128>>) -> Result<Self, SummandError> {
        if !(1..=MAX_DIGITS).contains(&masks.len()) {
            return Err(SummandError::Digits(masks.len()));
        }
        check_words(masks[0].len())?;
        masks.iter().try_for_each(|mask| check_same_length(masks[0].len(), mask.len()))?;
        let digest = |mask: &Vec<u128>| {
            let bytes: Vec<u8> = mask.iter().flat_map(|word| word.to_le_bytes()).collect();
            transcript::mask(&bytes)
        };
        let digests = masks.par_iter().map(digest).collect();
        Ok(Self { masks, digests })
    }

    /// Words of each.
    pub fn words(&self) -> usize {
        self.masks[0].len()
    }

    /// How many digits.
    pub fn digits(&self) -> usize {
        self.masks.len()
    }

    /// The masks.
    pub(super) fn masks(&self) -> &[Vec<u128>] {
        &self.masks
    }

    /// Their digests.
    pub(super) fn digests(&self) -> &[Digest] {
        &self.digests
    }
}

/// A mask's word `a = a' + 2^64·a''` as `(a', a'')`.
pub(super) fn halves(word: u128) -> [u64; 2] {
    [word as u64, (word >> 64) as u64]
}
