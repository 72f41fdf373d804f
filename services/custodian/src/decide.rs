//! Decide: which quantities of a group may be opened, by those disclosure rules of protocol section 6 that look at the group
//! alone. What it would single out together with earlier requests is [`crate::disclosure`]'s to say.
//!
//! Kept true: the decision is a function of the group's people by provider, of k, and of the quantities asked;
//! of nothing else: no clock, no memory, no custodian's name. So all custodians of all jurisdictions decide
//! alike on the same numbers, and whoever decides otherwise can be told apart. No error: every input has an answer.
//!
//! `people(G)`, the most contributions that one provider has in one month, is a lower bound on distinct people: one
//! person counts once a provider and month, and two providers' people may be the same. Every rule errs on the
//! side of withholding.
//!
//! *Dominance.* A provider subtracts its own contributions from a sum, and two providers that talk to each other subtract
//! both's. So without any one provider, and without any two, the people left are none or at least k. Three that talk to each
//! other are not held off; and a third provider's single record withholds a group that is large enough of two.
//!
//! Cost: linear in a group's providers.

use std::collections::BTreeMap;

use nacre_schemas::{answer::Rule, id::MemberId, limits::DETAIL_FACTOR, query::Quantity};

/// What the rules say of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may be opened.
    Open,
    /// This rule forbids it.
    Withhold(Rule),
}

/// People by provider: contributions in its fullest month.
pub type People = BTreeMap<MemberId, u64>;

/// What the rules say of a group: of everything about it, and of its detail (squares and band counts). A group that is
/// withheld for its detail leaves the rest open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that withholds the whole group, if one does.
    pub group: Option<Rule>,
    /// The rule that withholds its detail, if one does.
    pub detail: Option<Rule>,
}

impl Decision {
    /// On a group by itself, whatever else was asked.
    pub fn alone(people: &People, minimum_people: u32) -> Self {
        let minimum = u64::from(minimum_people);
        let detail = largest(people)[0] < DETAIL_FACTOR * minimum;
        Self { group: group_rule(people, minimum), detail: detail.then_some(Rule::TooFewPeopleForDetail) }
    }

    /// On one quantity.
    pub fn on(self, quantity: Quantity) -> Ruling {
        let rule = self.group.or(if quantity.is_detail() { self.detail } else { None });
        rule.map_or(Ruling::Open, Ruling::Withhold)
    }
}

/// The rule that withholds the whole group, if one does.
fn group_rule(people: &People, minimum: u64) -> Option<Rule> {
    let [people, rest @ ..] = largest(people);
    if people < minimum {
        return Some(Rule::TooFewPeople);
    }
    // `rest` is what is left without the largest provider, and without the two largest; any other one or two leave more.
    rest.iter().any(|left| (1..minimum).contains(left)).then_some(Rule::Dominance)
}

/// The people of the three largest providers, the largest first, 0 where there are fewer: `people(G)`, and the least that it
/// is without one provider, and without two.
fn largest(people: &People) -> [u64; 3] {
    let mut largest = [0; 3];
    for count in people.values() {
        // Stands where it belongs; the least of the four falls out.
        let place = largest.partition_point(|known| known >= count);
        if let Some(tail) = largest.get_mut(place..).filter(|tail| !tail.is_empty()) {
            tail.rotate_right(1);
            tail[0] = *count;
        }
    }
    largest
}

