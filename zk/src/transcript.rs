//! Every domain label and fixed string of the proofs, and what each proof's transcript absorbs before the
//! proof itself. To change one is to change the protocol. (The labels within a Bulletproof are its library's, and are in
//! [`crate::bulletproof`].)
//!
//! Transcripts are merlin's: each message goes in with its label and its length, so borders are unambiguous.

use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_COMPRESSED, scalar::Scalar};
use merlin::Transcript;
use nacre_schemas::{
    Digest, Document, Point,
    answer::CustodianId,
    contribution::{Commitments, EphemeralKeys, Header},
    id::{ChainId, JurisdictionId, MemberId},
    pseudonym::Element,
    summand::SummandId,
};

use crate::{elgamal, key::CollectiveKey};

/// Version of the protocol; absorbed by every transcript.
const PROTOCOL_VERSION: u64 = 1;

/// Opens the bytes that a custodian's identifier is derived from.
const CUSTODIAN_ROLE: &[u8] = b"nacre custodian v1\n";
/// Opens what a jurisdiction signs with its group key.
const ENDORSEMENT_ROLE: &[u8] = b"nacre trust root v1\n";

const CONTRIBUTION: &[u8] = b"nacre contribution proof";
const RANGE: &[u8] = b"nacre batch range proof";
const SHARE: &[u8] = b"nacre decryption share";
const SUMMAND_SHARES: &[u8] = b"nacre shares by a summand";
/// Opens what the digest of a digit's mask is of.
const MASK_ROLE: &[u8] = b"nacre mask v1\n";
const EVALUATION: &[u8] = b"nacre pseudonym evaluation";

/// Opens the bytes that a pseudonym is hashed from.
pub(crate) const PSEUDONYM: &[u8] = b"nacre pseudonym v1\n";
/// RFC 9497's context string for ristretto255-SHA512 in mode 1, which its labels end with.
pub(crate) const OPRF_CONTEXT: &[u8] = b"OPRFV1-\x01-ristretto255-SHA512";

/// A transcript that has absorbed what every one of them absorbs.
fn begin(domain: &'static [u8]) -> Transcript {
    let mut transcript = Transcript::new(domain);
    transcript.append_u64(b"protocol version", PROTOCOL_VERSION);
    transcript
}

/// The bases and the collective key.
fn append_bases(transcript: &mut Transcript, key: &CollectiveKey) {
    transcript.append_message(b"B", RISTRETTO_BASEPOINT_COMPRESSED.as_bytes());
    append_point(transcript, b"V", &elgamal::value_base_bytes());
    append_point(transcript, b"P", &key.bytes());
}

/// What a contribution's sigma proof is bound to.
pub(crate) struct ContributionContext<'a> {
    /// Digest of the measure's definition.
    pub(crate) definition: Digest,
    /// The chain it is for.
    pub(crate) chain: &'a ChainId,
    /// Provider, record id and cohort cell: the proof counts for no other record and in no other cell.
    pub(crate) header: &'a Header,
    /// Digest of the restricted part.
    pub(crate) restricted: Digest,
    /// All C's …
    pub(crate) commitments: &'a Commitments,
    /// … and all D's. Were one ciphertext left out, it could be chosen after the challenge, and a square forged.
    pub(crate) keys: &'a EphemeralKeys,
}

/// Of a contribution's sigma proof, up to but without the announcements.
pub(crate) fn contribution(key: &CollectiveKey, context: &ContributionContext<'_>) -> Transcript {
    let mut transcript = begin(CONTRIBUTION);
    append_bases(&mut transcript, key);
    transcript.append_message(b"definition", context.definition.as_bytes());
    transcript.append_message(b"chain", context.chain.as_str().as_bytes());
    transcript.append_message(b"header", &context.header.to_canonical());
    transcript.append_message(b"restricted part", context.restricted.as_bytes());
    transcript.append_message(b"commitments", &context.commitments.to_canonical());
    transcript.append_message(b"ephemeral keys", &context.keys.to_canonical());
    transcript
}

/// Of a batch's range proof. The leaves commit to everything in the contributions, their order included.
pub(crate) fn range(key: &CollectiveKey, chain: &ChainId, provider: &MemberId, leaves: &[Digest]) -> Transcript {
    let mut transcript = begin(RANGE);
    append_bases(&mut transcript, key);
    transcript.append_message(b"chain", chain.as_str().as_bytes());
    transcript.append_message(b"provider", provider.as_str().as_bytes());
    transcript.append_u64(b"contributions", leaves.len() as u64);
    for leaf in leaves {
        transcript.append_message(b"leaf", leaf.as_bytes());
    }
    transcript
}

/// What a decryption share's proof is bound to.
pub(crate) struct ShareContext<'a> {
    /// Digest of the request that is answered.
    pub(crate) request: &'a Digest,
    /// Who answers.
    pub(crate) custodian: &'a CustodianId,
    /// `X`.
    pub(crate) verifying_share: &'a Point,
    /// `D_Σ`.
    pub(crate) key: &'a Point,
    /// `S`.
    pub(crate) share: &'a Point,
}

/// Of a decryption share's proof, up to but without the announcements.
pub(crate) fn share(context: &ShareContext<'_>) -> Transcript {
    let mut transcript = begin(SHARE);
    transcript.append_message(b"request", context.request.as_bytes());
    transcript.append_message(b"jurisdiction", context.custodian.jurisdiction.as_str().as_bytes());
    transcript.append_u64(b"number", u64::from(context.custodian.number));
    transcript.append_message(b"B", RISTRETTO_BASEPOINT_COMPRESSED.as_bytes());
    append_point(&mut transcript, b"X", context.verifying_share);
    append_point(&mut transcript, b"D", context.key);
    append_point(&mut transcript, b"S", context.share);
    transcript
}

