//! Previews: what one custodian would withhold of a request. Every custodian would say the same, so one is enough, and the
//! next is asked only if it fails or is late: a preview is charged by each custodian that gives one.
//!
//! Kept true: a preview counts only with the custodian's signature, for this request. Nothing rests on it: a false one
//! deceives whoever asked for it, until the answers come.

use nacre_access::client::quorum::{Quorum, quorum};
use nacre_ledger::signing;
use nacre_schemas::{
    Document as _, Signed,
    answer::CustodianId,
    preview::Preview,
    query::{Request, SignedRequest},
};
use nacre_verifier::{Check, Failure, Network};
use nacre_wire::custodian::POST_PREVIEW;

use super::{Custodians, note};
use crate::error::{CustodianFault, FaultCause, QueryError};

impl Custodians {
    /// The first preview that holds, and what was wrong with the custodians asked before.
    pub(crate) async fn preview(
        &self,
        network: &Network,
        request: &SignedRequest<Request>,
    ) -> Result<(Signed<Preview>, Vec<CustodianFault>), QueryError> {
        let ask = |custodian: CustodianId, _| async move {
            let client = self.clients.get(&custodian).ok_or(FaultCause::NoAddress)?;
            let asked = client.call(POST_PREVIEW, &(), request);
            let reply = tokio::time::timeout(self.timeout, asked).await;
            let signed = reply.map_err(|_| FaultCause::Timeout(self.timeout))?.map_err(FaultCause::of)?;
            check(&custodian, &signed, network, request).map_err(FaultCause::False)?;
            Ok(signed)
        };
        let custodians = self.in_turn(self.clients.keys().cloned());
        let Quorum { given, failed, late } = quorum(1, custodians, ask, |heard| note(&heard)).await;
        let faults = self.faults(failed, late);
        match given.into_iter().next() {
            Some(signed) => Ok((signed, faults)),
            None => Err(QueryError::NoPreview { faults }),
        }
    }
}

fn check(
    custodian: &CustodianId,
    signed: &Signed<Preview>,
    network: &Network,
    request: &SignedRequest<Request>,
) -> Result<(), Failure> {
    let preview = &signed.statement;
    let fail = |detail: String| Failure::new(Check::AnswerSignature, custodian, detail);
    if preview.custodian != *custodian || preview.request != request.request.digest() {
        return Err(fail("it sends a preview of another custodian or request".to_owned()));
    }
    let known = network.root().custodian(custodian);
    let known = known.ok_or_else(|| fail("the trust root has no such custodian".to_owned()))?;
    signing::verify(&known.signing_key, signed).map_err(|error| fail(error.to_string()))
}