/// Whether people may be shown as a group of their own, at that many times k. Nobody at all may.
pub(crate) fn may_stand_alone(people: &People, minimum_people: u32, factor: u64) -> bool {
    let minimum = u64::from(minimum_people);
    let all = largest(people)[0];
    all == 0 || (all >= factor * minimum && group_rule(people, minimum).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u32 = 11;
    const ALL: [Quantity; 5] =
        [Quantity::Count, Quantity::Sum, Quantity::Squares, Quantity::Band(0), Quantity::Band(1)];

    fn people(counts: &[u64]) -> People {
        let name = |position: usize| format!("hospital-{position}").parse().unwrap();
        counts.iter().enumerate().map(|(position, count)| (name(position), *count)).collect()
    }

    /// The rulings on [`ALL`].
    fn rulings(counts: &[u64]) -> Vec<Ruling> {
        let decision = Decision::alone(&people(counts), K);
        ALL.map(|quantity| decision.on(quantity)).to_vec()
    }

    fn withheld(rule: Rule) -> Vec<Ruling> {
        vec![Ruling::Withhold(rule); ALL.len()]
    }

    fn open_without_detail() -> Vec<Ruling> {
        let detail = Ruling::Withhold(Rule::TooFewPeopleForDetail);
        vec![Ruling::Open, Ruling::Open, detail, detail, detail]
    }

    #[test]
    fn a_group_opens_at_k_people_and_its_detail_at_3k() {
        assert_eq!(rulings(&[0]), withheld(Rule::TooFewPeople));
        assert_eq!(rulings(&[10]), withheld(Rule::TooFewPeople));
        assert_eq!(rulings(&[11]), open_without_detail());
        assert_eq!(rulings(&[32]), open_without_detail());
        assert_eq!(rulings(&[33]), vec![Ruling::Open; ALL.len()]);
    }

    #[test]
    fn a_group_of_nobody_is_withheld() {
        assert_eq!(rulings(&[]), withheld(Rule::TooFewPeople));
    }

    #[test]
    fn people_of_different_providers_may_be_the_same_and_do_not_add_up() {
        assert_eq!(rulings(&[10, 10, 10]), withheld(Rule::TooFewPeople));
        assert_eq!(rulings(&[17, 17]), open_without_detail());
    }

    #[test]
    fn one_provider_of_two_cannot_subtract_itself_and_see_fewer_than_k() {
        assert_eq!(rulings(&[40, 1]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 10]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[10, 40]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 11]), vec![Ruling::Open; ALL.len()]);
        assert_eq!(rulings(&[40, 0]), vec![Ruling::Open; ALL.len()]);
    }

    #[test]
    fn two_providers_of_three_cannot_subtract_themselves_and_see_fewer_than_k() {
        assert_eq!(rulings(&[40, 10, 10]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 11, 1]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[1, 40, 40]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 11, 10]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 11, 11]), vec![Ruling::Open; ALL.len()]);
        assert_eq!(rulings(&[40, 40, 0]), vec![Ruling::Open; ALL.len()]);
    }

    #[test]
    fn three_providers_that_talk_to_each_other_are_not_held_off() {
        assert_eq!(rulings(&[40, 40, 40, 1]), vec![Ruling::Open; ALL.len()]);
    }

    #[test]
    fn the_largest_three_are_found_in_any_order() {
        for counts in [[5, 9, 7, 3], [9, 7, 5, 3], [3, 5, 7, 9], [7, 3, 9, 5]] {
            assert_eq!(largest(&people(&counts)), [9, 7, 5]);
        }
        assert_eq!(largest(&people(&[4, 4])), [4, 4, 0]);
    }

    #[test]
    fn too_few_people_comes_before_dominance() {
        assert_eq!(rulings(&[10, 1]), withheld(Rule::TooFewPeople));
    }

    #[test]
    fn the_decision_is_the_same_whatever_order_the_providers_came_in() {
        let counts = [("c", 40), ("a", 10), ("b", 12), ("d", 11)];
        let forward: People = counts.iter().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        let backward: People = counts.iter().rev().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        assert_eq!(Decision::alone(&forward, K), Decision::alone(&backward, K));
        assert_eq!(Decision::alone(&forward, K).group, None);
    }

    #[test]
    fn the_largest_k_does_not_overflow() {
        let decision = Decision::alone(&people(&[u64::from(u32::MAX)]), u32::MAX);
        assert_eq!(decision, Decision { group: None, detail: Some(Rule::TooFewPeopleForDetail) });
    }
}
