//! Verifying batches: any number of them by one multi-scalar multiplication, each with its own verdict.
//!
//! Kept true: a batch passes only if all that [`verify_all`] names holds for it, whatever it was verified with; and a
//! batch that holds passes, whatever it was verified with. The equations of all proofs, sigma and range, are added up
//! under random weights ([`crate::weighted_sum`]). If the total is not the identity, batches that fail are found by
//! halving, and in them the contribution.

use std::collections::HashMap;

use nacre_schemas::{
    Digest,
    batch::Batch,
    catalogue::Catalogue,
    contribution::Header,
    id::{ChainId, MemberId},
    measure::Measure,
};
use rand::{CryptoRng, Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::{BatchError, BatchFault, check_size};
use crate::{
    bulletproof::{RangeClaim, RangeProofError},
    contribution::{self, MemberView, Opened, Target},
    encoding::EncodingError,
    key::CollectiveKey,
    range,
    sigma::Claim,
    transcript,
    weighted_sum::{WeightedSum, vartime_failing},
};

/// A batch as members of its chain see it: all that its proofs are about, the restricted parts by their digests.
#[derive(Clone, Debug)]
pub struct MemberBatch<'a> {
    /// The chain it is for.
    pub chain: &'a ChainId,
    /// Who sends it.
    pub provider: &'a MemberId,
    /// The contributions, in the order the range proof has them.
    pub contributions: Vec<MemberView<'a>>,
    /// The range proof.
    pub range_proof: &'a [u8],
}

impl<'a> From<&'a Batch> for MemberBatch<'a> {
    fn from(batch: &'a Batch) -> Self {
        Self {
            chain: &batch.chain,
            provider: &batch.provider,
            contributions: batch.contributions.iter().map(MemberView::from).collect(),
            range_proof: batch.range_proof.as_bytes(),
        }
    }
}

/// Checks all of a batch but its signature, as [`verify_all`] does.
pub fn verify<R: RngCore + CryptoRng>(
    key: &CollectiveKey,
    catalogue: &Catalogue,
    batch: &Batch,
    rng: &mut R,
) -> Result<(), BatchError> {
    verify_all(key, catalogue, &[batch.into()], rng).pop().expect("there is a verdict a batch")
}

