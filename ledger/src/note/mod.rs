//! Signed notes: what a chain says of itself, and who else has seen it.
//!
//! Kept true: a note has one text; what is signed is that text under a label, so a checkpoint's
//! signature is no cosignature and the other way round. [`checkpoint`] is the chain's word, [`quorum`] the
//! witnesses', [`submission`] how the one asks for the other. Errors name the signer at fault. Cost: an SM2 check for each signature looked at.

pub mod checkpoint;
pub mod quorum;
pub mod submission;
mod text;

pub use checkpoint::{Checkpoint, NoteError, SignedCheckpoint};
pub use quorum::{Finality, PolicyError, PolicyWitness, QuorumError, WitnessPolicy};
pub use submission::Submission;
