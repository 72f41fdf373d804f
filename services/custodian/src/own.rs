//! What this custodian opened itself, read back from its own log when it starts.
//!
//! Kept true: whatever becomes of keys, trust roots and the files of what was followed, a group that this custodian gave a
//! share of counts as opened; and a main chain that does not show a request which this custodian answered is not followed.
//!
//! Errors: those of [`crate::record`]. Cost: the log is read once, with the bodies of answers.

use std::collections::{BTreeMap, BTreeSet};

use nacre_schemas::{
    Digest, Signed,
    answer::{Answer, Decision},
    catalogue::Catalogue,
    id::ChainId,
    query::{GroupKey, Request, SignedRequest},
};
use nacre_verifier::cross;

use crate::disclosure::Opened;

/// Its answers, by the digest of the request.
#[derive(Default)]
pub(crate) struct Own {
    tally: BTreeMap<Digest, BTreeMap<GroupKey, Opened>>,
    crossed: BTreeSet<Digest>,
    /// The main chain that each answered request is logged on.
    chains: BTreeMap<Digest, ChainId>,
}

impl Own {
    /// Adds an answer to a request.
    pub(crate) fn add(&mut self, request: &SignedRequest<Request>, answer: &Signed<Answer>) {
        let digest = answer.statement.request;
        let groups = self.tally.entry(digest).or_default();
        for group in &answer.statement.groups {
            let opened = |decision: &Decision| matches!(decision, Decision::Opened(_));
            let given =
                group.decisions.iter().filter(|decided| opened(&decided.decision)).map(|decided| decided.quantity);
            let detail = given.map(|quantity| if quantity.is_detail() { Opened::Detail } else { Opened::Sums }).max();
            if let Some(detail) = detail {
                let known = groups.entry(group.group.clone()).or_insert(detail);
                *known = (*known).max(detail);
            }
        }
        // A measure that this build does not know has no family here, and nothing of it is answered.
        if let Some(definition) = Catalogue::built_in().find(&request.request.measure) {
            self.chains.insert(digest, definition.main_chain());
        }
    }

    /// Adds an answer to a request of the cross lane.
    pub(crate) fn add_crossed(&mut self, request: Digest) {
        self.crossed.insert(request);
        self.chains.insert(request, cross::main_chain());
    }

    /// What was opened of a request, if it was answered.
    pub(crate) fn opened(&self, request: &Digest) -> Option<&BTreeMap<GroupKey, Opened>> {
        self.tally.get(request)
    }

    /// Whether a request of the cross lane was answered.
    pub(crate) fn has_crossed(&self, request: &Digest) -> bool {
        self.crossed.contains(request)
    }

    /// Whether any was.
    pub(crate) fn has_any_crossed(&self) -> bool {
        !self.crossed.is_empty()
    }

    /// The requests answered that are logged on a main chain.
    pub(crate) fn on(&self, chain: &ChainId) -> BTreeSet<Digest> {
        self.chains.iter().filter(|(_, on)| *on == chain).map(|(request, _)| *request).collect()
    }
}
