//! What anyone can check offline, with the trust root alone: admissions, requests, dossiers, answers, receipts,
//! releases, evidence. No socket, no database, no clock; the same code serves the custodian before it answers, the client
//! before it asks, and the researcher years later.
//!
//! Kept true: nothing is taken from a peer that is not checked here; every [`Failure`] names the check, and the chain,
//! group or custodian it failed at. What a check rests on without seeing it is listed in [`release::Report`].
//!
//! Cost: a release of c cells with b bands decodes (2 + b)·c points (4 µs each) and hashes a few times as many bytes.

pub mod anchor;
pub mod answer;
pub mod cells;
pub mod confirmation;
pub mod cross;
pub mod dispute;
pub mod dossier;
pub mod epoch;
pub mod equivocation;
pub mod erasure;
pub mod evidence;
pub mod failure;
pub mod figures;
pub mod grant;
pub mod lineage;
pub mod logged;
pub mod members;
pub mod membership;
pub mod network;
pub mod note;
pub mod numbers;
pub mod receipt;
pub mod release;
pub mod sums;

pub use dossier::CheckedDossier;
pub use failure::{Check, Failure};
pub use lineage::{Lineage, Named};
pub use network::Network;
pub use sums::GroupKeys;
