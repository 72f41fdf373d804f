//! The tally lane: values are encrypted under the collective key, proven well-formed, added up as
//! ciphertexts, and opened as sums by a threshold of custodians in every jurisdiction.
//!
//! The mathematics is in [`tally_lane`]. One module a mathematical object: [`key`] the collective key,
//! [`elgamal`] the ciphertexts, [`batch`] proving and verifying what a provider sends, [`tally`] sums,
//! [`share`] decryption shares, [`dlog`] the number behind a decrypted sum, [`custody`] how the custodians
//! come by their keys and endorse a trust root with them. Beside it, [`pseudonym`]: the same custodians' other key, by
//! which providers give one person one pseudonym. Of the cross lane: [`replicated`] shares of its key, [`summand`] the
//! proof of what is decrypted with them ([`summand_shares`]).
//!
//! Pure: no files, no network, no clock; randomness comes from the caller. Secrets are overwritten when they
//! are dropped, have no `Debug` that prints them, and are worked on in constant time; functions over
//! public data run in variable time.

mod bulletproof;
mod contribution;
mod equality;
#[cfg(test)]
mod fixture;
mod generators;
mod polynomial;
mod range;
mod sigma;
mod transcript;
mod weighted_sum;

pub mod batch;
pub mod custody;
pub mod dlog;
pub mod elgamal;
pub mod encoding;
pub mod key;
pub mod pseudonym;
pub mod replicated;
pub mod share;
pub mod summand;
pub mod tally;

#[doc = include_str!("../docs/summand-shares.md")]
pub mod summand_shares {}

#[doc = include_str!("../docs/tally-lane.md")]
pub mod tally_lane {}

pub use bulletproof::RangeProofError;
pub use elgamal::MessagePoint;
