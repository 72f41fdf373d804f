//! The sigma proof that a contribution's ciphertexts belong together: one value, its square, and bits of which
//! exactly one is set. What follows from it, and why each relation is there, is in [`crate::tally_lane`].
//!
//! The relations are one linear map φ from secrets to group elements. The prover announces φ of random nonces and
//! responds with `nonces + c·secrets`; the verifier holds `φ(responses) = announcements + c·φ(secrets)`, where
//! `φ(secrets)` are the ciphertexts themselves. Carrying announcements instead of the challenge makes each
//! equation linear in points, so any number of proofs verify as one weighted sum.
//!
//! Cost with K bands: 5·K + 7 multiplications by precomputed tables and K + 2 others to prove; 5·K + 10 points of a
//! multi-scalar multiplication to verify.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use merlin::Transcript;
use nacre_schemas::contribution::{BandProof, Commitments, EphemeralKeys, SigmaProof};
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    elgamal::{self, Ciphertext},
    encoding::{EncodingError, Place, decode_point, decode_proper_point, decode_scalar, encode_point, encode_scalar},
    key::CollectiveKey,
    transcript::{append_point, challenge},
    weighted_sum::{WeightedSum, weight},
};

/// The ciphertexts of one contribution: what the proof is about.
pub(crate) struct Statement {
    /// Of v.
    pub(crate) value: Ciphertext,
    /// Of v².
    pub(crate) square: Ciphertext,
    /// Of the band indicators.
    pub(crate) bands: Vec<Ciphertext>,
}

/// The secrets of the relations; likewise nonces and responses, which have the same shape.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secrets {
    /// The value.
    pub(crate) v: Scalar,
    /// Randomness of its ciphertext.
    pub(crate) r: Scalar,
    /// What is left of the square's randomness: `r₂ - v·r`.
    pub(crate) s: Scalar,
    /// Sum of the bands' randomness.
    pub(crate) u: Scalar,
    /// Each band's.
    pub(crate) bands: Vec<BandSecrets>,
}

/// A band's part of [`Secrets`].
#[derive(Zeroize)]
pub(crate) struct BandSecrets {
    /// The indicator.
    pub(crate) b: Scalar,
    /// Randomness of its ciphertext.
    pub(crate) r: Scalar,
    /// `r - b·r`.
    pub(crate) t: Scalar,
}

/// φ(secrets), in the order of the relations.
struct Image {
    value_key: RistrettoPoint,
    value_commitment: RistrettoPoint,
    square_commitment: RistrettoPoint,
    square_key: RistrettoPoint,
    bands: Vec<BandImage>,
    one_commitment: RistrettoPoint,
    one_key: RistrettoPoint,
}

struct BandImage {
    key: RistrettoPoint,
    commitment: RistrettoPoint,
    bit: RistrettoPoint,
}

impl Statement {
    /// The ciphertexts that the bytes encode. None of them may be the identity: `D = 0` would be an encryption
    /// without randomness, which anyone can read.
    pub(crate) fn decode(commitments: &Commitments, keys: &EphemeralKeys, bands: usize) -> Result<Self, EncodingError> {
        for (field, found) in [("commitments", commitments.bands.len()), ("ephemeral keys", keys.bands.len())] {
            if found != bands {
                return Err(EncodingError::BandCount { place: Place::of(field), expected: bands, found });
            }
        }
        let ciphertext = |key, commitment, key_place, commitment_place| {
            Ok(Ciphertext {
                key: decode_proper_point(key, key_place)?,
                commitment: decode_proper_point(commitment, commitment_place)?,
            })
        };
        let band = |(position, (key, commitment))| {
            let place = |field| Place::at(field, position);
            ciphertext(key, commitment, place("key of band"), place("commitment of band"))
        };
        let of = Place::of;
        Ok(Self {
            value: ciphertext(&keys.value, &commitments.value, of("the value's key"), of("the value's commitment"))?,
            square: ciphertext(
                &keys.square,
                &commitments.square,
                of("the square's key"),
                of("the square's commitment"),
            )?,
            bands: keys.bands.iter().zip(&commitments.bands).enumerate().map(band).collect::<Result<_, _>>()?,
        })
    }

    /// The C's.
    pub(crate) fn commitments(&self) -> Commitments {
        Commitments {
            value: encode_point(&self.value.commitment),
            square: encode_point(&self.square.commitment),
            bands: self.bands.iter().map(|band| encode_point(&band.commitment)).collect(),
        }
    }

    /// The D's.
    pub(crate) fn keys(&self) -> EphemeralKeys {
        EphemeralKeys {
            value: encode_point(&self.value.key),
            square: encode_point(&self.square.key),
            bands: self.bands.iter().map(|band| encode_point(&band.key)).collect(),
        }
    }

