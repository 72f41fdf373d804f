//! Messages of key ceremonies, and of endorsing a trust root between hosts. They travel as JSON files over anything.
//!
//! Every message is a [`Head`] signed by its sender under its SM2 key, and a body that the head names by digest. So a head
//! alone proves what its sender committed to: custodians pass each other the heads they saw, and whoever told one
//! something else than another stands convicted by two signatures.

use crate::{
    Blob, Digest, Point, Signed, SigningPublicKey,
    canonical::{Encode as _, Encoder, Item},
    document, enumeration,
    id::{JurisdictionId, MemberId},
    limits, statement, structure,
};

structure! {
    /// Somebody who takes part in a ceremony.
    pub struct Participant {
        /// What it is called in this ceremony.
        pub name: MemberId,
        /// What its messages are signed with; of a custodian, also what its answers are.
        pub signing_key: SigningPublicKey,
        /// Its number among those who deal: of the old custodians in a resharing.
        pub deals: Option<u16>,
        /// Its number as a custodian afterwards.
        pub receives: Option<u16>,
    }
}

impl Item for Participant {
    /// All old custodians and all new ones.
    const MAX_COUNT: usize = 2 * limits::MAX_CUSTODIANS;
}

structure! {
    /// A custodian's verifying share.
    pub struct NumberedKey {
        /// Its number, from 1.
        pub number: u16,
        /// `X = x·B`.
        pub verifying_share: Point,
    }
}

impl Item for NumberedKey {
    const MAX_COUNT: usize = limits::MAX_CUSTODIANS;
}

structure! {
    /// A jurisdiction's public keys.
    pub struct SharedKey {
        /// `P_j`.
        pub group_key: Point,
        /// How many custodians it takes.
        pub threshold: u16,
        /// `X_{j,i}`, by number.
        pub verifying_shares: Vec<NumberedKey>,
    }
}

enumeration! {
    /// What a key is for. One that served for both would decrypt for whoever asks for pseudonyms.
    pub enum KeyPurpose {
        /// Decrypts sums, and endorses trust roots.
        Decryption = 1 as "decryption",
        /// Makes pseudonyms.
        Pseudonyms = 2 as "pseudonyms",
    }
}

structure! {
    /// What is agreed on before: its digest is in every message.
    pub struct Ceremony {
        /// Whose key.
        pub jurisdiction: JurisdictionId,
        /// What for.
        pub purpose: KeyPurpose,
        /// How many custodians it is to take afterwards.
        pub threshold: u16,
        /// Random: no message of another ceremony among the same people counts in this one.
        pub nonce: Digest,
        /// The key that is shared anew; none if a key is generated.
        pub previous: Option<SharedKey>,
        /// Who takes part.
        pub participants: Vec<Participant>,
    }
}
document!(Ceremony, b"NcKg", 1 << 15);

enumeration! {
    /// What a message is.
    pub enum Step {
        /// A dealer's commitment, a receiver's encryption key.
        FirstRound = 1 as "round-1",
        /// A dealing, encrypted to its receiver.
        SecondRound = 2 as "round-2",
        /// The keys that a custodian came to.
        Result = 3 as "result",
        /// A commitment to nonces, for the endorsement of a trust root.
        Nonce = 4 as "nonce",
        /// A signature share, for the endorsement of a trust root.
        SignatureShare = 5 as "signature-share",
    }
}

structure! {
    /// What a sender signs, with its SM2 key.
    pub struct Head {
        /// Digest of the [`Ceremony`], or of the trust root that is endorsed.
        pub subject: Digest,
        /// What the message is.
        pub step: Step,
        /// Who sends it.
        pub sender: MemberId,
        /// Whom it is for; none if for all.
        pub receiver: Option<MemberId>,
        /// Digest of the body.
        pub body: Digest,
    }
}
document!(Head, b"NcCh", 512);
statement!(Head, "nacre ceremony v1\n");

impl Item for Head {
    const MAX_COUNT: usize = 2 * limits::MAX_CUSTODIANS;
}

structure! {
    /// Body of the first round.
    pub struct FirstRound {
        /// A fresh SM2 key that dealings are encrypted to; of those who receive. Its secret half goes with the ceremony.
        pub encryption_key: Option<SigningPublicKey>,
        /// Commitments to a polynomial, of those who deal: FROST's package, or Feldman's commitments in a resharing.
        pub commitment: Option<Blob<2048>>,
    }
}
document!(FirstRound, b"NcC1", 4_096);

structure! {
    /// Body of the second round.
    pub struct SecondRound {
        /// The heads of all messages of the first round that the sender saw, in the ceremony's order.
        pub seen: Vec<Signed<Head>>,
        /// The dealing, encrypted to its receiver (GB/T 32918.4).
        pub sealed: Blob<512>,
    }
}
document!(SecondRound, b"NcC2", 1 << 16);

structure! {
    /// Body of a result.
    pub struct Outcome {
        /// The keys.
        pub keys: SharedKey,
    }
}
document!(Outcome, b"NcC3", 4_096);

structure! {
    /// Body of a commitment to nonces.
    pub struct NonceCommitment {
        /// FROST's (RFC 9591).
        pub commitment: Blob<256>,
    }
}
document!(NonceCommitment, b"NcC4", 512);

structure! {
    /// Body of a signature share.
    pub struct SignatureShare {
        /// The heads of the nonces' commitments that it is made upon, by custodian.
        pub among: Vec<Signed<Head>>,
        /// FROST's, a scalar.
        pub share: Blob<64>,
    }
}
document!(SignatureShare, b"NcC5", 1 << 16);

/// A message with its body, as a file holds it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Message<B> {
    /// Its head, signed.
    pub signed: Signed<Head>,
    /// Its body.
    pub body: B,
}

/// What a dealing is bound to besides its sender's signature: a digest of ceremony, sender and receiver, which is
/// encrypted with it.
pub fn dealing_context(ceremony: &Digest, sender: &MemberId, receiver: &MemberId) -> Digest {
    let mut context = Encoder::new();
    context.raw(b"nacre dealing v1\n");
    ceremony.encode(&mut context);
    sender.encode(&mut context);
    receiver.encode(&mut context);
    Digest::of(&context.into_bytes())
}
