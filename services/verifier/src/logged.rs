//! A logged request: well-formed, signed by an admitted regulator, and in the main chain before anyone answers.
//!
//! A request is judged under the trust root that it names, and under no other: each check here fails if that is not the one
//! given. [`crate::Lineage`] finds the one to give. Only what is asked under the present one is logged and answered.

use nacre_ledger::{
    merkle::{Sm3Hasher, inclusion},
    note::{Checkpoint, Finality},
    signing,
};
use nacre_schemas::{
    Digest, Document as _,
    dossier::{Inclusion, LoggedRequest},
    entry::Entry,
    measure::Measure,
    membership::{MemberRole, Membership},
    query::{Request, SealProof, SealSpan, SignedRequest},
};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    membership, note,
};

/// Checks an entry's place under a checkpoint.
pub(crate) fn check_inclusion(
    leaf: &Digest,
    place_in_log: &Inclusion,
    checkpoint: &Checkpoint,
    check: Check,
    place: impl std::fmt::Display,
) -> Result<(), Failure> {
    inclusion::verify::<Sm3Hasher>(leaf, place_in_log.leaf, checkpoint.size, &checkpoint.root, &place_in_log.proof)
        .or_failure(check, place)
}

/// Checks a request before it is logged: all of [`check_signed`], and that its chains have the seals it names.
pub fn check_request(
    signed: &SignedRequest<Request>,
    requester: &Membership,
    network: &Network,
    definition: &Measure,
) -> Result<(), Failure> {
    check_signed(signed, requester, network, definition)?;
    check_seals(&signed.request.spans, &signed.seals, network)
}

/// Each span's last seal stands under a final checkpoint of its chain.
pub(crate) fn check_seals(spans: &[SealSpan], seals: &[SealProof], network: &Network) -> Result<(), Failure> {
    let complete = seals.len() == spans.len();
    ensure(complete, Check::SealInclusion, "request", "there is not the last seal of each span")?;
    for (span, proof) in spans.iter().zip(seals) {
        let place = format_args!("{} seal {}", span.chain, span.last);
        let named = proof.seal.number == span.last && proof.seal.leaf_hash() == span.hash;
        ensure(named, Check::SealSequence, place, "the seal shown is not the one that the request names")?;
        let (checkpoint, _) = note::check(&proof.checkpoint, note::chain(network, &span.chain)?, network)?;
        check_inclusion(&span.hash, &proof.inclusion, &checkpoint, Check::SealInclusion, place)?;
    }
    Ok(())
}

/// Checks what a request says, and who says it: form, trust root, definition, spans, and the signature of its requester.
/// Whether its chains have the seals it names is not asked here: the chain's own exchange knows.
pub fn check_signed(
    signed: &SignedRequest<Request>,
    requester: &Membership,
    network: &Network,
    definition: &Measure,
) -> Result<(), Failure> {
    let request = &signed.request;
    check_form(request, network, definition)?;
    let same = requester.member == request.requester;
    ensure(same, Check::Admission, &request.requester, format_args!("the admission is {}'s", requester.member))?;
    membership::check_role(requester, MemberRole::Regulator, &network.main_chain(definition)?.id)?;
    for span in &request.spans {
        membership::check_role(requester, MemberRole::Regulator, &span.chain)?;
    }
    signing::verify_detached(&requester.signing_key, request, &signed.signature)
        .or_failure(Check::RequestSignature, &request.requester)
}

/// Checks a logged request: all of [`check_standing`], and that its chains have the seals it names.
pub fn check(logged: &LoggedRequest<Request>, network: &Network, definition: &Measure) -> Result<Finality, Failure> {
    let requester = membership::check(&logged.admission, network)?;
    check_request(&logged.request, requester, network, definition)?;
    check_places(logged, network, definition)
}

/// Checks all of [`check_signed`], the admission, and both entries' places in the main chain.
pub fn check_standing(
    logged: &LoggedRequest<Request>,
    network: &Network,
    definition: &Measure,
) -> Result<Finality, Failure> {
    let requester = membership::check(&logged.admission, network)?;
    check_signed(&logged.request, requester, network, definition)?;
    check_places(logged, network, definition)
}

/// Both entries stand in the main chain, under a final checkpoint.
fn check_places(logged: &LoggedRequest<Request>, network: &Network, definition: &Measure) -> Result<Finality, Failure> {
    let main = network.main_chain(definition)?;
    let (checkpoint, finality) = note::check(&logged.checkpoint, main, network)?;
    let admission = Entry::Membership(logged.admission.digest()).leaf_hash();
    let place = &main.id;
    check_inclusion(&admission, &logged.admission_inclusion, &checkpoint, Check::AdmissionInclusion, place)?;
    let request = Entry::Request(logged.request.digest()).leaf_hash();
    check_inclusion(&request, &logged.request_inclusion, &checkpoint, Check::RequestInclusion, place)?;
    Ok(finality)
}

/// Checks what a request says by itself: trust root, definition, form, and that its chains are those that serve its regions.
fn check_form(request: &Request, network: &Network, definition: &Measure) -> Result<(), Failure> {
    let place = "request";
    let detail = "it is asked under another trust root: if under an earlier one, ask anew";
    ensure(request.trust == network.digest(), Check::RequestForm, place, detail)?;
    let defined = request.measure == definition.reference() && request.definition == definition.digest();
    ensure(defined, Check::Definition, &request.measure, "the request names another definition")?;
    request.check().or_failure(Check::RequestForm, place)?;
    definition.check_statistics(&request.statistics).or_failure(Check::RequestForm, place)?;
    check_spans(request, network)
}

/// The spans are exactly the chains that serve the regions asked about.
fn check_spans(request: &Request, network: &Network) -> Result<(), Failure> {
    let mut chains = Vec::new();
    for region in &request.predicate.regions {
        let unserved = || Failure::new(Check::RequestForm, region, "no chain of the trust root serves this region");
        chains.push(&network.root().chain_of_region(*region).ok_or_else(unserved)?.id);
    }
    chains.sort();
    let spans = request.spans.iter().map(|span| &span.chain);
    ensure(
        spans.eq(chains.iter().copied()),
        Check::RequestForm,
        "spans",
        "the chains are not those that serve the regions asked about",
    )
}
