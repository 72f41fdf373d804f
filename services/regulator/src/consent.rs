//! Consent: as many valid words as each jurisdiction's threshold, and the fault of every custodian that gave none.
//!
//! Custodians are asked twice in one way: those of the chains' own jurisdictions for [`confirmations`], then those of
//! every jurisdiction for [`answers`]. An [`Errand`] says what differs.
//!
//! Kept true: nothing a custodian says counts before its errand checked it. Of each jurisdiction concerned exactly its
//! threshold is returned. A custodian is asked only if one before it failed or is late ([`quorum`]): no more see a request than
//! it takes. That one more is asked is harmless: each checks and logs by itself, a request counts in full from when it is logged
//! on a main chain, and a word that comes too late is dropped here. Whoever was late once is asked last from then on.
//!
//! Errors: [`QueryError::NoConsent`], with every fault. Cost: a threshold of round trips at a time; checks run away from
//! the async threads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nacre_access::{
    client::{
        Client,
        quorum::{Busy, Heard, Quorum, quorum},
    },
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Signed,
    answer::{CustodianId, Refusal},
    dossier::{ChainSums, Submission},
    id::MemberId,
    problem::Retry,
    trust::Jurisdiction,
};
use nacre_verifier::{Check, CheckedDossier, Failure, GroupKeys, Network};
use nacre_wire::{
    Route,
    body::{Body, Encoded, Json},
    route::Members,
};

use crate::{
    config::CustodianAddress,
    error::{CustodianFault, FaultCause, QueryError},
    progress::{Progress, Stage},
};

mod answers;
mod confirmations;
pub(crate) mod cross;
mod previews;

/// How long a custodian may take to check, decide and share.
pub const CUSTODIAN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a custodian that is busy is left alone, at least and at most.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What the words of custodians are checked against.
pub(crate) struct Subject {
    pub(crate) network: Network,
    pub(crate) dossier: CheckedDossier,
    pub(crate) keys: GroupKeys,
    /// What each chain signed, in the order of the request's spans.
    pub(crate) sums: Vec<Signed<ChainSums>>,
}

/// The custodians that the configuration has an address for.
pub(crate) struct Custodians {
    clients: BTreeMap<CustodianId, Client>,
    timeout: Duration,
    /// Those that did not answer in time, when last asked.
    late: Mutex<BTreeSet<CustodianId>>,
}

/// What custodians are asked for.
trait Errand {
    /// The route.
    const ROUTE: Route<(), Json<Submission>, Self::Reply, Members>;
    /// What it is in a query.
    const STAGE: Stage;
    /// What a custodian sends back.
    type Reply: Body<Value: Send + 'static>;
    /// What of it counts.
    type Given: Send + 'static;

    /// Whether the jurisdiction's custodians are asked.
    fn concerns(jurisdiction: &Jurisdiction, subject: &Subject) -> bool;

    /// What counts of a reply, or why nothing does.
    fn check(
        asked: &CustodianId,
        reply: <Self::Reply as Body>::Value,
        subject: &Subject,
    ) -> Result<Self::Given, FaultCause>;
}

/// Enough words, and what was wrong with other custodians on the way.
#[derive(Debug)]
pub(crate) struct Consent<T> {
    /// Exactly the threshold of each jurisdiction concerned.
    pub(crate) given: Vec<T>,
    /// By custodian.
    pub(crate) faults: Vec<CustodianFault>,
}

impl Custodians {
    pub(crate) fn new(
        addresses: &[CustodianAddress],
        member: &MemberId,
        key: &Arc<AccessKey>,
        tls: &ClientTls,
    ) -> Result<Self, QueryError> {
        let mut clients = BTreeMap::new();
        for address in addresses {
            let client = Client::new(&address.url, member.clone(), Arc::clone(key), tls).map_err(|error| {
                QueryError::OwnAddresses { whom: address.id().to_string(), reason: error.to_string() }
            })?;
            // The limit that counts is around the whole call, tokens included: see `ask_one`.
            let client = client.timeout(2 * CUSTODIAN_TIMEOUT);
            clients.insert(address.id(), client);
        }
        Ok(Self { clients, timeout: CUSTODIAN_TIMEOUT, late: Mutex::default() })
    }

    /// Asks the custodians of every jurisdiction concerned, all jurisdictions at once.
    async fn ask<E: Errand>(
        &self,
        subject: &Arc<Subject>,
        submission: &Encoded<Json<Submission>>,
        progress: &dyn Progress,
    ) -> Result<Consent<E::Given>, QueryError> {
        let jurisdictions = subject.network.root().jurisdictions.iter();
        let concerned: Vec<&Jurisdiction> =
            jurisdictions.filter(|jurisdiction| E::concerns(jurisdiction, subject)).collect();
        let needed = concerned.iter().map(|jurisdiction| usize::from(jurisdiction.threshold)).sum();
        let count = Count { done: AtomicUsize::new(0), needed, stage: E::STAGE, progress };
        progress.report(E::STAGE, 0, needed);
        let asking = Asking { subject, submission, count };
        let asked = concerned.iter().map(|jurisdiction| self.ask_jurisdiction::<E>(jurisdiction, &asking));
        let (mut given, mut faults) = (Vec::with_capacity(needed), Vec::new());
        for result in futures::future::join_all(asked).await {
            let consent = result?;
            given.extend(consent.given);
            faults.extend(consent.faults);
        }
        faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
        Ok(Consent { given, faults })
    }

