//! Everything in Nacre that crosses a boundary: the types, their one canonical encoding, the
//! catalogue of measures, the limits. No I/O, no network, no group arithmetic.
//!
//! Inside hashes and signatures a value has exactly one form, [`canonical`]; outside it is JSON
//! (or TOML for the trust root), with fixed-size byte strings as lower-case hex. Points and scalars are
//! carried as bytes: `nacre-zk` alone decides whether they are valid group elements.

pub mod anchor;
pub mod answer;
pub mod batch;
pub mod bytes;
pub mod canonical;
pub mod catalogue;
pub mod cell;
pub mod ceremony;
pub mod cohort;
pub mod confirmation;
pub mod contribution;
pub mod cross;
pub mod decimal;
pub mod dossier;
pub mod entry;
pub mod equivocation;
pub mod erasure;
pub mod evidence;
pub mod grant;
pub mod id;
pub mod identity;
#[cfg(feature = "json-schema")]
mod json_schema;
pub mod limits;
pub mod log;
pub mod measure;
pub mod members;
pub mod membership;
pub mod preview;
pub mod problem;
pub mod pseudonym;
pub mod query;
pub mod receipt;
pub mod region;
pub mod release;
pub mod signed;
pub mod summand;
pub mod topology;
pub mod trust;

pub use bytes::{Blob, Digest, Point, Scalar, Signature, SigningPublicKey};
pub use canonical::{Decode, DecodeError, Document, Encode};
pub use signed::{Label, Signed, Statement};
