//! Asking custodians: of every jurisdiction as many as its threshold, and another for each that fails or is late ([`quorum`]).
//!
//! Kept true: a custodian's part counts if it signed it, for this request, and its proof holds; what it sent instead is a
//! fault in its name. Whoever failed or was late is asked last from then on, so that one that hangs is waited for once a
//! run. Beside a late one, one more custodian counts the people asked about against the provider's day.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use nacre_access::client::{
    Client, ClientError,
    quorum::{Busy, Heard, Quorum, WAS_LATE, quorum},
};
use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Signed, SigningPublicKey,
    answer::CustodianId,
    id::{JurisdictionId, MemberId},
    problem::Retry,
    pseudonym::{Evaluation, EvaluationRequest},
};
use nacre_wire::{body::Encoded, custodian::POST_PSEUDONYMS};
use nacre_zk::pseudonym::{Blinding, Checked, Keys};
use tokio::task::spawn_blocking;

use super::PseudonymsError;
use crate::{config::PseudonymConfig, post::PostError, seal::batch::Sealer, summary::CustodianFault};

/// How long a custodian may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a custodian that is busy is left alone before it is asked once more.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The custodians that are listed.
pub(super) struct Custodians {
    pub(super) provider: MemberId,
    keys: Arc<Keys>,
    /// Of each jurisdiction, in the order in which they are asked.
    listed: BTreeMap<JurisdictionId, Vec<Arc<Custodian>>>,
    /// What went wrong since it was last looked at.
    pub(super) faults: Vec<CustodianFault>,
}

struct Custodian {
    id: CustodianId,
    signing_key: SigningPublicKey,
    client: Client,
}

impl Custodians {
    /// Those of the configuration, if they are custodians of the trust root, and enough.
    pub(super) fn new(config: &PseudonymConfig, keys: Keys, sealer: &Sealer) -> Result<Self, PseudonymsError> {
        let provider = sealer.config.member.clone();
        let mut listed: BTreeMap<JurisdictionId, Vec<Arc<Custodian>>> = BTreeMap::new();
        for address in &config.custodians {
            let id = address.id();
            let known = sealer.network.root().custodian(&id);
            let signing_key = known.ok_or_else(|| PseudonymsError::NoSuchCustodian(id.clone()))?.signing_key;
            let own = &sealer.keys;
            let client = Client::new(&address.url, provider.clone(), Arc::clone(&own.access), &own.tls);
            let client = client
                .map_err(|error| PseudonymsError::Address { custodian: id.clone(), reason: error.to_string() })?
                .timeout(TIMEOUT);
            let custodian = Arc::new(Custodian { id, signing_key, client });
            listed.entry(address.jurisdiction.clone()).or_default().push(custodian);
        }
        for (jurisdiction, group) in keys.groups() {
            let (found, threshold) = (listed.get(jurisdiction).map_or(0, Vec::len), group.threshold());
            if found < usize::from(threshold) {
                return Err(PseudonymsError::TooFew { jurisdiction: jurisdiction.clone(), listed: found, threshold });
            }
        }
        Ok(Self { provider, keys: Arc::new(keys), listed, faults: Vec::new() })
    }

    /// The pseudonyms of these people; none if too few custodians of a jurisdiction gave their part.
    pub(super) async fn ask(&mut self, blinding: Blinding) -> Result<Option<Vec<Digest>>, PostError> {
        let request = Arc::new(blinding.request().clone());
        let asked = self.listed.iter().map(|(jurisdiction, listed)| {
            let needed = self.keys.groups().get(jurisdiction).map_or(0, |group| usize::from(group.threshold()));
            ask_jurisdiction(listed, needed, &self.keys, &request)
        });
        let (mut parts, mut enough) = (Vec::new(), true);
        let answers = futures::future::join_all(asked).await;
        for (listed, Answers { given, faults, needed }) in self.listed.values_mut().zip(answers) {
            enough &= given.len() >= needed;
            parts.extend(given);
            // A stable sort: who failed goes behind the others.
            listed.sort_by_key(|custodian| faults.iter().any(|fault| fault.custodian == custodian.id.to_string()));
            self.faults.extend(faults);
        }
        if !enough {
            return Ok(None);
        }
        let keys = Arc::clone(&self.keys);
        let finished = spawn_blocking(move || blinding.finish(&keys, &parts)).await;
        let finished = finished.map_err(|error| PostError::Interrupted(error.to_string()))?;
        finished.map(Some).map_err(|error| PostError::Interrupted(error.to_string()))
    }
}