    async fn ask_jurisdiction<E: Errand>(
        &self,
        jurisdiction: &Jurisdiction,
        asking: &Asking<'_>,
    ) -> Result<Consent<E::Given>, QueryError> {
        let needed = usize::from(jurisdiction.threshold);
        let custodians = jurisdiction.custodians.iter();
        let custodians =
            custodians.map(|custodian| CustodianId { jurisdiction: jurisdiction.id.clone(), number: custodian.number });
        let ask = |custodian, busy| self.ask_one::<E>(custodian, asking, busy);
        let Quorum { given, failed, late } = quorum(needed, self.in_turn(custodians), ask, |heard| {
            note(&heard);
            if let Heard::Given(_) = heard {
                asking.count.one_more();
            }
        })
        .await;
        let faults = self.faults(failed, late);
        let got = given.len();
        if got < needed {
            return Err(QueryError::NoConsent { jurisdiction: jurisdiction.id.clone(), needed, got, faults });
        }
        Ok(Consent { given, faults })
    }

    /// The custodians in the order in which they are asked: those that were late are last.
    fn in_turn(&self, custodians: impl Iterator<Item = CustodianId>) -> Vec<CustodianId> {
        let mut custodians: Vec<CustodianId> = custodians.collect();
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        custodians.sort_by_key(|custodian| late.contains(custodian));
        custodians
    }

    /// What was wrong with those that failed or were late, by custodian.
    fn faults(&self, failed: Vec<(CustodianId, FaultCause)>, late: Vec<CustodianId>) -> Vec<CustodianFault> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).extend(late.iter().cloned());
        let late = late.into_iter().map(|custodian| (custodian, FaultCause::Late));
        let faults = failed.into_iter().chain(late);
        let mut faults: Vec<_> = faults.map(|(custodian, cause)| CustodianFault { custodian, cause }).collect();
        faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
        faults
    }

    async fn ask_one<E: Errand>(
        &self,
        custodian: CustodianId,
        asking: &Asking<'_>,
        busy: Busy,
    ) -> Result<E::Given, FaultCause> {
        let reply = tokio::time::timeout(self.timeout, self.fetch::<E>(&custodian, asking.submission, busy)).await;
        let reply = reply.unwrap_or(Err(FaultCause::Timeout(self.timeout)))?;
        check::<E>(custodian, reply, Arc::clone(asking.subject)).await
    }

    async fn fetch<E: Errand>(
        &self,
        custodian: &CustodianId,
        submission: &Encoded<Json<Submission>>,
        busy: Busy,
    ) -> Result<<E::Reply as Body>::Value, FaultCause> {
        let client = self.clients.get(custodian).ok_or(FaultCause::NoAddress)?;
        let mut tried = client.call_encoded(E::ROUTE, &(), submission).await;
        // Once more if it is only busy: the next custodian would be no less so, and there may be none.
        if let Err(error) = &tried
            && error.problem().is_some_and(|problem| problem.retry == Retry::Later)
        {
            busy.said();
            tokio::time::sleep(error.retry_after().unwrap_or_default().clamp(MIN_PAUSE, MAX_PAUSE)).await;
            tried = client.call_encoded(E::ROUTE, &(), submission).await;
        }
        tried.map_err(FaultCause::of)
    }
}

/// Says at once what may be waited for.
fn note(heard: &Heard<'_, CustodianId, FaultCause>) {
    match heard {
        Heard::Given(_) => {}
        Heard::Failed(custodian, cause) => tracing::warn!(%custodian, %cause, "a custodian's word does not count"),
        Heard::Late(custodian, after) => {
            let after_ms = after.as_millis() as u64;
            tracing::warn!(%custodian, after_ms, "a custodian is late: the next is asked beside it, if there is one");
        }
    }
}

/// What all custodians are asked about at once.
struct Asking<'a> {
    subject: &'a Arc<Subject>,
    submission: &'a Encoded<Json<Submission>>,
    count: Count<'a>,
}

/// Valid words so far.
struct Count<'a> {
    done: AtomicUsize,
    needed: usize,
    stage: Stage,
    progress: &'a dyn Progress,
}

impl Count<'_> {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress.report(self.stage, done, self.needed);
    }
}

/// What counts of a reply, checked away from the async threads.
async fn check<E: Errand>(
    asked: CustodianId,
    reply: <E::Reply as Body>::Value,
    subject: Arc<Subject>,
) -> Result<E::Given, FaultCause> {
    let checked = tokio::task::spawn_blocking(move || E::check(&asked, reply, &subject));
    checked.await.unwrap_or_else(|_| Err(FaultCause::Unreachable("its word could not be checked".to_owned())))
}

/// A refusal counts as the custodian's word only if it signed it, for this request.
fn check_refusal(asked: &CustodianId, signed: &Signed<Refusal>, subject: &Subject) -> FaultCause {
    refusal_of(asked, signed, &subject.network, &subject.dossier.request_digest)
}

/// The same of a request of either lane.
fn refusal_of(asked: &CustodianId, signed: &Signed<Refusal>, network: &Network, request: &Digest) -> FaultCause {
    let refusal = &signed.statement;
    let false_word = |detail: &str| FaultCause::False(Failure::new(Check::AnswerSignature, asked, detail));
    if refusal.custodian != *asked || refusal.request != *request {
        return false_word("it sends a refusal of another custodian or request");
    }
    let Some(known) = network.root().custodian(asked) else {
        return false_word("the trust root has no such custodian");
    };
    match signing::verify(&known.signing_key, signed) {
        Ok(()) => FaultCause::Refused { check: refusal.check.to_string(), detail: refusal.detail.to_string() },
        Err(error) => false_word(&format!("its refusal: {error}")),
    }
}

#[cfg(test)]
mod tests;
