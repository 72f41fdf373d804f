//! What a run of posting came to, for people and for `--json`. Nothing of a person is in it.

use std::collections::BTreeMap;

use nacre_reading::{Deferred, Prepared, Refused};
use nacre_schemas::{Digest, measure::MeasureRef};
use serde::Serialize;

/// What a run of posting came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PostSummary {
    /// Files read.
    pub files: u64,
    /// Observations found in them.
    pub observations: u64,
    /// Observations of which the catalogue names no code.
    pub skipped: u64,
    /// Observations that were copies of one read before.
    pub repeated: u64,
    /// What was not taken, where it stands and why.
    pub refused: Vec<Refused>,
    /// Months that have not ended.
    pub deferred: Vec<Deferred>,
    /// Records sealed in this run.
    pub new: u64,
    /// Records found that were posted by an earlier run, with the same value.
    pub already_posted: u64,
    /// Records found that an earlier run had sealed and could not post.
    pub already_queued: u64,
    /// Records found that the exchange refused in an earlier run, with the same value.
    pub already_refused: u64,
    /// Records found that were erased, by id: they are not posted again, whatever their source says now.
    pub already_erased: Vec<Digest>,
    /// Records receipted in this run.
    pub posted: u64,
    /// Records still queued: the next run sends them again.
    pub queued: u64,
    /// Records whose people have no pseudonym yet, as too few custodians of a jurisdiction gave their part: the next run
    /// asks again.
    pub unnamed: u64,
    /// What custodians did not do, or did wrong, when they were asked for pseudonyms.
    pub custodian_faults: Vec<CustodianFault>,
    /// Records that the exchange refused in this run.
    pub refused_at_exchange: Vec<RefusedAtExchange>,
    /// Batches that stay queued, or were refused as a whole, and why.
    pub unsettled: Vec<Unsettled>,
    /// By measure.
    pub by_measure: BTreeMap<MeasureRef, MeasureCounts>,
}

/// Counts of one measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MeasureCounts {
    /// Readings that count towards a month, ended or not.
    pub readings: u64,
    /// Months that have ended, of all people.
    pub months: u64,
    /// Of these, sealed in this run.
    pub new: u64,
}

/// A record that the exchange refused. It is not sent again with the same value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedAtExchange {
    /// The record.
    pub record: Digest,
    /// The word of the problem.
    pub problem: String,
    /// What the exchange says.
    pub detail: String,
}

/// A custodian that gave no part of pseudonyms that counts. Another was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CustodianFault {
    /// The custodian.
    pub custodian: String,
    /// What it did, or what became of the call.
    pub detail: String,
    /// Whether it sent something that is not true, over its own signature or without one.
    pub false_part: bool,
}

/// A batch that brought no receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// The batch.
    pub batch: Digest,
    /// What became of it.
    pub outcome: Outcome,
    /// Records of it that the exchange does not have, as far as is known.
    pub records: u64,
    /// Why.
    pub detail: String,
}

/// What became of a batch that brought no receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The exchange cannot be reached, is busy, or does not let us in. The batch stays queued.
    NotDelivered,
    /// What the exchange answered is no receipt that holds. The batch stays queued.
    NotReceipted,
    /// The exchange refused the batch and no single record. Its records are sealed anew by the next run.
    Refused,
    /// By the exchange's clock months of it have not ended. Their records are sealed anew by a run after their end.
    OpenMonth,
}

impl PostSummary {
    /// Whether everything that was found is receipted, now or before: nothing was refused, left out, or waits for another run.
    /// Months that have not ended are no exception: their time comes.
    pub fn is_clean(&self) -> bool {
        let Self { refused, refused_at_exchange, unsettled, already_erased, already_refused, queued, unnamed, .. } =
            self;
        refused.is_empty()
            && refused_at_exchange.is_empty()
            && unsettled.is_empty()
            && already_erased.is_empty()
            && (*already_refused, *queued, *unnamed) == (0, 0, 0)
    }

    /// Records that the exchange refused in this run, one by one or with all of their batch.
    pub fn refused_records(&self) -> u64 {
        let whole = self.unsettled.iter().filter(|unsettled| unsettled.outcome == Outcome::Refused);
        self.refused_at_exchange.len() as u64 + whole.map(|unsettled| unsettled.records).sum::<u64>()
    }

    pub(crate) fn of(prepared: &mut Prepared) -> Self {
        let mut by_measure: BTreeMap<MeasureRef, MeasureCounts> = BTreeMap::new();
        for (measure, readings) in &prepared.readings {
            by_measure.entry(measure.clone()).or_default().readings = *readings;
        }
        for value in &prepared.records {
            by_measure.entry(value.measure.clone()).or_default().months += 1;
        }
        Self {
            files: prepared.files,
            observations: prepared.observations,
            skipped: prepared.skipped,
            repeated: prepared.repeated,
            refused: std::mem::take(&mut prepared.refused),
            deferred: std::mem::take(&mut prepared.deferred),
            by_measure,
            ..Self::default()
        }
    }
}
