//! Rounds: close the months that are due, seal what they come to, send what is queued; after an error, wait.
//!
//! Kept true: a round can be cut short anywhere; what it has not put in the outbox it does again. The wait after an error
//! doubles from [`FIRST_WAIT`] to [`LONGEST_WAIT`], shortened at random by up to half so that providers do not return
//! together, and is never shorter than the exchange asks for; it is on disk, so a restart does not shorten it. While the disk
//! takes nothing, not even that, the rounds themselves come ever less often. A month with a
//! record that was in a refused batch is sealed in a batch of its own, so that it cannot take others with it again, and is
//! set aside after [`MAX_REFUSALS`]. A month closes only while the exchange's clock agrees that its time has come, and the
//! exchange admits the provider with the keys that it has.

use nacre_hosting::retry::Pauses;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use nacre_access::client::{Client, ClientError};
use nacre_ledger::merkle::{Sm3Hasher, inclusion};
use nacre_reading::{Reason, months};
use nacre_schemas::{catalogue::Catalogue, entry, query::SealProof};
use nacre_verifier::note;
use nacre_wire::exchange::{GET_LATEST_SEAL, OfChain};
use rand::Rng as _;
use tokio::sync::watch;

use super::{ServeError, clock::Clock, spool::Spool};
use crate::{
    outbox::{OutboxError, month::DueMonth, record::Plan},
    post::{PostError, agreement, run},
    seal::batch::Named,
    summary::PostSummary,
};

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(2);
/// The wait after the first error.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait that is our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// The longest wait that an exchange can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// Months closed in a round.
const MONTHS_A_ROUND: u32 = 512;
/// Refusals of batches with a record of one month, until it is set aside.
const MAX_REFUSALS: i64 = 5;
/// Between two questions for the last seal.
const SEAL_PAUSE: Duration = Duration::from_secs(60);
/// Between two questions for the exchange's time, while no month is due.
const TIME_PAUSE: Duration = Duration::from_secs(60);
/// What the system's clock may jump by.
const MAX_JUMP: Duration = Duration::from_secs(600);
/// How long months are not closed after a jump.
const HOLD: Duration = Duration::from_secs(3_600);

/// The rounds of one gateway.
pub(super) struct Rounds {
    spool: Arc<Spool>,
    clock: Clock,
    jumps: Jumps,
    client: Client,
    /// When the last seal was asked for.
    asked_for_seal: Option<Timestamp>,
    /// When the exchange's time was asked for.
    asked_for_time: Option<Timestamp>,
}

impl Rounds {
    /// For that spool.
    pub(super) fn new(spool: Arc<Spool>, clock: Clock) -> Result<Self, ServeError> {
        let client = run::client(&spool.sealer)?;
        Ok(Self { spool, clock, jumps: Jumps::default(), client, asked_for_seal: None, asked_for_time: None })
    }

