//! What stops a request: the caller's fault ([`Refusal`]), ours ([`ExchangeError`]), or a token that does not do.
//!
//! Kept true: our own faults are logged with their cause and answered without it; whatever the fault, the answer is a
//! problem document that says whether to try again.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use nacre_access::{members::MembersError, server::GatekeeperError};
use nacre_hosting::{
    file::FileError, folder::FolderError, host::HostError, key::KeyFileError, problem::ProblemResponse,
    roots::RootsError, sqlite, trust::TrustError,
};
use nacre_ledger::log::LogError;
use nacre_schemas::{
    id::ChainId,
    problem::{Problem, Retry},
};
use nacre_verifier::Failure;

use crate::{
    refusal::Refusal,
    store::{self, StoreError},
};

/// A fault of the exchange or of its disk.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The tables failed.
    #[error("{file}: {0}", file = store::FILE)]
    Store(#[from] StoreError),
    /// A log failed.
    #[error("the log of {chain}: {source}")]
    Log {
        /// The chain.
        chain: ChainId,
        /// What the log says.
        source: Box<LogError>,
    },
    /// Log and tables contradict each other, or a body that an entry commits to is gone. Restore the data folder as a
    /// whole from one backup, or fetch the bodies from a full witness of the chain.
    #[error("{chain}, leaf {leaf}: {what}")]
    Inconsistent {
        /// The chain.
        chain: ChainId,
        /// The entry.
        leaf: u64,
        /// What does not fit.
        what: String,
    },
    /// What a group of batches was admitted with failed, and each of them is told.
    #[error(transparent)]
    OfGroup(Arc<ExchangeError>),
    /// A piece of work panicked: a defect of this program.
    #[error("a piece of work panicked")]
    Panicked,
}

/// Why an exchange does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tables do not open.
    #[error(transparent)]
    Tables(#[from] sqlite::OpenError),
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data folder, or that of the registers.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The cross lane's public key.
    #[error("{path} is not the cross lane's public key: {reason}")]
    CrossKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// What rests on the trust root does not hold.
    #[error(transparent)]
    Network(#[from] Failure),
    /// The trust roots that it keeps.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The admissions cannot be had.
    #[error("the members: {0}")]
    Members(#[from] MembersError),
    /// No access tokens can be issued.
    #[error("access tokens: {0}")]
    Gatekeeper(#[from] GatekeeperError),
    /// A chain's key, or the operator's.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The configuration names a chain twice, or two whose names make one folder.
    #[error("{0} is configured twice")]
    ChainTwice(ChainId),
    /// A witness of a chain cannot be called.
    #[error("the witness {name} of {chain}: {reason}")]
    Witness {
        /// The chain.
        chain: ChainId,
        /// The witness.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The chains cannot be anchored.
    #[error("anchoring: {0}")]
    Anchoring(String),
    /// The configuration names no chain.
    #[error("no chain is configured")]
    NoChains,
    /// The trust root has no such chain.
    #[error("the trust root has no chain {0}")]
    UnknownChain(ChainId),
    /// The data does not open, or does not fit together.
    #[error(transparent)]
    Data(#[from] ExchangeError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Data(error.into())
    }
}

/// Why an exchange stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot be reached.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What a request ends with instead of an answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// The caller's fault.
    Refused(Refusal),
    /// The token's.
    Access(Problem),
    /// Ours.
    Failed(ExchangeError),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Access(problem)
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ExchangeError> for Problem {
    /// Every write here can be repeated unchanged, so the advice is to come back: 503 where the disk or the log may
    /// recover, 500 where a person has to look.
    fn from(error: ExchangeError) -> Self {
        let cause = match &error {
            ExchangeError::OfGroup(cause) => &**cause,
            alone => alone,
        };
        if let ExchangeError::Store(StoreError::TooLarge(number)) = cause {
            return Refusal::Malformed(format!("{number} is larger than any position, count or time here")).into();
        }
        tracing::error!(%error, "a request failed");
        let problem = match cause {
            ExchangeError::Log { source, .. } if matches!(**source, LogError::ReadOnly { .. }) => Self::new(
                503,
                "read-only",
                "Read only",
                "the chain is damaged, was put back to an older state, or has lost its register, and takes nothing until its \
                 operator has repaired it; what was sent was not taken",
            ),
            ExchangeError::Store(_) | ExchangeError::Log { .. } => Self::new(
                503,
                "storage-unavailable",
                "Storage unavailable",
                "the exchange could not store or read its data; whatever was sent may or may not have been taken, and \
                 sending it again unchanged is safe",
            ),
            ExchangeError::Inconsistent { .. } | ExchangeError::OfGroup(_) | ExchangeError::Panicked => Self::new(
                500,
                "internal",
                "Internal error",
                "the exchange failed; its operator finds the cause in its log",
            ),
        };
        problem.retry(Retry::Later)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Refused(refusal) => refusal.into(),
            Self::Access(problem) => problem,
            Self::Failed(error) => error.into(),
        };
        ProblemResponse(problem).into_response()
    }
}
