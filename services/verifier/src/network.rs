//! A network: a trust root that was checked. The type is the proof that it was.
//!
//! Kept true: every jurisdiction endorsed the whole file under the very key it brings, so none chose its key
//! after seeing the others'; no key is the identity; each jurisdiction's verifying shares lie on one polynomial
//! through its key, of the degree its threshold names, and so do those of the pseudonyms' key, if there is one, which is
//! no decryption key; names and regions are each listed once, in order; so are the chains and measures of the cross lane;
//! anchoring ends at a
//! chain without parents; a chain that is witnessed has a full witness, of its own jurisdiction.

use std::collections::BTreeMap;

use nacre_schemas::{
    Digest, Document as _, limits,
    measure::Measure,
    trust::{Chain, CrossScope, Jurisdiction, SignedTrustRoot, TrustRoot, WitnessKind},
};
use nacre_zk::{
    custody::{self, GroupKeys},
    key::CollectiveKey,
    share,
};

use crate::failure::{Check, Failure, OrFailure as _, ensure};

/// A checked trust root.
#[derive(Clone)]
pub struct Network {
    signed: SignedTrustRoot,
    digest: Digest,
    key: CollectiveKey,
}

impl Network {
    /// Checks a trust root.
    pub fn new(signed: SignedTrustRoot) -> Result<Self, Failure> {
        let key = Self::check_unendorsed(&signed.root)?;
        check_endorsements(&signed)?;
        Ok(Self { digest: signed.root.digest(), key, signed })
    }

    /// All checks but those of the endorsements: for whoever puts a trust root together or is asked to endorse it. Gives
    /// the collective key, which nobody may use yet.
    pub fn check_unendorsed(root: &TrustRoot) -> Result<CollectiveKey, Failure> {
        check_form(root)?;
        for jurisdiction in &root.jurisdictions {
            check_jurisdiction(jurisdiction)?;
        }
        check_pseudonyms(root)?;
        check_cross(root)?;
        for chain in &root.chains {
            check_chain(chain, root)?;
        }
        let group_keys: Vec<_> = root.jurisdictions.iter().map(|jurisdiction| jurisdiction.group_key).collect();
        CollectiveKey::of_group_keys(&group_keys).or_failure(Check::TrustRoot, &root.network)
    }

    /// What is trusted.
    pub fn root(&self) -> &TrustRoot {
        &self.signed.root
    }

    /// The same, with the endorsements it was checked by.
    pub fn signed(&self) -> &SignedTrustRoot {
        &self.signed
    }

    /// Digest of the root without its endorsements: what requests name it by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The collective key `P`.
    pub fn key(&self) -> &CollectiveKey {
        &self.key
    }

    /// The main chain that requests on this measure are logged on.
    pub fn main_chain(&self, definition: &Measure) -> Result<&Chain, Failure> {
        let id = definition.main_chain();
        let missing = || Failure::new(Check::TrustRoot, &id, "the trust root has no such chain");
        self.root().chain(&id).ok_or_else(missing)
    }
}

fn rising<T: Ord>(mut items: impl Iterator<Item = T>) -> bool {
    let Some(mut last) = items.next() else { return true };
    items.all(|item| {
        let ok = last < item;
        last = item;
        ok
    })
}

fn check_form(root: &TrustRoot) -> Result<(), Failure> {
    let fail = |detail| Err(Failure::new(Check::TrustRoot, &root.network, detail));
    if root.jurisdictions.is_empty() || root.chains.is_empty() {
        return fail("a network needs a jurisdiction and a chain at least");
    }
    if !rising(root.jurisdictions.iter().map(|jurisdiction| &jurisdiction.id)) {
        return fail("jurisdictions are listed by name, each once");
    }
    if !rising(root.chains.iter().map(|chain| &chain.id)) {
        return fail("chains are listed by name, each once");
    }
    let mut regions: Vec<_> = root.chains.iter().filter_map(|chain| chain.region).collect();
    regions.sort();
    if !rising(regions.iter()) {
        return fail("two chains serve one region");
    }
    if root.earlier.len() > limits::MAX_EARLIER {
        return fail("it follows too many trust roots");
    }
    if root.disclosure.minimum_people == 0 {
        return fail("the minimum of people behind a figure is 1 at least");
    }
    Ok(())
}

fn check_jurisdiction(jurisdiction: &Jurisdiction) -> Result<(), Failure> {
    let place = &jurisdiction.id;
    let numbers = jurisdiction.custodians.iter().map(|custodian| custodian.number);
    ensure(
        rising(numbers) && jurisdiction.custodians.iter().all(|custodian| custodian.number > 0),
        Check::TrustRoot,
        place,
        "custodians are listed by number from 1, each once",
    )?;
    share::polynomial_check(jurisdiction).or_failure(Check::TrustRoot, place)
}

