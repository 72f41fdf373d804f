//! Macao resident identity cards: `1234567(8)`, the first digit telling who first issued the card. How the check digit
//! follows is not published, so a mistyped digit is not found here.

use super::IdentityError;

/// Digits, the check digit among them.
pub(super) const LENGTH: usize = 8;

/// Checks the form.
pub(super) fn check(characters: &[u8]) -> Result<(), IdentityError> {
    let form = characters.len() == LENGTH && characters.iter().all(u8::is_ascii_digit);
    if form && matches!(characters[0], b'1' | b'5' | b'7') { Ok(()) } else { Err(IdentityError::Form) }
}
