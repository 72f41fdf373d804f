//! Scopes: what a token lets its bearer do. A member's role settles which it may ask for.

use std::{fmt, str::FromStr};

use nacre_schemas::membership::MemberRole;

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Post batches.
    BatchesWrite,
    /// Read the cells of a logged request.
    CellsRead,
    /// Read what the cells of a logged request are made of.
    DetailsRead,
    /// Read how many contributions of whom the cells of a request hold.
    NumbersRead,
    /// Follow a main chain, with the requests and admissions that it logs.
    LogRead,
    /// Log requests and releases.
    LogWrite,
    /// Close epochs.
    SealsWrite,
    /// Ask a custodian for its answer.
    AnswersRequest,
    /// Read the bodies behind a chain's entries.
    BodiesRead,
    /// Anchor checkpoints of child chains.
    AnchorsWrite,
    /// Have records of one's own erased.
    ErasuresWrite,
    /// Read all that a chain has on a record of one's own.
    EvidenceRead,
    /// Log disputes.
    DisputesWrite,
    /// Read a chain's inputs to a request of the cross lane.
    CrossRead,
    /// Have a request of the cross lane computed.
    CrossCompute,
    /// Ask a custodian for its part of pseudonyms.
    PseudonymsRequest,
    /// Grant records of one's own to others, and revoke grants.
    GrantsWrite,
    /// See the grants that one gave or was given, and read records by them.
    GrantsRead,
}

/// A word that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such scope")]
pub struct UnknownScope;

impl Scope {
    /// Every scope, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::BatchesWrite,
        Self::CellsRead,
        Self::DetailsRead,
        Self::NumbersRead,
        Self::LogRead,
        Self::LogWrite,
        Self::SealsWrite,
        Self::AnswersRequest,
        Self::BodiesRead,
        Self::AnchorsWrite,
        Self::ErasuresWrite,
        Self::EvidenceRead,
        Self::DisputesWrite,
        Self::CrossRead,
        Self::CrossCompute,
        Self::PseudonymsRequest,
        Self::GrantsWrite,
        Self::GrantsRead,
    ];

    /// The word in tokens and token requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BatchesWrite => "batches.write",
            Self::CellsRead => "cells.read",
            Self::DetailsRead => "details.read",
            Self::NumbersRead => "numbers.read",
            Self::LogRead => "log.read",
            Self::LogWrite => "log.write",
            Self::SealsWrite => "seals.write",
            Self::AnswersRequest => "answers.request",
            Self::BodiesRead => "bodies.read",
            Self::AnchorsWrite => "anchors.write",
            Self::ErasuresWrite => "erasures.write",
            Self::EvidenceRead => "evidence.read",
            Self::DisputesWrite => "disputes.write",
            Self::CrossRead => "cross.read",
            Self::CrossCompute => "cross.compute",
            Self::PseudonymsRequest => "pseudonyms.request",
            Self::GrantsWrite => "grants.write",
            Self::GrantsRead => "grants.read",
        }
    }

    /// What members of that role may ask for.
    pub fn of_role(role: MemberRole) -> &'static [Self] {
        match role {
            MemberRole::Provider => &[
                Self::BatchesWrite,
                Self::ErasuresWrite,
                Self::EvidenceRead,
                Self::DisputesWrite,
                Self::PseudonymsRequest,
                Self::GrantsWrite,
                Self::GrantsRead,
            ],
            MemberRole::Regulator => {
                &[Self::CellsRead, Self::LogWrite, Self::AnswersRequest, Self::DisputesWrite, Self::CrossCompute]
            }
            MemberRole::Custodian => &[Self::DetailsRead, Self::NumbersRead, Self::LogRead],
            MemberRole::Operator => &[Self::SealsWrite, Self::AnchorsWrite],
            MemberRole::Witness => &[Self::BodiesRead],
            MemberRole::Evaluator => &[Self::CrossRead],
        }
    }

    /// What it lets its bearer do, in a sentence.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::BatchesWrite => "Post batches.",
            Self::CellsRead => "Read the cells of a logged request.",
            Self::DetailsRead => "Read what the cells of a logged request are made of.",
            Self::NumbersRead => "Read how many contributions the cells of a request hold, by provider.",
            Self::LogRead => "Follow a main chain, with the requests and admissions that it logs.",
            Self::LogWrite => "Log requests and releases.",
            Self::SealsWrite => "Close epochs.",
            Self::AnswersRequest => "Ask a custodian for its answer.",
            Self::BodiesRead => "Read the bodies behind a chain's entries.",
            Self::AnchorsWrite => "Anchor checkpoints of child chains.",
            Self::ErasuresWrite => "Have records of one's own erased.",
            Self::EvidenceRead => "Read all that a chain has on a record of one's own.",
            Self::DisputesWrite => "Log disputes.",
            Self::CrossRead => "Read a chain's inputs to a request of the cross lane.",
            Self::CrossCompute => "Have a request of the cross lane computed.",
            Self::PseudonymsRequest => "Ask a custodian for its part of pseudonyms.",
            Self::GrantsWrite => "Grant records of one's own to others, and revoke grants.",
            Self::GrantsRead => "See the grants that one gave or was given, and read records by them.",
        }
    }

    /// Its place in [`Scope::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_its_place_its_word_and_a_role() {
        for (place, scope) in Scope::ALL.into_iter().enumerate() {
            assert_eq!(scope.index(), place);
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert!(MemberRole::ALL.iter().any(|role| Scope::of_role(*role).contains(&scope)), "{scope}");
        }
        for word in ["", "batches", "Batches.write", "batches.write ", "*"] {
            assert_eq!(word.parse::<Scope>(), Err(UnknownScope));
        }
    }
}
