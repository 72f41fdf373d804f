//! Whether a server is fit for work, and why not: what `GET /readyz` answers.
//!
//! Kept true: reasons are words of the program and texts for its operator; nothing of a person, key or token is in one.

use nacre_wire::operation::Reason;

/// One reason why a server is not fit for all of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl From<Lack> for Reason {
    fn from(Lack { what, why }: Lack) -> Self {
        Self { what: what.to_owned(), why }
    }
}
