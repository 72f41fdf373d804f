//! The mainland's citizen identification number (GB 11643-1999): 6 digits of a region, 8 of the date of birth, 3 of a
//! sequence, and a check character by ISO 7064 MOD 11-2, where X is 10. Before 1999 it had 15 digits: no century, no check
//! character; whoever has such a number was born in the 20th.

use zeroize::Zeroizing;

use super::{IdentityError, digit};

const LENGTH: usize = 18;
const OLD_LENGTH: usize = 15;
/// Digits of the region, which stand before the date.
const REGION: usize = 6;

/// The number in 18 characters, checked.
pub(super) fn spelled_out(characters: &[u8]) -> Result<Zeroizing<String>, IdentityError> {
    let mut number = Zeroizing::new(String::with_capacity(LENGTH));
    let body = match characters.len() {
        LENGTH => &characters[..LENGTH - 1],
        OLD_LENGTH => characters,
        _ => return Err(IdentityError::Form),
    };
    for (position, byte) in body.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return Err(IdentityError::Form);
        }
        if position == REGION && body.len() == OLD_LENGTH {
            number.push_str("19");
        }
        number.push(char::from(*byte));
    }
    check_date(&number.as_bytes()[REGION..REGION + 8])?;
    let expected = check_character(number.as_bytes());
    number.push(expected);
    let Some(found) = characters.get(LENGTH - 1) else { return Ok(number) };
    match found {
        found if char::from(*found) == expected => Ok(number),
        b'0'..=b'9' | b'X' => Err(IdentityError::CheckCharacter),
        _ => Err(IdentityError::Form),
    }
}

/// ISO 7064 MOD 11-2 over digits: r ← 2·(r + digit) for each, and the check value makes the sum 1 modulo 11.
fn check_character(digits: &[u8]) -> char {
    let remainder = digits.iter().filter_map(|byte| digit(*byte)).fold(0, |r, digit| 2 * (r + digit) % 11);
    match (12 - remainder) % 11 {
        10 => 'X',
        value => char::from(b'0' + value as u8),
    }
}

/// `YYYYMMDD` of the years 1800 to 2199.
fn check_date(date: &[u8]) -> Result<(), IdentityError> {
    let number = |digits: &[u8]| digits.iter().filter_map(|byte| digit(*byte)).fold(0, |n, digit| 10 * n + digit);
    let (year, month, day) = (number(&date[..4]), number(&date[4..6]), number(&date[6..]));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    let exists = (1800..2200).contains(&year) && (1..=days).contains(&day);
    if exists { Ok(()) } else { Err(IdentityError::BirthDate) }
}
