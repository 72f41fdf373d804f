//! Opening: from commitments and shares to integers, and from integers to figures.
//!
//! Kept true: an integer is only taken if the combined shares are exactly that multiple of `V`; a quantity that any
//! counted answer withholds is withheld. Errors: [`QueryError::ChainSumsFalse`], naming group and quantity. Cost: for
//! an interval of w integers about 2·√w steps of 1 µs; a group a thread at a time.

use std::ops::RangeInclusive;

use nacre_schemas::{
    Signed,
    answer::{Answer, CustodianId, Decision, Rule, Share},
    measure::Measure,
    query::{GroupKey, Quantity},
    release::{GroupFigures, Outcome, QuantityResult},
};
use nacre_verifier::{CheckedDossier, figures};
use nacre_zk::{
    dlog::{self, DlogError},
    elgamal::MessagePoint,
    share, tally,
};

use crate::error::QueryError;

/// Contributions of a group, in bits: at first tried, and at most.
const COUNT_BITS_AT_FIRST: u32 = 12;
const MAX_COUNT_BITS: u32 = 32;

/// What is opened.
pub(crate) struct Opening<'a> {
    pub(crate) definition: &'a Measure,
    pub(crate) dossier: &'a CheckedDossier,
    /// Answers that count: the same groups and quantities in each, in the same order.
    pub(crate) answers: &'a [Signed<Answer>],
}

impl Opening<'_> {
    /// The figures of the group at that position.
    pub(crate) fn group(&self, position: usize) -> Result<GroupFigures, QueryError> {
        let group = self.dossier.groups.keys().nth(position);
        let group = group.ok_or_else(|| QueryError::OwnMachine(format!("there is no group {position}")))?;
        let mut results: Vec<QuantityResult> = Vec::with_capacity(self.dossier.quantities.len());
        for (place, quantity) in self.dossier.quantities.iter().enumerate() {
            let outcome = match self.decisions(position, place) {
                Err(rule) => Outcome::Withheld(rule),
                Ok(shares) => Outcome::Value(self.open(group, *quantity, &shares, &results)?),
            };
            results.push(QuantityResult { quantity: *quantity, outcome });
        }
        figures::of_group(self.definition, &self.dossier.request, group.clone(), results)
            .map_err(QueryError::OwnRelease)
    }

    /// The shares of a quantity, or the first rule (in the order of rules) that a custodian withholds it by.
    fn decisions(&self, group: usize, place: usize) -> Result<Vec<(CustodianId, Share)>, Rule> {
        let (mut shares, mut withheld) = (Vec::new(), None::<Rule>);
        for signed in self.answers {
            match &signed.statement.groups[group].decisions[place].decision {
                Decision::Opened(share) => shares.push((signed.statement.custodian.clone(), share.clone())),
                Decision::Withheld(rule) => withheld = Some(withheld.map_or(*rule, |other| other.min(*rule))),
            }
        }
        withheld.map_or(Ok(shares), Err)
    }

    fn open(
        &self,
        group: &GroupKey,
        quantity: Quantity,
        shares: &[(CustodianId, Share)],
        known: &[QuantityResult],
    ) -> Result<u64, QueryError> {
        let fault = |reason: String| QueryError::ChainSumsFalse { group: group.clone(), quantity, reason };
        let commitments = &self.dossier.groups[group];
        let commitment = tally::commitment_of(commitments, quantity).map_err(|error| fault(error.to_string()))?;
        let point = share::combine(&commitment, shares).map_err(|error| fault(error.to_string()))?;
        let integer = match quantity {
            Quantity::Count => count(&point),
            _ => bounds(self.definition, quantity, known).and_then(|range| dlog::solve(&point, range)),
        };
        integer.map_err(|error| match error {
            DlogError::TooWide { .. } => {
                QueryError::TooWide { group: group.clone(), quantity, reason: error.to_string() }
            }
            other => fault(other.to_string()),
        })
    }
}