/// The pseudonyms' key is every jurisdiction's or none's; it is shared among the same custodians under the same threshold
/// as the decryption key, and is nobody's decryption key: custodians multiply whatever a provider sends by it.
fn check_pseudonyms(root: &TrustRoot) -> Result<(), Failure> {
    let having = root.jurisdictions.iter().filter(|jurisdiction| jurisdiction.pseudonyms.is_some()).count();
    let detail = "a pseudonyms' key takes a part of every jurisdiction";
    ensure(having == 0 || having == root.jurisdictions.len(), Check::TrustRoot, &root.network, detail)?;
    for jurisdiction in &root.jurisdictions {
        let place = format!("{}'s part of the pseudonyms' key", jurisdiction.id);
        let Some(keys) = GroupKeys::of_pseudonyms(jurisdiction).or_failure(Check::TrustRoot, &place)? else { continue };
        let custodians = jurisdiction.custodians.iter().map(|custodian| &custodian.number);
        let same = keys.threshold() == jurisdiction.threshold && keys.verifying_shares().keys().eq(custodians);
        let detail = "it is not shared among the jurisdiction's custodians under its threshold";
        ensure(same, Check::TrustRoot, &place, detail)?;
        let shares = keys.verifying_shares();
        let decrypts = root.jurisdictions.iter().any(|other| other.group_key == keys.group_key())
            || jurisdiction.custodians.iter().any(|custodian| shares[&custodian.number] == custodian.verifying_share);
        ensure(!decrypts, Check::TrustRoot, &place, "it decrypts: whoever asks for pseudonyms could open records")?;
    }
    Ok(())
}

/// What the cross lane answers about: measures and chains that hold records, each named once, in order.
fn check_cross(root: &TrustRoot) -> Result<(), Failure> {
    let Some(cross) = &root.cross else { return Ok(()) };
    let holds = |holds: bool, detail: &str| ensure(holds, Check::TrustRoot, "the cross lane's scope", detail);
    let CrossScope { chains, measures, from: _ } = &cross.scope;
    holds(!chains.is_empty() && rising(chains.iter()), "its chains are listed by name, each once, one at least")?;
    holds(measures.len() > 1 && rising(measures.iter()), "its measures are listed by name, each once, two at least")?;
    let serves = |id| root.chain(id).is_some_and(|chain| chain.region.is_some());
    holds(chains.iter().all(serves), "one of its chains is not listed, or serves no region")
}

fn check_chain(chain: &Chain, root: &TrustRoot) -> Result<(), Failure> {
    let known = root.jurisdiction(&chain.jurisdiction).is_some();
    ensure(known, Check::TrustRoot, &chain.id, "it is run in a jurisdiction that is not listed")?;
    if let Some(region) = chain.region {
        let home = region.facts().jurisdiction == chain.jurisdiction;
        ensure(home, Check::TrustRoot, &chain.id, "its region belongs to another jurisdiction")?;
    }
    check_parents(chain, root)?;
    check_witnesses(chain, root)
}

/// Parents are listed by name, and following them ends.
fn check_parents(chain: &Chain, root: &TrustRoot) -> Result<(), Failure> {
    let place = &chain.id;
    ensure(rising(chain.parents.iter()), Check::TrustRoot, place, "its parents are listed by name, each once")?;
    ensure(chain.parents.len() <= limits::MAX_PARENTS, Check::TrustRoot, place, "it has too many parents")?;
    let mut above: Vec<&Chain> = vec![chain];
    for _ in 0..limits::MAX_ANCHORS {
        let mut parents = BTreeMap::new();
        for id in above.iter().flat_map(|chain| &chain.parents) {
            let unknown = || Failure::new(Check::TrustRoot, place, format_args!("{id} above it is not listed"));
            parents.insert(id, root.chain(id).ok_or_else(unknown)?);
        }
        if parents.is_empty() {
            return Ok(());
        }
        above = parents.into_values().collect();
    }
    Err(Failure::new(Check::TrustRoot, place, "its parents form a circle, or a way that is too long"))
}

/// A chain with witnesses has a full one; full witnesses, who see bodies, are of its own jurisdiction.
fn check_witnesses(chain: &Chain, root: &TrustRoot) -> Result<(), Failure> {
    let place = &chain.id;
    for witness in &chain.witnesses {
        let known = root.jurisdiction(&witness.jurisdiction).is_some();
        let detail = format_args!("the jurisdiction of its witness {} is not listed", witness.name);
        ensure(known, Check::TrustRoot, place, detail)?;
        let home = witness.kind != WitnessKind::Full || witness.jurisdiction == chain.jurisdiction;
        let detail = format_args!("its full witness {} is of another jurisdiction", witness.name);
        ensure(home, Check::TrustRoot, place, detail)?;
    }
    let full = chain.witnesses.iter().any(|witness| witness.kind == WitnessKind::Full);
    ensure(full || chain.witnesses.is_empty(), Check::TrustRoot, place, "none of its witnesses is a full one")?;
    crate::note::policy(chain).map(drop)
}

fn check_endorsements(signed: &SignedTrustRoot) -> Result<(), Failure> {
    let message = signed.root.to_canonical();
    let listed = signed.endorsements.iter().map(|endorsement| &endorsement.jurisdiction);
    let all = signed.root.jurisdictions.iter().map(|jurisdiction| &jurisdiction.id);
    ensure(
        listed.eq(all),
        Check::TrustRoot,
        &signed.root.network,
        "each jurisdiction endorses the trust root once, in their order",
    )?;
    for (endorsement, jurisdiction) in signed.endorsements.iter().zip(&signed.root.jurisdictions) {
        custody::verify_endorsement(&jurisdiction.group_key, &message, &endorsement.signature)
            .or_failure(Check::TrustRoot, format_args!("{}'s endorsement", jurisdiction.id))?;
    }
    Ok(())
}
