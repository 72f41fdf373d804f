//! Disclosure: what may be opened of a request, given every request that was logged before it.
//!
//! The requests of one family of measures are judged in the order of their entries on the main chain, answered or not.
//! Each group is decided on by the rules that look at it alone ([`crate::decide`]), then against all groups that were
//! admitted before ([`crate::partition`]): twice, for its sums at k people, and for its squares and band counts at 3k.
//!
//! Each request is judged by the k of the trust root that it was asked under, and where that has a cross lane, no group is
//! opened that touches what the cross lane answers: both are about the same people, and their requests stand on different
//! chains, so that no order decides between them.
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
    trust::{CrossScope, TrustRoot},
};
use nacre_verifier::{cross, numbers::CellCount};

use crate::{
    decide::Decision,
    partition::{Atom, Counted, Partition, Tally},
};

/// The decision on each group of a request.
pub type Decisions = BTreeMap<GroupKey, Decision>;

/// What was admitted so far of the requests on one family of measures.
#[derive(Clone, Debug)]
pub(crate) struct Disclosure {
    sums: Partition,
    details: Partition,
}

/// What a trust root says of disclosure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// k.
    minimum_people: u32,
    /// What the cross lane answers about, if there is one.
    cross: Option<&'a CrossScope>,
}

impl<'a> Rules<'a> {
    pub(crate) fn of(root: &'a TrustRoot) -> Self {
        Self { minimum_people: root.disclosure.minimum_people, cross: root.cross.as_ref().map(|cross| &cross.scope) }
    }
}

/// What this custodian opened of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opened {
    /// Count or sum.
    Sums,
    /// Squares or band counts, too.
    Detail,
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
    pub(crate) fn new() -> Self {
        Self { sums: Partition::new(1), details: Partition::new(DETAIL_FACTOR) }
    }

    /// Decides on the next request in the log's order, by the trust root it was asked under, and remembers what it may be told.
    pub(crate) fn judge(&mut self, request: &Groups, rules: Rules<'_>) -> Decisions {
        let decide =
            |(group, cells): (&GroupKey, &Vec<Counted>)| (group.clone(), self.judge_group(request, cells, rules));
        request.groups.iter().map(decide).collect()
    }

    fn judge_group(&mut self, request: &Groups, cells: &[Counted], rules: Rules<'_>) -> Decision {
        let minimum = rules.minimum_people;
        let mut tally = Tally::default();
        for counted in cells {
            tally.add(&counted.atom, &counted.contributions);
        }
        let mut decision = Decision::alone(&tally.people(), minimum);
        if decision.group.is_none() && rules.cross.is_some_and(|scope| touches(scope, &request.measure, cells)) {
            decision.group = Some(Rule::CrossLane);
        }
        if decision.group.is_none() && !self.sums.admit(&request.measure, cells, minimum) {
            decision.group = Some(Rule::Partition);
        }
        let open = decision.group.or(decision.detail).is_none();
        if open && request.wants_detail && !self.details.admit(&request.measure, cells, minimum) {
            decision.detail = Some(Rule::PartitionForDetail);
        }
        decision
    }

    /// Counts what this custodian opened of a request, where the decisions would withhold it now.
    pub(crate) fn count(&mut self, request: &Groups, decisions: &Decisions, opened: &BTreeMap<GroupKey, Opened>) {
        for (group, opened) in opened {
            let Some(cells) = request.groups.get(group) else { continue };
            let decision = decisions.get(group).copied();
            if decision.is_none_or(|decision| decision.group.is_some()) {
                self.sums.count(&request.measure, cells);
            }
            let detail_counts = decision.is_some_and(|decision| decision.group.or(decision.detail).is_none());
            if *opened == Opened::Detail && !detail_counts {
                self.details.count(&request.measure, cells);
            }
        }
    }
}

