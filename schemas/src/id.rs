//! Names that appear in messages: short, printable, and safe in a path, a log line and a URL.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    limits,
};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

fn check_name(text: &str, extra: &[u8]) -> Result<(), String> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        return Err(format!("a name has 1 to {MAX_NAME_BYTES} bytes, this one {}", text.len()));
    }
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || extra.contains(&byte);
    match text.bytes().find(|byte| !allowed(*byte)) {
        Some(_) => Err("a name is made of a-z, 0-9 and `-`".to_owned()),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $extra:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                check_name(text, $extra)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Encoder) {
                out.sized(self.0.as_bytes());
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let bytes = input.sized(MAX_NAME_BYTES, stringify!($name))?;
                let text = std::str::from_utf8(bytes).map_err(|error| DecodeError::invalid(stringify!($name), error))?;
                text.parse().map_err(|error| DecodeError::invalid(stringify!($name), error))
            }
        }
    };
}

name!(
    /// A provider, regulator, researcher or operator: the name it was admitted under.
    MemberId, b"."
);
name!(
    /// A network: `gba.nacre.example`. Checkpoints' origins begin with it.
    NetworkId, b"."
);
name!(
    /// `guangdong`, `hongkong` or `macao`: whose custodians hold one share of the collective key.
    JurisdictionId, b""
);
name!(
    /// A chain: `main/health`, `region/440100`, `scene/fitness`, `judicial`.
    ChainId, b"/"
);
name!(
    /// A measure without its version: `systolic-bp`.
    MeasureId, b""
);

impl ChainId {
    /// The name in one path segment of a URL or file system: `region-440100`.
    pub fn slug(&self) -> String {
        self.0.replace('/', "-")
    }
}

impl Item for MemberId {
    const MAX_COUNT: usize = 4_096;
}

impl Item for MeasureId {
    const MAX_COUNT: usize = limits::MAX_MEASURES;
}

/// A text that people read: at most `MAX` bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX {
            return Err(format!("the text has {} bytes, at most {MAX} are taken", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err("the text holds control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode(&self, out: &mut Encoder) {
        out.sized(self.0.as_bytes());
    }
}

impl<const MAX: usize> Decode for Text<MAX> {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let text =
            std::str::from_utf8(input.sized(MAX, "text")?).map_err(|error| DecodeError::invalid("text", error))?;
        text.parse().map_err(|error| DecodeError::invalid("text", error))
    }
}

/// A signed note, as text: the only texts with line ends that messages carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteText(String);

impl NoteText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NoteText {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > crate::limits::MAX_NOTE_BYTES {
            return Err(format!(
                "the note has {} bytes, at most {} are taken",
                text.len(),
                crate::limits::MAX_NOTE_BYTES
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NoteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NoteText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NoteText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Encode for NoteText {
    fn encode(&self, out: &mut Encoder) {
        out.sized(self.0.as_bytes());
    }
}

impl Decode for NoteText {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let bytes = input.sized(crate::limits::MAX_NOTE_BYTES, "note")?;
        let text = std::str::from_utf8(bytes).map_err(|error| DecodeError::invalid("note", error))?;
        text.parse().map_err(|error| DecodeError::invalid("note", error))
    }
}
