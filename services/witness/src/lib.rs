//! A witness: countersigns a chain's checkpoint if it extends all that it countersigned before.
//!
//! ```text
//! submission → chain's signature → extends the last? → (full) fetch, check and mirror what is new → keep → countersign
//! ```
//!
//! * [`witness`]: the rules of <https://c2sp.org/tlog-witness>, with SM2 cosignatures; equivocation.
//! * [`mirror`]: what a full witness does first: every entry with its body, every proof, each record once, every seal's
//!   cells and sums.
//! * [`store`]: what it has countersigned and mirrored, in one SQLite file.
//!
//! Kept true: what was countersigned is durable before the countersignature leaves; of one chain everything ever
//! countersigned is one growing list; a full witness has checked every entry under what it countersigns, with its body,
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
mod routes;
mod store;
mod witness;

pub use config::{Config, ConfigError};
pub use routes::{ServeError, serve};
pub use store::StoreError;
pub use witness::OpenError;
