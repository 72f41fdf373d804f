//! Commitments to a summand: made by its dealer, compared by its holders, decoded by whoever verifies shares.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use nacre_schemas::{
    Blob, Digest, Document as _, Point,
    summand::{PublishedSummand, SummandId},
};
use rayon::prelude::*;

use super::{SummandError, check_words};
use crate::{
    elgamal::{times_base, times_value_base},
    encoding::{Place, decode_proper_point, encode_point},
    replicated::Expanded,
};

/// The commitments `C_i = s_i·V + ρ_i·B` to the words of a summand, for its dealer to publish, and for a holder to compare
/// with what was published: if they differ its proofs would not hold, and it must not accept the summand.
///
/// Everything follows from the summand's seed. Constant time. Uses rayon; 30 µs of one core a word.
pub fn commit(summand: &Expanded, id: SummandId) -> Result<PublishedSummand, SummandError> {
    check_words(summand.words().len())?;
    let blindings = summand.blindings();
    let commit = |(word, blinding): (&u128, &Scalar)| {
        encode_point(&(times_value_base(&Scalar::from(*word)) + times_base(blinding)))
    };
    let points: Vec<Point> = summand.words().par_iter().zip(&*blindings).map(commit).collect();
    let bytes = points.iter().flat_map(|point| *point.as_bytes()).collect();
    Ok(PublishedSummand { summand: id, commitments: Blob::new(bytes).expect("the number of words was checked") })
}

/// Commitments to a summand, decoded: what shares are verified against.
#[derive(Clone, Debug)]
pub struct SummandCommitments {
    summand: SummandId,
    points: Vec<RistrettoPoint>,
    digest: Digest,
}

impl SummandCommitments {
    /// Decodes what a dealer published. Uses rayon; 5 µs of one core a word.
    pub fn decode(published: &PublishedSummand) -> Result<Self, SummandError> {
        let (encodings, surplus) = published.commitments.as_bytes().as_chunks();
        if !surplus.is_empty() {
            return Err(SummandError::Bytes(published.commitments.as_bytes().len()));
        }
        check_words(encodings.len())?;
        let decode = |(position, encoding): (usize, &[u8; 32])| {
            decode_proper_point(&Point(*encoding), Place::at("commitment", position))
        };
        // In order, so that of several faults the same one is named every time.
        let decoded: Vec<_> = encodings.par_iter().enumerate().map(decode).collect();
        let points = decoded.into_iter().collect::<Result<_, _>>().map_err(SummandError::Commitment)?;
        Ok(Self { summand: published.summand.clone(), points, digest: published.digest() })
    }

    /// Which summand.
    pub fn summand(&self) -> &SummandId {
        &self.summand
    }

    /// How many words.
    pub fn words(&self) -> usize {
        self.points.len()
    }

    /// Digest of what was published.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The C's.
    pub(super) fn points(&self) -> &[RistrettoPoint] {
        &self.points
    }
}
