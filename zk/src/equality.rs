//! That one secret x is behind two products, `X = x·B` and `S = x·D` (Chaum and Pedersen 1993), by a challenge from a
//! transcript that has absorbed B, X, D, S and whatever the proof is to be bound to.
//!
//! Announcements `n·B` and `n·D`, challenge c, response `z = n + c·x`; the verifier finds the announcements again as
//! `z·B - c·X` and `z·D - c·S`. Cost: 0.1 ms each.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::VartimeMultiscalarMul as _};
use merlin::Transcript;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::{
    elgamal::times_base,
    encoding::encode_point,
    transcript::{self, append_point},
};

/// c and z.
pub(crate) struct Proof {
    pub(crate) challenge: Scalar,
    pub(crate) response: Scalar,
}

/// Proves it, in constant time in the secret.
pub(crate) fn prove<R: RngCore + CryptoRng>(
    transcript: &mut Transcript,
    secret: &Scalar,
    d: &RistrettoPoint,
    rng: &mut R,
) -> Proof {
    // From transcript, secret and fresh randomness together: a repeated random stream alone gives nothing away.
    let hedge = transcript.build_rng().rekey_with_witness_bytes(b"secret share", secret.as_bytes());
    let nonce = Zeroizing::new(Scalar::random(&mut hedge.finalize(rng)));
    let challenge = challenge_after(transcript, &times_base(&nonce), &(*nonce * d));
    Proof { challenge, response: *nonce + challenge * secret }
}

impl Proof {
    /// Whether it holds. `X` and `D` must not be the identity: the caller has seen to that.
    pub(crate) fn vartime_holds(
        &self,
        transcript: &mut Transcript,
        x: &RistrettoPoint,
        d: &RistrettoPoint,
        s: &RistrettoPoint,
    ) -> bool {
        let (c, z) = (self.challenge, self.response);
        let for_base = RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, x, &z);
        let for_key = RistrettoPoint::vartime_multiscalar_mul([z, -c], [d, s]);
        c == challenge_after(transcript, &for_base, &for_key)
    }
}

fn challenge_after(transcript: &mut Transcript, base: &RistrettoPoint, key: &RistrettoPoint) -> Scalar {
    append_point(transcript, b"announcement for B", &encode_point(base));
    append_point(transcript, b"announcement for D", &encode_point(key));
    transcript::challenge(transcript)
}