    /// Rounds, until told to stop.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let begun = Instant::now();
        let mut unnoted = Pauses::new(PAUSE, LONGEST_WAIT);
        loop {
            let now = self.clock.now();
            let passed = begun.elapsed();
            let may_close = self.jumps.observe(now, self.clock.scale(passed));
            let done = tokio::select! {
                done = self.round(now, may_close) => done,
                () = stop(&mut stopped) => return,
            };
            let mut pause = PAUSE;
            if let Err(error) = done {
                tracing::error!(%error, "a round of posting failed");
                if self.note_failure(&error.to_string(), None).await {
                    unnoted.begin_again();
                } else {
                    pause = unnoted.after(None);
                }
            }
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = stop(&mut stopped) => return,
            }
        }
    }

    async fn round(&mut self, now: Timestamp, may_close: bool) -> Result<(), ServeError> {
        let posting = self.spool.outbox.posting().await?;
        let longest = i64::try_from(LONGEST_ASKED.as_secs()).unwrap_or(i64::MAX);
        // Farther off than any wait is long: the clock was turned back.
        let waits =
            posting.next_attempt_at.is_some_and(|at| (now.as_second()..=now.as_second() + longest).contains(&at));
        if waits {
            return Ok(());
        }
        let (due, problem) = self.due(now, may_close).await?;
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for month in &due {
            let values = self.close(month).await?;
            if month.refusals == 0 { together.extend(values) } else { alone.push(values) }
        }
        if due.is_empty() && self.spool.outbox.queued().await?.is_empty() {
            if let Some(problem) = problem {
                self.note_failure(&problem, None).await;
                return Ok(());
            }
            return self.look_for_seal(now).await;
        }
        let run = run::Run::new(Arc::clone(&self.spool.sealer), &self.spool.outbox, &(), 1)?;
        for values in std::iter::once(together).chain(alone) {
            let mut summary = PostSummary::default();
            let asked = run.post(values, &mut summary).await?;
            if let Some(error) = what_went_wrong(&summary) {
                self.note_failure(&error, asked).await;
                return Ok(());
            }
        }
        if let Some(problem) = problem {
            self.note_failure(&problem, None).await;
            return Ok(());
        }
        self.spool.outbox.note_success().await?;
        self.look_for_seal(now).await
    }

    /// The months to close: those whose time has come by this clock and by the exchange's, if that admits what would be sealed.
    /// Else none of them, and why. What the exchange would take for open or not take at all is not sealed: a month is sealed
    /// once, and what comes for it later is late for ever.
    async fn due(&mut self, now: Timestamp, may_close: bool) -> Result<(Vec<DueMonth>, Option<String>), ServeError> {
        let (outbox, sealer, clock) = (&self.spool.outbox, &self.spool.sealer, self.clock);
        let due_at = async |time: Timestamp| outbox.due_months(time.as_second(), MONTHS_A_ROUND).await;
        let due = if may_close { due_at(now).await? } else { Vec::new() };
        let held = |why: String| Ok((Vec::new(), (!due.is_empty()).then_some(why)));
        let recently = |before: Timestamp| now.duration_since(before).unsigned_abs() < TIME_PAUSE;
        if due.is_empty() && self.asked_for_time.is_some_and(recently) {
            return Ok((due, None));
        }
        self.asked_for_time = Some(now);
        let lead = match agreement::clock_lead(&self.client, || clock.compared()).await {
            Ok(lead) => lead,
            Err(error) => return held(error.to_string()),
        };
        outbox.note_clock(lead).await?;
        if !lead.is_small() {
            tracing::warn!(lead_s = lead.0.as_secs(), "the clock is not the exchange's: no month is closed");
            return held(lead.to_string());
        }
        let quiet = SignedDuration::from_hours(sealer.config.gateway.quiet_hours.into());
        outbox.shorten_waits(now.as_second().saturating_add(quiet.as_secs())).await?;
        if due.is_empty() {
            return Ok((due, None));
        }
        match agreement::ask_for_admission(&self.client, sealer).await {
            Ok(None) => {}
            Ok(Some(error)) => return held(error.to_string()),
            Err(disagreement) => return held(disagreement.to_string()),
        }
        let there = now.checked_sub(lead.0).unwrap_or(now);
        Ok((if there < now { due_at(there).await? } else { due }, None))
    }

    /// What a month comes to that is not queued or posted yet.
    async fn close(&self, due: &DueMonth) -> Result<Vec<Named>, ServeError> {
        let outbox = &self.spool.outbox;
        if due.refusals >= MAX_REFUSALS {
            outbox.set_month_aside(due.spooled, "the exchange refused it time and again, and no single record").await?;
            return Ok(Vec::new());
        }
        let values = match self.reduced(due) {
            Ok(values) => values,
            // One month that does not open does not hold up the others.
            Err(OutboxError::Damaged(detail)) => {
                outbox.set_month_aside(due.spooled, &detail).await?;
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        let mut new = Vec::new();
        let mut problem = None;
        for named in values.values {
            match outbox.plan(&named.record, &named.fingerprint).await? {
                Plan::Seal => new.push(named),
                Plan::Posted | Plan::Queued | Plan::Erased => {}
                Plan::Refused => problem = Some("the exchange refused a record of it".to_owned()),
                Plan::OtherValue => problem = Some(Reason::PostedWithOtherValue.to_string()),
            }
        }
        let records = u64::try_from(new.len()).unwrap_or(u64::MAX);
        outbox.expect(due.spooled, records).await?;
        // Only when nothing of it is left to post, or the rest would be left out, too.
        if let Some(problem) = values.problem.or(problem).filter(|_| new.is_empty()) {
            outbox.set_month_aside(due.spooled, &problem).await?;
        }
        Ok(new)
    }

    fn reduced(&self, due: &DueMonth) -> Result<Reduced, OutboxError> {
        let catalogue = Catalogue::built_in();
        let person = self.spool.person(&due.person)?;
        let readings: Result<Vec<_>, OutboxError> = due
            .readings
            .iter()
            .map(|(observation, record, sealed)| self.spool.reading(observation, record, sealed))
            .collect();
        let (mut values, mut problem) = (Vec::new(), None);
        for month in months::of_person(catalogue, &person, readings?) {
            match month {
                Ok(value) => values.push(self.spool.sealer.name_of(&due.person.subject, value, Some(due.spooled))),
                Err((measure, reason)) => problem = Some(format!("{measure}: {reason}")),
            }
        }
        Ok(Reduced { values, problem })
    }

    /// Notes that a round did not end well, and when the next is. Whether that could be noted.
    async fn note_failure(&self, error: &str, asked: Option<Duration>) -> bool {
        let failures = self.spool.outbox.posting().await.map_or(0, |posting| posting.failures);
        let wait = wait_after(failures, asked);
        let now = self.clock.now();
        let next = now.as_second() + i64::try_from(wait.as_secs().max(1)).unwrap_or(i64::MAX);
        tracing::warn!(error, wait_s = wait.as_secs(), "posting waits");
        let noted = self.spool.outbox.note_failure(error, now.as_second(), next).await;
        if let Err(error) = &noted {
            tracing::error!(%error, "cannot note that posting waits");
        }
        noted.is_ok()
    }

    /// Asks how far the chain is sealed, now and then. What the exchange says counts if it is under a final checkpoint.
    async fn look_for_seal(&mut self, now: Timestamp) -> Result<(), ServeError> {
        let recently = |before: Timestamp| now.duration_since(before).unsigned_abs() < SEAL_PAUSE;
        if self.asked_for_seal.is_some_and(recently) {
            return Ok(());
        }
        self.asked_for_seal = Some(now);
        let (chain, network) = (&self.spool.sealer.config.chain, &self.spool.sealer.network);
        let proof = match self.client.get(GET_LATEST_SEAL, &OfChain::new(chain)).await {
            Ok(proof) => proof,
            // No seal yet, or not to be had now.
            Err(
                ClientError::Problem(_)
                | ClientError::Status { .. }
                | ClientError::Transport { .. }
                | ClientError::Silent { .. },
            ) => return Ok(()),
            Err(error) => return Err(PostError::Client(error).into()),
        };
        let SealProof { seal, inclusion: place, checkpoint } = proof;
        let to = seal.to;
        let checked = note::chain(network, chain).and_then(|chain| note::check(&checkpoint, chain, network));
        let entry = entry::Entry::Seal(seal).leaf_hash();
        let holds = checked.is_ok_and(|(checkpoint, _)| {
            inclusion::verify::<Sm3Hasher>(&entry, place.leaf, checkpoint.size, &checkpoint.root, &place.proof).is_ok()
        });
        if holds {
            self.spool.outbox.note_sealed(to).await?;
        } else {
            tracing::warn!(%chain, "the exchange's last seal does not hold");
        }
        Ok(())
    }
}

/// Resolves when told to stop, or when nobody is left to tell.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// What a month's readings come to.
struct Reduced {
    values: Vec<Named>,
    /// Why something of it comes to nothing.
    problem: Option<String>,
}

/// Why the next round has to wait, if it has to.
fn what_went_wrong(summary: &PostSummary) -> Option<String> {
    let mut faults: BTreeMap<&str, ()> = BTreeMap::new();
    faults.extend(summary.unsettled.iter().map(|unsettled| (unsettled.detail.as_str(), ())));
    if summary.unnamed > 0 {
        faults.insert("too few custodians gave their part of pseudonyms", ());
    }
    faults.into_keys().next().map(str::to_owned)
}

fn wait_after(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT);
    let spread = doubled.mul_f64(rand::thread_rng().gen_range(0.5..=1.0));
    spread.max(asked.unwrap_or_default()).min(LONGEST_ASKED)
}

