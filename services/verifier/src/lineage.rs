//! A line of trust roots: the present one, and those before it under the same collective key.
//!
//! What was asked under an earlier trust root counts for good, and is judged by that root: its keys, its witnesses, its k.
//! Judged by the present one, a request would be forgotten when a witness, a chain or an authority gets another key, and a sum
//! that differs from an earlier answer by one person would be opened.
//!
//! Kept true: each earlier root here is one that the present one names, was endorsed like it, has its network, jurisdictions
//! and group keys, stands at its place in the line by its serial and by what it follows itself, and has the same cross lane or
//! none; no root of another line is ever found.
//!
//! Errors: [`Failure`] of [`Check::TrustRoot`]. Cost: of a [`Network`] for each root.

use std::{collections::BTreeMap, sync::Arc};

use nacre_schemas::{
    Digest, SigningPublicKey,
    id::{ChainId, JurisdictionId},
    trust::{CrossScope, SignedTrustRoot, TrustRoot},
};

use crate::{
    Network,
    failure::{Check, Failure, ensure},
};

/// The present trust root, with those before it that are at hand.
#[derive(Clone)]
pub struct Lineage {
    present: Arc<Network>,
    earlier: BTreeMap<Digest, Arc<Network>>,
}

/// The trust root that a request names.
#[derive(Clone)]
pub enum Named {
    /// It is at hand, at that place in the line, from 0.
    Known(usize, Arc<Network>),
    /// It is of the line, at that place, and not at hand.
    Lacking(usize),
    /// It is none of the line: what names it counts for nothing.
    Foreign,
}

impl Lineage {
    /// The line of a trust root, without any before it.
    pub fn new(present: Arc<Network>) -> Self {
        Self { present, earlier: BTreeMap::new() }
    }

    /// The present trust root.
    pub fn present(&self) -> &Arc<Network> {
        &self.present
    }

    /// Adds an earlier trust root; one that is there already stays.
    pub fn add(&mut self, signed: SignedTrustRoot) -> Result<(), Failure> {
        let network = Network::new(signed)?;
        if network.digest() == self.present.digest() || self.earlier.contains_key(&network.digest()) {
            return Ok(());
        }
        self.check(&network)?;
        self.earlier.insert(network.digest(), Arc::new(network));
        Ok(())
    }

    /// Whether a trust root is of this network and its collective key: then it belongs to this line.
    pub fn is_of_this_key(&self, root: &TrustRoot) -> bool {
        let present = self.present.root();
        root.network == present.network && keys(root) == keys(present)
    }

    /// The trust root of that digest.
    pub fn find(&self, trust: &Digest) -> Named {
        let line = &self.present.root().earlier;
        if *trust == self.present.digest() {
            return Named::Known(line.len(), Arc::clone(&self.present));
        }
        let Some(place) = line.iter().position(|earlier| earlier == trust) else { return Named::Foreign };
        self.earlier.get(trust).map_or(Named::Lacking(place), |network| Named::Known(place, Arc::clone(network)))
    }

    /// The keys that a chain signs and signed with, as far as trust roots are at hand: the present one first, if it is listed.
    pub fn signing_keys(&self, chain: &ChainId) -> Vec<SigningPublicKey> {
        let networks = [&self.present].into_iter().chain(self.earlier.values());
        networks.filter_map(|network| Some(network.root().chain(chain)?.signing_key)).collect()
    }

    /// The earlier trust roots that are at hand.
    pub fn earlier(&self) -> impl Iterator<Item = &Arc<Network>> {
        self.earlier.values()
    }

    /// The digests of earlier trust roots that are not at hand, the first first.
    pub fn lacking(&self) -> impl Iterator<Item = &Digest> {
        self.present.root().earlier.iter().filter(|digest| !self.earlier.contains_key(*digest))
    }

    fn check(&self, network: &Network) -> Result<(), Failure> {
        let (root, present) = (network.root(), self.present.root());
        let place = format!("the trust root {}, serial {}", network.digest(), root.serial);
        let holds = |holds: bool, detail: &str| ensure(holds, Check::TrustRoot, &place, detail);
        holds(root.network == present.network, "it is of another network")?;
        let position = present.earlier.iter().position(|earlier| *earlier == network.digest());
        let detail = "the present trust root does not follow it: what was asked under it would be forgotten";
        let Some(position) = position else { return holds(false, detail) };
        holds(
            root.earlier == present.earlier[..position],
            "it does not follow what the present one says came before it",
        )?;
        holds(keys(root) == keys(present), "it has another collective key than the present one")?;
        let known = self.earlier.values().chain([&self.present]);
        let ordered = known.into_iter().all(|other| {
            let before = other.root().earlier.len() < position;
            if before { other.root().serial < root.serial } else { root.serial < other.root().serial }
        });
        holds(ordered, "its serial is out of order")?;
        holds(
            scope(root) == scope(present),
            "the cross lane answered about something else under it, and that never changes",
        )
    }
}

fn keys(root: &TrustRoot) -> Vec<(&JurisdictionId, nacre_schemas::Point)> {
    root.jurisdictions.iter().map(|jurisdiction| (&jurisdiction.id, jurisdiction.group_key)).collect()
}

fn scope(root: &TrustRoot) -> Option<&CrossScope> {
    root.cross.as_ref().map(|cross| &cross.scope)
}

#[cfg(test)]
mod tests;
