//! Why a request is refused as a whole: a check that failed, and where.
//!
//! Kept true: a fault never holds a number of people nor a sum, for its text is signed, logged and sent to the
//! requester.

use nacre_schemas::{
    Digest,
    answer::{CustodianId, Refusal},
    cohort::CellKey,
    id::ChainId,
    measure::MeasureRef,
    query::{GroupKey, Quantity},
};
use nacre_verifier::{Check, Failure};

/// The longest detail of a refusal, in bytes.
const MAX_DETAIL_BYTES: usize = 1_024;

/// A check that failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The public part or the signed sums do not hold.
    #[error(transparent)]
    Evidence(#[from] Failure),
    /// The catalogue has no such measure.
    #[error("the catalogue has no measure {0}")]
    UnknownMeasure(MeasureRef),
    /// The request names a definition that the catalogue does not have for its measure.
    #[error("the request's definition of {0} is not the catalogue's")]
    OtherDefinition(MeasureRef),
    /// The chain's exchange will not show the details behind its cells.
    #[error("{chain} does not show the details of its cells: {reason}")]
    DetailsRefused {
        /// The chain.
        chain: ChainId,
        /// What its exchange says.
        reason: String,
    },
    /// The details are not of the request's seals and cells.
    #[error("{chain}: the details are of other cells than the request holds, from seal {seal} on")]
    OtherCells {
        /// The chain.
        chain: ChainId,
        /// The first seal that differs.
        seal: u64,
    },
    /// A detail is not the one its sealed cell commits to.
    #[error("{chain}, seal {seal}: the detail shown is not the one sealed in the cell {cell}")]
    FalseDetail {
        /// The chain.
        chain: ChainId,
        /// The seal.
        seal: u64,
        /// The cell.
        cell: CellKey,
    },
    /// A sealed cell's detail holds what no honest seal can: a point that is none, or numbers beyond all bounds.
    #[error("{chain}, seal {seal}: the cell {cell} cannot be added up: {reason}")]
    ImpossibleCell {
        /// The chain.
        chain: ChainId,
        /// The seal.
        seal: u64,
        /// The cell.
        cell: CellKey,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain signed other sums than its sealed cells add up to.
    #[error("{chain} signed other sums than its sealed cells add up to, in the group {group}")]
    FalseSums {
        /// The chain.
        chain: ChainId,
        /// The first group that differs.
        group: GroupKey,
    },
    /// The numbers that the chains show a custodian are of other groups than the dossier's.
    #[error("the chains show no numbers of the group {0}")]
    Undecided(GroupKey),
    /// The network has a cross lane, and this custodian no part in it.
    #[error("this custodian holds no share of the cross lane's key")]
    NoCrossShare,
    /// A digit of a cross result.
    #[error("a digit of the result cannot be answered: {0}")]
    CrossDigit(String),
    /// A request logged before asks something else about the same values.
    #[error(
        "the request logged at {earlier} asks another question about values of a measure, chain and month of this one; \
         together they could tell of fewer people than the minimum"
    )]
    CrossOverlap {
        /// Where the other stands in the main chain.
        earlier: u64,
    },
    /// An ephemeral key over all chains cannot be answered: the identity, or no group element.
    #[error("the key of {quantity} in the group {group} cannot be answered: {reason}")]
    UnanswerableKey {
        /// The group.
        group: GroupKey,
        /// The quantity.
        quantity: Quantity,
        /// Why not.
        reason: String,
    },
}

impl Fault {
    /// The check that failed.
    pub fn check(&self) -> Check {
        match self {
            Self::Evidence(failure) => failure.check,
            Self::UnknownMeasure(_) | Self::OtherDefinition(_) => Check::Definition,
            Self::DetailsRefused { .. }
            | Self::OtherCells { .. }
            | Self::FalseDetail { .. }
            | Self::ImpossibleCell { .. }
            | Self::FalseSums { .. } => Check::ChainDetails,
            Self::Undecided(_) => Check::ChainNumbers,
            Self::UnanswerableKey { .. } => Check::ChainSums,
            Self::NoCrossShare | Self::CrossDigit(_) => Check::CrossResult,
            Self::CrossOverlap { .. } => Check::Disclosure,
        }
    }

    /// The refusal that says so.
    pub fn refusal(&self, request: Digest, custodian: CustodianId) -> Refusal {
        let check = self.check().word().parse().expect("a check's word is short and printable");
        let detail = printable(&self.to_string()).parse().expect("cut to length, control characters replaced");
        Refusal { request, custodian, check, detail }
    }
}

/// The text without control characters, cut at a character's border to what a refusal takes.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars().map(|character| if character.is_control() { ' ' } else { character }) {
        if out.len() + character.len_utf8() > MAX_DETAIL_BYTES {
            break;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_exchange_says_fits_a_refusal() {
        let reason = format!("line\nline {}", "长".repeat(2_000));
        let fault = Fault::DetailsRefused { chain: "region/440100".parse().unwrap(), reason };
        let custodian = CustodianId { jurisdiction: "guangdong".parse().unwrap(), number: 1 };
        let refusal = fault.refusal(Digest([1; 32]), custodian);
        assert_eq!(refusal.check.as_str(), "chain-details");
        assert!(refusal.detail.as_str().starts_with("region/440100 does not show"));
        assert!(refusal.detail.as_str().len() <= MAX_DETAIL_BYTES);
    }
}
