//! Identity numbers of the three jurisdictions: recognised by their form, brought to one spelling, checked where a rule
//! for it is published.
//!
//! | kind | form | checked |
//! |---|---|---|
//! | mainland | 18 characters (GB 11643-1999); 15 digits of the form before are converted | birth date; last character by ISO 7064 MOD 11-2 |
//! | Hong Kong | one or two letters, 6 digits, check character in parentheses or not | check character, modulo 11 |
//! | Macao | 7 digits, the first of them 1, 5 or 7, and a check digit in parentheses or not | form alone: its rule is not published |
//!
//! Kept true: one number has one spelling, whatever widths, spaces, hyphens and cases it was typed in, and its kind stands
//! before it, so no number of one kind is one of another. A number with a mistyped digit would name somebody else, or
//! nobody, for good: what fails its check is refused. Residence permits of people from Hong Kong, Macao and Taiwan, and
//! of foreigners since 2023, are numbered as the mainland's and count as such; who has two numbers is two people here.
//!
//! Errors: [`IdentityError`]; none holds a character of the number. Numbers are overwritten when dropped and do not
//! print. Cost: one pass over at most [`MAX_TEXT_CHARACTERS`] characters.

mod hong_kong;
mod macao;
mod mainland;

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use crate::{
    canonical::{Encode, Encoder},
    enumeration,
};

/// The longest text that is looked at, in characters: a number with room for spaces.
pub const MAX_TEXT_CHARACTERS: usize = 64;

enumeration! {
    /// Who gave the number.
    pub enum IdentityKind {
        /// The mainland's citizen identification number.
        Mainland = 1 as "mainland",
        /// The number of a Hong Kong identity card.
        HongKong = 2 as "hong-kong",
        /// The number of a Macao resident identity card.
        Macao = 3 as "macao",
    }
}

/// Why a text is no identity number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum IdentityError {
    /// Nothing, too much, or not as any of the numbers is written.
    #[error("this has not the form of an identity number of the mainland, Hong Kong or Macao")]
    Form,
    /// The date of birth in it is no date.
    #[error("the date of birth in the identity number is no date")]
    BirthDate,
    /// Its check character is another's: a character was mistyped.
    #[error("the check character of the identity number is wrong")]
    CheckCharacter,
}

/// An identity number in its one spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityNumber {
    kind: IdentityKind,
    /// ASCII: digits and capital letters.
    characters: Zeroizing<String>,
}

impl IdentityNumber {
    /// Who gave it.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// Its canonical bytes: the kind, then the characters as a text.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Encoder::new();
        self.kind.encode(&mut out);
        out.sized(self.characters.as_bytes());
        Zeroizing::new(out.into_bytes())
    }

    fn new(kind: IdentityKind, characters: &str) -> Self {
        Self { kind, characters: Zeroizing::new(characters.to_owned()) }
    }
}

impl FromStr for IdentityNumber {
    type Err = IdentityError;

    /// Recognises a number by its form: no two kinds share one.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let plain = plain(text)?;
        let bytes = plain.as_bytes();
        match bytes {
            [b'A'..=b'Z', ..] => hong_kong::check(bytes).map(|()| Self::new(IdentityKind::HongKong, &plain)),
            _ if bytes.len() == macao::LENGTH => macao::check(bytes).map(|()| Self::new(IdentityKind::Macao, &plain)),
            _ => mainland::spelled_out(bytes).map(|number| Self::new(IdentityKind::Mainland, &number)),
        }
    }
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityNumber(…)")
    }
}

/// Digits and capital letters alone: full-width characters as ASCII, lower case as upper, without spaces, hyphens and
/// the parentheses around a last character.
fn plain(text: &str) -> Result<Zeroizing<String>, IdentityError> {
    // Reserved in full, so that no copy stays behind in an outgrown buffer.
    let mut plain = Zeroizing::new(String::with_capacity(MAX_TEXT_CHARACTERS));
    if text.chars().count() > MAX_TEXT_CHARACTERS {
        return Err(IdentityError::Form);
    }
    for character in text.chars().map(half_width).filter(|character| !is_separator(*character)) {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '(' | ')' => plain.push(character.to_ascii_uppercase()),
            _ => return Err(IdentityError::Form),
        }
    }
    let length = plain.len();
    if length > 3 && plain.ends_with(')') && plain.as_bytes()[length - 3] == b'(' {
        plain.remove(length - 1);
        plain.remove(length - 3);
    }
    if plain.contains(['(', ')']) { Err(IdentityError::Form) } else { Ok(plain) }
}

/// The ASCII character that a full-width one stands for (U+FF01 to U+FF5E).
fn half_width(character: char) -> char {
    match u32::from(character) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(character),
        _ => character,
    }
}

/// Spaces of any width, and hyphens, dashes and the minus sign.
fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The value of a digit; none if it is none.
fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests;
