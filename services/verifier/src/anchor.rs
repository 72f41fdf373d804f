//! Anchors: a parent chain takes a child's checkpoint only if it is final, and extends the one anchored before.
//!
//! Kept true: the checkpoints that one parent holds of a child are of one growing list, so whoever has the latest has all.
//! Errors: [`Check::Anchor`], [`Check::Checkpoint`]. Cost: an SM2 check a witness, and some 40 hashes.

use nacre_ledger::{
    merkle::{Sm3Hasher, consistency},
    note::SignedCheckpoint,
};
use nacre_schemas::{anchor::Anchor, dossier::Note, entry::AnchorEntry, trust::Chain};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    note,
};

/// The chain that a checkpoint says it is of. Nothing else of it is checked.
pub fn child<'a>(checkpoint: &Note, network: &'a Network) -> Result<&'a Chain, Failure> {
    let note: SignedCheckpoint = checkpoint.as_str().parse().or_failure(Check::Checkpoint, "anchor")?;
    let origin = &note.unverified().origin;
    let unknown = || Failure::new(Check::Checkpoint, origin, "the trust root has no such chain");
    let root = network.root();
    root.chains.iter().find(|chain| root.origin(&chain.id) == *origin).ok_or_else(unknown)
}

/// Checks an anchor in the chain `parent`, given the one of the same child before it, and gives its entry.
pub fn check(
    anchor: &Anchor,
    child: &Chain,
    before: Option<&AnchorEntry>,
    parent: &Chain,
    network: &Network,
) -> Result<AnchorEntry, Failure> {
    let place = format_args!("{} in {}", child.id, parent.id);
    ensure(child.parents.contains(&parent.id), Check::Anchor, place, "the trust root does not anchor it there")?;
    let (checkpoint, _) = note::check(&anchor.checkpoint, child, network)?;
    match before {
        Some(before) => {
            ensure(checkpoint.size > before.size, Check::Anchor, place, "it is no longer than the one before")?;
            let (from, to) = ((before.size, &before.root), (checkpoint.size, &checkpoint.root));
            consistency::verify::<Sm3Hasher>(from.0, from.1, to.0, to.1, &anchor.proof)
                .or_failure(Check::Anchor, place)?;
        }
        None => {
            ensure(checkpoint.size > 0, Check::Anchor, place, "it is of no entries")?;
            ensure(anchor.proof.is_empty(), Check::Anchor, place, "the first anchor of a chain needs no proof")?;
        }
    }
    Ok(AnchorEntry { chain: child.id.clone(), size: checkpoint.size, root: checkpoint.root })
}