/// Finds out whether the system's clock was set.
#[derive(Default)]
struct Jumps {
    /// The clock, and the time that had passed by the monotonic one.
    before: Option<(Timestamp, Duration)>,
    /// Until when months are held, by the monotonic one.
    held_until: Option<Duration>,
}

impl Jumps {
    /// Whether months may be closed.
    fn observe(&mut self, wall: Timestamp, passed: Duration) -> bool {
        if let Some((wall_before, passed_before)) = self.before.replace((wall, passed)) {
            let went = wall.duration_since(wall_before).as_millis();
            let should = i128::try_from(passed.saturating_sub(passed_before).as_millis()).unwrap_or(i128::MAX);
            if (went - should).unsigned_abs() > MAX_JUMP.as_millis() {
                tracing::warn!(jump_ms = (went - should) as i64, "the clock jumped: no month is closed for an hour");
                self.held_until = Some(passed + HOLD);
            }
        }
        self.held_until.is_none_or(|until| passed >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_bounded() {
        for failures in 0..100 {
            let longest = FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT);
            let wait = wait_after(failures, None);
            assert!(longest / 2 <= wait && wait <= longest, "{failures}: {wait:?}");
        }
        assert_eq!(wait_after(0, Some(Duration::from_secs(70))), Duration::from_secs(70));
        assert_eq!(wait_after(0, Some(Duration::from_secs(100_000))), LONGEST_ASKED);
    }

    #[test]
    fn after_a_jump_of_the_clock_months_are_held_for_an_hour() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut jumps = Jumps::default();
        assert!(jumps.observe(at("2026-01-01T00:00:00Z"), Duration::ZERO));
        assert!(jumps.observe(at("2026-01-01T00:01:05Z"), Duration::from_secs(60)), "five seconds are no jump");
        for jump in ["2027-01-01T00:00:00Z", "2025-01-01T00:00:00Z"] {
            let mut jumps = Jumps::default();
            assert!(jumps.observe(at("2026-01-01T00:00:00Z"), Duration::ZERO));
            assert!(!jumps.observe(at(jump), Duration::from_secs(60)), "{jump}");
            let later = |seconds: i64| at(jump) + jiff::SignedDuration::from_secs(seconds);
            assert!(!jumps.observe(later(3_000), Duration::from_secs(3_060)));
            assert!(jumps.observe(later(3_601), Duration::from_secs(3_661)));
        }
    }
}
