//! The cross lane: statistics over pairs of values of one person that came from different providers.
//!
//! Providers encrypt the bits of a value and its cross band ([`list`]); evaluators, who hold no secret, compute a
//! cross-table ([`crosstab`]) or conditional means ([`conditional`]), set small cells to zero ([`suppress`]) and squash the
//! noise of what is left ([`squash`]); custodians of all jurisdictions decrypt in shares (`nacre_zk::replicated`).
//! [`matching`] says who is counted, [`job`] puts the steps in their order.
//!
//! Everything an evaluator does is deterministic: integer sums in any order, and a Fourier transform whose algorithm is
//! fixed. Two evaluators on processors of one kind get the same words; [`arithmetic`] tells beforehand.

pub mod arithmetic;
pub mod conditional;
pub mod crosstab;
mod error;
pub mod job;
mod key_file;
pub mod keys;
pub mod list;
mod look_up;
pub mod matching;
pub mod params;
mod random;
pub mod squash;
pub mod suppress;
pub mod tally;
pub mod wire;

pub use error::FheError;

#[cfg(test)]
mod tests;
