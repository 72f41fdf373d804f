//! Reading FHIR R4: single resources; Bundles are taken apart by `bundle`.
//!
//! Kept true: what is not on the allow-lists of [`resource`] and `observation` is passed over in the text and never becomes a value;
//! a number keeps every digit that was written; a date keeps its own offset from UTC. Errors: what a resource says wrongly is a
//! [`Reason`](crate::Reason). Cost: a resource is parsed once, in the pass that it is for.

mod observation;
pub mod resource;

pub use observation::observation;