/// The number of contributions. Nothing bounds it but what a network can hold, so ever wider intervals are searched: the
/// cost is by the root of the number that is found.
fn count(point: &MessagePoint) -> Result<u64, DlogError> {
    let mut least = 0;
    for bits in (COUNT_BITS_AT_FIRST..MAX_COUNT_BITS).step_by(4) {
        match dlog::solve(point, least..=(1 << bits) - 1) {
            Err(DlogError::NotInRange { .. }) => least = 1 << bits,
            found => return found,
        }
    }
    dlog::solve(point, least..=(1 << MAX_COUNT_BITS) - 1)
}

/// Where a quantity can lie, by the count and whatever else was opened before it.
fn bounds(
    definition: &Measure,
    quantity: Quantity,
    known: &[QuantityResult],
) -> Result<RangeInclusive<u64>, DlogError> {
    let value = |wanted: Quantity| {
        known.iter().find(|result| result.quantity == wanted).and_then(|result| match result.outcome {
            Outcome::Value(value) => Some(value),
            Outcome::Withheld(_) => None,
        })
    };
    let (lo, hi) = (u64::from(definition.lo), u64::from(definition.hi));
    let count = value(Quantity::Count);
    let (fewest, most) = count.map_or((0, 1 << MAX_COUNT_BITS), |count| (count, count));
    // Saturated, an interval is too wide to search, and the search says so.
    Ok(match quantity {
        Quantity::Count | Quantity::Band(_) => 0..=most,
        Quantity::Sum => fewest.saturating_mul(lo)..=most.saturating_mul(hi),
        Quantity::Squares => match (count, value(Quantity::Sum)) {
            (Some(count), Some(sum)) => dlog::squares_range(count, sum, definition.lo, definition.hi)?,
            _ => fewest.saturating_mul(lo * lo)..=most.saturating_mul(hi * hi),
        },
    })
}

#[cfg(test)]
mod tests {
    use nacre_schemas::catalogue::Catalogue;

    use super::*;

    fn opened(quantity: Quantity, value: u64) -> QuantityResult {
        QuantityResult { quantity, outcome: Outcome::Value(value) }
    }

    #[test]
    fn what_was_opened_narrows_what_is_searched() {
        let bmi = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
        assert_eq!((bmi.lo, bmi.hi), (80, 1_000));
        let known = [opened(Quantity::Count, 3), opened(Quantity::Sum, 600)];
        assert_eq!(bounds(bmi, Quantity::Sum, &known[..1]), Ok(240..=3_000));
        assert_eq!(bounds(bmi, Quantity::Band(0), &known), Ok(0..=3));
        // Least if all three are equal, most if they lie at the ends of the range.
        assert_eq!(bounds(bmi, Quantity::Squares, &known), Ok(120_000..=1_080 * 600 - 3 * 80_000));
    }

    #[test]
    fn what_was_withheld_narrows_nothing() {
        let bmi = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
        let withheld = |quantity| QuantityResult { quantity, outcome: Outcome::Withheld(Rule::Dominance) };
        let known = [withheld(Quantity::Count), withheld(Quantity::Sum)];
        let most = 1 << MAX_COUNT_BITS;
        assert_eq!(bounds(bmi, Quantity::Sum, &known), Ok(0..=1_000 * most));
        assert_eq!(bounds(bmi, Quantity::Squares, &known), Ok(0..=1_000_000 * most));
    }

    #[test]
    fn a_count_is_found_however_many_there_are() {
        for n in [0, 1, 4_095, 4_096, 65_535, 65_536, 1_450_000, (1 << MAX_COUNT_BITS) - 1] {
            assert_eq!(count(&MessagePoint::of(n)), Ok(n));
        }
        let beyond = count(&MessagePoint::of(1 << MAX_COUNT_BITS));
        assert!(matches!(beyond, Err(DlogError::NotInRange { .. })), "{beyond:?}");
    }
}
