//! What a long run is doing, for a progress bar.

use serde::Serialize;

/// A stage of a run. Each has a total, in the unit that its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Files are read for their people, in bytes.
    People,
    /// Files are read for their observations, in bytes.
    Observations,
    /// Custodians are asked for people's pseudonyms.
    Pseudonyms,
    /// Records are sealed.
    Sealing,
    /// Batches are posted.
    Posting,
}

/// Told of a run's progress, from several threads.
pub trait Progress: Send + Sync {
    /// A stage begins, of so many parts.
    fn stage(&self, stage: Stage, total: u64);
    /// So many more parts of it are done.
    fn advance(&self, parts: u64);
}

/// Nobody looks.
impl Progress for () {
    fn stage(&self, _: Stage, _: u64) {}
    fn advance(&self, _: u64) {}
}
