//! Consent: as many valid answers as each jurisdiction's threshold, and the fault of every custodian that gave none.
//!
//! Kept true: an answer counts only after its signature, its dossier, each share's proof, and the key each share was
//! made from were checked; so a figure opened from counted answers is the figure of the dossier. Of each jurisdiction
//! exactly its threshold of answers is returned. A custodian is asked only if one before it failed: nobody sees more
//! requests than it takes.
//!
//! Errors: [`QueryError::NoConsent`], with every fault. Cost: a threshold of round trips at a time; a share's check
//! is 130 µs, away from the async threads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use nacre_access::{
    Scope,
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_ledger::signing::{self, Role};
use nacre_schemas::{
    Document as _,
    answer::{CustodianId, Decision, SignedAnswer, SignedRefusal, Verdict},
    id::MemberId,
    problem::Retry,
    trust::Jurisdiction,
};
use nacre_verifier::{Check, CheckedDossier, Failure, GroupNumbers, Network, answer};

use crate::{
    config::CustodianAddress,
    error::{CustodianFault, FaultCause, QueryError},
    progress::{Progress, Stage},
};

/// How long a custodian may take to check, decide and share.
pub const CUSTODIAN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a custodian that is busy is left alone, at least and at most.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The longest verdict that is read, in bytes of JSON: an answer's cap, twice over for hex.
const MAX_VERDICT_BYTES: usize = 64 << 20;

/// What answers are checked against.
pub(crate) struct Subject {
    pub(crate) network: Network,
    pub(crate) dossier: CheckedDossier,
    pub(crate) numbers: GroupNumbers,
    /// The submission as it is sent, JSON.
    pub(crate) submission: Vec<u8>,
}

/// The custodians that the configuration has an address for.
pub(crate) struct Custodians {
    clients: BTreeMap<CustodianId, Client>,
    timeout: Duration,
}

/// Enough answers, and what was wrong with other custodians on the way.
#[derive(Debug)]
pub(crate) struct Consent {
    /// Exactly each jurisdiction's threshold, by custodian.
    pub(crate) answers: Vec<SignedAnswer>,
    /// By custodian.
    pub(crate) faults: Vec<CustodianFault>,
}

impl Custodians {
    pub(crate) fn new(
        addresses: &[CustodianAddress],
        member: &MemberId,
        key: &Arc<AccessKey>,
    ) -> Result<Self, QueryError> {
        let mut clients = BTreeMap::new();
        for address in addresses {
            let client = Client::new(&address.url, member.clone(), Arc::clone(key)).map_err(|error| {
                QueryError::OwnAddresses { whom: address.id().to_string(), reason: error.to_string() }
            })?;
            // The limit that counts is around the whole call, tokens included: see `ask_one`.
            let client = client.timeout(2 * CUSTODIAN_TIMEOUT).max_response_bytes(MAX_VERDICT_BYTES);
            clients.insert(address.id(), client);
        }
        Ok(Self { clients, timeout: CUSTODIAN_TIMEOUT })
    }

    /// Asks the custodians of every jurisdiction, all jurisdictions at once.
    pub(crate) async fn ask(&self, subject: &Arc<Subject>, progress: &dyn Progress) -> Result<Consent, QueryError> {
        let jurisdictions = &subject.network.root().jurisdictions;
        let needed = jurisdictions.iter().map(|jurisdiction| usize::from(jurisdiction.threshold)).sum();
        let count = Count { done: std::sync::atomic::AtomicUsize::new(0), needed, progress };
        progress.report(Stage::Custodians, 0, needed);
        let asked = jurisdictions.iter().map(|jurisdiction| self.ask_jurisdiction(jurisdiction, subject, &count));
        let (mut answers, mut faults) = (Vec::new(), Vec::new());
        for result in futures::future::join_all(asked).await {
            let consent = result?;
            answers.extend(consent.answers);
            faults.extend(consent.faults);
        }
        answers.sort_by(|one, other| one.answer.custodian.cmp(&other.answer.custodian));
        faults.extend(dissents(&answers));
        faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
        Ok(Consent { answers, faults })
    }

    async fn ask_jurisdiction(
        &self,
        jurisdiction: &Jurisdiction,
        subject: &Arc<Subject>,
        count: &Count<'_>,
    ) -> Result<Consent, QueryError> {
        let needed = usize::from(jurisdiction.threshold);
        let mut waiting = jurisdiction
            .custodians
            .iter()
            .map(|custodian| CustodianId { jurisdiction: jurisdiction.id.clone(), number: custodian.number });
        let mut asked = FuturesUnordered::new();
        asked.extend(waiting.by_ref().take(needed).map(|custodian| self.ask_one(custodian, subject)));
        let (mut answers, mut faults) = (Vec::new(), Vec::new());
        while let Some((custodian, result)) = asked.next().await {
            match result {
                Ok(answer) => {
                    answers.push(answer);
                    count.one_more();
                }
                Err(cause) => {
                    tracing::warn!(%custodian, %cause, "a custodian's answer does not count");
                    faults.push(CustodianFault { custodian, cause });
                    asked.extend(waiting.next().map(|custodian| self.ask_one(custodian, subject)));
                }
            }
        }
        if answers.len() < needed {
            faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
            let got = answers.len();
            return Err(QueryError::NoConsent { jurisdiction: jurisdiction.id.clone(), needed, got, faults });
        }
        Ok(Consent { answers, faults })
    }

