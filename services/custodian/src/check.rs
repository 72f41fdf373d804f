//! Check: whether a submission is what it says, before anything is decided on it.
//!
//! Three parts. [`offline`] checks what anyone can, from the submission and the trust root alone: the definition, the
//! logged request, every chain's seals and cells, the chains' signatures under their sums. [`own_chains`] checks what
//! members of the custodian's own chains can: that the signed sums are those of the sealed cells ([`crate::details`]).
//! The chains of other jurisdictions are checked in this way by *their* custodians only, and [`confirmed`] that they
//! said so. A confirmation takes the first two, an answer all three.
//!
//! Errors: [`Fault`], which ends in a signed refusal. Cost: a few hashes and point additions a cell, a signature or
//! two a chain; no proof of a contribution is checked again, that is the full witnesses' work.

use std::collections::BTreeMap;

use nacre_schemas::{
    Document as _, Signed,
    catalogue::Catalogue,
    cell::ChainDetails,
    dossier::{ChainEvidence, ChainSums, Submission},
    id::{ChainId, JurisdictionId},
    measure::Measure,
    query::Request,
};
use nacre_verifier::{CheckedDossier, GroupKeys, Network, confirmation, dossier, sums};

use crate::{details, fault::Fault};

/// A submission whose public part and signatures hold.
pub struct Checked {
    /// The measure's definition, of this build's catalogue.
    pub definition: &'static Measure,
    /// What was checked.
    pub dossier: CheckedDossier,
    /// The groups' keys over all chains.
    pub keys: GroupKeys,
}

/// Checks all that can be checked offline.
pub fn offline(submission: &Submission, network: &Network) -> Result<Checked, Fault> {
    let definition = definition(&submission.dossier.logged.request.request)?;
    let dossier = dossier::check(&submission.dossier, network, definition)?;
    let keys = sums::check(&submission.sums, &submission.dossier, &dossier, network)?;
    Ok(Checked { definition, dossier, keys })
}

/// Checks that a threshold of each chain's own custodians confirmed just the sums that [`offline`] checked. No share may
/// be given before: of the chains of other jurisdictions nothing else ties the signed sums to sealed cells.
pub fn confirmed(submission: &Submission, checked: &Checked, network: &Network) -> Result<(), Fault> {
    Ok(confirmation::check(&submission.confirmations, &submission.sums, &checked.dossier, network)?)
}

/// The definition of the measure asked for, which the request and this build must agree on. Of the trust root it is known: a
/// custodian that was built with another catalogue does not start.
pub(crate) fn definition(request: &Request) -> Result<&'static Measure, Fault> {
    let catalogue = Catalogue::built_in();
    let found = catalogue.find(&request.measure);
    let measure = found.ok_or_else(|| Fault::UnknownMeasure(request.measure.clone()))?;
    if measure.digest() != request.definition {
        return Err(Fault::OtherDefinition(request.measure.clone()));
    }
    Ok(measure)
}

/// The evidence of the chains of a jurisdiction, each with its place: those whose details its custodians have to see.
pub fn evidence_of<'a>(
    submission: &'a Submission,
    network: &'a Network,
    jurisdiction: &'a JurisdictionId,
) -> impl Iterator<Item = (&'a ChainEvidence, &'a Signed<ChainSums>)> {
    let own = |(evidence, _): &(&ChainEvidence, &Signed<ChainSums>)| {
        network.root().chain(&evidence.chain).is_some_and(|chain| chain.jurisdiction == *jurisdiction)
    };
    // One chain's sums for each chain's evidence, in one order: [`offline`] has seen to it.
    submission.dossier.chains.iter().zip(&submission.sums).filter(own)
}

/// Checks the signed sums of the jurisdiction's chains against the details behind their sealed cells.
pub fn own_chains(
    submission: &Submission,
    network: &Network,
    jurisdiction: &JurisdictionId,
    definition: &Measure,
    shown: &BTreeMap<ChainId, ChainDetails>,
) -> Result<(), Fault> {
    let request = &submission.dossier.logged.request.request;
    let bands = definition.bands().len();
    for (evidence, signed) in evidence_of(submission, network, jurisdiction) {
        let Some(details) = shown.get(&evidence.chain) else {
            let reason = "they were not fetched".to_owned();
            return Err(Fault::DetailsRefused { chain: evidence.chain.clone(), reason });
        };
        details::check(request, bands, evidence, details, &signed.statement)?;
    }
    Ok(())
}
