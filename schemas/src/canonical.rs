//! The canonical binary encoding: one byte string for one value.
//!
//! Integers are big-endian and of fixed width; byte strings and texts carry a `u32` length, lists a
//! `u32` count; an option is a byte 0 or 1; a variant is a byte; a structure is its fields in the order
//! of declaration. A [`Document`] (whatever is hashed, signed or sent as a whole) opens with a
//! four-byte type tag and a version byte, so no two types share an encoding.
//!
//! Decoding refuses what is not canonical (a flag other than 0 or 1, text that is not UTF-8, bytes
//! left over) and checks every length against its cap and against what is left of the input before
//! anything is allocated. Cost: one pass, memory proportional to the input.
//!
//! An encoder made with [`Encoder::tracing`] also records where each leaf field lies
//! ([`fields`]), so a test can change every field of a message in turn without knowing its layout.

use std::ops::Range;

use crate::bytes::Digest;

/// Why bytes are not the canonical encoding of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends inside a field.
    #[error("{what}: the input ends {missing} bytes early")]
    Truncated {
        /// The field or type being read.
        what: &'static str,
        /// Bytes that are missing, at least.
        missing: usize,
    },
    /// A length or count is over its cap.
    #[error("{what}: {found} exceeds the limit of {limit}")]
    TooLong {
        /// The field or type being read.
        what: &'static str,
        /// The length or count found.
        found: usize,
        /// The largest accepted.
        limit: usize,
    },
    /// The type tag or version is another's.
    #[error("this is not a {expected} of a version known here")]
    WrongDocument {
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The bytes could stand for the value, but are not its one encoding, or stand for no value.
    #[error("{what}: {reason}")]
    Invalid {
        /// The field or type being read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes follow the value.
    #[error("{0} bytes follow the end of the message")]
    Trailing(usize),
}

impl DecodeError {
    /// An [`DecodeError::Invalid`] from anything that prints.
    pub fn invalid(what: &'static str, reason: impl ToString) -> Self {
        Self::Invalid { what, reason: reason.to_string() }
    }
}

/// A value with a canonical encoding.
pub trait Encode {
    /// Appends the encoding.
    fn encode(&self, out: &mut Encoder);
}

/// A value that can be read back from its canonical encoding.
pub trait Decode: Sized {
    /// Reads one value from the front of the input.
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError>;
}

/// A type that may stand in a list, with the longest list of it that any message carries.
pub trait Item {
    /// Largest number of items in one list.
    const MAX_COUNT: usize;
}

/// A self-describing message: what is hashed, signed, stored or sent as a whole.
pub trait Document: Encode + Decode {
    /// Four bytes that no other type uses.
    const TAG: [u8; 4];
    /// Raised whenever the layout changes.
    const VERSION: u8 = 1;
    /// The type's name in errors.
    const NAME: &'static str;
    /// The longest encoding accepted, in bytes.
    const MAX_BYTES: usize;

    /// The whole encoding: tag, version, fields.
    fn to_canonical(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        write_document(self, &mut out);
        out.bytes
    }

    /// Reads a whole message; nothing may follow it.
    fn from_canonical(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooLong { what: Self::NAME, found: bytes.len(), limit: Self::MAX_BYTES });
        }
        let mut input = Decoder::new(bytes);
        let head = input.take(5, Self::NAME)?;
        if head[..4] != Self::TAG || head[4] != Self::VERSION {
            return Err(DecodeError::WrongDocument { expected: Self::NAME });
        }
        let value = Self::decode(&mut input)?;
        input.finish()?;
        Ok(value)
    }

    /// SM3 of the whole encoding.
    fn digest(&self) -> Digest {
        Digest::of(&self.to_canonical())
    }
}

fn write_document<D: Document>(document: &D, out: &mut Encoder) {
    out.raw(&D::TAG);
    out.raw(&[D::VERSION]);
    document.encode(out);
}

/// One leaf field of an encoding: its path, as `openings.proof.responses[3]`, and where its bytes lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Names of the fields that lead to it, joined by points; list positions in brackets.
    pub path: String,
    /// Its bytes in the encoding, any length prefix included.
    pub bytes: Range<usize>,
}

/// The leaf fields of a message's encoding, in order. They cover it but for the tag and version.
pub fn fields<D: Document>(document: &D) -> (Vec<u8>, Vec<Field>) {
    let mut out = Encoder::tracing();
    write_document(document, &mut out);
    let fields = out.trace.map(|trace| trace.fields).unwrap_or_default();
    (out.bytes, fields)
}

struct Trace {
    path: Vec<String>,
    fields: Vec<Field>,
}

/// Collects an encoding.
#[derive(Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    trace: Option<Trace>,
}

impl Encoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that also records the place of each leaf field.
    pub fn tracing() -> Self {
        Self { bytes: Vec::new(), trace: Some(Trace { path: Vec::new(), fields: Vec::new() }) }
    }

    /// Appends bytes as they are: fixed-size material only.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a `u32` length and the bytes.
    ///
    /// Everything encoded was either decoded under a cap or built under one, far below `u32::MAX`.
    pub fn sized(&mut self, bytes: &[u8]) {
        self.raw(&(bytes.len() as u32).to_be_bytes());
        self.raw(bytes);
    }

    /// Encodes a field under its name.
    pub fn field(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        let before = match &mut self.trace {
            Some(trace) => {
                trace.path.push(name.to_owned());
                trace.fields.len()
            }
            None => 0,
        };
        write(self);
        let end = self.bytes.len();
        if let Some(trace) = &mut self.trace {
            if trace.fields.len() == before && end > start {
                trace.fields.push(Field { path: trace.path.join(".").replace(".[", "["), bytes: start..end });
            }
            trace.path.pop();
        }
    }

    /// The bytes collected.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads an encoding from the front.
