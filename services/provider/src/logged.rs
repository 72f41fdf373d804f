//! What an exchange answers when it has logged something, and whether it shows that it has.

use nacre_ledger::merkle::{Sm3Hasher, inclusion};
use nacre_schemas::{entry::Entry, id::ChainId, log::Logged};
use nacre_verifier::{Check, Failure, Network, note};

/// The chain signed a final checkpoint under which the entry stands.
pub(crate) fn check(
    logged: &Logged,
    entry: &Entry,
    id: &ChainId,
    network: &Network,
    check: Check,
) -> Result<(), Failure> {
    let (checkpoint, _) = note::check(&logged.checkpoint, note::chain(network, id)?, network)?;
    let proof = &logged.proof;
    inclusion::verify::<Sm3Hasher>(&entry.leaf_hash(), logged.leaf, checkpoint.size, &checkpoint.root, proof)
        .map_err(|error| Failure::new(check, id, error))
}
