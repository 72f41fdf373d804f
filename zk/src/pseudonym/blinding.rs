//! The provider's side: people under blinds, and their pseudonyms from the custodians' parts.

use std::{collections::BTreeSet, fmt};

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::VartimeMultiscalarMul as _};
use nacre_schemas::{
    Digest, Document as _,
    id::MemberId,
    pseudonym::{Element, EvaluationRequest},
};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{Checked, Keys, PseudonymError, check_count, function};
use crate::{encoding::encode_point, polynomial};

/// People whose pseudonyms are being asked for: what they are named by, and their blinds. Overwritten on drop; it does not
/// print.
pub struct Blinding {
    inputs: Vec<Zeroizing<Vec<u8>>>,
    /// `r_k⁻¹`.
    inverses: Zeroizing<Vec<Scalar>>,
    request: EvaluationRequest,
}

impl Blinding {
    /// Blinds people, each by a scalar of its own. Give the operating system's randomness: whoever knows a blind can try
    /// out numbers on what custodians and their logs saw.
    pub fn new<R: RngCore + CryptoRng>(
        provider: &MemberId,
        inputs: Vec<Zeroizing<Vec<u8>>>,
        rng: &mut R,
    ) -> Result<Self, PseudonymError> {
        check_count(inputs.len())?;
        if let Some(long) = inputs.iter().position(|input| input.len() > usize::from(u16::MAX)) {
            return Err(PseudonymError::TooLong(long));
        }
        // A blind of 0, which has no inverse, comes up with probability 2^-252.
        let mut blinds: Zeroizing<Vec<Scalar>> = Zeroizing::new(inputs.iter().map(|_| Scalar::random(rng)).collect());
        let blind =
            |(input, r): (&Zeroizing<Vec<u8>>, &Scalar)| Element(encode_point(&(r * function::hash_to_group(input))));
        let elements = inputs.par_iter().zip(&**blinds).map(blind).collect();
        Scalar::batch_invert(&mut blinds);
        Ok(Self { inputs, inverses: blinds, request: EvaluationRequest { provider: provider.clone(), elements } })
    }

    /// What custodians are sent.
    pub fn request(&self) -> &EvaluationRequest {
        &self.request
    }

    /// The pseudonyms, in the order of the people, from the parts of as many custodians of every jurisdiction as its
    /// threshold at least.
    pub fn finish(self, keys: &Keys, parts: &[Checked]) -> Result<Vec<Digest>, PseudonymError> {
        let outputs = self.outputs(keys, parts)?;
        Ok(outputs.iter().map(|output| function::pseudonym(output)).collect())
    }

    /// RFC 9497's outputs.
    pub(super) fn outputs(&self, keys: &Keys, parts: &[Checked]) -> Result<Vec<Zeroizing<[u8; 64]>>, PseudonymError> {
        let digest = self.request.digest();
        let mut seen = BTreeSet::new();
        for part in parts {
            if part.request != digest {
                return Err(PseudonymError::OtherRequest(part.custodian.clone()));
            }
            if !seen.insert(&part.custodian) {
                return Err(PseudonymError::Duplicate(part.custodian.clone()));
            }
        }
        let (coefficients, points) = interpolation(keys, parts)?;
        let output = |(position, (input, inverse)): (usize, (&Zeroizing<Vec<u8>>, &Scalar))| {
            let of_person = points.iter().map(|points| points[position]);
            let blinded = RistrettoPoint::vartime_multiscalar_mul(&coefficients, of_person);
            function::output(input, &encode_point(&(inverse * blinded)))
        };
        Ok(self.inputs.par_iter().zip(&**self.inverses).enumerate().map(output).collect())
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blinding({} people)", self.inputs.len())
    }
}

/// By what each part counts, and its points; all parts of all jurisdictions.
fn interpolation<'p>(
    keys: &Keys,
    parts: &'p [Checked],
) -> Result<(Vec<Scalar>, Vec<&'p [RistrettoPoint]>), PseudonymError> {
    let (mut coefficients, mut points) = (Vec::new(), Vec::new());
    for (jurisdiction, group) in keys.groups() {
        let own: Vec<&Checked> = parts.iter().filter(|part| part.custodian.jurisdiction == *jurisdiction).collect();
        if own.len() < usize::from(group.threshold()) {
            let (present, threshold) = (own.len(), group.threshold());
            return Err(PseudonymError::TooFew { jurisdiction: jurisdiction.clone(), present, threshold });
        }
        let place = |part: &&Checked| {
            let place = polynomial::place(jurisdiction, part.custodian.number);
            place.ok_or_else(|| PseudonymError::Unknown(part.custodian.clone()))
        };
        let places: Vec<Scalar> = own.iter().map(place).collect::<Result<_, _>>()?;
        coefficients.extend(polynomial::coefficients(&places, &Scalar::ZERO));
        points.extend(own.iter().map(|part| part.points.as_slice()));
    }
    Ok((coefficients, points))
}
