//! The embedded append-only chain: what it proves, signs and keeps on disk.
//!
//! * [`merkle`]: the RFC 6962 tree over SM3 and its proofs (inclusion, consistency, a run of leaves).
//! * [`signing`]: SM2 identities and the labels that keep one kind of signed message from passing as another.
//! * [`sealing`]: small secrets encrypted to an SM2 key.
//! * [`note`]: checkpoints as signed notes, witnesses' cosignatures, when a checkpoint is final.
//! * [`log`]: the log itself: segments of checksummed frames, one writer, group commit, recovery.
//! * [`tile`]: hash tiles and bundles of entries, which anyone can fetch, keep for ever and prove from.
//! * [`seal`]: the root over an epoch's cells, and proofs for a run of them.
//!
//! Everything but [`log`] is pure: no files, no threads, no clock. The offline verifier uses that part.
//! Verification never panics, whatever the bytes; proving and appending report our own mistakes as errors of
//! another type than a peer's.

pub mod log;
pub mod merkle;
pub mod note;
pub mod seal;
pub mod sealing;
pub mod signing;
pub mod tile;

/// Longest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 4_096;
