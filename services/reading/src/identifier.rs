//! The identifier that names a person to its provider.
//!
//! Kept true: it is overwritten when dropped, and does not print.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr as _,
};

use nacre_schemas::id::Text;
use zeroize::Zeroizing;

use crate::refusal::Reason;

/// The longest identifier of a person, in bytes.
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 256;

/// The value of the identifier that names a person. It is overwritten when dropped and does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonId(Zeroizing<String>);

impl PersonId {
    /// The person of that identifier: 1 to 256 bytes without control characters.
    pub fn new(value: &str) -> Result<Self, Reason> {
        let usable = !value.trim().is_empty() && Text::<MAX_IDENTIFIER_BYTES>::from_str(value).is_ok();
        if usable { Ok(Self(Zeroizing::new(value.to_owned()))) } else { Err(Reason::UnusablePersonIdentifier) }
    }

    /// The identifier's bytes, for the provider's own HMACs and nothing else.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Hash for PersonId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonId(…)")
    }
}
