//! One contribution: sealed by its provider, read back by a verifier up to the point where what remains is one
//! equation, to be checked together with others.
//!
//! Cost: nearly all of reading is decoding 5·K + 10 points for K bands, 4 µs each.

use curve25519_dalek::scalar::Scalar;
use nacre_schemas::{
    Digest, Document as _,
    contribution::{Commitments, Contribution, Header, Openings, Restricted},
    entry::ContributionEntry,
    id::ChainId,
    measure::{Band, Measure},
};
use rand::{CryptoRng, RngCore};
use subtle::{ConditionallySelectable, ConstantTimeGreater};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    bulletproof::Commitment,
    elgamal::Ciphertext,
    encoding::EncodingError,
    key::CollectiveKey,
    range::{self, Committed, Opening},
    sigma::{self, BandSecrets, Claim, Secrets, Statement},
    transcript::{self, ContributionContext},
};

/// What the ciphertexts are to hold. Only [`Plaintexts::of`] makes ones that can be proven.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Plaintexts {
    /// v.
    pub(crate) value: Scalar,
    /// v².
    pub(crate) square: Scalar,
    /// The band indicators.
    pub(crate) bands: Vec<Scalar>,
}

impl Plaintexts {
    /// Those of a value in steps. Constant time: every band is compared.
    pub(crate) fn of(bands: &[Band], value: u32) -> Self {
        let indicator = |band: &Band| {
            let outside = value.ct_gt(&band.hi) | band.lo.ct_gt(&value);
            Scalar::conditional_select(&Scalar::ONE, &Scalar::ZERO, outside)
        };
        let v = Scalar::from(value);
        Self { value: v, square: v * v, bands: bands.iter().map(indicator).collect() }
    }
}

/// Where a contribution is to count.
pub(crate) struct Target<'a> {
    /// The key it is encrypted under.
    pub(crate) key: &'a CollectiveKey,
    /// The chain it is for.
    pub(crate) chain: &'a ChainId,
    /// The definition it follows.
    pub(crate) measure: &'a Measure,
}

/// Encrypts the plaintexts and proves what can be proven of them. Also returns what the range proof needs.
pub(crate) fn seal<R: RngCore + CryptoRng>(
    target: &Target<'_>,
    header: Header,
    restricted: Restricted,
    plaintexts: &Plaintexts,
    rng: &mut R,
) -> (Contribution, [Opening; 2]) {
    let mut commit = |number: Scalar| Committed { number, r: Scalar::random(rng) };
    let value = commit(plaintexts.value);
    let square = commit(plaintexts.square);
    let indicators: Vec<Committed> = plaintexts.bands.iter().map(|bit| commit(*bit)).collect();

    let encrypt = |committed: &Committed| Ciphertext::encrypt(target.key, &committed.number, &committed.r);
    let statement =
        Statement { value: encrypt(&value), square: encrypt(&square), bands: indicators.iter().map(encrypt).collect() };
    let secrets = secrets(&value, &square, &indicators);

    let (commitments, keys) = (statement.commitments(), statement.keys());
    let transcript = transcript::contribution(
        target.key,
        &ContributionContext {
            definition: target.measure.digest(),
            chain: target.chain,
            header: &header,
            restricted: restricted.digest(),
            commitments: &commitments,
            keys: &keys,
        },
    );
    let proof = sigma::prove(target.key, &statement, &secrets, transcript, rng);
    let openings = range::openings(&target.measure.bands(), &value, &indicators);
    (Contribution { commitments, openings: Openings { header, keys, proof }, restricted }, openings)
}

/// The secrets of the relations. They fulfil them if the indicators are bits of which one is set and the
/// square is the value's.
fn secrets(value: &Committed, square: &Committed, indicators: &[Committed]) -> Secrets {
    let band = |indicator: &Committed| BandSecrets {
        b: indicator.number,
        r: indicator.r,
        t: indicator.r - indicator.number * indicator.r,
    };
    Secrets {
        v: value.number,
        r: value.r,
        s: square.r - value.number * value.r,
        u: indicators.iter().map(|indicator| indicator.r).sum(),
        bands: indicators.iter().map(band).collect(),
    }
}

/// A contribution as members of its chain see it.
#[derive(Clone, Copy, Debug)]
pub struct MemberView<'a> {
    /// The C's.
    pub commitments: &'a Commitments,
    /// Header, D's, sigma proof.
    pub openings: &'a Openings,
    /// Digest of the restricted part.
    pub restricted: Digest,
}

impl<'a> From<&'a Contribution> for MemberView<'a> {
    fn from(contribution: &'a Contribution) -> Self {
        let Contribution { commitments, openings, restricted } = contribution;
        Self { commitments, openings, restricted: restricted.digest() }
    }
}

impl MemberView<'_> {
    /// Leaf hash of its entry.
    pub(crate) fn leaf_hash(&self) -> Digest {
        ContributionEntry::new(self.commitments.clone(), self.openings, self.restricted).leaf_hash()
    }
}

/// A contribution read back: its equations are still to be checked, and its commitments range-proven.
pub(crate) struct Opened {
    /// The sigma proof's equations.
    pub(crate) claim: Claim,
    /// What the range proof is about.
    pub(crate) range_commitments: [Commitment; 2],
}

/// Decodes everything in a contribution, or says what is not well-formed.
pub(crate) fn open(target: &Target<'_>, contribution: &MemberView<'_>) -> Result<Opened, EncodingError> {
    let MemberView { commitments, openings: Openings { header, keys, proof }, restricted } = *contribution;
    let bands = target.measure.bands();
    let statement = Statement::decode(commitments, keys, bands.len())?;
    let range_commitments = range::vartime_commitments(&bands, &statement);
    let transcript = transcript::contribution(
        target.key,
        &ContributionContext {
            definition: target.measure.digest(),
            chain: target.chain,
            header,
            restricted,
            commitments,
            keys,
        },
    );
    let claim = Claim::new(statement, proof, transcript)?;
    Ok(Opened { claim, range_commitments })
}
