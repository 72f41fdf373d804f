//! An evaluator: computes requests of the cross lane on ciphertexts, for the custodians of its jurisdiction.
//!
//! ```text
//! logged request → check → fetch each chain's inputs → match → add people, chunk by chunk → suppress → squash → sign
//! ```
//!
//! * [`keys`]: the evaluation keys, loaded once.
//! * `inputs`: what chains hand over, and that they signed it.
//! * `jobs`: what was asked, how far each is, what is kept of it over a restart.
//! * `work`: one job, from queued to done.
//! * `folder`: a job's files.
//! * [`recompute`]: a released result, computed again by whoever holds the inputs.
//!
//! Kept true: a result that this evaluator signs it computed itself, from inputs whose chains signed for them, for a request
//! that stands in the log. Whoever computes the same inputs gets the same bytes. Nobody is told how many people were matched:
//! progress is in twentieths, and a result has digits for many more. How long a job takes does tell something of it, as anyone
//! can measure; so does a job that ends in less than a minute.
//!
//! What whoever controls one evaluator gains: ciphertexts of the people a request is about, under a key that no one holds, with names
//! for them that hold for that request; how many were matched, and of which chains; the power to refuse. It cannot make
//! custodians open another result: that takes the evaluators of all jurisdictions.
//!
//! Errors: [`OpenError`] before it serves, problem+json to callers. Cost: see [`nacre_fhe::job`]; 1.2 GB for the keys; at most one
//! job computes at a time.

mod config;
mod evaluator;
mod fault;
mod folder;
mod inputs;
mod jobs;
pub mod keys;
mod recompute;
mod routes;
mod work;

pub use config::Config;
pub use evaluator::{Evaluator, OpenError};
pub use keys::{Keys, KeysError};
pub use recompute::{RecomputeError, Recomputed, recompute};
pub use routes::{PLACES, ServeError, serve, serve_with_keys};
