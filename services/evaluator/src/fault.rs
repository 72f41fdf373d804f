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
use nacre_wire::{
    custodian::CHAIN_UNAVAILABLE,
    evaluator::{FALSE_INPUTS, INPUTS_REFUSED, TOO_MANY_PEOPLE},
    problem::{CHECK_FAILED, INTERNAL},
};

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
                CHAIN_UNAVAILABLE.problem(detail)
            }
            Self::Exchange { chain, error } => {
                let detail = match error.problem() {
                    Some(problem) => format!("{chain} refuses its inputs: {problem}"),
                    None => format!("{chain} hands over no inputs"),
                };
                INPUTS_REFUSED.problem(detail)
            }
            Self::FalseInputs { .. } => FALSE_INPUTS.problem(self),
            Self::Request(failure) => CHECK_FAILED.problem(failure).by_check(failure.check),
            Self::Fhe(error @ FheError::TooMany { .. }) => {
                let detail = format!("{error}: ask on fewer chains, or for fewer months");
                TOO_MANY_PEOPLE.problem(detail)
            }
            Self::File(_) | Self::NoInputs(_) => INTERNAL.problem("the evaluator cannot keep what it computes"),
            Self::Fhe(_) | Self::Interrupted | Self::Stopped => {
                // Begun again, the job would come to the same.
                INTERNAL.problem("the evaluator could not finish the computation").retry(Retry::No)
            }
        }
    }
}
