//! A custodian's part: all blinded people of a request times its share, with one proof.

use curve25519_dalek::{
    ristretto::RistrettoPoint,
    scalar::Scalar,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use merlin::Transcript;
use nacre_schemas::{
    Digest, Document as _,
    answer::CustodianId,
    pseudonym::{Element, Evaluation, EvaluationRequest},
};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;

use super::{Keys, PseudonymError, check_count};
use crate::{
    encoding::{EncodingError, Place, decode_proper_point, decode_scalar, encode_point, encode_scalar},
    equality,
    share::SecretShare,
    transcript::{self, EvaluationContext},
};

/// Multiplies what a provider sends by a share of the pseudonyms' key. Whether it may ask is decided before. Constant
/// time in the secret.
pub fn evaluate<R: RngCore + CryptoRng>(
    secret: &SecretShare,
    request: &EvaluationRequest,
    custodian: &CustodianId,
    rng: &mut R,
) -> Result<Evaluation, PseudonymError> {
    check_count(request.elements.len())?;
    let y = secret.scalar();
    let blinded = decode(&request.elements, "blinded person").map_err(PseudonymError::Blinded)?;
    let elements: Vec<Element> = blinded.par_iter().map(|a| Element(encode_point(&(y * a)))).collect();
    let digest = request.digest();
    let mut transcript = transcript::evaluation(&EvaluationContext {
        request: &digest,
        custodian,
        verifying_share: &secret.verifying_share(),
        blinded: &request.elements,
        evaluated: &elements,
    });
    let weights = transcript::weights(&mut transcript, blinded.len());
    let proof = equality::prove(&mut transcript, y, &vartime_sum(&weights, &blinded), rng);
    Ok(Evaluation {
        request: digest,
        custodian: custodian.clone(),
        elements,
        challenge: encode_scalar(&proof.challenge),
        response: encode_scalar(&proof.response),
    })
}

/// A custodian's part whose proof holds.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(super) request: Digest,
    pub(super) custodian: CustodianId,
    pub(super) points: Vec<RistrettoPoint>,
}

impl Keys {
    /// Checks what a custodian answered to a request.
    pub fn check(
        &self,
        request: &EvaluationRequest,
        asked: &CustodianId,
        evaluation: &Evaluation,
    ) -> Result<Checked, PseudonymError> {
        let keys = self.groups.get(&asked.jurisdiction).and_then(|group| group.verifying_shares().get(&asked.number));
        let verifying_share = keys.ok_or_else(|| PseudonymError::Unknown(asked.clone()))?;
        let digest = request.digest();
        let same = evaluation.request == digest
            && evaluation.custodian == *asked
            && evaluation.elements.len() == request.elements.len();
        if !same {
            return Err(PseudonymError::OtherRequest(asked.clone()));
        }
        let malformed = |source| PseudonymError::Malformed { custodian: asked.clone(), source };
        let x = decode_proper_point(verifying_share, Place::of("the verifying share")).map_err(malformed)?;
        let blinded = decode(&request.elements, "blinded person").map_err(PseudonymError::Blinded)?;
        let points = decode(&evaluation.elements, "evaluated person").map_err(malformed)?;
        let proof = equality::Proof {
            challenge: decode_scalar(&evaluation.challenge, Place::of("the challenge")).map_err(malformed)?,
            response: decode_scalar(&evaluation.response, Place::of("the response")).map_err(malformed)?,
        };
        let mut transcript = transcript::evaluation(&EvaluationContext {
            request: &digest,
            custodian: asked,
            verifying_share,
            blinded: &request.elements,
            evaluated: &evaluation.elements,
        });
        if !vartime_holds(&proof, &mut transcript, &x, &blinded, &points) {
            return Err(PseudonymError::Proof(asked.clone()));
        }
        Ok(Checked { request: digest, custodian: asked.clone(), points })
    }
}

fn vartime_holds(
    proof: &equality::Proof,
    transcript: &mut Transcript,
    x: &RistrettoPoint,
    blinded: &[RistrettoPoint],
    evaluated: &[RistrettoPoint],
) -> bool {
    let weights = transcript::weights(transcript, blinded.len());
    let (d, s) = (vartime_sum(&weights, blinded), vartime_sum(&weights, evaluated));
    // Whoever blinds does not know the weights: the identity comes out with probability 2^-128, and proves nothing.
    !d.is_identity() && proof.vartime_holds(transcript, x, &d, &s)
}

fn vartime_sum(weights: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(weights, points)
}

fn decode(elements: &[Element], field: &'static str) -> Result<Vec<RistrettoPoint>, EncodingError> {
    let decode = |(position, element): (usize, &Element)| decode_proper_point(&element.0, Place::at(field, position));
    elements.par_iter().enumerate().map(decode).collect()
}
