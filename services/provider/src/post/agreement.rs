//! What a provider and its exchange have to agree on before anything is sealed: who the provider is, and what time it is.
//!
//! Kept true: nothing is sealed under a key that the exchange would refuse, and no month is taken for ended that the exchange
//! takes for open. The admission counts by its authority's signature, not by the exchange's word; the time is the exchange's
//! word, as it is when the exchange judges a batch.
//!
//! Errors: [`Disagreement`], of which each says what to set. Not being able to ask is none: it says nothing of either. Cost: two
//! requests and a token.

use std::{fmt, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use nacre_access::client::{Client, ClientError};
use nacre_schemas::{id::MemberId, limits::MAX_CLOCK_SKEW_SECONDS, membership::MemberRole};
use nacre_verifier::{Failure, membership};
use nacre_wire::exchange::{GET_MEMBER, OfMember};

use crate::seal::batch::Sealer;

/// Why the exchange would take nothing of this provider.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// No token: the exchange knows no such member, or another access key, or the clocks are too far apart for one.
    #[error(
        "the exchange does not let {member} in: {source}. `member` and `access-key` have to be those of the admission; nothing \
         was sealed"
    )]
    NotLetIn {
        /// Who is configured.
        member: MemberId,
        /// What the exchange says.
        source: Box<ClientError>,
    },
    /// The admission does not hold, or is to another role or chain.
    #[error("{0}; nothing was sealed. Ask the authority of your jurisdiction for an admission to this chain")]
    NotAdmitted(Failure),
    /// The exchange would refuse every signature.
    #[error(
        "{}: this is not the signing key that {member} was admitted with, so the exchange would refuse all of it; nothing was \
         sealed. Configure the admitted key as `signing-key`, or have this one admitted",
        path.display()
    )]
    OtherSigningKey {
        /// The file.
        path: PathBuf,
        /// Who was admitted.
        member: MemberId,
    },
    /// The clocks differ by more than is taken.
    #[error("{0}; nothing was sealed")]
    Clock(ClockLead),
}

/// By how much this machine's clock is ahead of the exchange's, or behind if it is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLead(pub(crate) SignedDuration);

impl ClockLead {
    /// Whether the clocks agree well enough to close months by.
    pub(crate) fn is_small(self) -> bool {
        self.0.as_secs().unsigned_abs() <= MAX_CLOCK_SKEW_SECONDS
    }
}

impl fmt::Display for ClockLead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs().unsigned_abs();
        let way = if self.0.is_negative() { "behind" } else { "ahead of" };
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        write!(
            f,
            "the clock of this machine is {days} d {hours} h {minutes} min {} s {way} the exchange's",
            seconds % 60
        )?;
        write!(f, ", and may differ by {MAX_CLOCK_SKEW_SECONDS} s: have both set by a time server")
    }
}

/// Asks the exchange. What stood in the way, if it could not be asked.
pub(crate) async fn ask(client: &Client, sealer: &Sealer) -> Result<Option<ClientError>, Disagreement> {
    match clock_lead(client, Timestamp::now).await {
        Ok(lead) if !lead.is_small() => return Err(Disagreement::Clock(lead)),
        Ok(_) => {}
        Err(error) => return Ok(Some(error)),
    }
    ask_for_admission(client, sealer).await
}

/// By how much a clock is ahead of the exchange's, as far as an answer in whole seconds tells: nothing, if both may show the same.
pub(crate) async fn clock_lead(client: &Client, own: impl Fn() -> Timestamp) -> Result<ClockLead, ClientError> {
    let asked = own();
    let said = client.time().await?;
    let answered = own();
    // A time that no calendar has is far off, whichever way.
    let begins = Timestamp::try_from(said).unwrap_or(Timestamp::UNIX_EPOCH);
    let ends = begins.checked_add(SignedDuration::from_secs(1)).unwrap_or(begins);
    Ok(ClockLead(if asked > ends {
        asked.duration_since(ends)
    } else if answered < begins {
        answered.duration_since(begins)
    } else {
        SignedDuration::ZERO
    }))
}

/// Compares the admission that the exchange goes by with the configuration. What stood in the way, if it could not be asked.
pub(crate) async fn ask_for_admission(client: &Client, sealer: &Sealer) -> Result<Option<ClientError>, Disagreement> {
    let config = &sealer.config;
    let signed = match client.get(GET_MEMBER, &OfMember { member: config.member.clone() }).await {
        Ok(signed) => signed,
        Err(error @ (ClientError::Token { .. } | ClientError::Problem(_))) if !error.is_retryable() => {
            return Err(Disagreement::NotLetIn { member: config.member.clone(), source: Box::new(error) });
        }
        Err(error) => return Ok(Some(error)),
    };
    let admitted = membership::check(&signed, &sealer.network).map_err(Disagreement::NotAdmitted)?;
    membership::check_role(admitted, MemberRole::Provider, &config.chain).map_err(Disagreement::NotAdmitted)?;
    if admitted.member != config.member || admitted.signing_key != sealer.keys.signing.public() {
        let path = config.signing_key.to_path_buf();
        return Err(Disagreement::OtherSigningKey { path, member: config.member.clone() });
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_five_minutes_and_a_larger_difference_is_said() {
        let of = |seconds: i64| ClockLead(SignedDuration::from_secs(seconds));
        assert!([0, 300, -300].into_iter().all(|seconds| of(seconds).is_small()));
        assert!([301, -301, i64::MAX, i64::MIN].into_iter().all(|seconds| !of(seconds).is_small()));
        let text = of(40 * 86_400 + 3_661).to_string();
        assert!(text.contains("clock") && text.contains("40 d 1 h 1 min 1 s ahead of the exchange's"), "{text}");
        assert!(of(-3_600).to_string().contains("0 d 1 h 0 min 0 s behind the exchange's"));
    }
}