    /// φ, in constant time.
    fn image(&self, key: &CollectiveKey, of: &Secrets) -> Image {
        let band = |(ciphertext, of): (&Ciphertext, &BandSecrets)| BandImage {
            key: elgamal::times_base(&of.r),
            commitment: elgamal::times_value_base(&of.b) + key.times(&of.r),
            bit: of.b * ciphertext.commitment + key.times(&of.t),
        };
        Image {
            value_key: elgamal::times_base(&of.r),
            value_commitment: elgamal::times_value_base(&of.v) + key.times(&of.r),
            square_commitment: of.v * self.value.commitment + key.times(&of.s),
            square_key: of.v * self.value.key + elgamal::times_base(&of.s),
            bands: self.bands.iter().zip(&of.bands).map(band).collect(),
            one_commitment: key.times(&of.u),
            one_key: elgamal::times_base(&of.u),
        }
    }
}

impl Secrets {
    /// Nonces. They come from the transcript, the secrets and fresh randomness together, so that neither a
    /// repeated nor a predictable random stream alone gives a value away.
    fn nonces<R: RngCore + CryptoRng>(&self, transcript: &Transcript, rng: &mut R) -> Self {
        let mut hedge = transcript.build_rng();
        for secret in [&self.v, &self.r, &self.s, &self.u] {
            hedge = hedge.rekey_with_witness_bytes(b"secret", secret.as_bytes());
        }
        for band in &self.bands {
            for secret in [&band.b, &band.r, &band.t] {
                hedge = hedge.rekey_with_witness_bytes(b"band secret", secret.as_bytes());
            }
        }
        let mut rng = hedge.finalize(rng);
        let mut fresh = || Scalar::random(&mut rng);
        let bands = self.bands.iter().map(|_| BandSecrets { b: fresh(), r: fresh(), t: fresh() }).collect();
        Self { v: fresh(), r: fresh(), s: fresh(), u: fresh(), bands }
    }
}

/// Absorbs the announcements and draws the challenge.
fn challenge_after(transcript: &mut Transcript, proof: &SigmaProof) -> Scalar {
    for announcement in [&proof.value_key, &proof.value_commitment, &proof.square_commitment, &proof.square_key] {
        append_point(transcript, b"announcement", announcement);
    }
    for band in &proof.bands {
        for announcement in [&band.key, &band.commitment, &band.bit] {
            append_point(transcript, b"band announcement", announcement);
        }
    }
    append_point(transcript, b"announcement", &proof.one_commitment);
    append_point(transcript, b"announcement", &proof.one_key);
    challenge(transcript)
}

/// Proves the relations. The transcript has absorbed the statement. If the secrets do not fulfil the relations,
/// the proof does not verify. Constant time.
pub(crate) fn prove<R: RngCore + CryptoRng>(
    key: &CollectiveKey,
    statement: &Statement,
    secrets: &Secrets,
    mut transcript: Transcript,
    rng: &mut R,
) -> SigmaProof {
    let nonces = secrets.nonces(&transcript, rng);
    let mut proof = statement.image(key, &nonces).announce();
    let c = challenge_after(&mut transcript, &proof);

    let respond = |nonce: &Scalar, secret: &Scalar| encode_scalar(&(nonce + c * secret));
    proof.v = respond(&nonces.v, &secrets.v);
    proof.r = respond(&nonces.r, &secrets.r);
    proof.s = respond(&nonces.s, &secrets.s);
    proof.u = respond(&nonces.u, &secrets.u);
    for (band, (nonce, secret)) in proof.bands.iter_mut().zip(nonces.bands.iter().zip(&secrets.bands)) {
        band.b = respond(&nonce.b, &secret.b);
        band.r = respond(&nonce.r, &secret.r);
        band.t = respond(&nonce.t, &secret.t);
    }
    proof
}

/// A statement and its proof, decoded, with the challenge drawn: ready to be checked, alone or with others.
pub(crate) struct Claim {
    statement: Statement,
    announcements: Image,
    responses: Secrets,
    challenge: Scalar,
}

impl Claim {
    /// Decodes the proof and draws the challenge. The transcript has absorbed the statement.
    pub(crate) fn new(
        statement: Statement,
        proof: &SigmaProof,
        mut transcript: Transcript,
    ) -> Result<Self, EncodingError> {
        let (expected, found) = (statement.bands.len(), proof.bands.len());
        if found != expected {
            return Err(EncodingError::BandCount { place: Place::of("sigma proof"), expected, found });
        }
        let announcements = Image::decode(proof)?;
        let responses = Secrets::decode(proof)?;
        let challenge = challenge_after(&mut transcript, proof);
        Ok(Self { statement, announcements, responses, challenge })
    }

