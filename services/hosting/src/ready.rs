//! Whether a server is fit for work, and why not: what `GET /readyz` answers.
//!
//! Kept true: reasons are words of the program and texts for its operator; nothing of a person, key or token is in one.

use serde::Serialize;

/// One reason why a server is not fit for all of its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// A word, which programs go by: `opening`, `read-only`, `store`, `witnesses`, `disk`, …
    pub what: &'static str,
    /// What it is about, and what to do, for people.
    pub why: String,
}

impl Lack {
    /// Of that word.
    pub fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// What `GET /readyz` answers: 200 if nothing is lacking, otherwise 503.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Why not.
    pub(crate) reasons: Vec<Lack>,
}