    async fn ask_one(
        &self,
        custodian: CustodianId,
        subject: &Arc<Subject>,
    ) -> (CustodianId, Result<SignedAnswer, FaultCause>) {
        let answer = tokio::time::timeout(self.timeout, self.fetch(&custodian, subject)).await;
        let result = match answer.unwrap_or(Err(FaultCause::Timeout(self.timeout))) {
            Ok(verdict) => check(custodian.clone(), verdict, subject).await,
            Err(cause) => Err(cause),
        };
        (custodian, result)
    }

    async fn fetch(&self, custodian: &CustodianId, subject: &Arc<Subject>) -> Result<Verdict, FaultCause> {
        let client = self.clients.get(custodian).ok_or(FaultCause::NoAddress)?;
        let mut tried = send(client, subject).await;
        // Once more if it is only busy: the next custodian would be no less so, and there may be none.
        if let Err(error) = &tried
            && error.problem().is_some_and(|problem| problem.retry == Retry::Later)
        {
            tokio::time::sleep(error.retry_after().unwrap_or_default().clamp(MIN_PAUSE, MAX_PAUSE)).await;
            tried = send(client, subject).await;
        }
        tried.map_err(|error| match error {
            ClientError::Problem(received) => FaultCause::TurnedAway(Box::new(received.problem)),
            other => FaultCause::Unreachable(other.to_string()),
        })
    }
}

async fn send(client: &Client, subject: &Subject) -> Result<Verdict, ClientError> {
    let body = subject.submission.clone();
    client.post_bytes("/v1/answers", Scope::AnswersRequest, "application/json", body).await
}

/// Valid answers so far.
struct Count<'a> {
    done: std::sync::atomic::AtomicUsize,
    needed: usize,
    progress: &'a dyn Progress,
}

impl Count<'_> {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        self.progress.report(Stage::Custodians, done, self.needed);
    }
}

/// The answer, if the verdict is one that counts.
async fn check(asked: CustodianId, verdict: Verdict, subject: &Arc<Subject>) -> Result<SignedAnswer, FaultCause> {
    let subject = Arc::clone(subject);
    let checked = tokio::task::spawn_blocking(move || match verdict {
        Verdict::Answered(answer) => check_answer(&asked, &answer, &subject).map(|()| answer),
        Verdict::Refused(refusal) => Err(check_refusal(&asked, &refusal, &subject)),
    });
    checked.await.unwrap_or_else(|_| Err(FaultCause::Unreachable("its answer could not be checked".to_owned())))
}

fn check_answer(asked: &CustodianId, signed: &SignedAnswer, subject: &Subject) -> Result<(), FaultCause> {
    if signed.answer.custodian != *asked {
        let detail = format!("it answers as {}", signed.answer.custodian);
        return Err(FaultCause::False(Failure::new(Check::AnswerForm, asked, detail)));
    }
    answer::check(signed, &subject.dossier, &subject.network).map_err(FaultCause::False)?;
    answer::check_keys(signed, &subject.numbers).map_err(FaultCause::False)
}

/// A refusal counts as the custodian's word only if it signed it, for this request.
fn check_refusal(asked: &CustodianId, signed: &SignedRefusal, subject: &Subject) -> FaultCause {
    let refusal = &signed.refusal;
    let false_word = |detail: &str| FaultCause::False(Failure::new(Check::AnswerSignature, asked, detail));
    if refusal.custodian != *asked || refusal.request != subject.dossier.request_digest {
        return false_word("it sends a refusal of another custodian or request");
    }
    let Some(known) = subject.network.root().custodian(asked) else {
        return false_word("the trust root has no such custodian");
    };
    match signing::verify(&known.signing_key, Role::Refusal, &refusal.to_canonical(), &signed.signature) {
        Ok(()) => FaultCause::Refused { check: refusal.check.to_string(), detail: refusal.detail.to_string() },
        Err(error) => false_word(&format!("its refusal: {error}")),
    }
}

/// Custodians whose answers count, and who withhold what others opened: once each, for the first such quantity.
fn dissents(answers: &[SignedAnswer]) -> Vec<CustodianFault> {
    let opened = |group: usize, quantity: usize| {
        answers
            .iter()
            .any(|signed| matches!(signed.answer.groups[group].decisions[quantity].decision, Decision::Opened(_)))
    };
    let dissent = |signed: &SignedAnswer| {
        // Every answer that counts has the same groups and quantities, in the same order.
        for (position, group) in signed.answer.groups.iter().enumerate() {
            for (place, decided) in group.decisions.iter().enumerate() {
                if let Decision::Withheld(rule) = decided.decision
                    && opened(position, place)
                {
                    let (group, quantity) = (group.group.clone(), decided.quantity);
                    let cause = FaultCause::Dissent { group, quantity, rule };
                    return Some(CustodianFault { custodian: signed.answer.custodian.clone(), cause });
                }
            }
        }
        None
    };
    answers.iter().filter_map(dissent).collect()
}

#[cfg(test)]
mod tests;
