//! Progress: what a query is doing, for whoever waits.

/// A stage of a query, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Asking each chain for its latest seal.
    Seals,
    /// Asking a custodian what would be withheld.
    Previewing,
    /// Logging the request on a main chain.
    Logging,
    /// Fetching cells, chain by chain.
    Cells,
    /// Checking the dossier.
    Checking,
    /// Waiting for evaluators, in twentieths of the slowest.
    Evaluating,
    /// Asking the custodians of the chains' jurisdictions to confirm the chains' sums; counted in valid findings.
    Confirming,
    /// Asking custodians; counted in valid answers.
    Custodians,
    /// Opening sums, group by group.
    Opening,
    /// Checking the release as anyone would.
    Verifying,
    /// Publishing the release on the main chain.
    Publishing,
}

impl Stage {
    /// What is being done.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seals => "looking up seals",
            Self::Previewing => "asking what would be withheld",
            Self::Logging => "logging the request",
            Self::Cells => "fetching cells",
            Self::Checking => "checking the dossier",
            Self::Evaluating => "computing on ciphertexts",
            Self::Confirming => "confirming sums",
            Self::Custodians => "asking custodians",
            Self::Opening => "opening sums",
            Self::Verifying => "verifying the release",
            Self::Publishing => "publishing the release",
        }
    }
}

/// Told how far a query is. Called often: it must not block.
pub trait Progress: Send + Sync {
    /// `done` of `total` steps of the stage are done. A stage begins with none done.
    fn report(&self, stage: Stage, done: usize, total: usize);
}

/// Tells nobody.
impl Progress for () {
    fn report(&self, _: Stage, _: usize, _: usize) {}
}
