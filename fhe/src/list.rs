//! What providers send: the bits of each contribution's cross band and value, encrypted to the public key in one compact
//! list a batch, with one proof that every slot holds a bit.
//!
//! A list is one ring-LWE sample: a mask of 2,048 words that all slots share, and a body word a slot. So a batch of 64
//! contributions costs 16 kB, 120 bytes a contribution, and one proof, where a list a contribution would cost 16 kB
//! and a proof each. Erasing a contribution erases its body words; nothing of its bits is left then, not even for who
//! has the key, and the other slots stay as they are.
//!
//! Soundness and zero knowledge are those of tfhe-rs' proof of encryption, version 2 (Libert, "Vector commitments with
//! proofs of smallness", 2024, and the derived `tfhe-zk-pok`), in the generic group model with a trusted reference string.

use tfhe::{
    core_crypto::{algorithms::polynomial_algorithms::polynomial_wrapping_monic_monomial_mul, prelude::*},
    safe_serialization::{safe_deserialize_conformant, safe_serialize},
    zk::{CompactPkeProof, CompactPkeProofConformanceParams, CompactPkeZkScheme, ZkComputeLoad},
};

use crate::{
    error::FheError,
    keys::PublicKey,
    params::{BAND_BITS, LIST_CONTRIBUTIONS, Q64, SLOTS, SUM_LOG, VALUE_BITS},
    random,
};

/// The most bytes of a proof.
pub const MAX_PROOF_BYTES: usize = 16_384;

/// What a contribution encrypts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Its cross band, from 0.
    pub band: u8,
    /// Its value in steps, less its measure's lower limit.
    pub value: u16,
}

impl Plain {
    pub(crate) fn bits(self) -> Result<[u64; SLOTS], FheError> {
        let too_much = |what, found: u64, bits: usize| FheError::OutOfRange { what, found, max: (1 << bits) - 1 };
        if self.band >> BAND_BITS != 0 {
            return Err(too_much("the cross band", self.band.into(), BAND_BITS));
        }
        if self.value >> VALUE_BITS != 0 {
            return Err(too_much("the value", self.value.into(), VALUE_BITS));
        }
        let both = u64::from(self.value) << BAND_BITS | u64::from(self.band);
        Ok(std::array::from_fn(|bit| both >> bit & 1))
    }
}

/// A batch's list with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What all slots share.
    pub mask: Vec<u64>,
    /// The slots' words, [`SLOTS`] a contribution.
    pub bodies: Vec<[u64; SLOTS]>,
    /// The proof, in tfhe's serialization.
    pub proof: Vec<u8>,
}

impl PublicKey {
    /// Encrypts up to [`LIST_CONTRIBUTIONS`] contributions; the proof holds for that context alone.
    pub fn encrypt(&self, plain: &[Plain], context: &[u8]) -> Result<List, FheError> {
        if plain.is_empty() || plain.len() > LIST_CONTRIBUTIONS {
            let (found, max) = (plain.len() as u64, LIST_CONTRIBUTIONS as u64);
            return Err(FheError::OutOfRange { what: "the number of contributions of a list", found, max });
        }
        let mut bits = Vec::with_capacity(plain.len() * SLOTS);
        for plain in plain {
            bits.extend(plain.bits()?);
        }
        self.encrypt_slots(&bits, context)
    }

    /// Encrypts slots that may hold more than bits; the proof then does not hold.
    pub(crate) fn encrypt_slots(&self, slots: &[u64], context: &[u8]) -> Result<List, FheError> {
        let noise = self.parameters.glwe_noise;
        let count = LweCiphertextCount(slots.len());
        let mut list =
            LweCompactCiphertextListOwned::new(0, self.parameters.public_dimension.to_lwe_size(), count, Q64);
        let proof = par_encrypt_and_prove_lwe_compact_ciphertext_list_with_compact_public_key(
            &self.key,
            &mut list,
            &slots,
            1 << SUM_LOG,
            noise,
            noise,
            &mut random::noise()?,
            &self.crs,
            context,
            // The verifier does the work of one proof a batch; the prover does as little as it can.
            ZkComputeLoad::Verify,
        )
        .map_err(|error| FheError::malformed("list", error))?;
        let mut bytes = Vec::new();
        safe_serialize(&proof, &mut bytes, MAX_PROOF_BYTES as u64)
            .map_err(|error| FheError::malformed("proof", error))?;
        let words = list.into_container();
        let (mask, bodies) = words.split_at(self.parameters.public_dimension.0);
        let bodies = bodies.chunks_exact(SLOTS).map(|slots| slots.try_into().expect("chunks of that size")).collect();
        Ok(List { mask: mask.to_vec(), bodies, proof: bytes })
    }

    /// Checks that every slot of the list encrypts a bit to this key, and that the proof was made in that context.
    pub fn verify(&self, list: &List, context: &[u8]) -> Result<(), FheError> {
        let dimension = self.parameters.public_dimension;
        if list.mask.len() != dimension.0 {
            let found = list.mask.len();
            return Err(FheError::malformed("list", format!("a mask of {found} words, not of {}", dimension.0)));
        }
        if list.bodies.is_empty() || list.bodies.len() > LIST_CONTRIBUTIONS {
            return Err(FheError::malformed("list", format!("of {} contributions", list.bodies.len())));
        }
        let shape = CompactPkeProofConformanceParams::new(CompactPkeZkScheme::V2);
        let mut bytes = list.proof.as_slice();
        let proof: CompactPkeProof = safe_deserialize_conformant(&mut bytes, MAX_PROOF_BYTES as u64, &shape)
            .map_err(|error| FheError::malformed("proof", error))?;
        if !bytes.is_empty() {
            return Err(FheError::malformed("proof", "bytes after its end"));
        }
        let words: Vec<u64> = list.mask.iter().chain(list.bodies.as_flattened()).copied().collect();
        let count = LweCiphertextCount(list.bodies.len() * SLOTS);
        let list = LweCompactCiphertextList::from_container(words, dimension.to_lwe_size(), count, Q64);
        if verify_lwe_compact_ciphertext_list(&list, &self.key, &proof, &self.crs, context).is_valid() {
            Ok(())
        } else {
            Err(FheError::ProofInvalid)
        }
    }
}

/// One contribution's ciphertexts: the list's mask, its own words, and where in the list they stand.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// The mask of its list.
    pub mask: &'a [u64],
    /// Its words.
    pub bodies: &'a [u64; SLOTS],
    /// Which of the list's contributions it is.
    pub position: usize,
}

impl Sealed<'_> {
    /// Adds a weighted sum of its slots to a sample under the public key's dimension.
    ///
    /// The slot number i of a list has the mask times X^i.
    pub(crate) fn add_to(
        &self,
        sample: &mut LweCiphertextOwned<u64>,
        slots: std::ops::Range<usize>,
        weights: impl Fn(usize) -> u64,
    ) {
        let mask = Polynomial::from_container(self.mask);
        let (mut own_mask, own_body) = sample.get_mut_mask_and_body();
        let mut rotated = Polynomial::new(0u64, PolynomialSize(self.mask.len()));
        for (number, slot) in slots.enumerate() {
            let weight = weights(number);
            let degree = MonomialDegree(self.position * SLOTS + slot);
            polynomial_wrapping_monic_monomial_mul(&mut rotated, &mask, degree);
            for (own, word) in own_mask.as_mut().iter_mut().zip(rotated.as_ref()) {
                *own = own.wrapping_add(word.wrapping_mul(weight));
            }
            *own_body.data = own_body.data.wrapping_add(self.bodies[slot].wrapping_mul(weight));
        }
    }
}
