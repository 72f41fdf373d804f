//! Decide: which quantities of a group may be opened, by the disclosure rules of protocol section 6.
//!
//! Kept true: the decision is a function of the group's people by provider, of k, and of the quantities asked;
//! of nothing else: no clock, no memory, no custodian's name. So all custodians of all jurisdictions decide
//! alike on the same numbers, and whoever decides otherwise can be told apart. No error: every input has an answer.
//!
//! `people(G)`, the most contributions that one provider has in one month, is a lower bound on distinct people: one
//! person counts once a provider and month, and two providers' people may be the same. Every rule errs on the
//! side of withholding.
//!
//! Not decided here: whether this request, *together with earlier ones*, isolates a few people by
//! subtraction. Cost: linear in providers and quantities.

use std::collections::BTreeMap;

use nacre_schemas::{answer::Rule, id::MemberId, query::Quantity};

/// How many times k people a group needs before its band counts and squares are opened.
const DETAIL_FACTOR: u64 = 3;

/// What the rules say of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may be opened.
    Open,
    /// This rule forbids it.
    Withhold(Rule),
}

/// People by provider: contributions in its fullest month, the largest over the chains it posts to.
pub type People = BTreeMap<MemberId, u64>;

/// Rules on each quantity, in the order given. A quantity withheld for its detail leaves the others open.
pub fn decide(people: &People, minimum_people: u32, quantities: &[Quantity]) -> Vec<(Quantity, Ruling)> {
    let minimum = u64::from(minimum_people);
    let of_group = group_rule(people, minimum);
    let ruling = |quantity: &Quantity| match of_group.or_else(|| detail_rule(people, minimum, *quantity)) {
        Some(rule) => Ruling::Withhold(rule),
        None => Ruling::Open,
    };
    quantities.iter().map(|quantity| (*quantity, ruling(quantity))).collect()
}

/// The rule that withholds the whole group, if one does.
fn group_rule(people: &People, minimum: u64) -> Option<Rule> {
    if lower_bound(people, None) < minimum {
        return Some(Rule::TooFewPeople);
    }
    // A provider knows its own contributions and can subtract them: what is left is nothing, or a group.
    let isolates = |provider: &MemberId| (1..minimum).contains(&lower_bound(people, Some(provider)));
    people.keys().any(isolates).then_some(Rule::Dominance)
}

fn detail_rule(people: &People, minimum: u64, quantity: Quantity) -> Option<Rule> {
    match quantity {
        Quantity::Count | Quantity::Sum => None,
        Quantity::Squares | Quantity::Band(_) => {
            (lower_bound(people, None) < DETAIL_FACTOR * minimum).then_some(Rule::TooFewPeopleForDetail)
        }
    }
}

/// `people(G)`, or `people(G without p)`.
fn lower_bound(people: &People, without: Option<&MemberId>) -> u64 {
    people.iter().filter(|(provider, _)| Some(*provider) != without).map(|(_, count)| *count).max().unwrap_or(0)
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

    /// The rulings on [`ALL`], without their quantities.
    fn rulings(counts: &[u64]) -> Vec<Ruling> {
        let decided = decide(&people(counts), K, &ALL);
        assert!(decided.iter().map(|(quantity, _)| *quantity).eq(ALL), "one ruling a quantity, in order");
        decided.into_iter().map(|(_, ruling)| ruling).collect()
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
    fn with_three_providers_the_largest_of_the_other_two_counts() {
        assert_eq!(rulings(&[40, 10, 10]), withheld(Rule::Dominance));
        assert_eq!(rulings(&[40, 11, 1]), vec![Ruling::Open; ALL.len()]);
        assert_eq!(rulings(&[1, 40, 40]), vec![Ruling::Open; ALL.len()]);
    }

    #[test]
    fn too_few_people_comes_before_dominance() {
        assert_eq!(rulings(&[10, 1]), withheld(Rule::TooFewPeople));
    }

    #[test]
    fn only_the_quantities_asked_for_are_decided_on() {
        let asked = [Quantity::Count, Quantity::Band(3)];
        let decided = decide(&people(&[12]), K, &asked);
        let detail = Ruling::Withhold(Rule::TooFewPeopleForDetail);
        assert_eq!(decided, [(Quantity::Count, Ruling::Open), (Quantity::Band(3), detail)]);
    }

    #[test]
    fn the_decision_is_the_same_whatever_order_the_providers_came_in() {
        let counts = [("c", 40), ("a", 10), ("b", 12), ("d", 3)];
        let forward: People = counts.iter().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        let backward: People = counts.iter().rev().map(|(name, count)| (name.parse().unwrap(), *count)).collect();
        assert_eq!(decide(&forward, K, &ALL), decide(&backward, K, &ALL));
        assert_eq!(decide(&forward, K, &ALL)[0].1, Ruling::Open);
    }

    #[test]
    fn the_largest_k_does_not_overflow() {
        let decided = decide(&people(&[u64::from(u32::MAX)]), u32::MAX, &ALL);
        assert_eq!(decided[0].1, Ruling::Open);
        assert_eq!(decided[3].1, Ruling::Withhold(Rule::TooFewPeopleForDetail));
    }
}
