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
    let mut partition = Partition::new(K, 1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3)));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3], 3)), "the fourth alone is 3 people");
    assert!(!partition.admit(&bmi, &cells(&[1], 3)), "and so would the first be");
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3)), "6 and 6");
    assert!(!partition.admit(&bmi, &cells(&[2, 3], 3)), "which would tell each of the four apart");
    assert!(partition.admit(&bmi, &cells(&[3, 4], 3)), "what is known already tells nothing new");
    assert!(partition.admit(&bmi, &cells(&[5, 6], 3)), "others are none of these");
}

#[test]
fn a_larger_group_is_judged_by_what_it_adds() {
    let mut partition = Partition::new(K, 1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2], 3)));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3], 3)), "the third would be alone");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3)));
}

#[test]
fn a_group_that_is_not_admitted_changes_nothing() {
    let mut partition = Partition::new(K, 1);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4], 3)));
    let before = format!("{:?}", partition.classes);
    assert!(!partition.admit(&bmi, &cells(&[4, 5, 6], 3)));
    assert_eq!(format!("{:?}", partition.classes), before);
    assert!(!partition.known.contains_key(&cells(&[5], 3)[0].atom));
}

#[test]
fn other_bands_of_the_same_codes_are_the_same_people() {
    let mut partition = Partition::new(K, 1);
    assert!(partition.admit(&measure("bmi@1"), &cells(&[1, 2, 3, 4], 3)));
    assert!(!partition.admit(&measure("bmi@2"), &cells(&[1, 2, 3], 3)));
    assert!(partition.admit(&measure("bmi@2"), &cells(&[1, 2], 3)));
    assert!(partition.admit(&measure("bmi@2"), &cells(&[1, 2], 3)));
    assert!(!partition.admit(&measure("bmi@1"), &cells(&[1], 3)));
}

#[test]
fn months_do_not_add_up_to_people_and_one_provider_must_not_be_all_there_is() {
    let mut partition = Partition::new(K, 1);
    let bmi = measure("bmi@1");
    let months: Vec<Counted> = [2, 3].map(|number| counted(number, &[("clinic", 3)])).to_vec();
    assert!(!partition.admit(&bmi, &months), "3 in January and 3 in February may be the same 3");
    let dominated = [counted(4, &[("clinic", 9), ("gym", 4)])];
    assert!(!partition.admit(&bmi, &dominated), "the clinic would see the gym's 4");
    assert!(partition.admit(&bmi, &[counted(4, &[("clinic", 9), ("gym", 5)])]));
}

#[test]
fn detail_takes_classes_of_three_times_as_many() {
    let mut partition = Partition::new(K, 3);
    let bmi = measure("bmi@1");
    assert!(partition.admit(&bmi, &cells(&[1, 2, 3, 4, 5, 6, 7], 3)));
    assert!(!partition.admit(&bmi, &cells(&[1, 2, 3, 4, 5], 3)), "15 would do, the 6 left do not");
}

proptest! {
    /// Against the definition: every set of atoms that lie in the same of the admitted groups is a group by itself; and
    /// a group is turned away only if with it one would not be.
    #[test]
    fn every_class_could_be_shown_and_no_group_is_turned_away_without_cause(
        people in prop::collection::vec((0_u64..8, 0_u64..8), 10),
        groups in prop::collection::vec(prop::collection::btree_set(0_u8..10, 1..7), 1..12),
    ) {
        let cell = |number: u8| {
            let (clinic, gym) = people[usize::from(number)];
            let all = [("clinic", clinic), ("gym", gym)];
            let there: Vec<(&str, u64)> = all.into_iter().filter(|(_, people)| *people > 0).collect();
            counted(number, &there)
        };
        let exists = |number: &u8| people[usize::from(*number)] != (0, 0);
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
        let mut partition = Partition::new(K, 1);
        let mut admitted: Vec<BTreeSet<u8>> = Vec::new();
        for group in groups {
            let cells: Vec<Counted> = group.iter().copied().filter(exists).map(cell).collect();
            let mut with: Vec<BTreeSet<u8>> = admitted.clone();
            with.push(group);
            let expected = fine(&with);
            prop_assert_eq!(partition.admit(&measure("bmi@1"), &cells), expected);
            if expected {
                admitted = with;
            }
        }
    }
}
