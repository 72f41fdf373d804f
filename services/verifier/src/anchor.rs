//! Anchors: a parent chain takes a child's checkpoint only if it is final, and extends the one anchored before.
//!
//! Kept true: the checkpoints that one parent holds of a child are of one growing list, so whoever has the latest has all.
//! Errors: [`Check::Anchor`], [`Check::Checkpoint`]. Cost: an SM2 check a witness, and some 40 hashes.

use nacre_ledger::merkle::{Sm3Hasher, consistency};
use nacre_schemas::{anchor::Anchor, entry::AnchorEntry, trust::Chain};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    note,
};

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
        None => ensure(anchor.proof.is_empty(), Check::Anchor, place, "the first anchor of a chain needs no proof")?,
    }
    Ok(AnchorEntry { chain: child.id.clone(), size: checkpoint.size, root: checkpoint.root })
}
