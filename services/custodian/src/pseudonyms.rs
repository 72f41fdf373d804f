//! Pseudonyms: the custodian's part of them, for admitted providers, so many people a day each.
//!
//! Kept true: a part is made with the share of the pseudonyms' key alone, which is another than that of decryption; it is
//! in the custodian's log before it leaves, as whom it helped to how many; a provider that goes through numbers to find whose
//! a pseudonym is gets no further in a day than [`Config::pseudonyms_per_day`], at each custodian. What it is asked about
//! are blinded people: it could not tell whose they are, nor whether it saw them before.
//!
//! The count of a day is in memory: a provider begins anew when the custodian restarts. Its log has every request.
//!
//! Errors: [`OpenError`] when it starts, [`Problem`] to callers. Cost: 0.05 ms a person, on rayon's threads.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use nacre_schemas::{
    Document as _, Signed,
    answer::CustodianId,
    id::MemberId,
    limits,
    problem::{Problem, Retry},
    pseudonym::{Evaluation, EvaluationRecord, EvaluationRequest},
};
use nacre_verifier::Network;
use nacre_wire::{
    custodian::{BAD_REQUEST, NO_PSEUDONYMS, TOO_MANY_PSEUDONYMS},
    problem::INTERNAL,
};
use nacre_zk::{
    encoding::EncodingError,
    pseudonym::{self, Keys, PseudonymError},
    share::SecretShare,
};
use rand::rngs::OsRng;

use crate::{
    config::Config,
    custodian::{Custodian, OpenError, read_share},
    record::Statement,
    share::Signer,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What it takes to answer.
pub(crate) struct Pseudonyms {
    secret: SecretShare,
    people_per_day: NonZeroU32,
    given: DefaultKeyedRateLimiter<MemberId>,
}

impl Pseudonyms {
    /// Reads the share, if the configuration names one. Refuses one that the trust root does not know the custodian by.
    pub(crate) fn open(config: &Config, network: &Network, custodian: &CustodianId) -> Result<Option<Self>, OpenError> {
        let Some(path) = &config.pseudonym_share else { return Ok(None) };
        // The network was checked, so its keys hold.
        let keys = Keys::of(network.root()).ok().flatten().ok_or(OpenError::NoPseudonyms)?;
        let group = keys.groups().get(&custodian.jurisdiction);
        let known = group.and_then(|group| group.verifying_shares().get(&custodian.number));
        let known = known.ok_or_else(|| OpenError::Unknown(custodian.clone()))?;
        let secret = read_share(path, "share of the pseudonyms' key", known, custodian)?;
        let people_per_day = config.pseudonyms_per_day;
        let pause = DAY / people_per_day.get();
        let quota = Quota::with_period(pause).expect("a day in less than 2^32 parts is not 0 ns");
        let quota = quota.allow_burst(people_per_day);
        Ok(Some(Self { secret, people_per_day, given: RateLimiter::keyed(quota) }))
    }

    /// Counts so many people against the provider's day.
    fn count(&self, provider: &MemberId, people: u32) -> Result<(), Problem> {
        let limit = self.people_per_day;
        let Some(people) = NonZeroU32::new(people) else { return Ok(()) };
        match self.given.check_key_n(provider, people) {
            Ok(Ok(())) => {
                // Few are remembered: those who asked within the day.
                self.given.retain_recent();
                Ok(())
            }
            Ok(Err(wait)) => {
                let wait_s = wait.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
                let detail = format!("a provider has {limit} people named a day; ask again in {wait_s} s");
                Err(TOO_MANY_PSEUDONYMS.problem(detail).retry_after(wait_s))
            }
            Err(_) => {
                let detail = format!("a provider has {limit} people named a day, so no more at once");
                Err(TOO_MANY_PSEUDONYMS.problem(detail).retry(Retry::No))
            }
        }
    }

    fn part(&self, request: &EvaluationRequest, signer: &Signer) -> Result<Signed<Evaluation>, Problem> {
        let evaluation = pseudonym::evaluate(&self.secret, request, &signer.custodian, &mut OsRng).map_err(problem)?;
        Ok(signer.signing_key.sign(evaluation))
    }
}

impl Custodian {
    /// Its part of the pseudonyms of the people of a request, recorded. The caller was told apart before, and is the
    /// request's provider.
    pub async fn evaluate(self: &Arc<Self>, request: EvaluationRequest) -> Result<Signed<Evaluation>, Problem> {
        let Some(pseudonyms) = self.pseudonyms.clone() else {
            let detail = "this custodian takes no part in pseudonyms";
            return Err(NO_PSEUDONYMS.problem(detail));
        };
        if !(1..=limits::MAX_BLINDED).contains(&request.elements.len()) {
            return Err(problem(PseudonymError::Count(request.elements.len())));
        }
        let (digest, provider, people) = (request.digest(), request.provider.clone(), request.elements.len() as u32);
        pseudonyms.count(&provider, people)?;
        let own = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || pseudonyms.part(&request, &own.signer));
        let part = work.await.map_err(|error| {
            tracing::error!(%error, "an evaluation stopped");
            INTERNAL.problem("the custodian could not finish its part")
        })??;
        let record = EvaluationRecord { request: digest, provider, custodian: self.id().clone(), people };
        self.keep(&digest, vec![Statement::of_evaluation(&record)]).await?;
        Ok(part)
    }
}

/// What the provider did wrong, and at which person.
fn problem(error: PseudonymError) -> Problem {
    let problem = BAD_REQUEST.problem(&error);
    match error {
        PseudonymError::Blinded(EncodingError::Point(place) | EncodingError::Identity(place)) => match place.position {
            Some(position) => problem.at_entry(position),
            None => problem,
        },
        _ => problem,
    }
}
