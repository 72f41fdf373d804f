//! What differs between generating a key and sharing it anew; everything else about a ceremony is the same.

use std::collections::BTreeMap;

use nacre_schemas::id::JurisdictionId;
use nacre_zk::custody::{
    CustodyError, KeyShare,
    ceremony::{self, Committed, Dealing, Dealt},
    resharing::{self, Dealer, Resharing},
};
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::error::CeremonyError;

/// Which protocol is run.
#[derive(Clone, Debug)]
pub(super) enum Scheme {
    /// A new key among custodians 1 to n.
    Generation { jurisdiction: JurisdictionId, threshold: u16, custodians: u16 },
    /// The same key among others.
    Resharing(Resharing),
}

/// What a dealer broadcast, with what it is called.
pub(super) struct Sent {
    pub(super) sender: String,
    pub(super) bytes: Vec<u8>,
}

/// By dealer's number.
pub(super) type Commitments = BTreeMap<u16, Sent>;

/// A state for a secret file.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// The state behind, and the dealings by receiver's number.
pub(super) type Dealings = (Secret, BTreeMap<u16, Dealing>);

impl Scheme {
    /// Chooses a polynomial: the state for the next round, and what to broadcast. A resharing takes the dealer's share.
    pub(super) fn begin(&self, number: u16, share: Option<&KeyShare>) -> Result<(Secret, Vec<u8>), CeremonyError> {
        match self {
            Self::Generation { jurisdiction, threshold, custodians } => {
                let (state, commitment) = Committed::begin(jurisdiction, number, *threshold, *custodians, &mut OsRng)?;
                Ok((state.to_bytes()?, commitment.to_bytes()?))
            }
            Self::Resharing(resharing) => {
                let share = share.ok_or(CeremonyError::NoOldShare(number))?;
                let (state, commitment) = Dealer::begin(resharing, share, &mut OsRng)?;
                Ok((state.to_bytes()?, commitment.to_bytes()?))
            }
        }
    }

    /// Deals, upon everyone's commitments. From the same state, the same dealings.
    pub(super) fn deal(&self, number: u16, state: &[u8], commitments: &Commitments) -> Result<Dealings, CeremonyError> {
        match self {
            Self::Generation { .. } => {
                let others = others(commitments, number)?;
                let (dealt, dealings) = Committed::from_bytes(state)?.deal(&others)?;
                Ok((dealt.to_bytes()?, dealings))
            }
            Self::Resharing(resharing) => {
                let all = read(commitments, resharing::Commitment::from_bytes)?;
                Ok((Secret::default(), Dealer::from_bytes(state)?.deal(resharing, &all)?))
            }
        }
    }

    /// The share of custodian `number`, from what was dealt to it, by dealer's number. What one deals oneself is part of
    /// the state in a generation, and a dealing like any other in a resharing.
    pub(super) fn receive(
        &self,
        number: u16,
        state: &[u8],
        commitments: &Commitments,
        dealings: &BTreeMap<u16, Dealing>,
    ) -> Result<KeyShare, CeremonyError> {
        match self {
            Self::Generation { .. } => {
                let others = others(commitments, number)?;
                Ok(Dealt::from_bytes(state, &others)?.finish(dealings)?)
            }
            Self::Resharing(resharing) => {
                let all = read(commitments, resharing::Commitment::from_bytes)?;
                Ok(resharing.receive(number, &all, dealings)?)
            }
        }
    }

    /// Whether a dealer sends a dealing to itself.
    pub(super) fn deals_to_itself(&self) -> bool {
        matches!(self, Self::Resharing(_))
    }
}

fn others(commitments: &Commitments, own: u16) -> Result<BTreeMap<u16, ceremony::Commitment>, CeremonyError> {
    let mut others = read(commitments, ceremony::Commitment::from_bytes)?;
    others.remove(&own);
    Ok(others)
}

fn read<C>(
    commitments: &Commitments,
    decode: impl Fn(&[u8]) -> Result<C, CustodyError>,
) -> Result<BTreeMap<u16, C>, CeremonyError> {
    let one = |(number, sent): (&u16, &Sent)| {
        let commitment =
            decode(&sent.bytes).map_err(|reason| CeremonyError::Unreadable { sender: sent.sender.clone(), reason })?;
        Ok((*number, commitment))
    };
    commitments.iter().map(one).collect()
}
