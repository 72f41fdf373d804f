//! Why a query has no answer. Each variant says whose doing it is: ours, an exchange's, the custodians'.

use std::{fmt, path::PathBuf, time::Duration};

use nacre_access::client::{ClientError, quorum::WAS_LATE};
use nacre_hosting::{key::KeyFileError, trust::TrustError};
use nacre_schemas::{
    answer::CustodianId,
    id::{ChainId, JurisdictionId},
    problem::Problem,
    query::{GroupKey, Quantity},
    release::Release,
};
use nacre_verifier::Failure;

use crate::question::QuestionError;

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The asker's: the question cannot be asked.
    #[error("the question: {0}")]
    Question(QuestionError),
    /// Ours: a file could not be read as what it should be.
    #[error("cannot use {}: {reason}", .path.display())]
    OwnFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Ours: a key.
    #[error(transparent)]
    OwnKey(#[from] KeyFileError),
    /// Ours: the trust root in the file does not hold, or names another catalogue than this build carries.
    #[error(transparent)]
    OwnTrust(#[from] TrustError),
    /// Ours: the trust root lacks what the question takes.
    #[error("the trust root: {0}")]
    OwnTrustRoot(Failure),
    /// Ours: the configuration lacks an address, or has one that is none.
    #[error("the configuration's address of {whom}: {reason}")]
    OwnAddresses {
        /// Whose address.
        whom: String,
        /// What is wrong.
        reason: String,
    },
    /// Ours: no randomness, or a thread that stopped.
    #[error("this machine: {0}")]
    OwnMachine(String),
    /// A chain has sealed nothing yet.
    #[error(
        "{chain} has sealed no epoch yet, so there is nothing to ask it; its operator closes one with `nacre exchange seal CONFIG`"
    )]
    ChainWithoutSeal {
        /// The chain.
        chain: ChainId,
    },
    /// An exchange cannot be reached, or does not speak as one.
    #[error("the exchange of {chain}, when {doing}: {reason}")]
    ExchangeUnreachable {
        /// The chain.
        chain: ChainId,
        /// What was asked of it.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// An exchange refused.
    #[error("the exchange of {chain} refuses, when {doing}: {problem}")]
    ExchangeRefused {
        /// The chain.
        chain: ChainId,
        /// What was asked of it.
        doing: &'static str,
        /// What it says.
        problem: Box<Problem>,
    },
    /// An exchange's evidence does not hold; the failure's place names the chain.
    #[error("an exchange's evidence does not hold: {0}")]
    ExchangeFalse(Failure),
    /// Too few custodians of a jurisdiction answered, or confirmed the sums of its chains.
    #[error("{jurisdiction} does not consent: {got} of its custodians answered, it takes {needed}{}", reasons(.faults))]
    NoConsent {
        /// The jurisdiction.
        jurisdiction: JurisdictionId,
        /// How many it takes.
        needed: usize,
        /// How many valid answers or findings there are.
        got: usize,
        /// Why the others did not count.
        faults: Vec<CustodianFault>,
    },
    /// No custodian gave a preview.
    #[error("no custodian gave a preview{}", reasons(.faults))]
    NoPreview {
        /// Why not, by custodian.
        faults: Vec<CustodianFault>,
    },
    /// The shares open to no possible integer: some chain's signed sums are not those of its cells, though the
    /// custodians of its own jurisdiction answered for them.
    #[error(
        "{quantity} of the group {group} opens to no possible integer ({reason}): a chain signed other sums than those \
         of its cells"
    )]
    ChainSumsFalse {
        /// The group.
        group: GroupKey,
        /// The quantity.
        quantity: Quantity,
        /// What was tried.
        reason: String,
    },
    /// The asker's: there are more records than a sum can be searched for in. (Or a chain overstates them.)
    #[error("{quantity} of the group {group}: {reason}; group or narrow the question so that fewer records add up")]
    TooWide {
        /// The group.
        group: GroupKey,
        /// The quantity.
        quantity: Quantity,
        /// How wide.
        reason: String,
    },
    /// The configuration names no evaluator of a jurisdiction, or it cannot be reached, or it fails.
    #[error("the evaluator of {jurisdiction}: {reason}")]
    Evaluator {
        /// The jurisdiction.
        jurisdiction: JurisdictionId,
        /// What happened, and whether to ask again.
        reason: String,
    },
    /// Evaluators computed different things.
    #[error("the evaluators do not agree: {0}; nobody opens a result that they do not all confirm")]
    EvaluatorsDiffer(String),
    /// What the evaluators agree on is not what was asked.
    #[error("the evaluators' result does not hold: {0}")]
    EvaluatorFalse(Failure),
    /// Custodians' shares do not open the result.
    #[error("the custodians' shares do not open the result: {0}")]
    CrossShares(Failure),
    /// Ours: the release made does not pass its own verification.
    #[error("the release made here does not verify: {0}")]
    OwnRelease(Failure),
    /// The release holds, but the main chain has not published it. It is not lost: it is in here.
    #[error("the release is made and holds, but {chain} has not published it: {reason}")]
    NotPublished {
        /// The main chain.
        chain: ChainId,
        /// What happened.
        reason: String,
        /// The release.
        release: Box<Release>,
    },
}

