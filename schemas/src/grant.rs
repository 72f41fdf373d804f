//! Grants: who else may read a record, for what and until when, on its provider's word; their revocation; and each access.
//!
//! All three are logged on the record's chain, which holds their digests. The payload's key is encrypted (SM2) to the
//! grantee and travels beside the grant, which has its digest: the key can be destroyed while the grant stays what it was.

use crate::{
    Blob, Digest, Signed,
    canonical::{Document as _, Item},
    contribution::Restricted,
    document,
    dossier::Inclusion,
    entry::Entry,
    enumeration,
    evidence::Evidence,
    id::{ChainId, MemberId},
    limits, statement, structure,
};

enumeration! {
    /// What a record is read for: codes of HL7's PurposeOfUse (v3 ActReason), which FHIR Consent uses.
    pub enum Purpose {
        /// Treatment.
        Treatment = 1 as "TREAT",
        /// Treatment in an emergency.
        Emergency = 2 as "ETREAT",
        /// Care management.
        CareManagement = 3 as "CAREMGT",
        /// What the patient asked for.
        PatientRequest = 4 as "PATRQT",
        /// Healthcare research.
        Research = 5 as "HRESCH",
        /// Public health.
        PublicHealth = 6 as "PUBHLTH",
        /// Healthcare operations.
        Operations = 7 as "HOPERAT",
        /// Payment.
        Payment = 8 as "HPAYMT",
    }
}

structure! {
    /// What is granted. Its digest is the context that the payload's key is encrypted in.
    pub struct Terms {
        /// The record's chain.
        pub chain: ChainId,
        /// The record.
        pub record: Digest,
        /// Leaf hash of its entry.
        pub entry: Digest,
        /// Who grants: the record's provider.
        pub provider: MemberId,
        /// Who may read it.
        pub grantee: MemberId,
        /// For what.
        pub purpose: Purpose,
        /// Until when, exclusive: Unix seconds.
        pub until: u64,
    }
}
document!(Terms, b"NcGt", 1_024);

structure! {
    /// A grant, signed by the provider with its SM2 key.
    pub struct Grant {
        /// What is granted.
        pub terms: Terms,
        /// Digest of the payload's key as it is encrypted to the grantee.
        pub key: Digest,
    }
}
document!(Grant, b"NcGr", 1_024);
statement!(Grant, "nacre grant v1\n");
document!(Signed<Grant>, b"NcSg", 1_024);

impl Signed<Grant> {
    /// Its entry; the digest in it is the grant's name.
    pub fn entry(&self) -> Entry {
        Entry::Grant(self.digest())
    }
}

/// A payload's key, encrypted to a grantee: an SM2 ciphertext of the terms' digest and 16 bytes, 145 in all.
pub type SealedKey = Blob<256>;

structure! {
    /// A grant as it is sent.
    pub struct NewGrant {
        /// The grant.
        pub signed: Signed<Grant>,
        /// The payload's key, encrypted to the grantee.
        pub key: SealedKey,
    }
}
document!(NewGrant, b"NcNg", 2_048);

structure! {
    /// The end of a grant before its time, signed by the provider with its SM2 key.
    pub struct Revocation {
        /// The chain.
        pub chain: ChainId,
        /// Digest of the signed [`Grant`].
        pub grant: Digest,
        /// Who revokes: whoever granted.
        pub provider: MemberId,
    }
}
document!(Revocation, b"NcRv", 1_024);
statement!(Revocation, "nacre revocation v1\n");
document!(Signed<Revocation>, b"NcGv", 1_024);

structure! {
    /// A grantee's word that it reads a record now, signed with its SM2 key.
    pub struct Access {
        /// The chain.
        pub chain: ChainId,
        /// Digest of the signed [`Grant`].
        pub grant: Digest,
        /// Who reads.
        pub grantee: MemberId,
        /// When, by its clock: Unix seconds.
        pub at: u64,
        /// Random: each access is an entry of its own.
        pub nonce: Digest,
    }
}
document!(Access, b"NcAx", 1_024);
statement!(Access, "nacre access v1\n");
document!(Signed<Access>, b"NcSx", 1_024);

structure! {
    /// A granted record, as its exchange hands it to the grantee.
    pub struct Delivery {
        /// The grant.
        pub grant: Signed<Grant>,
        /// The grant's place under the evidence's checkpoint.
        pub grant_inclusion: Inclusion,
        /// The access's place under it.
        pub access_inclusion: Inclusion,
        /// The payload's key, encrypted to the grantee.
        pub key: SealedKey,
        /// That the record stands in its chain; without anchors.
        pub evidence: Evidence,
        /// The restricted part, with the payload. Its digest is in the evidence.
        pub restricted: Restricted,
    }
}
document!(Delivery, b"NcDl", 4 << 20);

enumeration! {
    /// Whether a grant counts.
    pub enum GrantState {
        /// It does.
        InForce = 1 as "in-force",
        /// Its time is over.
        Expired = 2 as "expired",
        /// It was revoked.
        Revoked = 3 as "revoked",
        /// Its record was erased.
        Erased = 4 as "erased",
    }
}

structure! {
    /// A grant that was logged, as its exchange knows it.
    pub struct LoggedGrant {
        /// The grant.
        pub signed: Signed<Grant>,
        /// Its leaf.
        pub leaf: u64,
        /// Whether it counts.
        pub state: GrantState,
        /// How often the record was read by it.
        pub accesses: u64,
    }
}

impl Item for LoggedGrant {
    const MAX_COUNT: usize = limits::MAX_GRANTS_PAGE;
}

structure! {
    /// Grants of a chain that a member gave or was given, in the order of their leaves.
    pub struct GrantsPage {
        /// The grants.
        pub grants: Vec<LoggedGrant>,
        /// Where to go on, if there may be more.
        pub next: Option<u64>,
    }
}
