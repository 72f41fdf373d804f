//! Statements, and the form in which a signature comes with one.
//!
//! Kept true: what is signed is a statement's label followed by its canonical bytes. The label is a constant of the
//! statement's type, so no signer and no verifier can take a wrong one; and no label is a prefix of another, so a signature over
//! one kind of message never passes as one over another kind. Making and checking signatures is `nacre-ledger`'s.
//!
//! Most statements travel as [`Signed`]. The others have a structure of their own, whose signature is detached: it holds what is
//! signed along with more ([`SignedRequest`](crate::query::SignedRequest),
//! [`SignedCrossConfirmation`](crate::cross::SignedCrossConfirmation)), or only what the statement follows from
//! ([`Batch`](crate::batch::Batch), [`CrossDelivery`](crate::cross::CrossDelivery)).

use crate::{
    bytes::Signature,
    canonical::{Document, Item},
    structure,
};

/// What signed bytes start with: printable ASCII that ends in its only line end, as `nacre erasure v1\n`.
///
/// So no label is a prefix of another, and the border between label and message is unambiguous. Labels are global: a label names its
/// program, its kind of message and a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(&'static str);

impl Label {
    /// The label of that text.
    ///
    /// # Panics
    ///
    /// If the text is not printable ASCII followed by a line end. In a constant that is an error of compilation.
    pub const fn new(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        assert!(bytes.len() > 1 && bytes[bytes.len() - 1] == b'\n', "a label is a line with its end");
        let mut position = 0;
        while position < bytes.len() - 1 {
            assert!(matches!(bytes[position], b' '..=b'~'), "a label is one line of printable ASCII");
            position += 1;
        }
        Self(text)
    }

    /// The text, with its line end.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The text's bytes, with its line end.
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

/// A document that is signed.
pub trait Statement: Document {
    /// What comes before its canonical bytes when it is signed. No other type has it.
    const LABEL: Label;
}

/// Makes a document a [`Statement`], by its label.
#[macro_export]
macro_rules! statement {
    ($name:ty, $label:literal) => {
        impl $crate::signed::Statement for $name {
            const LABEL: $crate::signed::Label = $crate::signed::Label::new($label);
        }
    };
}

structure! {
    /// A statement with an SM2 signature over its label and canonical bytes. The statement says whose signature it is.
    #[cfg_attr(feature = "json-schema", schemars(rename = "Signed{T}"))]
    pub struct Signed<T> {
        /// What is signed.
        pub statement: T,
        /// The signature.
        pub signature: Signature,
    }
}

/// As many as there may be statements in a list.
impl<T: Item> Item for Signed<T> {
    const MAX_COUNT: usize = T::MAX_COUNT;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_with_its_end() {
        assert_eq!(Label::new("nacre test v1\n").as_bytes(), b"nacre test v1\n");
        for bad in
            ["", "\n", "nacre test v1", "nacre\ntest v1\n", "nacre test v1\n\n", "nacre test v1\r\n", "nacre tést v1\n"]
        {
            assert!(std::panic::catch_unwind(|| Label::new(bad)).is_err(), "{bad:?}");
        }
    }
}
