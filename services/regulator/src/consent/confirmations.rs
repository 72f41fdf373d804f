//! Confirmations: the word of each chain's own custodians on its sums, which every custodian wants to see before it gives
//! a share.
//!
//! Kept true: a finding counts only if it confirms each chain of its custodian's jurisdiction, with just the sums at
//! hand, for this request, by the custodian's own signature; so custodians take what is returned here. Jurisdictions
//! without a chain in the request have nothing to confirm and are not asked. Cost: a signature's check for each chain.

use nacre_schemas::{
    Signed,
    answer::CustodianId,
    confirmation::{Confirmation, Finding},
    dossier::Submission,
    trust::Jurisdiction,
};
use nacre_verifier::confirmation;
use nacre_wire::{
    Route,
    body::{Encoded, Json},
    custodian::POST_CONFIRMATION,
    route::Members,
};

use super::{Consent, Custodians, Errand, Subject, check_refusal};
use crate::{
    error::{FaultCause, QueryError},
    progress::{Progress, Stage},
};

struct Confirmations;

impl Errand for Confirmations {
    const ROUTE: Route<(), Json<Submission>, Json<Finding>, Members> = POST_CONFIRMATION;
    const STAGE: Stage = Stage::Confirming;
    type Reply = Json<Finding>;
    type Given = Vec<Signed<Confirmation>>;

    fn concerns(jurisdiction: &Jurisdiction, subject: &Subject) -> bool {
        let root = subject.network.root();
        let mut chains = subject.sums.iter().filter_map(|signed| root.chain(&signed.statement.chain));
        chains.any(|chain| chain.jurisdiction == jurisdiction.id)
    }

    fn check(asked: &CustodianId, finding: Finding, subject: &Subject) -> Result<Self::Given, FaultCause> {
        match finding {
            Finding::Confirmed(confirmations) => {
                confirmation::check_finding(asked, &confirmations, &subject.sums, &subject.dossier, &subject.network)
                    .map_err(FaultCause::False)?;
                Ok(confirmations)
            }
            Finding::Refused(refusal) => Err(check_refusal(asked, &refusal, subject)),
        }
    }
}

impl Custodians {
    /// Of each chain exactly its jurisdiction's threshold of confirmations, by chain and custodian.
    pub(crate) async fn confirmations(
        &self,
        subject: &std::sync::Arc<Subject>,
        submission: &Encoded<Json<Submission>>,
        progress: &dyn Progress,
    ) -> Result<Consent<Signed<Confirmation>>, QueryError> {
        let Consent { given, faults } = self.ask::<Confirmations>(subject, submission, progress).await?;
        let mut given: Vec<Signed<Confirmation>> = given.into_iter().flatten().collect();
        given.sort_by(|one, other| {
            let place =
                |signed: &Signed<Confirmation>| (signed.statement.chain.clone(), signed.statement.custodian.clone());
            place(one).cmp(&place(other))
        });
        Ok(Consent { given, faults })
    }
}
