//! Disclosure: what may be opened of a request, given every request that was logged before it.
//!
//! The requests of one family of measures are judged in the order of their entries on the main chain, answered or not.
//! Each group is decided on by the rules that look at it alone ([`crate::decide`]), then against all groups that were
//! admitted before ([`crate::partition`]): twice, for its sums at k people, and for its squares and band counts at 3k.
//!
//! Kept true: what is withheld of a group can never be had, so it singles nobody out, and later groups are not judged by
//! it. Otherwise one request for a single person, which nobody would ever answer, would close the family to everyone. A
//! group that *may* be answered counts from the moment its request is logged, whether anyone collects the answer or not.
//! The outcome is a function of the log and of the sealed cells: every custodian comes to the same, at any time.

use std::collections::BTreeMap;

use nacre_schemas::{
    answer::Rule,
    id::ChainId,
    limits::DETAIL_FACTOR,
    measure::MeasureRef,
    query::{GroupKey, Quantity, Request},
};
use nacre_verifier::numbers::CellCount;

use crate::{
    decide::Decision,
    partition::{Atom, Counted, Partition, Tally},
};

/// The decision on each group of a request.
pub type Decisions = BTreeMap<GroupKey, Decision>;

/// What was admitted so far of the requests on one family of measures.
#[derive(Clone, Debug)]
pub(crate) struct Disclosure {
    minimum_people: u32,
    sums: Partition,
    details: Partition,
}

/// The groups of a request, each with its cells.
pub(crate) struct Groups {
    measure: MeasureRef,
    wants_detail: bool,
    groups: BTreeMap<GroupKey, Vec<Counted>>,
}

impl Groups {
    /// Of a request with these cells by chain; the request needs squares or band counts if one of its quantities is one.
    pub(crate) fn of(request: &Request, bands: usize, cells: &[(ChainId, Vec<CellCount>)]) -> Self {
        let mut groups: BTreeMap<GroupKey, Vec<Counted>> = BTreeMap::new();
        for (chain, counts) in cells {
            for CellCount { seal, key, contributions } in counts {
                let counted = Counted { atom: Atom::new(chain, *seal, key), contributions: contributions.clone() };
                groups.entry(request.group_of(key)).or_default().push(counted);
            }
        }
        let wants_detail = request.quantities(bands).into_iter().any(Quantity::is_detail);
        Self { measure: request.measure.clone(), wants_detail, groups }
    }
}

impl Disclosure {
    /// Nothing was asked yet.
    pub(crate) fn new(minimum_people: u32) -> Self {
        let partition = |factor| Partition::new(minimum_people, factor);
        Self { minimum_people, sums: partition(1), details: partition(DETAIL_FACTOR) }
    }

    /// Decides on the next request in the log's order, and remembers what it may be told.
    pub(crate) fn judge(&mut self, request: &Groups) -> Decisions {
        let decide = |(group, cells): (&GroupKey, &Vec<Counted>)| (group.clone(), self.judge_group(request, cells));
        request.groups.iter().map(decide).collect()
    }

