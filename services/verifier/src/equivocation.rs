//! Equivocation: the evidence that a chain signed two checkpoints that cannot both be true.
//!
//! Kept true: who passes [`check`] has signed both; no honest chain ever does, whatever its exchange crashed of, for it
//! signs nothing that its log does not keep. Errors: [`Check::Equivocation`]. Cost: two SM2 checks and some 40 hashes.

use nacre_ledger::{
    merkle::{Sm3Hasher, consistency},
    note::SignedCheckpoint,
};
use nacre_schemas::{Digest, dossier::Note, equivocation::Equivocation, id::ChainId};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    note,
};

/// Checks that the evidence convicts the chain it names.
pub fn check(evidence: &Equivocation, network: &Network) -> Result<(), Failure> {
    let chain = note::chain(network, &evidence.chain)?;
    let older = note::check_signed(&evidence.older, chain, network)?;
    let newer = note::check_signed(&evidence.newer, chain, network)?;
    let (older, newer) = (older.unverified(), newer.unverified());
    let place = &evidence.chain;
    let fail = |detail: &str| Err(Failure::new(Check::Equivocation, place, detail));
    if older.size > newer.size {
        return fail("the older checkpoint is of more entries than the newer");
    }
    if older.size == newer.size {
        let bare = evidence.proof.is_empty() && evidence.root == newer.root;
        ensure(bare, Check::Equivocation, place, "checkpoints of one size need no proof, and this has one")?;
        return if older.root == newer.root { fail("both checkpoints say the same") } else { Ok(()) };
    }
    consistency::verify::<Sm3Hasher>(older.size, &evidence.root, newer.size, &newer.root, &evidence.proof)
        .or_failure(Check::Equivocation, place)?;
    if evidence.root == older.root { fail("the newer checkpoint extends the older") } else { Ok(()) }
}

/// The evidence in two checkpoints that a chain signed and a proof of what the first entries under the newer one are, if
/// it is any.
pub fn find(
    chain: &ChainId,
    older: &SignedCheckpoint,
    newer: &SignedCheckpoint,
    root: Digest,
    proof: Vec<Digest>,
    network: &Network,
) -> Option<Equivocation> {
    let note = |checkpoint: &SignedCheckpoint| checkpoint.as_str().parse::<Note>().ok();
    let evidence = Equivocation { chain: chain.clone(), older: note(older)?, newer: note(newer)?, root, proof };
    check(&evidence, network).is_ok().then_some(evidence)
}
