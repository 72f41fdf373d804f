use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const K: u32 = 5;

fn measure(name: &str) -> MeasureRef {
    name.parse().unwrap()
}

/// The atom of that number: its age band and seal.
fn atom(number: u8) -> Atom {
    let key = CellKey {
        measure: measure("bmi@1"),
        period: if number.is_multiple_of(2) { "2026-01" } else { "2026-02" }.parse().unwrap(),
        region: "440100".parse().unwrap(),
        sex: Sex::Female,
        age_band: AgeBand::of_age(5 * u32::from(number % 4)),
    };
    Atom::new(&"region/440100".parse().unwrap(), u64::from(number), &key)
}

fn counted(number: u8, contributions: &[(&str, u64)]) -> Counted {
    let count = |(provider, contributions): &(&str, u64)| ProviderCount {
        provider: provider.parse().unwrap(),
        contributions: *contributions,
    };
    Counted { atom: atom(number), contributions: contributions.iter().map(count).collect() }
}

/// Atoms with that many people each, all of one provider, all in one month.
fn cells(numbers: &[u8], people: u64) -> Vec<Counted> {
    numbers.iter().map(|number| counted(2 * number, &[("clinic", people)])).collect()
}

#[test]
fn what_two_groups_differ_in_must_be_a_group_itself() {
    let mut partition = Partition::new(1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3), K));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3], 3), K), "the fourth alone is 3 people");
    assert!(!partition.admit(&bmi, &cells(&[1], 3), K), "and so would the first be");
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3), K), "6 and 6");
    assert!(!partition.admit(&bmi, &cells(&[2, 3], 3), K), "which would tell each of the four apart");
    assert!(partition.admit(&bmi, &cells(&[3, 4], 3), K), "what is known already tells nothing new");
    assert!(partition.admit(&bmi, &cells(&[5, 6], 3), K), "others are none of these");
}

#[test]
fn a_larger_group_is_judged_by_what_it_adds() {
    let mut partition = Partition::new(1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3), K));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3], 3), K), "the third would be alone");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3), K));
}

#[test]
fn a_group_that_is_not_admitted_changes_nothing() {
    let mut partition = Partition::new(1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3), K));
    let before = format!("{:?}", partition.classes);
    assert!(!partition.admit(&bmi, &cells(&[4, 5, 6], 3), K));
    assert_eq!(format!("{:?}", partition.classes), before);
    assert!(!partition.known.contains_key(&cells(&[5], 3)[0].atom));
}

#[test]
fn what_was_told_under_one_version_is_not_told_under_another() {
    let mut partition = Partition::new(1);
    let (one, two) = (measure("bmi@1"), measure("bmi@2"));
    assert!(partition.admit(&one, &[counted(2, &[("clinic", 40)])], K));
    assert!(!partition.admit(&two, &[counted(2, &[("clinic", 39)])], K), "one person stands alone in the difference");
    assert!(!partition.admit(&two, &[counted(2, &[("clinic", 40)])], K), "nor where nobody seems to");
    assert!(!partition.admit(&two, &[counted(2, &[("clinic", 40)]), counted(4, &[("clinic", 40)])], K));
    assert!(partition.admit(&two, &[counted(4, &[("clinic", 40)])], K), "others are");
    assert!(!partition.admit(&one, &[counted(4, &[("clinic", 41)])], K), "and then not the other way round");
    assert!(partition.admit(&one, &[counted(2, &[("clinic", 40)])], K), "the same again tells nothing new");
}

#[test]
fn nor_if_the_other_version_was_posted_in_a_later_epoch() {
    let mut partition = Partition::new(1);
    assert!(partition.admit(&measure("bmi@1"), &[counted(2, &[("clinic", 40)])], K));
    let later = Counted { atom: Atom { seal: 77, ..atom(2) }, ..counted(2, &[("clinic", 39)]) };
    assert!(!partition.admit(&measure("bmi@2"), std::slice::from_ref(&later), K));
    assert!(partition.admit(&measure("bmi@1"), &[later], K), "of the same version they are other contributions");
}

