//! Why a job has no result, and whether asking again can help.
//!
//! Kept true: what is said to a requester holds no number of people, and nothing of this machine.

use nacre_access::client::ClientError;
use nacre_fhe::FheError;
use nacre_hosting::file::FileError;
use nacre_schemas::{
    id::ChainId,
    problem::{Problem, Retry},
};
use nacre_verifier::Failure;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A chain's exchange gave no inputs.
    #[error("{chain}: {error}")]
    Exchange { chain: ChainId, error: ClientError },
    /// A chain gave inputs that are not what it should give.
    #[error("{chain}: {reason}")]
    FalseInputs { chain: ChainId, reason: String },
    /// What a chain handed over is not where it was kept.
    #[error("{0}: its inputs are not there")]
    NoInputs(ChainId),
    /// The request does not hold, or not any more.
    #[error(transparent)]
    Request(#[from] Failure),
    /// More than is computed.
    #[error(transparent)]
    Fhe(#[from] FheError),
    /// Our own files.
    #[error("a job's file: {0}")]
    File(#[from] FileError),
    /// It was told to stop.
    #[error("it was told to stop")]
    Interrupted,
    /// A thread of ours stopped.
    #[error("the computation stopped")]
    Stopped,
}

impl Fault {
    /// What the requester is told.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Exchange { chain, error } if error.is_retryable() => {
                let detail = format!("{chain} did not hand over its inputs; ask again later");
                Problem::new(503, "chain-unavailable", "Chain unavailable", detail).retry(Retry::Later)
            }
            Self::Exchange { chain, error } => {
                let detail = match error.problem() {
                    Some(problem) => format!("{chain} refuses its inputs: {problem}"),
                    None => format!("{chain} hands over no inputs"),
                };
                Problem::new(502, "inputs-refused", "Inputs refused", detail)
            }
            Self::FalseInputs { .. } => Problem::new(502, "false-inputs", "False inputs", self),
            Self::Request(failure) => {
                Problem::new(422, "check-failed", "Check failed", failure).by_check(failure.check)
            }
            Self::Fhe(error @ FheError::TooMany { .. }) => {
                let detail = format!("{error}: ask on fewer chains, or for fewer months");
                Problem::new(422, "too-many-people", "Too many people", detail)
            }
            Self::File(_) | Self::NoInputs(_) => {
                Problem::new(500, "internal", "Internal error", "the evaluator cannot keep what it computes")
                    .retry(Retry::Later)
            }
            Self::Fhe(_) | Self::Interrupted | Self::Stopped => {
                Problem::new(500, "internal", "Internal error", "the evaluator could not finish the computation")
            }
        }
    }
}
