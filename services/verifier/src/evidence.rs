//! Evidence: where a record stands, who said it, and in which chains above it that is anchored.
//!
//! Kept true of evidence that passes: the provider named signed the record's entry for the chain named; the entry stands
//! under a final checkpoint of that chain; that checkpoint is anchored in a parent of it, under a final checkpoint of the
//! parent, and so on up to a chain that has no parents. So no exchange below can take the record back, or show a history
//! without it, unless all above are with it.
//!
//! Errors: [`Check::Evidence`] where parts are of different records, and the checks of the parts. Cost: two SM2 checks, one a
//! checkpoint and witness, and some 40 hashes a step.

use nacre_ledger::{
    note::{Checkpoint, Finality},
    signing,
};
use nacre_schemas::{
    Digest, Document as _,
    entry::{ContributionEntry, Entry, ErasureEntry},
    evidence::{AnchorStep, Evidence},
    id::{ChainId, MemberId},
    membership::{MemberRole, Membership},
    trust::Chain,
};
use serde::Serialize;

use crate::{
    Network, erasure,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged::check_inclusion,
    membership, note,
};

/// What was checked, and what the evidence rests on without this check seeing it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Digest of the evidence: what a dispute names it by.
    pub evidence: Digest,
    /// Digest of the trust root.
    pub trust: Digest,
    /// The record.
    pub record: Digest,
    /// Its chain.
    pub chain: ChainId,
    /// Position of its entry there.
    pub leaf: u64,
    /// Its provider.
    pub provider: MemberId,
    /// Whether its body was erased.
    pub erased: bool,
    /// What was checked, in order.
    pub checked: Vec<String>,
    /// What has to be taken on trust, and whose word it is.
    pub rests_on: Vec<String>,
}

/// A record's place in its own chain, checked.
pub(crate) struct Place<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) provider: &'a Membership,
    /// Leaf hash of the record's entry.
    pub(crate) entry: Digest,
    pub(crate) checkpoint: Checkpoint,
    finality: Finality,
}

/// Checks evidence as far as the record's own chain goes.
pub(crate) fn check_place<'a>(evidence: &'a Evidence, network: &'a Network) -> Result<Place<'a>, Failure> {
    let chain = note::chain(network, &evidence.chain)?;
    let provider = membership::check(&evidence.provider, network)?;
    membership::check_role(provider, MemberRole::Provider, &chain.id)?;
    let entry = check_record(evidence, chain, provider)?;
    let (checkpoint, finality) = note::check(&evidence.checkpoint, chain, network)?;
    let place = format_args!("{} record {}", chain.id, evidence.record);
    check_inclusion(&entry, &evidence.inclusion, &checkpoint, Check::Evidence, place)?;
    if evidence.erasure.is_some() {
        check_erasure(evidence, entry, provider, &checkpoint)?;
    }
    Ok(Place { chain, provider, entry, checkpoint, finality })
}

/// Checks evidence against a trust root.
pub fn check(evidence: &Evidence, network: &Network) -> Result<Report, Failure> {
    let Place { chain, provider, checkpoint, finality, .. } = check_place(evidence, network)?;
    let mut finalities = vec![(chain.id.clone(), checkpoint.size, finality)];
    let (mut below, mut anchored) = (chain, checkpoint);
    for step in &evidence.anchors {
        let (parent, checkpoint, finality) = check_step(step, below, &anchored, network)?;
        finalities.push((parent.id.clone(), checkpoint.size, finality));
        (below, anchored) = (parent, checkpoint);
    }
    let detail = format_args!("its anchors end here, below {}", names(&below.parents));
    ensure(below.parents.is_empty(), Check::Anchor, &below.id, detail)?;
    Ok(report(evidence, provider, network, &finalities))
}

/// The entry is the record's, and its provider signed it for this chain. Gives its leaf hash.
fn check_record(evidence: &Evidence, chain: &Chain, provider: &Membership) -> Result<Digest, Failure> {
    let place = format_args!("{} record {}", chain.id, evidence.record);
    let entry = match Entry::from_canonical(evidence.entry.as_bytes()).or_failure(Check::Evidence, place)? {
        Entry::Contribution(entry) => entry,
        other => return Err(Failure::new(Check::Evidence, place, format_args!("its entry is a {}", other.kind()))),
    };
    let leaf_hash = entry.leaf_hash();
    let statement = &evidence.batch.statement;
    let here = statement.chain == chain.id;
    ensure(here, Check::Batch, place, format_args!("its batch is for {}", statement.chain))?;
    let own = statement.provider == provider.member;
    ensure(
        own,
        Check::Batch,
        place,
        format_args!("its batch is of {}, not of {}", statement.provider, provider.member),
    )?;
    signing::verify(&provider.signing_key, &evidence.batch).or_failure(Check::Batch, place)?;
    let signed = statement.leaves.contains(&leaf_hash);
    ensure(signed, Check::Evidence, place, "the batch that its provider signed does not hold it")?;
    check_body(evidence, entry, chain, provider)?;
    Ok(leaf_hash)
}