/// A custodian that did not answer, or not as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodianFault {
    /// Who.
    pub custodian: CustodianId,
    /// What was wrong.
    pub cause: FaultCause,
}

impl fmt::Display for CustodianFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.custodian, self.cause)
    }
}

/// What was wrong with a custodian.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultCause {
    /// The configuration has no address for it.
    #[error("not asked, its address is not known")]
    NoAddress,
    /// It cannot be reached, or does not speak as a custodian.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// It was late: enough others had answered by then.
    #[error("{}", WAS_LATE)]
    Late,
    /// It sent a problem, unsigned.
    #[error("turned away: {0}")]
    TurnedAway(Box<Problem>),
    /// It refused, signed.
    #[error("refused because check {check} failed: {detail}")]
    Refused {
        /// The check that failed.
        check: String,
        /// What it says.
        detail: String,
    },
    /// Its answer or refusal does not hold: a false share, another's signature.
    #[error("its word is false: {0}")]
    False(Failure),
    /// Its answer holds, but it withholds what others opened. The rules leave no room for that: either it or they are
    /// wrong.
    #[error("withholds {quantity} of the group {group} ({rule}), which others opened")]
    Dissent {
        /// The group.
        group: GroupKey,
        /// The quantity.
        quantity: Quantity,
        /// The rule it names.
        rule: nacre_schemas::answer::Rule,
    },
}

impl From<QuestionError> for QueryError {
    /// It is part of the text, so it is not named as a cause once more.
    fn from(error: QuestionError) -> Self {
        Self::Question(error)
    }
}

impl FaultCause {
    /// What a call that failed says of the custodian that was called.
    pub(crate) fn of(error: ClientError) -> Self {
        match error {
            ClientError::Problem(received) => Self::TurnedAway(Box::new(received.problem)),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

fn reasons(faults: &[CustodianFault]) -> String {
    faults.iter().map(|fault| format!("; {fault}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_consent_says_whose_and_why() {
        let custodian = |number| CustodianId { jurisdiction: "macao".parse().unwrap(), number };
        let refused = FaultCause::Refused { check: "chain-sums".to_owned(), detail: "they differ".to_owned() };
        let faults = vec![
            CustodianFault { custodian: custodian(1), cause: FaultCause::Timeout(Duration::from_secs(60)) },
            CustodianFault { custodian: custodian(2), cause: refused },
        ];
        let error = QueryError::NoConsent { jurisdiction: "macao".parse().unwrap(), needed: 2, got: 1, faults };
        assert_eq!(
            error.to_string(),
            "macao does not consent: 1 of its custodians answered, it takes 2; macao-1: no answer within 60s; \
             macao-2: refused because check chain-sums failed: they differ"
        );
    }
}
