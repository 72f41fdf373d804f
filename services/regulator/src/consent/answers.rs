//! Answers: what every jurisdiction's custodians are asked for once the sums are confirmed.
//!
//! Kept true: an answer counts only after its signature, its dossier, each share's proof, and the key each share was
//! made from were checked; so a figure opened from counted answers is the figure of the dossier. Cost: a share's check
//! is 130 µs.

use nacre_schemas::{
    Signed,
    answer::{Answer, CustodianId, Decision, Verdict},
    dossier::Submission,
    trust::Jurisdiction,
};
use nacre_verifier::{Check, Failure, answer};
use nacre_wire::{
    Route,
    body::{Encoded, Json},
    custodian::POST_ANSWER,
    route::Members,
};

use super::{Consent, Custodians, Errand, Subject, check_refusal};
use crate::{
    error::{CustodianFault, FaultCause, QueryError},
    progress::{Progress, Stage},
};

struct Answers;

impl Errand for Answers {
    const ROUTE: Route<(), Json<Submission>, Json<Verdict<Answer>>, Members> = POST_ANSWER;
    const STAGE: Stage = Stage::Custodians;
    type Reply = Json<Verdict<Answer>>;
    type Given = Signed<Answer>;

    fn concerns(_: &Jurisdiction, _: &Subject) -> bool {
        true
    }

    fn check(asked: &CustodianId, verdict: Verdict<Answer>, subject: &Subject) -> Result<Signed<Answer>, FaultCause> {
        match verdict {
            Verdict::Answered(answer) => check_answer(asked, &answer, subject).map(|()| answer),
            Verdict::Refused(refusal) => Err(check_refusal(asked, &refusal, subject)),
        }
    }
}

impl Custodians {
    /// Exactly each jurisdiction's threshold of answers, by custodian.
    pub(crate) async fn answers(
        &self,
        subject: &std::sync::Arc<Subject>,
        submission: &Encoded<Json<Submission>>,
        progress: &dyn Progress,
    ) -> Result<Consent<Signed<Answer>>, QueryError> {
        let Consent { mut given, mut faults } = self.ask::<Answers>(subject, submission, progress).await?;
        given.sort_by(|one, other| one.statement.custodian.cmp(&other.statement.custodian));
        faults.extend(dissents(&given));
        faults.sort_by(|one, other| one.custodian.cmp(&other.custodian));
        Ok(Consent { given, faults })
    }
}

fn check_answer(asked: &CustodianId, signed: &Signed<Answer>, subject: &Subject) -> Result<(), FaultCause> {
    if signed.statement.custodian != *asked {
        let detail = format!("it answers as {}", signed.statement.custodian);
        return Err(FaultCause::False(Failure::new(Check::AnswerForm, asked, detail)));
    }
    answer::check(signed, &subject.dossier, &subject.network).map_err(FaultCause::False)?;
    answer::check_keys(signed, &subject.keys).map_err(FaultCause::False)
}

/// Custodians whose answers count, and who withhold what others opened: once each, for the first such quantity.
fn dissents(answers: &[Signed<Answer>]) -> Vec<CustodianFault> {
    let opened = |group: usize, quantity: usize| {
        answers
            .iter()
            .any(|signed| matches!(signed.statement.groups[group].decisions[quantity].decision, Decision::Opened(_)))
    };
    let dissent = |signed: &Signed<Answer>| {
        // Every answer that counts has the same groups and quantities, in the same order.
        for (position, group) in signed.statement.groups.iter().enumerate() {
            for (place, decided) in group.decisions.iter().enumerate() {
                if let Decision::Withheld(rule) = decided.decision
                    && opened(position, place)
                {
                    let (group, quantity) = (group.group.clone(), decided.quantity);
                    let cause = FaultCause::Dissent { group, quantity, rule };
                    return Some(CustodianFault { custodian: signed.statement.custodian.clone(), cause });
                }
            }
        }
        None
    };
    answers.iter().filter_map(dissent).collect()
}
