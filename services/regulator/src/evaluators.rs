//! Evaluators, one a jurisdiction: each is told to compute, and asked until it has.
//!
//! Kept true: what comes back is only read here; [`crate::cross`] compares and checks it. Errors name the jurisdiction. None can
//! be done without: one that hangs ends the query within seconds, and says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future;
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_schemas::{
    Document as _,
    cross::{CrossJob, CrossOutcome, CrossRequest},
    dossier::LoggedRequest,
    id::{JurisdictionId, MemberId},
    problem::Retry,
    trust::TrustRoot,
};
use nacre_wire::evaluator::{GET_JOB, GET_JOB_RESULT, OfJob, POST_JOB};

use crate::{
    error::QueryError,
    progress::{Progress, Stage},
};

/// Between two questions after a job.
const PAUSE: Duration = Duration::from_millis(500);

/// How far the slowest evaluator is.
struct Slowest<'a> {
    done: Mutex<BTreeMap<JurisdictionId, u8>>,
    of: usize,
    progress: &'a dyn Progress,
}

impl Slowest<'_> {
    fn report(&self, jurisdiction: &JurisdictionId, twentieths: u8) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.insert(jurisdiction.clone(), twentieths);
        // Those that have not begun are at none.
        let least = if done.len() < self.of { 0 } else { done.values().copied().min().unwrap_or_default() };
        self.progress.report(Stage::Evaluating, usize::from(least), 20);
    }
}

/// The evaluators that the configuration has an address for.
pub(crate) struct Evaluators {
    clients: BTreeMap<JurisdictionId, Client>,
}

impl Evaluators {
    pub(crate) fn new(
        addresses: &BTreeMap<JurisdictionId, String>,
        member: &MemberId,
        key: &Arc<AccessKey>,
        tls: &ClientTls,
    ) -> Result<Self, QueryError> {
        let mut clients = BTreeMap::new();
        for (jurisdiction, url) in addresses {
            let client = Client::new(url, member.clone(), Arc::clone(key), tls).map_err(|error| {
                QueryError::OwnAddresses { whom: format!("the evaluator of {jurisdiction}"), reason: error.to_string() }
            })?;
            clients.insert(jurisdiction.clone(), client);
        }
        Ok(Self { clients })
    }

    /// Has the evaluator of every jurisdiction compute, and waits: the outcomes in the order of the trust root.
    pub(crate) async fn compute(
        &self,
        root: &TrustRoot,
        logged: &LoggedRequest<CrossRequest>,
        progress: &dyn Progress,
    ) -> Result<Vec<CrossOutcome>, QueryError> {
        progress.report(Stage::Evaluating, 0, 20);
        let slowest = Slowest { done: Mutex::default(), of: root.jurisdictions.len(), progress };
        let asked = root.jurisdictions.iter().map(|jurisdiction| self.compute_one(&jurisdiction.id, logged, &slowest));
        let outcomes = future::try_join_all(asked).await?;
        progress.report(Stage::Evaluating, 20, 20);
        Ok(outcomes)
    }

    async fn compute_one(
        &self,
        jurisdiction: &JurisdictionId,
        logged: &LoggedRequest<CrossRequest>,
        slowest: &Slowest<'_>,
    ) -> Result<CrossOutcome, QueryError> {
        let failed = |reason: String| QueryError::Evaluator { jurisdiction: jurisdiction.clone(), reason };
        let client = self.clients.get(jurisdiction);
        let client = client.ok_or_else(|| failed("`[evaluators]` does not say where it is".to_owned()))?;
        let unanswered = |error: ClientError| {
            let advice =
                if error.is_retryable() { "; ask again later: every jurisdiction's evaluator is needed" } else { "" };
            failed(format!("{error}{advice}"))
        };
        let this = OfJob { request: logged.request.request.digest() };
        let mut job = client.call(POST_JOB, &(), logged).await.map_err(unanswered)?;
        loop {
            match job {
                CrossJob::Done => break,
                CrossJob::Failed { reason, retry } => {
                    let advice = if retry == Retry::No { "" } else { "; ask again later" };
                    return Err(failed(format!("{reason}{advice}")));
                }
                CrossJob::Queued | CrossJob::Fetching => {}
                CrossJob::Computing { twentieths } => slowest.report(jurisdiction, twentieths),
            }
            tokio::time::sleep(PAUSE).await;
            job = client.get(GET_JOB, &this).await.map_err(unanswered)?;
        }
        client.get(GET_JOB_RESULT, &this).await.map_err(unanswered)
    }
}
