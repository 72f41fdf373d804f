//! Membership: who was admitted to what, by which jurisdiction's authority. Entries of a main chain.

use crate::{
    Signed, SigningPublicKey,
    canonical::Item,
    document, enumeration,
    id::{ChainId, JurisdictionId, MemberId, Text},
    statement, structure,
};

enumeration! {
    /// What a member may do.
    pub enum MemberRole {
        /// Posts contributions to the chains named.
        Provider = 1 as "provider",
        /// Asks; reads cells of the chains named.
        Regulator = 2 as "regulator",
        /// Reads details of cells of the chains named, those of its own jurisdiction; of all chains the numbers, and of
        /// main chains the log.
        Custodian = 3 as "custodian",
        /// Closes epochs of the chains named, and anchors them.
        Operator = 4 as "operator",
        /// Reads the bodies of the chains named, those of its own jurisdiction, to check and countersign them.
        Witness = 5 as "witness",
        /// Computes requests of the cross lane, on inputs of all chains, for the custodians of its own jurisdiction.
        Evaluator = 6 as "evaluator",
    }
}

impl Item for ChainId {
    const MAX_COUNT: usize = crate::limits::MAX_CHAINS;
}

structure! {
    /// An admission, signed by the jurisdiction's authority with its SM2 key.
    pub struct Membership {
        /// The name that the member goes by.
        pub member: MemberId,
        /// What it may do.
        pub role: MemberRole,
        /// Who admitted it.
        pub jurisdiction: JurisdictionId,
        /// Where.
        pub chains: Vec<ChainId>,
        /// Its SM2 key for what it signs.
        pub signing_key: SigningPublicKey,
        /// Its P-384 key for access tokens (`private_key_jwt`, ES384), PEM of the SubjectPublicKeyInfo in one line:
        /// base64 of the DER.
        pub access_key: Text<256>,
    }
}
document!(Membership, b"NcMb", 8_192);
statement!(Membership, "nacre membership v1\n");
document!(Signed<Membership>, b"NcSm", 8_192);

impl Item for Membership {
    const MAX_COUNT: usize = 4_096;
}
