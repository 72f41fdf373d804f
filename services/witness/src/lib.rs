//! A witness: countersigns a chain's checkpoint if it extends all that it countersigned before.
//!
//! ```text
//! submission → chain's signature → extends the last? → (full) fetch, check and mirror what is new → keep → register → countersign
//! ```
//!
//! * [`witness`]: the rules of <https://c2sp.org/tlog-witness>, with SM2 cosignatures; equivocation.
//! * [`mirror`]: what a full witness does first: every entry with its body, every proof, each record once, every seal's
//!   cells and sums.
//! * [`store`]: what it has countersigned and mirrored, in one SQLite file.
//! * [`register`]: what it countersigned last, kept apart from that file; [`renewal`]: how an operator renews it.
//!
//! Kept true: what was countersigned is durable before the countersignature leaves, in two places that are not restored
//! together; of one chain everything ever countersigned is one growing list, whatever is deleted, put back or garbled of
//! the one place or the other; a full witness has checked every entry under what it countersigns, with its body,
//! or on the word of an earlier quorum where the body was erased since.
//!
//! What whoever controls a witness gains: it can withhold its countersignature; it can countersign two histories, which
//! gets neither final while fewer than a third of a chain's witnesses do so; a full witness also sees the bodies of its
//! chains, ephemeral keys among them, and no restricted part. If it countersigns false seals, its jurisdiction's
//! custodians and all others answer them: that is why it is run by others than the exchange.
//!
//! Errors: statuses as the protocol has them, with a line of text; [`OpenError`] before it serves. Cost: an SM2 check and
//! signature and one fsync a submission; a full witness 0.4 ms of a core a contribution.

mod config;
mod mirror;
mod register;
pub mod renewal;
mod routes;
mod store;
mod witness;

pub use config::Config;
pub use routes::{ServeError, serve};
pub use store::StoreError;
pub use witness::OpenError;