/// Whether one of the cells is of the people that the network's cross lane answers about.
fn touches(scope: &CrossScope, measure: &MeasureRef, cells: &[Counted]) -> bool {
    cross::covers_family(scope, measure)
        && cells.iter().any(|counted| {
            let (chain, month) = counted.atom.chain_and_month();
            scope.chains.contains(chain) && month >= scope.from
        })
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

    const RULES: Rules<'static> = Rules { minimum_people: 11, cross: None };

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
        let mut disclosure = Disclosure::new();
        let one = disclosure.judge(&groups(&[Statistic::Mean], vec![count(Sex::Female, 40, 1)]), RULES);
        assert_eq!(of(&one, Sex::Female).group, Some(Rule::TooFewPeople));
        let cells = || vec![count(Sex::Female, 40, 1), count(Sex::Female, 50, 40)];
        let all = disclosure.judge(&groups(&[Statistic::Mean], cells()), RULES);
        assert_eq!(of(&all, Sex::Female).group, None);
        let but_one = disclosure.judge(&groups(&[Statistic::Mean], vec![count(Sex::Female, 50, 40)]), RULES);
        assert_eq!(of(&but_one, Sex::Female).group, Some(Rule::Partition));
        let again = disclosure.judge(&groups(&[Statistic::Mean], cells()), RULES);
        assert_eq!(of(&again, Sex::Female).group, None, "the same question tells nothing new");
    }

    #[test]
    fn each_group_of_a_request_is_decided_on_by_itself() {
        let mut disclosure = Disclosure::new();
        let cells = vec![count(Sex::Female, 40, 12), count(Sex::Female, 50, 2), count(Sex::Male, 40, 12)];
        disclosure.judge(&groups(&[Statistic::Mean], cells), RULES);
        let older = vec![count(Sex::Female, 40, 12), count(Sex::Male, 40, 12)];
        let decisions = disclosure.judge(&groups(&[Statistic::Mean], older), RULES);
        assert_eq!((of(&decisions, Sex::Female).group, of(&decisions, Sex::Male).group), (Some(Rule::Partition), None));
    }

    #[test]
    fn band_counts_of_fewer_than_3k_are_not_had_by_subtraction_either() {
        let mut disclosure = Disclosure::new();
        let detail = [Statistic::Bands];
        let all = || vec![count(Sex::Female, 40, 40), count(Sex::Female, 50, 20)];
        let decision = of(&disclosure.judge(&groups(&detail, all()), RULES), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, None));
        let less = vec![count(Sex::Female, 40, 40)];
        let decision = of(&disclosure.judge(&groups(&detail, less), RULES), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, Some(Rule::PartitionForDetail)));
    }

    #[test]
    fn a_request_without_detail_leaves_the_detail_of_others_alone() {
        let mut disclosure = Disclosure::new();
        let (young, old) = (|| count(Sex::Female, 40, 40), || count(Sex::Female, 50, 20));
        disclosure.judge(&groups(&[Statistic::Bands], vec![young(), old()]), RULES);
        disclosure.judge(&groups(&[Statistic::Mean], vec![young()]), RULES);
        let decision = of(&disclosure.judge(&groups(&[Statistic::Bands], vec![young(), old()]), RULES), Sex::Female);
        assert_eq!((decision.group, decision.detail), (None, None));
    }

    #[test]
    fn what_the_cross_lane_answers_about_is_withheld_and_the_months_before_are_not() {
        let scope = |chain: &str, measure: &str, from: &str| CrossScope {
            chains: vec![chain.parse().unwrap()],
            measures: vec![measure.parse().unwrap(), "steps".parse().unwrap()],
            from: from.parse().unwrap(),
        };
        let rule = |scope: &CrossScope| {
            let rules = Rules { cross: Some(scope), ..RULES };
            let cells = vec![count(Sex::Female, 40, 40)];
            of(&Disclosure::new().judge(&groups(&[Statistic::Mean], cells), rules), Sex::Female).group
        };
        assert_eq!(rule(&scope("region/440100", "bmi", "2026-01")), Some(Rule::CrossLane));
        assert_eq!(rule(&scope("region/440100", "bmi", "2020-01")), Some(Rule::CrossLane), "and ever after");
        assert_eq!(rule(&scope("region/440100", "bmi", "2026-02")), None, "the month before");
        assert_eq!(rule(&scope("region/810000", "bmi", "2026-01")), None, "another chain");
        assert_eq!(rule(&scope("region/440100", "hba1c", "2026-01")), None, "another family");
    }

    #[test]
    fn what_was_opened_counts_though_it_would_be_withheld_now() {
        let opened = |opened| {
            let group = GroupKey { region: None, sex: Some(Sex::Female), age_band: None, period: None };
            BTreeMap::from([(group, opened)])
        };
        let (few, all) =
            (|| vec![count(Sex::Female, 40, 5)], || vec![count(Sex::Female, 40, 5), count(Sex::Female, 50, 9)]);
        let ask = |before: Option<Opened>| {
            let mut disclosure = Disclosure::new();
            if let Some(before) = before {
                let request = groups(&[Statistic::Bands], few());
                let decisions = disclosure.judge(&request, RULES);
                assert_eq!(of(&decisions, Sex::Female).group, Some(Rule::TooFewPeople));
                disclosure.count(&request, &decisions, &opened(before));
            }
            of(&disclosure.judge(&groups(&[Statistic::Mean], all()), RULES), Sex::Female).group
        };
        assert_eq!(ask(None), None);
        assert_eq!(ask(Some(Opened::Sums)), Some(Rule::Partition));
        assert_eq!(ask(Some(Opened::Detail)), Some(Rule::Partition));
    }
}