/// What proofs of a holder's shares by a summand are bound to.
pub(crate) struct SummandContext<'a> {
    /// Digest of the request that is answered.
    pub(crate) request: &'a Digest,
    /// Digest of the result whose digits are opened.
    pub(crate) result: &'a Digest,
    /// Who answers.
    pub(crate) holder: &'a CustodianId,
    /// The summand, …
    pub(crate) summand: &'a SummandId,
    /// … and the digest of the commitments to it.
    pub(crate) commitments: &'a Digest,
    /// Digests of the digits' masks, in order.
    pub(crate) masks: &'a [Digest],
}

/// Of the shares by a summand, up to but without the shares.
pub(crate) fn summand_shares(context: &SummandContext<'_>) -> Transcript {
    let mut transcript = begin(SUMMAND_SHARES);
    transcript.append_message(b"B", RISTRETTO_BASEPOINT_COMPRESSED.as_bytes());
    append_point(&mut transcript, b"V", &elgamal::value_base_bytes());
    transcript.append_message(b"request", context.request.as_bytes());
    transcript.append_message(b"result", context.result.as_bytes());
    transcript.append_message(b"jurisdiction", context.holder.jurisdiction.as_str().as_bytes());
    transcript.append_u64(b"number", u64::from(context.holder.number));
    transcript.append_message(b"summand's jurisdiction", context.summand.jurisdiction.as_str().as_bytes());
    transcript.append_u64(b"summand's number", u64::from(context.summand.number));
    transcript.append_message(b"commitments", context.commitments.as_bytes());
    transcript.append_u64(b"digits", context.masks.len() as u64);
    for mask in context.masks {
        transcript.append_message(b"mask", mask.as_bytes());
    }
    transcript
}

/// Absorbs the shares, as many as there are masks.
pub(crate) fn append_shares(transcript: &mut Transcript, shares: &[u128]) {
    for share in shares {
        transcript.append_message(b"share", &share.to_le_bytes());
    }
}

/// Of one range proof of several, up to but without the commitments that it is about.
pub(crate) fn limbs(shares: &Transcript, position: usize) -> Transcript {
    let mut transcript = shares.clone();
    transcript.append_u64(b"range proof", position as u64);
    transcript
}

/// Digest of a mask's words, little-endian.
pub(crate) fn mask(words: &[u8]) -> Digest {
    Digest::of_parts(&[MASK_ROLE, words])
}

/// What the proof of a custodian's part of pseudonyms is bound to.
pub(crate) struct EvaluationContext<'a> {
    /// Digest of the request, which names its provider.
    pub(crate) request: &'a Digest,
    /// Who answers.
    pub(crate) custodian: &'a CustodianId,
    /// `X`.
    pub(crate) verifying_share: &'a Point,
    /// All `A_k` …
    pub(crate) blinded: &'a [Element],
    /// … and all `S_k`: the weights by which they are added up are drawn after them.
    pub(crate) evaluated: &'a [Element],
}

/// Of that proof, up to but without the weights and the announcements.
pub(crate) fn evaluation(context: &EvaluationContext<'_>) -> Transcript {
    let mut transcript = begin(EVALUATION);
    transcript.append_message(b"request", context.request.as_bytes());
    transcript.append_message(b"jurisdiction", context.custodian.jurisdiction.as_str().as_bytes());
    transcript.append_u64(b"number", u64::from(context.custodian.number));
    transcript.append_message(b"B", RISTRETTO_BASEPOINT_COMPRESSED.as_bytes());
    append_point(&mut transcript, b"X", context.verifying_share);
    append_elements(&mut transcript, b"A", context.blinded);
    append_elements(&mut transcript, b"S", context.evaluated);
    transcript
}

/// Absorbs elements as one message: each has 32 bytes.
fn append_elements(transcript: &mut Transcript, label: &'static [u8], elements: &[Element]) {
    let bytes: Vec<u8> = elements.iter().flat_map(|element| *element.0.as_bytes()).collect();
    transcript.append_message(label, &bytes);
}

/// Weights of 128 bits, one for each of so many elements.
pub(crate) fn weights(transcript: &mut Transcript, count: usize) -> Vec<Scalar> {
    let mut bytes = vec![0; 16 * count];
    transcript.challenge_bytes(b"weights", &mut bytes);
    let (chunks, _) = bytes.as_chunks::<16>();
    chunks.iter().map(|chunk| Scalar::from(u128::from_le_bytes(*chunk))).collect()
}

/// Absorbs a point in its encoding.
pub(crate) fn append_point(transcript: &mut Transcript, label: &'static [u8], point: &Point) {
    transcript.append_message(label, point.as_bytes());
}

/// The next challenge of our own proofs, uniform modulo ℓ.
pub(crate) fn challenge(transcript: &mut Transcript) -> Scalar {
    wide_challenge(transcript, b"challenge")
}

/// The next challenge of that label, uniform modulo ℓ.
pub(crate) fn wide_challenge(transcript: &mut Transcript, label: &'static [u8]) -> Scalar {
    let mut bytes = [0; 64];
    transcript.challenge_bytes(label, &mut bytes);
    Scalar::from_bytes_mod_order_wide(&bytes)
}

/// What a custodian's identifier, its place on the polynomial, is derived from. The number has a fixed width,
/// so no two custodians share the bytes.
pub(crate) fn custodian(jurisdiction: &JurisdictionId, number: u16) -> Vec<u8> {
    [CUSTODIAN_ROLE, jurisdiction.as_str().as_bytes(), &number.to_be_bytes()].concat()
}

/// What is signed to endorse a trust root.
pub(crate) fn endorsement(message: &[u8]) -> Vec<u8> {
    [ENDORSEMENT_ROLE, message].concat()
}
