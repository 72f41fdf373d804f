//! Custody in the cross lane: the key of the squashed results in replicated shares, and decryption with them.
//!
//! A squashed digit is a sample of the learning-with-errors problem with words of 128 bits: a mask, and a body `⟨mask, key⟩ +
//! noise + 2^123·digit`.
//!
//! The key (one bit a word) is a sum of *summands* and a public *correction*. A jurisdiction of n custodians with threshold t has one summand for every
//! t − 1 of them, which those do not hold and all others do: any t hold them all, and any t − 1 lack one (Ito, Saito,
//! Nishizeki, 1987). Summands of all jurisdictions are needed. A summand is expanded from a seed of 32 bytes, which is all that
//! its holders keep; the correction is what the expanded summands lack to the key, and tells nothing to who lacks one seed.
//! Evaluators take it off each body, so that summands alone decrypt.
//!
//! A share of a digit is `⟨mask, summand⟩` plus *flooding*: 110 bits that hide the noise of the digit, which depends on what
//! was computed. The noise is under 2^70, so a share is within 2^-40 of one that does not depend on it (statistical distance, a digit; Asharov
//! et al., EUROCRYPT 2012, "smudging"). The flooding is a function of the summand's seed and of the digest of the ciphertexts:
//! asked again a custodian gives the same share and nothing averages out, and all holders of a summand give the same.

use curve25519_dalek::scalar::Scalar;
use hmac::{Hmac, KeyInit as _, Mac as _};
use nacre_schemas::Digest;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use sm3::Sm3;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bits of the flooding.
pub const FLOODING_BITS: u32 = 110;
/// Scale of a digit: four bits below the padding bit of 2^128.
pub const DIGIT_LOG: u32 = 123;
/// Values of a digit.
const DIGIT_VALUES: u128 = 16;
/// The most summands of a jurisdiction.
pub const MAX_SUMMANDS: usize = nacre_schemas::limits::MAX_SUMMANDS;

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReplicatedError {
    /// A mask of another length than the key.
    #[error("a mask of {found} words for a key of {expected}")]
    Length {
        /// Words of the mask.
        found: usize,
        /// Words of the key.
        expected: usize,
    },
    /// A structure that nobody can have.
    #[error(
        "a threshold of {threshold} of {custodians} custodians, which is none or has more than {MAX_SUMMANDS} summands"
    )]
    Structure {
        /// The custodians.
        custodians: u16,
        /// How many it takes.
        threshold: u16,
    },
    /// What is left after the shares is no digit: a share is wrong.
    #[error("the shares do not add up to a digit: 2^{off:.0} of 2^{DIGIT_LOG} off")]
    NotADigit {
        /// Logarithm of how far it is off.
        off: f64,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

/// A summand of the key, as its holders keep it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Summand {
    seed: [u8; 32],
}

/// A summand, expanded: what shares are computed with.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Expanded {
    words: Vec<u128>,
    flooding_key: [u8; 32],
    blinding_seed: [u8; 32],
}

impl Summand {
    /// A summand read back.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed }
    }

    /// Its seed, for keeping.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Expands it to that many words: ChaCha20 under a key derived from the seed.
    pub fn expand(&self, words: usize) -> Expanded {
        let mut stream = ChaCha20Rng::from_seed(keyed(&self.seed, b"nacre/cross/words/1", &[]));
        let mut bytes = Zeroizing::new([0; 16]);
        let mut word = || {
            stream.fill_bytes(&mut *bytes);
            u128::from_le_bytes(*bytes)
        };
        let words = (0..words).map(|_| word()).collect();
        Expanded {
            words,
            flooding_key: keyed(&self.seed, b"nacre/cross/flooding-key/1", &[]),
            blinding_seed: keyed(&self.seed, b"nacre/cross/blinding-seed/1", &[]),
        }
    }
}

impl Expanded {
    /// The share of a digit of that mask: the one at that position of a result of that digest.
    pub fn share(&self, mask: &[u128], result: &Digest, position: u32) -> Result<u128, ReplicatedError> {
        if mask.len() != self.words.len() {
            return Err(ReplicatedError::Length { found: mask.len(), expected: self.words.len() });
        }
        Ok(product(mask, &self.words).wrapping_add(self.flooding(result, position)))
    }

    /// The words, in `[0, 2^128)`.
    pub(crate) fn words(&self) -> &[u128] {
        &self.words
    }