/// Checks all of each batch but its signature: who and what it is for, all encodings, all sigma proofs, the range proof.
/// Gives a verdict a batch, in order. Uses rayon; variable time, on public data only.
///
/// The generator must not be predictable to the batches' makers: it weighs the proofs against each other. With n batches
/// a proof that does not hold is missed with a probability of at most 2·n·2^-128.
///
/// Cost on one core, five bands: 0.36 ms a contribution in 16 full batches (half of it decoding points, a third the
/// multiplication), 0.6 ms in one full batch or in 64 batches of one contribution, 1.2 ms in a batch of one.
///
/// What batches that fail cost, if someone sends them for that: reading is never done again, but the multiplication is,
/// by halving, and so is each failing batch's own to name the contribution. Measured: one failing among 16 full batches
/// makes the whole take 1.5 times as long, all 16 failing 2.9 times; 64 batches of one contribution, all failing, 3.3
/// times. One multiplication a batch would cost about as much where all fail, and far more where one does.
pub fn verify_all<R: RngCore + CryptoRng>(
    key: &CollectiveKey,
    catalogue: &Catalogue,
    batches: &[MemberBatch<'_>],
    rng: &mut R,
) -> Vec<Result<(), BatchError>> {
    let seeded: Vec<(&MemberBatch<'_>, [u8; 32])> = batches.iter().map(|batch| (batch, rng.r#gen())).collect();
    let read = seeded.into_par_iter().map(|(batch, seed)| {
        let claims = Claims::read(key, catalogue, batch)?;
        let sum = claims.weighted_sum(&mut ChaCha20Rng::from_seed(seed));
        Ok((claims, sum))
    });
    let read: Vec<Result<(Claims, WeightedSum), BatchError>> = read.collect();

    let mut verdicts = Vec::with_capacity(read.len());
    let (mut positions, mut claims, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for (position, read) in read.into_iter().enumerate() {
        verdicts.push(read.map(|(of_batch, sum)| {
            positions.push(position);
            claims.push(of_batch);
            sums.push(sum);
        }));
    }
    for failing in vartime_failing(&range::bases(key), &sums) {
        verdicts[positions[failing]] = Err(claims[failing].blame(key, rng));
    }
    verdicts
}

/// What is left to check of a batch that was read: equations.
struct Claims {
    /// Of each contribution, in order.
    contributions: Vec<Claim>,
    range: RangeClaim,
}

impl Claims {
    fn read(key: &CollectiveKey, catalogue: &Catalogue, batch: &MemberBatch<'_>) -> Result<Self, BatchError> {
        let measures = check_headers(catalogue, batch)?;
        let opened = open_all(key, batch, &measures)?;
        let (contributions, leaves_and_commitments): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        let (leaves, commitments): (Vec<_>, Vec<_>) = leaves_and_commitments.into_iter().unzip();
        let transcript = transcript::range(key, batch.chain, batch.provider, &leaves);
        let range =
            RangeClaim::new(range::bases(key).generators, batch.range_proof, commitments.as_flattened(), transcript)
                .map_err(|error| BatchError { contribution: None, fault: error.into() })?;
        Ok(Self { contributions, range })
    }

    fn weighted_sum(&self, rng: &mut ChaCha20Rng) -> WeightedSum {
        let mut sum = WeightedSum::default();
        for claim in &self.contributions {
            claim.add_to(&mut sum, rng);
        }
        self.range.add_to(&mut sum, rng);
        sum
    }

    /// Why the batch fails, which is known that it does: the first sigma proof that does not hold, or else the range
    /// proof, which names nobody.
    fn blame<R: RngCore + CryptoRng>(&self, key: &CollectiveKey, rng: &mut R) -> BatchError {
        let mut alone = |claim: &Claim| {
            let mut sum = WeightedSum::default();
            claim.add_to(&mut sum, rng);
            sum
        };
        let sums: Vec<WeightedSum> = self.contributions.iter().map(&mut alone).collect();
        match vartime_failing(&range::bases(key), &sums).next() {
            Some(contribution) => BatchError { contribution: Some(contribution), fault: BatchFault::SigmaProof },
            None => BatchError { contribution: None, fault: RangeProofError::Equations.into() },
        }
    }
}

/// What needs no arithmetic; gives each contribution's definition.
fn check_headers<'a>(catalogue: &'a Catalogue, batch: &MemberBatch<'_>) -> Result<Vec<&'a Measure>, BatchError> {
    check_size(batch.contributions.len())
        .map_err(|size| BatchError { contribution: None, fault: BatchFault::Size(size) })?;
    // Distinct record ids make distinct leaves, as a leaf commits to its header.
    let mut seen = HashMap::new();
    let mut check = |position: usize, header: &Header| {
        if header.provider != *batch.provider {
            return Err(BatchFault::Provider(header.provider.clone()));
        }
        if let Some(first) = seen.insert(header.record, position) {
            return Err(BatchFault::DuplicateRecord(first));
        }
        let reference = &header.cell.measure;
        catalogue.find(reference).ok_or_else(|| BatchFault::UnknownMeasure(reference.clone()))
    };
    let headers = batch.contributions.iter().map(|contribution| &contribution.openings.header).enumerate();
    headers
        .map(|(position, header)| {
            check(position, header).map_err(|fault| BatchError { contribution: Some(position), fault })
        })
        .collect()
}

/// Each contribution's sigma proof; its leaf hash and derived commitments, which the range proof is about.
type OpenedContribution = (Claim, (Digest, [crate::bulletproof::Commitment; 2]));

fn open_all(
    key: &CollectiveKey,
    batch: &MemberBatch<'_>,
    measures: &[&Measure],
) -> Result<Vec<OpenedContribution>, BatchError> {
    let open = |(contribution, measure): (&MemberView<'_>, &&Measure)| {
        let target = Target { key, chain: batch.chain, measure };
        let Opened { claim, range_commitments } = contribution::open(&target, contribution)?;
        Ok((claim, (contribution.leaf_hash(), range_commitments)))
    };
    let opened: Vec<_> = batch.contributions.par_iter().zip(measures).map(open).collect();
    // In order, so that of several faults the same one is named every time.
    let blame = |(position, opened): (usize, Result<_, _>)| {
        opened.map_err(|error: EncodingError| BatchError { contribution: Some(position), fault: error.into() })
    };
    opened.into_iter().enumerate().map(blame).collect()
}
