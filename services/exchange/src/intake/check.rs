//! What is checked of a batch before its proofs: who sends it, where it belongs, what each contribution says of itself.
//!
//! Kept true: a batch that passes is the caller's, is for this chain, is signed with the key that the caller was admitted
//! with, and every contribution counts in this chain's region, under a known measure, for a month that has ended, each
//! record once. Cost: one SM2 check, and hashing the batch once (milliseconds).

use std::collections::HashSet;

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use nacre_ledger::signing;
use nacre_schemas::{
    batch::Batch, catalogue::Catalogue, cohort::Period, contribution::Contribution, membership::Membership,
    region::Region,
};

use super::Checked;
use crate::{
    chain::Chain,
    refusal::{ContributionFault, Refusal},
};

/// Hours that the whole area is ahead of UTC, all year.
const OFFSET_HOURS: i8 = 8;

/// Checks a batch's sender, chain, signature and contributions, but for their proofs.
pub(crate) fn batch(batch: Batch, caller: &Membership, chain: &Chain) -> Result<Checked, Refusal> {
    if batch.provider != caller.member {
        return Err(Refusal::OtherSender { caller: caller.member.clone(), sender: batch.provider });
    }
    if batch.chain != *chain.id() {
        return Err(Refusal::OtherChain { here: chain.id().clone(), named: batch.chain });
    }
    if !caller.chains.contains(chain.id()) {
        return Err(Refusal::NotAdmitted { member: caller.member.clone(), chain: chain.id().clone() });
    }
    let region = chain.facts().region.ok_or_else(|| Refusal::NoRecordsHere(chain.id().clone()))?;
    if batch.contributions.is_empty() {
        return Err(Refusal::Malformed("a batch has one contribution at least".to_owned()));
    }
    let body = batch.body();
    signing::verify(&caller.signing_key, &body).map_err(|error| Refusal::BadSignature(error.to_string()))?;
    let now = current_month(Timestamp::now()).map_err(Refusal::Malformed)?;
    let mut records = Vec::with_capacity(batch.contributions.len());
    let mut seen = HashSet::with_capacity(batch.contributions.len());
    for (entry, contribution) in batch.contributions.iter().enumerate() {
        check_contribution(contribution, &batch, region, now)
            .map_err(|fault| Refusal::Contribution { entry, fault })?;
        let record = contribution.openings.header.record;
        if !seen.insert(record) {
            return Err(Refusal::Contribution { entry, fault: ContributionFault::Repeated });
        }
        records.push(record);
    }
    Ok(Checked { id: batch.id(), body, records, batch })
}

fn check_contribution(
    contribution: &Contribution,
    batch: &Batch,
    region: Region,
    now: Period,
) -> Result<(), ContributionFault> {
    let header = &contribution.openings.header;
    let cell = &header.cell;
    if header.provider != batch.provider {
        return Err(ContributionFault::OtherProvider);
    }
    if cell.region != region {
        return Err(ContributionFault::OtherRegion);
    }
    if Catalogue::built_in().find(&cell.measure).is_none() {
        return Err(ContributionFault::UnknownMeasure(cell.measure.clone()));
    }
    if cell.period >= now {
        return Err(ContributionFault::OpenPeriod(cell.period));
    }
    Ok(())
}

/// The month it is in the area at that instant: the months before it have ended.
fn current_month(instant: Timestamp) -> Result<Period, String> {
    let date = instant.to_zoned(TimeZone::fixed(Offset::constant(OFFSET_HOURS))).date();
    let year = u16::try_from(date.year()).map_err(|_| "the exchange's clock is wrong".to_owned())?;
    Period::new(year, date.month().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_at_midnight_in_the_area() {
        for (instant, month) in [
            ("2026-01-31T15:59:59Z", "2026-01"),
            ("2026-01-31T16:00:00Z", "2026-02"),
            ("2025-12-31T16:00:00Z", "2026-01"),
        ] {
            assert_eq!(current_month(instant.parse().unwrap()).unwrap().to_string(), month, "{instant}");
        }
    }
}
