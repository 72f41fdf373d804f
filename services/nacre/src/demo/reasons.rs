//! Why something was withheld, in sentences with the numbers that the rule looked at.
//!
//! Kept true: the rule is the one that the custodians signed. The numbers of people are counted as custodians count them, each provider's
//! in its fullest month, from the generator's list: a release does not have them.

use std::collections::{BTreeMap, BTreeSet};

use nacre_pages::Language;
use nacre_schemas::{
    answer::Rule,
    cohort::Period,
    limits::DETAIL_FACTOR,
    query::{GroupKey, Request},
    region::Region,
    release::{GroupFigures, Outcome, Release},
};

use super::population::Truth;

/// The rules that withheld something of a group.
pub(super) fn rules(figures: &GroupFigures) -> BTreeSet<Rule> {
    let withheld = figures.results.iter().filter_map(|result| match result.outcome {
        Outcome::Withheld(rule) => Some(rule),
        Outcome::Value(_) => None,
    });
    withheld.collect()
}

/// Why what is not shown is not, a text for each group and rule.
pub(super) fn of_release(release: &Release, truths: &[Truth], minimum: u32, language: Language) -> Vec<String> {
    let request = &release.dossier.logged.request.request;
    let mut reasons = Vec::new();
    for figures in &release.figures {
        let people = people(request, &figures.group, truths);
        let group = language.group(&figures.group);
        reasons.extend(rules(figures).into_iter().map(|rule| reason(rule, &group, &people, minimum.into(), language)));
    }
    reasons
}

/// How many people each provider has in the group in its fullest month, the largest first. In a region one provider alone has the
/// values of a measure.
fn people(request: &Request, group: &GroupKey, truths: &[Truth]) -> Vec<u64> {
    let mut counts: BTreeMap<(Region, Period), u64> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| request.holds(&truth.key) && request.group_of(&truth.key) == *group) {
        *counts.entry((truth.key.region, truth.key.period)).or_default() += 1;
    }
    let mut fullest: BTreeMap<Region, u64> = BTreeMap::new();
    for ((region, _), count) in counts {
        let known = fullest.entry(region).or_default();
        *known = count.max(*known);
    }
    let mut people: Vec<u64> = fullest.into_values().collect();
    people.sort_unstable_by(|one, other| other.cmp(one));
    people
}

fn reason(rule: Rule, group: &str, people: &[u64], minimum: u64, language: Language) -> String {
    let [largest, second, third] = [0, 1, 2].map(|position| people.get(position).copied().unwrap_or_default());
    let (key, minimum, left) = match rule {
        Rule::TooFewPeople => ("why-too-few-people", minimum, 0),
        Rule::Dominance if (1..minimum).contains(&second) => ("why-dominance-of-one", minimum, second),
        Rule::Dominance => ("why-dominance-of-two", minimum, third),
        Rule::TooFewPeopleForDetail => ("why-too-few-people-for-detail", DETAIL_FACTOR * minimum, 0),
        Rule::Partition => ("why-partition", minimum, 0),
        Rule::PartitionForDetail => ("why-partition-for-detail", DETAIL_FACTOR * minimum, 0),
        Rule::CrossLane => ("why-cross-lane", minimum, 0),
    };
    let counts: Vec<String> = people.iter().map(|count| language.number(&count.to_string())).collect();
    let values = [
        ("group", group.into()),
        ("minimum", minimum.into()),
        ("largest", largest.into()),
        ("left", left.into()),
        ("people", language.list(&counts).into()),
    ];
    language.fill(key, &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rule: Rule, people: &[u64]) -> String {
        reason(rule, "everyone", people, 11, Language::English)
    }

    #[test]
    fn dominance_says_whose_subtraction_would_leave_too_few() {
        let of_one = said(Rule::Dominance, &[30, 9, 3]);
        assert!(of_one.contains("30, 9 and 3 people") && of_one.contains("The largest provider could"), "{of_one}");
        assert!(of_one.contains("may be about 9 people only"), "{of_one}");
        let of_two = said(Rule::Dominance, &[30, 20, 6]);
        assert!(of_two.contains("The two largest providers together"), "{of_two}");
        assert!(of_two.contains("may be about 6 people only") && of_two.contains("fewer than 11"), "{of_two}");
    }

    #[test]
    fn too_few_people_are_told_with_what_it_takes() {
        let whole = said(Rule::TooFewPeople, &[8, 7]);
        assert!(whole.contains("needs 11 people") && whole.contains("is 8."), "{whole}");
        let detail = said(Rule::TooFewPeopleForDetail, &[20]);
        assert!(detail.contains("needs 33 people") && detail.contains("is 20."), "{detail}");
    }

    #[test]
    fn every_rule_has_its_words_in_every_language() {
        for rule in Rule::ALL {
            for language in Language::ALL {
                let told = reason(*rule, "GROUP", &[30, 20, 6], 11, language);
                assert!(told.starts_with("GROUP") && !told.contains('{'), "{told}");
            }
        }
    }
}
