//! What an exchange answers when it has logged something, and whether it shows that it has.

use nacre_ledger::merkle::{Sm3Hasher, inclusion};
use nacre_schemas::{Digest, dossier::Note, entry::Entry, id::ChainId};
use nacre_verifier::{Check, Failure, Network, note};
use serde::Deserialize;

/// Where an entry stands, as the exchange says.
#[derive(Deserialize)]
pub(crate) struct Logged {
    pub(crate) leaf: u64,
    proof: Vec<Digest>,
    checkpoint: Note,
}

impl Logged {
    /// The chain signed a final checkpoint under which the entry stands.
    pub(crate) fn check(&self, entry: &Entry, id: &ChainId, network: &Network, check: Check) -> Result<(), Failure> {
        let (checkpoint, _) = note::check(&self.checkpoint, note::chain(network, id)?, network)?;
        let proof = &self.proof;
        inclusion::verify::<Sm3Hasher>(&entry.leaf_hash(), self.leaf, checkpoint.size, &checkpoint.root, proof)
            .map_err(|error| Failure::new(check, id, error))
    }
}
