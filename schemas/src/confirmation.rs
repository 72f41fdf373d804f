//! A confirmation: a custodian's signed word that a chain of its own jurisdiction signed the sums of what it sealed.
//!
//! A decryption share is `x·D_Σ` whatever request it was made for, so no share may be given for a `D_Σ` that only its
//! own chain vouches for. Confirmations of the custodians who see the sealed details are collected first, and every
//! custodian of every jurisdiction checks them before it answers. They are part of the [`crate::dossier::Submission`],
//! for members only, and of no release: a release's shares speak for themselves.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Signed,
    answer::{CustodianId, Refusal},
    canonical::Item,
    document,
    id::ChainId,
    limits, statement, structure,
};

structure! {
    /// What a custodian confirms, and signs with its SM2 key: it compared these sums with the sealed details behind them.
    pub struct Confirmation {
        /// Digest of the [`crate::query::Request`].
        pub request: Digest,
        /// Digest of the chain's [`crate::dossier::ChainSums`].
        pub sums: Digest,
        /// The chain whose sums they are.
        pub chain: ChainId,
        /// Who confirms: a custodian of the chain's own jurisdiction.
        pub custodian: CustodianId,
    }
}
document!(Confirmation, b"NcCo", 1_024);
statement!(Confirmation, "nacre confirmation v1\n");
document!(Signed<Confirmation>, b"NcSc", 1_024);

impl Item for Confirmation {
    const MAX_COUNT: usize = limits::MAX_CHAINS * limits::MAX_CUSTODIANS;
}

/// What a custodian found when it compared its own chains' sums with their sealed details. Either way it is signed,
/// and logged by the custodian before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// One confirmation for each chain of its jurisdiction, in the dossier's order.
    Confirmed(Vec<Signed<Confirmation>>),
    /// Its refusal of the whole.
    Refused(Signed<Refusal>),
}
