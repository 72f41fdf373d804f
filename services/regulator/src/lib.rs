//! The regulator's client: from a question to a published release that anyone can verify.
//!
//! The client needs no trust in exchanges or custodians, and has none: it checks what each says, blames whoever is
//! wrong by name, and asks another custodian where one fails. Nor does anyone trust the client: custodians check its
//! dossier, the world checks its release. What whoever controls this client gains is what the rules release, and which
//! groups are too small for it.
//!
//! * [`Question`]: what is asked, as people put it.
//! * [`query`]: asks it. [`preview`]: asks what would be withheld, without asking.
//! * [`cross_query`]: asks about pairs of values.
//! * [`Progress`]: how far it is. [`QueryError`]: whose doing it is that there is no answer.

mod config;
mod consent;
mod cross;
mod error;
mod evaluators;
mod exchange;
mod opening;
mod progress;
mod query;
mod question;
#[cfg(test)]
mod scene;

pub use config::{Config, CustodianAddress};
pub use consent::CUSTODIAN_TIMEOUT;
pub use cross::{CrossAnswered, CrossQuestion, NamedMeasure, cross_query};
pub use error::{CustodianFault, FaultCause, QueryError};
pub use progress::{Progress, Stage};
pub use query::{Outcome, Previewed, preview, query};
pub use question::{Context, Question, QuestionError};
