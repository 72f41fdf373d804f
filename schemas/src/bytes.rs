//! Fixed-size byte strings of the protocol, and capped variable ones. In JSON they are lower-case hex.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sm3::{Digest as _, Sm3};

use crate::canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item};

macro_rules! fixed_bytes {
    ($(#[$meta:meta])* $name:ident, $size:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Length in bytes.
            pub const SIZE: usize = $size;

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let mut bytes = [0; $size];
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err("hex is written in lower case".to_owned());
                }
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|error| format!("expected {} hex digits: {error}", 2 * $size))?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Encoder) {
                out.raw(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Ok(Self(input.array(stringify!($name))?))
            }
        }
    };
}

fixed_bytes!(
    /// An SM3 digest (GB/T 32905), a Merkle root, or a record id (HMAC-SM3) or a pseudonym.
    Digest, 32
);
fixed_bytes!(
    /// An encoded ristretto255 element; whether it decodes to one is `nacre-zk`'s to say.
    Point, 32
);
fixed_bytes!(
    /// An encoded scalar modulo ℓ, little-endian; whether it is reduced is `nacre-zk`'s to say.
    Scalar, 32
);
fixed_bytes!(
    /// An SM2 signature (GB/T 32918.2) as `r‖s`.
    Signature, 64
);
fixed_bytes!(
    /// An SM2 public key: an uncompressed SEC 1 point, `04‖x‖y`.
    SigningPublicKey, 65
);

impl Digest {
    /// SM3 of the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// SM3 of the parts, one after the other. The caller sees to it that the borders are unambiguous.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sm3::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl Item for Digest {
    const MAX_COUNT: usize = 65_536;
}
impl Item for Point {
    const MAX_COUNT: usize = 64;
}

/// Bytes of variable length, at most `MAX`.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Blob<MAX> {
    /// Takes the bytes if they fit.
    pub fn new(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        if bytes.len() > MAX {
            return Err(DecodeError::TooLong { what: "byte string", found: bytes.len(), limit: MAX });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Serialize for Blob<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Blob<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Self::new(bytes).map_err(D::Error::custom)
    }
}

impl<const MAX: usize> Encode for Blob<MAX> {
    fn encode(&self, out: &mut Encoder) {
        out.sized(&self.0);
    }
}

impl<const MAX: usize> Decode for Blob<MAX> {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.sized(MAX, "byte string")?.to_vec()))
    }
}