#[test]
fn measures_that_share_codes_are_the_same_people() {
    let (one, two) = (measure("systolic-bp@1"), measure("blood-pressure-class@1"));
    let mut partition = Partition::new(1);
    assert!(partition.admit(&one, &cells(&[1, 2, 3, 4], 3), K));
    assert!(!partition.admit(&two, &cells(&[1, 2, 3], 3), K));
    assert!(partition.admit(&two, &cells(&[1, 2], 3), K));
    assert!(partition.admit(&two, &cells(&[1, 2], 3), K));
    assert!(!partition.admit(&one, &cells(&[1], 3), K));
}

#[test]
fn a_class_keeps_the_k_it_came_by_until_it_is_split() {
    let bmi = measure("bmi@1");
    let mut partition = Partition::new(1);
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3), K), "6 people at k = 5");
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3), 20), "the same tells nothing new at k = 20");
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3, 4], 9), 20), "18 more do not pass by themselves");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4, 5], 9), 20), "27 more do");
    assert!(!partition.admit(&bmi, &cells(&[3, 4], 9), 20), "18 and 9: the class is split at the new k");
    assert!(!partition.admit(&measure("bmi-class@1"), &cells(&[1, 2], 3), 20), "another measure of the class is new");
}

#[test]
fn what_was_opened_counts_whatever_the_rules_say() {
    let bmi = measure("bmi@1");
    let mut partition = Partition::new(1);
    partition.count(&bmi, &cells(&[1], 3));
    assert!(!partition.admit(&bmi, &cells(&[1, 2], 3), K), "the second would be alone");
    assert!(partition.admit(&bmi, &cells(&[1], 3), K), "it is known already");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3], 3), K), "6 others");
}

#[test]
fn months_do_not_add_up_to_people_and_one_provider_must_not_be_all_there_is() {
    let mut partition = Partition::new(1);
    let bmi = measure("bmi@1");
    let months: Vec<Counted> = [2, 3].map(|number| counted(number, &[("clinic", 3)])).to_vec();
    assert!(!partition.admit(&bmi, &months, K), "3 in January and 3 in February may be the same 3");
    let dominated = [counted(4, &[("clinic", 9), ("gym", 4)])];
    assert!(!partition.admit(&bmi, &dominated, K), "the clinic would see the gym's 4");
    assert!(partition.admit(&bmi, &[counted(4, &[("clinic", 9), ("gym", 5)])], K));
}

#[test]
fn detail_takes_classes_of_three_times_as_many() {
    let mut partition = Partition::new(3);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4, 5, 6, 7], 3), K));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3, 4, 5], 3), K), "15 would do, the 6 left do not");
}

proptest! {
    /// Against the definition: every set of atoms that lie in the same of the admitted groups is a group by itself; and
    /// a group is turned away only if with it one would not be.
    #[test]
    fn every_class_could_be_shown_and_no_group_is_turned_away_without_cause(
        people in prop::collection::vec((0_u64..8, 0_u64..8, 0_u64..8), 10),
        groups in prop::collection::vec(prop::collection::btree_set(0_u8..10, 1..7), 1..12),
    ) {
        let cell = |number: u8| {
            let (clinic, gym, school) = people[usize::from(number)];
            let all = [("clinic", clinic), ("gym", gym), ("school", school)];
            let there: Vec<(&str, u64)> = all.into_iter().filter(|(_, people)| *people > 0).collect();
            counted(number, &there)
        };
        let exists = |number: &u8| people[usize::from(*number)] != (0, 0, 0);
        let fine = |admitted: &[BTreeSet<u8>]| {
            let mut classes: BTreeMap<Vec<bool>, Tally> = BTreeMap::new();
            for number in (0..10).filter(exists) {
                let lies_in: Vec<bool> = admitted.iter().map(|group| group.contains(&number)).collect();
                let Counted { atom, contributions } = cell(number);
                classes.entry(lies_in).or_default().add(&atom, &contributions);
            }
            classes.iter().all(|(lies_in, tally)| {
                !lies_in.contains(&true) || decide::may_stand_alone(&tally.people(), K, 1)
            })
        };
        let mut partition = Partition::new(1);
        let mut admitted: Vec<BTreeSet<u8>> = Vec::new();
        for group in groups {
            let cells: Vec<Counted> = group.iter().copied().filter(exists).map(cell).collect();
            let mut with: Vec<BTreeSet<u8>> = admitted.clone();
            with.push(group);
            let expected = fine(&with);
            prop_assert_eq!(partition.admit(&measure("bmi@1"), &cells, K), expected);
            if expected {
                admitted = with;
            }
        }
    }
}