    /// What blinds the commitments to the words ([`crate::summand`]): one a word, uniform modulo ℓ.
    pub(crate) fn blindings(&self) -> Zeroizing<Vec<Scalar>> {
        let mut stream = ChaCha20Rng::from_seed(self.blinding_seed);
        Zeroizing::new(self.words.iter().map(|_| Scalar::random(&mut stream)).collect())
    }

    /// One of these words.
    #[cfg(test)]
    pub(crate) fn of_words(words: Vec<u128>, seed: [u8; 32]) -> Self {
        Self { words, ..Summand::from_seed(seed).expand(0) }
    }

    /// What the blindings follow from.
    pub(crate) fn blinding_seed(&self) -> &[u8; 32] {
        &self.blinding_seed
    }

    /// The flooding of a digit: under 2^[`FLOODING_BITS`].
    pub fn flooding(&self, result: &Digest, position: u32) -> u128 {
        let parts: [&[u8]; 2] = [&result.0, &position.to_be_bytes()];
        let bytes: [u8; 32] = keyed(&self.flooding_key, b"nacre/cross/flooding/1", &parts);
        let mut word = [0; 16];
        word.copy_from_slice(&bytes[..16]);
        u128::from_be_bytes(word) >> (u128::BITS - FLOODING_BITS)
    }
}