/// What came of asking a jurisdiction.
struct Answers {
    given: Vec<Checked>,
    faults: Vec<CustodianFault>,
    needed: usize,
}

async fn ask_jurisdiction(
    listed: &[Arc<Custodian>],
    needed: usize,
    keys: &Arc<Keys>,
    request: &Arc<EvaluationRequest>,
) -> Answers {
    let ask =
        |custodian: &Arc<Custodian>, busy| ask_one(Arc::clone(custodian), Arc::clone(keys), Arc::clone(request), busy);
    let Quorum { given, failed, late } = quorum(needed, listed, ask, note).await;
    let silent = |custodian: &Arc<Custodian>| CustodianFault {
        custodian: custodian.id.to_string(),
        detail: WAS_LATE.to_owned(),
        false_part: false,
    };
    let faults = failed.into_iter().map(|(_, fault)| fault).chain(late.into_iter().map(silent)).collect();
    Answers { given, faults, needed }
}

/// Says at once what may be waited for.
fn note(heard: Heard<'_, &Arc<Custodian>, CustodianFault>) {
    match heard {
        Heard::Given(_) => {}
        Heard::Failed(custodian, CustodianFault { detail, .. }) => {
            tracing::warn!(custodian = %custodian.id, detail, "a custodian gave no part of pseudonyms");
        }
        Heard::Late(custodian, after) => {
            let after_ms = after.as_millis() as u64;
            tracing::warn!(custodian = %custodian.id, after_ms, "a custodian is late: the next is asked beside it, if there is one");
        }
    }
}

async fn ask_one(
    custodian: Arc<Custodian>,
    keys: Arc<Keys>,
    request: Arc<EvaluationRequest>,
    busy: Busy,
) -> Result<Checked, CustodianFault> {
    let fault = |false_part, detail: String| CustodianFault { custodian: custodian.id.to_string(), detail, false_part };
    let answer = fetch(&custodian.client, &request, busy).await.map_err(|error| fault(false, error.to_string()))?;
    let asked = Arc::clone(&custodian);
    let checked = spawn_blocking(move || check(&asked, &keys, &request, &answer)).await;
    checked.map_err(|error| fault(false, error.to_string()))?.map_err(|detail| fault(true, detail))
}

async fn fetch(client: &Client, request: &EvaluationRequest, busy: Busy) -> Result<Signed<Evaluation>, ClientError> {
    let encoded = Encoded::of(request)?;
    let tried = client.call_encoded(POST_PSEUDONYMS, &(), &encoded).await;
    let Err(error) = tried else { return tried };
    let pause = error.retry_after().unwrap_or(MIN_PAUSE);
    if !error.problem().is_some_and(|problem| problem.retry == Retry::Later) || pause > MAX_PAUSE {
        return Err(error);
    }
    busy.said();
    // Once more: the next custodian would be no less busy, and there may be none.
    tokio::time::sleep(pause.max(MIN_PAUSE)).await;
    client.call_encoded(POST_PSEUDONYMS, &(), &encoded).await
}

/// A part that counts, or what is wrong with it.
fn check(
    asked: &Custodian,
    keys: &Keys,
    request: &EvaluationRequest,
    answer: &Signed<Evaluation>,
) -> Result<Checked, String> {
    signing::verify(&asked.signing_key, answer).map_err(|error| format!("its signature does not hold: {error}"))?;
    keys.check(request, &asked.id, &answer.statement).map_err(|error| error.to_string())
}
