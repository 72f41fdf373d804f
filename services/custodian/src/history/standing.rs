//! Which logged requests count, and under which trust root each is judged.
//!
//! A request is judged under the trust root that it names: its keys, its witnesses, its k. It counts if that root is the
//! present one or in its line, if it holds under it, and if no request that counts before it on the chain, of either lane,
//! names a later root: the network had gone on by then, and an older root may be weaker.
//!
//! Kept true: the outcome is a function of the log and of the trust roots, at any time and for every custodian. What cannot be
//! judged, because an earlier root is not at hand, is neither counted nor passed over: whatever depends on it waits. (Counted,
//! junk on a main chain would close every family; passed over, a custodian without its files would open too much.)
//!
//! No error: every request has a standing. Cost: some signatures for each request, once.

use std::sync::Arc;

use nacre_schemas::{Digest, Signed, catalogue::Catalogue, membership::Membership};
use nacre_verifier::{Lineage, Named, Network, cross, logged, membership};

use super::main_chain::{Asked, Logged};

/// What a logged request is.
#[derive(Clone)]
pub(super) enum Standing {
    /// Not looked at yet.
    Unsettled,
    /// It counts, under that trust root.
    Counts(Arc<Network>),
    /// It could never be answered, and counts for nothing.
    Nothing,
    /// It cannot be told without that trust root.
    Lacks(Digest),
}

impl Standing {
    fn is_open(&self) -> bool {
        matches!(self, Self::Unsettled | Self::Lacks(_))
    }
}

/// A request whose form and signatures are to be checked, under the trust root that it names.
pub(super) struct Candidate {
    position: usize,
    asked: Asked,
    admission: Option<Signed<Membership>>,
    network: Arc<Network>,
}

impl Candidate {
    fn holds(&self) -> bool {
        let Some(admission) = &self.admission else { return false };
        let verdict = membership::check(admission, &self.network).and_then(|requester| match &self.asked {
            Asked::Tally(signed) => {
                let definition = Catalogue::built_in().find(&signed.request.measure);
                definition.map_or(Ok(false), |definition| {
                    logged::check_request(signed, requester, &self.network, definition).map(|()| true)
                })
            }
            Asked::Cross(signed) => cross::check_request(signed, requester, &self.network).map(|_| true),
        });
        verdict.unwrap_or(false)
    }
}

/// The requests that are not settled, as far as their trust roots are at hand.
pub(super) fn candidates(requests: &[Logged], lineage: &Lineage) -> Vec<Candidate> {
    let open = requests.iter().enumerate().filter(|(_, request)| request.standing.is_open());
    open.filter_map(|(position, request)| match lineage.find(&request.asked.trust()) {
        Named::Known(_, network) => {
            let (asked, admission) = (request.asked.clone(), request.admission.clone());
            Some(Candidate { position, asked, admission, network })
        }
        Named::Lacking(_) | Named::Foreign => None,
    })
    .collect()
}

/// The positions of those that hold. Blocks.
pub(super) fn holding(candidates: &[Candidate]) -> Vec<usize> {
    candidates.iter().filter(|candidate| candidate.holds()).map(|candidate| candidate.position).collect()
}

/// Settles the requests that are open, given which of them hold.
pub(super) fn settle(requests: &mut [Logged], holding: &[usize], lineage: &Lineage) {
    // The latest root that a request which counts named, and that one which may count named.
    let (mut latest, mut possible) = (0, None::<(usize, Digest)>);
    for (position, request) in requests.iter_mut().enumerate() {
        let trust = request.asked.trust();
        let named = lineage.find(&trust);
        if request.standing.is_open() {
            request.standing = match &named {
                Named::Foreign => Standing::Nothing,
                Named::Known(place, _) | Named::Lacking(place) if *place < latest => Standing::Nothing,
                Named::Lacking(_) => Standing::Lacks(trust),
                Named::Known(..) if holding.binary_search(&position).is_err() => Standing::Nothing,
                Named::Known(place, network) => match possible {
                    Some((later, lacking)) if later > *place => Standing::Lacks(lacking),
                    _ => Standing::Counts(Arc::clone(network)),
                },
            };
        }
        match (&request.standing, named) {
            (Standing::Counts(_), Named::Known(place, _)) => latest = latest.max(place),
            (Standing::Lacks(lacking), Named::Known(place, _) | Named::Lacking(place))
                if possible.is_none_or(|(later, _)| later < place) =>
            {
                possible = Some((place, *lacking));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
