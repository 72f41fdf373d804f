//! Problems as RFC 9457 has them (`application/problem+json`): what went wrong, where, and whether to try again.

use serde::{Deserialize, Serialize};

/// Whether sending the same again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Not as it is.
    No,
    /// Yes, unchanged, a little later.
    Later,
    /// Yes, after fetching a new access token.
    WithNewToken,
}

/// A problem. Nothing of a person is ever in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[error("{title}: {detail}")]
pub struct Problem {
    /// `urn:nacre:problem:` and a word; the word is what programs go by.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, for people.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was wrong this time, and what to do.
    pub detail: String,
    /// Position of the offending entry in what was sent, from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<u32>,
    /// The check that failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub check: Option<String>,
    /// Whether sending the same again can help.
    pub retry: Retry,
    /// After how many seconds, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// What every problem's type begins with.
    pub const TYPE_PREFIX: &str = "urn:nacre:problem:";

    /// A problem that will not go away by trying again.
    pub fn new(status: u16, word: &str, title: &str, detail: impl ToString) -> Self {
        Self {
            kind: format!("{}{word}", Self::TYPE_PREFIX),
            title: title.to_owned(),
            status,
            detail: detail.to_string(),
            entry: None,
            check: None,
            retry: Retry::No,
            retry_after_s: None,
        }
    }

    /// The same, at that entry.
    pub fn at_entry(mut self, entry: usize) -> Self {
        self.entry = u32::try_from(entry).ok();
        self
    }

    /// The same, by that check.
    pub fn by_check(mut self, check: impl ToString) -> Self {
        self.check = Some(check.to_string());
        self
    }

    /// The same, with advice on trying again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same, to be sent again after so many seconds.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry = Retry::Later;
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// The word after the prefix.
    pub fn word(&self) -> &str {
        self.kind.strip_prefix(Self::TYPE_PREFIX).unwrap_or(&self.kind)
    }
}
