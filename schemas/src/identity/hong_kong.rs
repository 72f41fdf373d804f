//! Hong Kong identity cards: letters weigh 10 (A) to 35 (Z), a space before a single letter 36, all characters count 9, 8,
//! … 1 times, the check character (A for 10) once, and the sum is a multiple of 11.

use super::{IdentityError, digit};

/// Characters besides the letters: 6 digits and the check character.
const AFTER_LETTERS: usize = 7;
/// What the space before a single letter weighs.
const SPACE: u32 = 36;

/// Checks `A1234563` or `AB1234569`.
pub(super) fn check(characters: &[u8]) -> Result<(), IdentityError> {
    let letters = characters.len().checked_sub(AFTER_LETTERS).filter(|letters| (1..=2).contains(letters));
    let (letters, rest) = characters.split_at(letters.ok_or(IdentityError::Form)?);
    let letters: Option<Vec<u32>> = letters.iter().map(|letter| letter_weight(*letter)).collect();
    let digits: Option<Vec<u32>> = rest[..AFTER_LETTERS - 1].iter().map(|byte| digit(*byte)).collect();
    let last = match rest[AFTER_LETTERS - 1] {
        b'A' => Some(10),
        other => digit(other),
    };
    let (Some(letters), Some(digits), Some(last)) = (letters, digits, last) else { return Err(IdentityError::Form) };
    let space = (letters.len() == 1).then_some(SPACE);
    let all = space.into_iter().chain(letters).chain(digits).chain([last]);
    let sum: u32 = all.zip((1..=9).rev()).map(|(weight, times)| weight * times).sum();
    if sum.is_multiple_of(11) { Ok(()) } else { Err(IdentityError::CheckCharacter) }
}

fn letter_weight(byte: u8) -> Option<u32> {
    byte.is_ascii_uppercase().then(|| u32::from(byte - b'A') + 10)
}
