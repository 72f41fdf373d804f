//! Shares of a cross result. Every custodian is asked: those who hold the same part of the key must give the same shares.
//!
//! Kept true: an answer counts only with its custodian's signature, on this result, with a share of each digit under each part
//! that the custodian holds. Once enough have answered, the others get as long again: what they would give only shows which
//! share is false, where shares differ. Errors: [`QueryError::NoConsent`].

use std::collections::{BTreeMap, BTreeSet};

use futures::{Stream, StreamExt as _, stream};
use nacre_access::client::quorum::LATE;
use nacre_schemas::{
    Document as _, Signed,
    answer::{CustodianId, Verdict},
    cross::{CrossAnswer, CrossSubmission},
    summand::{PublishedSummands, SummandDispute},
};
use nacre_verifier::{
    Check, Failure, Network,
    cross::{self, Disputed},
};
use nacre_wire::{
    body::{Encoded, Json},
    custodian::{POST_CROSS_ANSWER, POST_CROSS_PROOF},
};
use nacre_zk::summand::SummandCommitments;
use tokio::time::{Instant, timeout_at};

use super::{Custodians, refusal_of};
use crate::{
    error::{CustodianFault, FaultCause, QueryError},
    progress::{Progress, Stage},
};

/// Custodians asked at a time: each is sent the result, some megabytes.
const CONCURRENT: usize = 4;

impl Custodians {
    /// The answers that count, a threshold of each jurisdiction at least, and what was wrong with the others.
    pub(crate) async fn cross_answers(
        &self,
        network: &Network,
        submission: &CrossSubmission,
        progress: &dyn Progress,
    ) -> Result<(Vec<Signed<CrossAnswer>>, Vec<CustodianFault>), QueryError> {
        let total = self.clients.len();
        progress.report(Stage::Custodians, 0, total);
        let sent = Encoded::<Json<CrossSubmission>>::of(submission)
            .map_err(|error| QueryError::OwnMachine(format!("the submission cannot be written: {error}")))?;
        let asked = self.clients.iter().map(|(custodian, client)| {
            let sent = sent.clone();
            async move {
                let reply = client.call_encoded(POST_CROSS_ANSWER, &(), &sent);
                let verdict = match tokio::time::timeout(self.timeout, reply).await {
                    Err(_) => Err(FaultCause::Timeout(self.timeout)),
                    Ok(reply) => reply.map_err(FaultCause::of),
                };
                (custodian.clone(), verdict.and_then(|verdict| check(custodian, verdict, submission, network)))
            }
        });
        let (mut answers, mut faults) = (Vec::new(), Vec::new());
        let mut asked = stream::iter(asked).buffer_unordered(CONCURRENT);
        let (mut silent, begun, mut deadline): (BTreeSet<CustodianId>, _, _) =
            (self.clients.keys().cloned().collect(), Instant::now(), None);
        while let Some((custodian, answer)) = next(&mut asked, deadline).await {
            silent.remove(&custodian);
            progress.report(Stage::Custodians, total - silent.len(), total);
            match answer {
                Ok(answer) => answers.push(answer),
                Err(cause) => faults.push(CustodianFault { custodian, cause }),
            }
            if deadline.is_none() && enough(network, &answers, &faults).is_ok() {
                deadline = Some(Instant::now() + begun.elapsed().max(LATE));
            }
        }
        faults.extend(silent.into_iter().map(|custodian| CustodianFault { custodian, cause: FaultCause::Late }));
        answers.sort_by(|one, other| one.statement.custodian.cmp(&other.statement.custodian));
        faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
        enough(network, &answers, &faults)?;
        Ok((answers, faults))
    }
}

/// The next answer, if one comes before the deadline.
async fn next<T>(answers: &mut (impl Stream<Item = T> + Unpin), deadline: Option<Instant>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, answers.next()).await.ok().flatten(),
        None => answers.next().await,
    }
}

fn check(
    asked: &CustodianId,
    verdict: Verdict<CrossAnswer>,
    submission: &CrossSubmission,
    network: &Network,
) -> Result<Signed<CrossAnswer>, FaultCause> {
    match verdict {
        Verdict::Answered(signed) => {
            if signed.statement.custodian != *asked {
                let detail = format!("it answers as {}", signed.statement.custodian);
                return Err(FaultCause::False(Failure::new(Check::AnswerForm, asked, detail)));
            }
            cross::check_answer(&signed, &submission.result, network).map_err(FaultCause::False)?;
            Ok(signed)
        }
        Verdict::Refused(refusal) => Err(refusal_of(asked, &refusal, network, &submission.logged.request.digest())),
    }
}

/// What disputes are settled about.
pub(crate) struct Asking<'a> {
    pub(crate) network: &'a Network,
    pub(crate) submission: &'a CrossSubmission,
    pub(crate) published: &'a PublishedSummands,
}

impl Custodians {
    /// Has every holder of a disputed summand prove its shares. Those who do not, or cannot, are named.
    pub(crate) async fn settle(
        &self,
        asking: &Asking<'_>,
        disputed: &[Disputed],
        answers: &[Signed<CrossAnswer>],
    ) -> Result<Vec<CustodianFault>, QueryError> {
        let mut liars: Vec<CustodianFault> = Vec::new();
        for Disputed { summand, holders } in disputed {
            let commitments = cross::commitments(asking.published, summand, asking.network);
            let commitments = commitments.map_err(QueryError::OwnTrustRoot)?;
            for holder in holders {
                if liars.iter().any(|liar| liar.custodian == *holder) {
                    continue;
                }
                let Some(signed) = answers.iter().find(|signed| signed.statement.custodian == *holder) else {
                    continue;
                };
                if let Err(cause) = self.prove(asking, &commitments, signed).await {
                    tracing::warn!(custodian = %holder, %cause, "a share of the cross lane is not proven");
                    liars.push(CustodianFault { custodian: holder.clone(), cause });
                }
            }
        }
        Ok(liars)
    }

    async fn prove(
        &self,
        asking: &Asking<'_>,
        commitments: &SummandCommitments,
        signed: &Signed<CrossAnswer>,
    ) -> Result<(), FaultCause> {
        let client = self.clients.get(&signed.statement.custodian).ok_or(FaultCause::NoAddress)?;
        let dispute = SummandDispute { submission: asking.submission.clone(), summand: commitments.summand().number };
        let asked = client.call(POST_CROSS_PROOF, &(), &dispute);
        let proof = match tokio::time::timeout(self.timeout, asked).await {
            Err(_) => return Err(FaultCause::Timeout(self.timeout)),
            Ok(reply) => reply.map_err(FaultCause::of)?,
        };
        cross::check_proof(signed, commitments, &proof, &asking.submission.result).map_err(FaultCause::False)
    }
}

/// Of every jurisdiction a threshold of custodians answered.
pub(crate) fn enough(
    network: &Network,
    answers: &[Signed<CrossAnswer>],
    faults: &[CustodianFault],
) -> Result<(), QueryError> {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for signed in answers {
        *counts.entry(&signed.statement.custodian.jurisdiction).or_default() += 1;
    }
    for jurisdiction in &network.root().jurisdictions {
        let (needed, got) =
            (usize::from(jurisdiction.threshold), counts.get(&jurisdiction.id).copied().unwrap_or_default());
        if got < needed {
            let faults = faults.iter().filter(|fault| fault.custodian.jurisdiction == jurisdiction.id);
            let faults = faults.cloned().collect();
            return Err(QueryError::NoConsent { jurisdiction: jurisdiction.id.clone(), needed, got, faults });
        }
    }
    Ok(())
}
