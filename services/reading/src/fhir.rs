//! Reading FHIR R4: Bundles and single resources.
//!
//! Kept true: what is not on the allow-list of [`resource`] is passed over in the text and never becomes a value;
//! a number keeps every digit that was written ([`number`]); a date keeps its own offset from UTC ([`effective`]).
//! Errors: what a resource says wrongly is a [`crate::refusal::Reason`]. Cost: a resource is parsed once, in the pass
//! that it is for.

pub(crate) mod bundle;
pub mod effective;
pub(crate) mod number;
pub mod resource;