/// The body is the one behind the entry, and of this record; or there is none, for it was erased.
fn check_body(
    evidence: &Evidence,
    entry: ContributionEntry,
    chain: &Chain,
    provider: &Membership,
) -> Result<(), Failure> {
    let place = format_args!("{} record {}", chain.id, evidence.record);
    let Some(body) = &evidence.contribution else {
        let erased = evidence.erasure.is_some();
        return ensure(erased, Check::Evidence, place, "its body is not shown, nor that it was erased");
    };
    ensure(evidence.erasure.is_none(), Check::Evidence, place, "it was erased, and its body is shown")?;
    let behind = body.entry(entry.commitments.clone()) == entry;
    ensure(behind, Check::Evidence, place, "another body is shown than its entry commits to")?;
    let header = &body.openings.header;
    ensure(header.record == evidence.record, Check::Evidence, place, format_args!("the body is of {}", header.record))?;
    let own = header.provider == provider.member;
    ensure(own, Check::Evidence, place, format_args!("the body is of {}", header.provider))?;
    let home = chain.region == Some(header.cell.region);
    ensure(home, Check::Evidence, place, format_args!("its region {} is not the chain's", header.cell.region))
}

/// The provider ordered that this very entry's body be destroyed, and that stands in the chain.
fn check_erasure(
    evidence: &Evidence,
    leaf_hash: Digest,
    provider: &Membership,
    checkpoint: &Checkpoint,
) -> Result<(), Failure> {
    let Some(step) = &evidence.erasure else { return Ok(()) };
    let place = format_args!("{} record {}", evidence.chain, evidence.record);
    erasure::check(&step.order, provider, &evidence.chain)?;
    let order = &step.order.statement;
    let same = order.record == evidence.record && order.entry == leaf_hash;
    ensure(same, Check::Erasure, place, "the order is about another record")?;
    let entry = Entry::Erasure(ErasureEntry { leaf: evidence.inclusion.leaf, order: step.order.digest() });
    check_inclusion(&entry.leaf_hash(), &step.inclusion, checkpoint, Check::Erasure, place)
}

/// The checkpoint below is anchored in a parent of its chain.
fn check_step<'a>(
    step: &AnchorStep,
    below: &Chain,
    anchored: &Checkpoint,
    network: &'a Network,
) -> Result<(&'a Chain, Checkpoint, Finality), Failure> {
    let place = format_args!("{} in {}", below.id, step.chain);
    let parent = below.parents.contains(&step.chain);
    ensure(parent, Check::Anchor, place, "the trust root does not anchor it there")?;
    let chain = note::chain(network, &step.chain)?;
    ensure(step.anchor.chain == below.id, Check::Anchor, place, format_args!("it anchors {}", step.anchor.chain))?;
    let same = step.anchor.size == anchored.size && step.anchor.root == anchored.root;
    ensure(same, Check::Anchor, place, "it anchors another checkpoint than the one below")?;
    let (checkpoint, finality) = note::check(&step.checkpoint, chain, network)?;
    let entry = Entry::Anchor(step.anchor.clone());
    check_inclusion(&entry.leaf_hash(), &step.inclusion, &checkpoint, Check::Anchor, place)?;
    Ok((chain, checkpoint, finality))
}

fn names(chains: &[ChainId]) -> String {
    chains.iter().map(ChainId::as_str).collect::<Vec<_>>().join(" and ")
}

fn report(
    evidence: &Evidence,
    provider: &Membership,
    network: &Network,
    finalities: &[(ChainId, u64, Finality)],
) -> Report {
    let (root, leaf) = (network.root(), evidence.inclusion.leaf);
    let erased = evidence.contribution.is_none();
    let mut checked = vec![
        format!("trust root of {}: endorsed by {} jurisdictions", root.network, root.jurisdictions.len()),
        format!("{}: admitted by {} as a provider of {}", provider.member, provider.jurisdiction, evidence.chain),
        format!("{} signed the batch that holds the record's entry", provider.member),
        if erased {
            format!("{} ordered that the record's body be destroyed, and that stands in the chain", provider.member)
        } else {
            "the record's body: the one that its entry commits to".to_owned()
        },
        format!("the record's entry is leaf {leaf} of {}", evidence.chain),
    ];
    let mut rests_on = vec![
        "the value and its proofs: the provider's word and that of the full witnesses, who verified them".to_owned(),
        "when that was: checkpoints carry no time, but what is anchored stood before whatever its parent chain logged after"
            .to_owned(),
    ];
    if erased {
        rests_on.push("that the entry is this record's: the word of its provider, in the order to erase it".to_owned());
    }
    for (position, (chain, size, finality)) in finalities.iter().enumerate() {
        if position > 0 {
            checked.push(format!("anchored in {chain}, leaf {}", evidence.anchors[position - 1].inclusion.leaf));
        }
        match finality {
            Finality::Final { by } => checked.push(format!("{chain}: {size} entries, final by {}", by.join(", "))),
            Finality::NoWitnesses => {
                rests_on.push(format!("{chain} has no witnesses: that it shows everyone one history is its own word"));
            }
        }
    }
    Report {
        evidence: evidence.digest(),
        trust: network.digest(),
        record: evidence.record,
        chain: evidence.chain.clone(),
        leaf,
        provider: provider.member.clone(),
        erased,
        checked,
        rests_on,
    }
}
