//! A custodian: holds a share of its jurisdiction's key, and gives its part of a decryption only for a sum that the
//! rules release.
//!
//! ```text
//! submission → check → confirm → record → finding
//! submission, with every chain's confirmations → check → decide → share → record → verdict
//! ```
//!
//! * [`check`]: is the dossier what it says, are the keys it asks to answer those of sealed cells, and do the custodians
//!   of every chain's own jurisdiction say so?
//! * [`decide`]: may each quantity of each group be opened? A pure function of k and of people by provider.
//! * [`share`]: shares with proofs, or the rule that forbids it, signed; or a signed refusal of the whole. Also the
//!   signed confirmation of its own chains' sums.
//! * [`ceremony`]: how its share came to be, together with the other custodians of its jurisdiction, and how they endorse
//!   a trust root.
//! * [`cross`]: shares of the cross lane's results.
//! * `previews`: what a requester may be told without its request being logged: so many groups a day.
//! * `pseudonyms`: its part of the pseudonyms that providers ask for, so many people a day each.
//! * [`record`]: every statement in the custodian's own log, before it is sent.
//!
//! What whoever controls one custodian gains: its share of every sum and its part of every pseudonym that it is shown,
//! useless without the other custodians of its threshold and of every other jurisdiction; when which provider had how
//! many people named; how many contributions of whom are in each cell that is asked about, on
//! all chains; the power to refuse.
//! It cannot shift a figure: its shares carry proofs, and a false one names it. Nor can it alone vouch for false sums:
//! that takes a threshold of its jurisdiction's custodians.
//!
//! What it takes on trust: that of any threshold of another jurisdiction's custodians one at least compared its chains'
//! signed sums with the sealed details, as this one does with its own, before it confirmed them ([`details`]); and, of
//! all chains, what their full witnesses vouch for by countersigning: the proofs behind the contributions, that each record is
//! counted once, that cells are the sums of their epochs.

pub mod ceremony;
pub mod check;
mod config;
pub mod cross;
mod custodian;
pub mod decide;
pub mod details;
pub mod disclosure;
pub mod fault;
mod history;
mod own;
mod partition;
mod previews;
mod pseudonyms;
pub mod record;
mod routes;
pub mod share;

pub use config::Config;
pub use custodian::{Custodian, OpenError};
pub use fault::Fault;
pub use routes::{PLACES, ServeError, serve};
