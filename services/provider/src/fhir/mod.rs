//! Reading FHIR R4: Bundles and single resources in JSON, NDJSON plain or compressed.
//!
//! Kept true: what is not on the allow-list of [`resource`] is passed over in the text and never becomes a value;
//! a number keeps every digit that was written ([`number`]); a date keeps its own offset from UTC ([`effective`]).
//! Errors: what a file says wrongly is a [`crate::refusal::Reason`] at its place; that a file cannot be read at all
//! is an error. Cost: a file is read once for its patients and once for its observations; a Bundle is held whole
//! (at most [`file::MAX_BUNDLE_BYTES`]), NDJSON a line at a time (at most [`file::MAX_LINE_BYTES`]).

pub(crate) mod effective;
pub(crate) mod file;
pub(crate) mod number;
pub(crate) mod resource;