    /// Adds this proof's equations to a sum, each under a random weight: announcement + c·image - φ(responses). So the
    /// multiple of an announcement, and they are most of the points, is the weight itself, and short.
    pub(crate) fn add_to<R: RngCore + CryptoRng>(&self, sum: &mut WeightedSum, rng: &mut R) {
        let (Self { statement, announcements, responses, challenge: c }, mut weight) = (self, || weight(rng));
        let (w_key, w_commitment, w_square, w_square_key) = (weight(), weight(), weight(), weight());
        let (w_one, w_one_key) = (weight(), weight());

        sum.base -= w_key * responses.r + w_square_key * responses.s + w_one_key * responses.u;
        sum.value_base -= w_commitment * responses.v + w_one * c;
        sum.blinding_base -= w_commitment * responses.r + w_square * responses.s + w_one * responses.u;
        sum.add(w_key, announcements.value_key);
        sum.add(w_commitment, announcements.value_commitment);
        sum.add(w_square, announcements.square_commitment);
        sum.add(w_square_key, announcements.square_key);
        sum.add(w_one, announcements.one_commitment);
        sum.add(w_one_key, announcements.one_key);
        sum.add(w_key * c - w_square_key * responses.v, statement.value.key);
        sum.add(w_commitment * c - w_square * responses.v, statement.value.commitment);
        sum.add(w_square_key * c, statement.square.key);
        sum.add(w_square * c, statement.square.commitment);

        let bands = statement.bands.iter().zip(&announcements.bands).zip(&responses.bands);
        for ((ciphertext, announcement), response) in bands {
            let (w_key, w_commitment, w_bit) = (weight(), weight(), weight());
            sum.base -= w_key * response.r;
            sum.value_base -= w_commitment * response.b;
            sum.blinding_base -= w_commitment * response.r + w_bit * response.t;
            sum.add(w_key, announcement.key);
            sum.add(w_commitment, announcement.commitment);
            sum.add(w_bit, announcement.bit);
            sum.add((w_key + w_one_key) * c, ciphertext.key);
            sum.add((w_commitment + w_bit + w_one) * c - w_bit * response.b, ciphertext.commitment);
        }
    }
}

impl Image {
    /// As announcements; the responses are yet to come.
    fn announce(&self) -> SigmaProof {
        let pending = encode_scalar(&Scalar::ZERO);
        let band = |band: &BandImage| BandProof {
            key: encode_point(&band.key),
            commitment: encode_point(&band.commitment),
            bit: encode_point(&band.bit),
            b: pending,
            r: pending,
            t: pending,
        };
        SigmaProof {
            value_key: encode_point(&self.value_key),
            value_commitment: encode_point(&self.value_commitment),
            square_commitment: encode_point(&self.square_commitment),
            square_key: encode_point(&self.square_key),
            bands: self.bands.iter().map(band).collect(),
            one_commitment: encode_point(&self.one_commitment),
            one_key: encode_point(&self.one_key),
            v: pending,
            r: pending,
            s: pending,
            u: pending,
        }
    }

    fn decode(proof: &SigmaProof) -> Result<Self, EncodingError> {
        let point = |bytes, field| decode_point(bytes, Place::of(field));
        let band = |(position, band): (usize, &BandProof)| {
            let point = |bytes, field| decode_point(bytes, Place::at(field, position));
            Ok(BandImage {
                key: point(&band.key, "announced key of band")?,
                commitment: point(&band.commitment, "announced commitment of band")?,
                bit: point(&band.bit, "announced bit of band")?,
            })
        };
        Ok(Self {
            value_key: point(&proof.value_key, "the announcement of the value's key")?,
            value_commitment: point(&proof.value_commitment, "the announcement of the value's commitment")?,
            square_commitment: point(&proof.square_commitment, "the announcement of the square's commitment")?,
            square_key: point(&proof.square_key, "the announcement of the square's key")?,
            bands: proof.bands.iter().enumerate().map(band).collect::<Result<_, _>>()?,
            one_commitment: point(&proof.one_commitment, "the announcement of the one band's commitment")?,
            one_key: point(&proof.one_key, "the announcement of the one band's key")?,
        })
    }
}

impl Secrets {
    fn decode(proof: &SigmaProof) -> Result<Self, EncodingError> {
        let scalar = |bytes, field| decode_scalar(bytes, Place::of(field));
        let band = |(position, band): (usize, &BandProof)| {
            let scalar = |bytes, field| decode_scalar(bytes, Place::at(field, position));
            Ok(BandSecrets {
                b: scalar(&band.b, "response for b of band")?,
                r: scalar(&band.r, "response for r of band")?,
                t: scalar(&band.t, "response for t of band")?,
            })
        };
        Ok(Self {
            v: scalar(&proof.v, "the response for v")?,
            r: scalar(&proof.r, "the response for r")?,
            s: scalar(&proof.s, "the response for s")?,
            u: scalar(&proof.u, "the response for u")?,
            bands: proof.bands.iter().enumerate().map(band).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests;