/// HMAC-SM3.
fn keyed(key: &[u8; 32], label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sm3>::new_from_slice(key).expect("any length is a key");
    mac.update(label);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// `⟨mask, words⟩` modulo 2^128.
pub fn product(mask: &[u128], words: &[u128]) -> u128 {
    mask.iter().zip(words).fold(0, |sum, (mask, word)| sum.wrapping_add(mask.wrapping_mul(*word)))
}

/// The sets of `size` of the numbers 1 to `of`, in lexicographic order.
pub fn subsets(of: u16, size: u16) -> Vec<Vec<u16>> {
    fn extend(chosen: &mut Vec<u16>, from: u16, of: u16, size: usize, sets: &mut Vec<Vec<u16>>) {
        if chosen.len() == size {
            sets.push(chosen.clone());
            return;
        }
        for number in from..=of {
            chosen.push(number);
            extend(chosen, number + 1, of, size, sets);
            chosen.pop();
        }
    }
    let mut sets = Vec::new();
    extend(&mut Vec::new(), 1, of, size.into(), &mut sets);
    sets
}

/// A key, dealt.
pub struct Dealt {
    /// For each jurisdiction its summands, in the order of [`subsets`] of those who lack them.
    pub summands: Vec<Vec<Summand>>,
    /// What they lack to the key. Public.
    pub correction: Vec<u128>,
}

/// Deals a key among jurisdictions of (custodians, threshold). The key's words are consumed.
pub fn deal(mut key: Vec<u128>, jurisdictions: &[(u16, u16)]) -> Result<Dealt, ReplicatedError> {
    let mut dealt = Vec::with_capacity(jurisdictions.len());
    for (custodians, threshold) in jurisdictions.iter().copied() {
        let count = summands(custodians, threshold.saturating_sub(1));
        if threshold == 0 || threshold > custodians || count > MAX_SUMMANDS as u64 {
            key.zeroize();
            return Err(ReplicatedError::Structure { custodians, threshold });
        }
        let mut of_jurisdiction = Vec::new();
        for _ in 0..count {
            let mut summand = Summand { seed: [0; 32] };
            getrandom::fill(&mut summand.seed).map_err(ReplicatedError::NoRandomness)?;
            let expanded = summand.expand(key.len());
            for (rest, word) in key.iter_mut().zip(&expanded.words) {
                *rest = rest.wrapping_sub(*word);
            }
            of_jurisdiction.push(summand);
        }
        dealt.push(of_jurisdiction);
    }
    // Without a summand the rest would be the key itself.
    if dealt.is_empty() {
        key.zeroize();
        return Err(ReplicatedError::Structure { custodians: 0, threshold: 0 });
    }
    Ok(Dealt { summands: dealt, correction: key })
}

/// How many sets of `size` of `of` there are.
fn summands(of: u16, size: u16) -> u64 {
    (0..u64::from(size)).fold(1u64, |sets, drawn| sets.saturating_mul(u64::from(of) - drawn) / (drawn + 1))
}

/// The digit, once all shares of it are there.
///
/// # Errors
/// [`ReplicatedError::NotADigit`] if what is left is farther from a digit than noise and flooding can be: a share is wrong.
pub fn combine(body: u128, shares: impl IntoIterator<Item = u128>) -> Result<u8, ReplicatedError> {
    let phase = shares.into_iter().fold(body, u128::wrapping_sub);
    let step = 1u128 << DIGIT_LOG;
    let value = phase.wrapping_add(step / 2) >> DIGIT_LOG;
    let error = phase.wrapping_sub(value << DIGIT_LOG).cast_signed().unsigned_abs();
    // Flooding is subtracted with every share: up to 2^110 for each of at most 2^11 summands.
    if value >= DIGIT_VALUES || error > step / 4 {
        return Err(ReplicatedError::NotADigit { off: (error as f64).log2() });
    }
    Ok(value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(key: &[u128], value: u128, noise: i128) -> (Vec<u128>, u128) {
        // Random, and another for each value.
        let mask = Summand::from_seed([value as u8; 32]).expand(key.len()).words.clone();
        let body = product(&mask, key);
        (mask, body.wrapping_add(value << DIGIT_LOG).wrapping_add_signed(noise))
    }

    fn key() -> Vec<u128> {
        (0..4_096).map(|word| u128::from(word % 3 == 1)).collect()
    }

    #[test]
    fn any_threshold_of_every_jurisdiction_opens_and_no_fewer() {
        let structure = [(3, 2), (5, 3), (1, 1)];
        let dealt = deal(key(), &structure).unwrap();
        let summands: Vec<Expanded> = dealt.summands.iter().flatten().map(|summand| summand.expand(4_096)).collect();
        assert_eq!(summands.len(), 3 + 10 + 1);
        let result = Digest([7; 32]);
        // Without a summand what is left is random: the right digit, at times, but not every time.
        let mut right_without = vec![0; summands.len()];
        for value in 0..16 {
            let (mask, body) = digit(&key(), value, 1 << 69);
            let body = body.wrapping_sub(product(&mask, &dealt.correction));
            let share = |summand: &Expanded| summand.share(&mask, &result, value as u32).unwrap();
            let all: Vec<u128> = summands.iter().map(share).collect();
            assert_eq!(combine(body, all.iter().copied()).unwrap(), value as u8);
            for (missing, right) in right_without.iter_mut().enumerate() {
                let others = all.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, share)| *share);
                *right += u32::from(combine(body, others).is_ok_and(|digit| u128::from(digit) == value));
            }
        }
        assert!(right_without.iter().all(|right| *right < 8), "{right_without:?}");
        let held = |lacking: &[u16], custodians: &[u16]| custodians.iter().any(|number| !lacking.contains(number));
        for (custodians, threshold) in structure {
            let lacking = subsets(custodians, threshold - 1);
            for holders in subsets(custodians, threshold) {
                assert!(lacking.iter().all(|lacking| held(lacking, &holders)));
            }
            for holders in subsets(custodians, threshold - 1) {
                assert!(lacking.iter().any(|lacking| !held(lacking, &holders)));
            }
        }
    }

    #[test]
    fn flooding_is_repeatable_and_its_own_for_every_digit_and_summand() {
        let dealt = deal(key(), &[(3, 2)]).unwrap().summands.remove(0);
        let (one, two) = (dealt[0].expand(8), dealt[1].expand(8));
        let results = (Digest([1; 32]), Digest([2; 32]));
        let floods = [
            one.flooding(&results.0, 0),
            one.flooding(&results.0, 1),
            one.flooding(&results.1, 0),
            two.flooding(&results.0, 0),
        ];
        for (index, flood) in floods.iter().enumerate() {
            assert!(*flood < 1 << FLOODING_BITS && !floods[..index].contains(flood));
        }
        assert_eq!(Summand::from_seed(*dealt[0].seed()).expand(8).flooding(&results.0, 0), floods[0]);
        // 64 floods that never reach into the upper half of the range come once in 2^64 runs.
        assert!((0..64).any(|position| one.flooding(&results.0, position) >> (FLOODING_BITS - 1) == 1));
    }

    #[test]
    fn structures_that_nobody_can_have_are_refused() {
        for structure in [&[(3, 0)][..], &[(3, 4)], &[(3, 2), (32, 17)], &[]] {
            assert!(matches!(deal(key(), structure), Err(ReplicatedError::Structure { .. })));
        }
        assert_eq!(subsets(4, 2), [[1, 2], [1, 3], [1, 4], [2, 3], [2, 4], [3, 4]]);
        assert_eq!([summands(4, 2), summands(9, 4), summands(1, 0)], [6, 126, 1]);
    }
}