    fn judge_group(&mut self, request: &Groups, cells: &[Counted]) -> Decision {
        let mut tally = Tally::default();
        for counted in cells {
            tally.add(&counted.atom, &counted.contributions);
        }
        let mut decision = Decision::alone(&tally.people(), self.minimum_people);
        if decision.group.is_none() && !self.sums.admit(&request.measure, cells) {
            decision.group = Some(Rule::Partition);
        }
        let open = decision.group.or(decision.detail).is_none();
        if open && request.wants_detail && !self.details.admit(&request.measure, cells) {
            decision.detail = Some(Rule::PartitionForDetail);
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{
        Digest,
        cell::ProviderCount,
        cohort::{AgeBand, CellKey, Sex},
        query::{Attribute, Predicate, SealSpan, Statistic},
    };

    use super::*;

    const K: u32 = 11;

    fn request(statistics: &[Statistic]) -> Request {
        Request {
            trust: Digest([1; 32]),
            requester: "regulator".parse().unwrap(),
            measure: "bmi@1".parse().unwrap(),
            definition: Digest([2; 32]),
            statistics: statistics.to_vec(),
            predicate: Predicate {
                regions: vec!["440100".parse().unwrap()],
                from: "2026-01".parse().unwrap(),
                to: "2026-01".parse().unwrap(),
                sexes: Sex::ALL.to_vec(),
                youngest: AgeBand::of_age(0),
                oldest: AgeBand::TOP,
            },
            group_by: vec![Attribute::Sex],
            spans: vec![SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 1, hash: Digest([8; 32]) }],
            purpose: "a test".parse().unwrap(),
            nonce: Digest([3; 32]),
        }
    }

    fn count(sex: Sex, age: u32, people: u64) -> CellCount {
        let (measure, period) = ("bmi@1".parse().unwrap(), "2026-01".parse().unwrap());
        let key = CellKey { measure, period, region: "440100".parse().unwrap(), sex, age_band: AgeBand::of_age(age) };
        let contributions = vec![ProviderCount { provider: "clinic".parse().unwrap(), contributions: people }];
        CellCount { seal: 1, key, contributions }
    }

    fn groups(statistics: &[Statistic], cells: Vec<CellCount>) -> Groups {
        Groups::of(&request(statistics), 4, &[("region/440100".parse().unwrap(), cells)])
    }

    fn of(decisions: &Decisions, sex: Sex) -> Decision {
        decisions[&GroupKey { region: None, sex: Some(sex), age_band: None, period: None }]
    }

    #[test]
    fn a_group_that_is_withheld_does_not_count_against_later_ones() {
        let mut disclosure = Disclosure::new(K);
        let one = disclosure.judge(&groups(&[Statistic::Mean], vec![count(Sex::Female, 40, 1)]));
        assert_eq!(of(&one, Sex::Female).group, Some(Rule::TooFewPeople));
        let cells = || vec![count(Sex::Female, 40, 1), count(Sex::Female, 50, 40)];
        let all = disclosure.judge(&groups(&[Statistic::Mean], cells()));
        assert_eq!(of(&all, Sex::Female).group, None);
        let but_one = disclosure.judge(&groups(&[Statistic::Mean], vec![count(Sex::Female, 50, 40)]));
        assert_eq!(of(&but_one, Sex::Female).group, Some(Rule::Partition));
        let again = disclosure.judge(&groups(&[Statistic::Mean], cells()));
        assert_eq!(of(&again, Sex::Female).group, None, "the same question tells nothing new");
    }

    #[test]
    fn each_group_of_a_request_is_decided_on_by_itself() {
        let mut disclosure = Disclosure::new(K);
        let cells = vec![count(Sex::Female, 40, 12), count(Sex::Female, 50, 2), count(Sex::Male, 40, 12)];
        disclosure.judge(&groups(&[Statistic::Mean], cells));
        let older = vec![count(Sex::Female, 40, 12), count(Sex::Male, 40, 12)];
        let decisions = disclosure.judge(&groups(&[Statistic::Mean], older));
        assert_eq!((of(&decisions, Sex::Female).group, of(&decisions, Sex::Male).group), (Some(Rule::Partition), None));
    }

    #[test]
    fn band_counts_of_fewer_than_3k_are_not_had_by_subtraction_either() {
        let mut disclosure = Disclosure::new(K);
        let detail = [Statistic::Bands];
        let all = || vec![count(Sex::Female, 40, 40), count(Sex::Female, 50, 20)];
        let decision = of(&disclosure.judge(&groups(&detail, all())), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, None));
        let less = vec![count(Sex::Female, 40, 40)];
        let decision = of(&disclosure.judge(&groups(&detail, less)), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, Some(Rule::PartitionForDetail)));
    }

    #[test]
    fn a_request_without_detail_leaves_the_detail_of_others_alone() {
        let mut disclosure = Disclosure::new(K);
        let (young, old) = (|| count(Sex::Female, 40, 40), || count(Sex::Female, 50, 20));
        disclosure.judge(&groups(&[Statistic::Bands], vec![young(), old()]));
        disclosure.judge(&groups(&[Statistic::Mean], vec![young()]));
        let decision = of(&disclosure.judge(&groups(&[Statistic::Bands], vec![young(), old()])), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, None));
    }
}