pub struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(DecodeError::Truncated { what, missing: count - self.rest.len() }),
        }
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    /// A `u32` length no larger than `limit`, and as many bytes.
    pub fn sized(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = u32::decode(self)? as usize;
        if length > limit {
            return Err(DecodeError::TooLong { what, found: length, limit });
        }
        self.take(length, what)
    }

    /// Fails unless all was read.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Encode for $integer {
            fn encode(&self, out: &mut Encoder) {
                out.raw(&self.to_be_bytes());
            }
        }
        impl Decode for $integer {
            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(input.array(stringify!($integer))?))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64);

impl Encode for bool {
    fn encode(&self, out: &mut Encoder) {
        out.raw(&[u8::from(*self)]);
    }
}

impl Decode for bool {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::invalid("flag", format!("{other} is neither 0 nor 1"))),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            None => out.field("present", |out| false.encode(out)),
            Some(value) => {
                out.field("present", |out| true.encode(out));
                out.field("value", |out| value.encode(out));
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(input)? { Some(T::decode(input)?) } else { None })
    }
}

impl<T: Encode + Item> Encode for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        out.field("count", |out| (self.len() as u32).encode(out));
        for (position, item) in self.iter().enumerate() {
            out.field(&format!("[{position}]"), |out| item.encode(out));
        }
    }
}

impl<T: Decode + Item> Decode for Vec<T> {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let count = u32::decode(input)? as usize;
        if count > T::MAX_COUNT {
            return Err(DecodeError::TooLong { what: "list", found: count, limit: T::MAX_COUNT });
        }
        // An item takes a byte at least, so what is reserved is bounded by what was sent.
        let mut items = Self::with_capacity(count.min(input.rest.len()));
        for _ in 0..count {
            items.push(T::decode(input)?);
        }
        Ok(items)
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    fn encode(&self, out: &mut Encoder) {
        for (position, item) in self.iter().enumerate() {
            out.field(&format!("[{position}]"), |out| item.encode(out));
        }
    }
}

impl<T: Decode, const N: usize> Decode for [T; N] {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut items = Vec::with_capacity(N);
        for _ in 0..N {
            items.push(T::decode(input)?);
        }
        items.try_into().map_err(|_| DecodeError::invalid("array", "wrong length"))
    }
}

/// Declares a structure whose canonical encoding is its fields in order, and whose JSON is an object
/// that takes no unknown member. It may have one type parameter.
#[macro_export]
macro_rules! structure {
    ($(#[$meta:meta])* pub struct $name:ident $(<$parameter:ident>)? {
        $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
    }) => {
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub struct $name $(<$parameter>)? { $($(#[$field_meta])* pub $field: $type,)* }

        impl $(<$parameter: $crate::canonical::Encode>)? $crate::canonical::Encode for $name $(<$parameter>)? {
            fn encode(&self, out: &mut $crate::canonical::Encoder) {
                $(out.field(stringify!($field), |out| $crate::canonical::Encode::encode(&self.$field, out));)*
            }
        }

        impl $(<$parameter: $crate::canonical::Decode>)? $crate::canonical::Decode for $name $(<$parameter>)? {
            fn decode(input: &mut $crate::canonical::Decoder<'_>) -> Result<Self, $crate::canonical::DecodeError> {
                Ok(Self { $($field: $crate::canonical::Decode::decode(input)?,)* })
            }
        }
    };
}

/// Declares an enumeration without data: a byte in the canonical encoding, a word in JSON.
#[macro_export]
macro_rules! enumeration {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal as $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize)]
        #[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant = $code,)* }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that stands for it in JSON and on the command line.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|variant| variant.word() == text).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|variant| variant.word()).collect();
                    format!("`{text}` is not one of {}", words.join(", "))
                })
            }
        }

        // By its word alone: a derived implementation would take `{"word": null}` too.
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(::serde::de::Error::custom)
            }
        }

        impl $crate::canonical::Encode for $name {
            fn encode(&self, out: &mut $crate::canonical::Encoder) {
                out.raw(&[*self as u8]);
            }
        }

        impl $crate::canonical::Decode for $name {
            fn decode(input: &mut $crate::canonical::Decoder<'_>) -> Result<Self, $crate::canonical::DecodeError> {
                match <u8 as $crate::canonical::Decode>::decode(input)? {
                    $($code => Ok(Self::$variant),)*
                    other => Err($crate::canonical::DecodeError::invalid(stringify!($name), format!("no variant {other}"))),
                }
            }
        }
    };
}

/// Names the tag and cap of a type that is hashed, signed or sent as a whole.
#[macro_export]
macro_rules! document {
    ($name:ty, $tag:literal, $max_bytes:expr) => {
        impl $crate::canonical::Document for $name {
            const TAG: [u8; 4] = *$tag;
            const NAME: &'static str = stringify!($name);
            const MAX_BYTES: usize = $max_bytes;
        }
    };
}
