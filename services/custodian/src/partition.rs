//! The partition rule: what requests say *together* singles out no group that is too small to be shown.
//!
//! Groups overlap. The sum of one less the sum of another is the sum of what only the first holds, and so on for any
//! number of groups: the finest that all of them can tell apart are the *classes*, each the cells that lie in the same of
//! the groups. A class is no sum that was asked for, but a regulator may be able to compute it. So every class has to be
//! a group that could be shown by itself; the cells that no group holds are no class, as nothing was said of them.
//!
//! Kept true: every class of what was admitted passes the rules of [`crate::decide`] at this partition's factor. A group
//! that would make one that does not is not admitted, and changes nothing. The outcome depends on the groups and their
//! order alone.
//!
//! Measures of one family (which share codes) are one partition: `bmi@1` and `bmi@2` are the same people's numbers in other
//! bands. A class is judged by each measure whose contributions it is known by. Conservative: not every class can in truth
//! be computed from the sums; to find out which is a hard problem (it is that of the least word of a linear code).
//!
//! Cost: of a group, by its cells. Memory: some 200 bytes a cell that was ever asked about.

use std::collections::{BTreeMap, HashMap};

use nacre_schemas::{
    cell::ProviderCount,
    cohort::{AgeBand, CellKey, Period, Sex},
    id::{ChainId, MemberId},
    measure::MeasureRef,
    region::Region,
};

use crate::decide::{self, People};

/// A cell of an epoch, whichever measure's: the least that requests can tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Atom {
    chain: ChainId,
    seal: u64,
    period: Period,
    region: Region,
    sex: Sex,
    age_band: AgeBand,
}

impl Atom {
    pub(crate) fn new(chain: &ChainId, seal: u64, key: &CellKey) -> Self {
        let CellKey { measure: _, period, region, sex, age_band } = key;
        let (period, region, sex, age_band) = (*period, *region, *sex, *age_band);
        Self { chain: chain.clone(), seal, period, region, sex, age_band }
    }
}

/// An atom of a group with the contributions that one measure has in it.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) atom: Atom,
    pub(crate) contributions: Vec<ProviderCount>,
}

/// Contributions by provider and month: the sexes, ages and epochs of one month add up, months do not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<(MemberId, Period), u64>);

impl Tally {
    /// Adds an atom's contributions. What a sealed cell says is not believed to be small: it saturates.
    pub(crate) fn add(&mut self, atom: &Atom, contributions: &[ProviderCount]) {
        for count in contributions {
            let sum = self.0.entry((count.provider.clone(), atom.period)).or_default();
            *sum = sum.saturating_add(count.contributions);
        }
    }

    fn without(&self, other: &Self) -> Self {
        let rest =
            self.0.iter().map(|(key, sum)| (key.clone(), sum.saturating_sub(other.0.get(key).copied().unwrap_or(0))));
        Self(rest.filter(|(_, sum)| *sum > 0).collect())
    }

    /// The most contributions of each provider in one month: a lower bound on its people.
    pub(crate) fn people(&self) -> People {
        let mut people = People::new();
        for ((provider, _), sum) in &self.0 {
            let most = people.entry(provider.clone()).or_default();
            *most = (*most).max(*sum);
        }
        people
    }
}

/// Tallies by measure.
type Tallies = BTreeMap<MeasureRef, Tally>;

#[derive(Clone, Debug)]
struct Known {
    class: usize,
    contributions: BTreeMap<MeasureRef, Vec<ProviderCount>>,
}

/// Atoms that lie in the same of the admitted groups.
#[derive(Clone, Debug)]
struct Class {
    atoms: usize,
    tallies: Tallies,
}

/// What a group has in common with a class, or has alone.
#[derive(Default)]
struct Part<'g> {
    atoms: Vec<&'g Counted>,
    tallies: Tallies,
}

/// The classes of all groups admitted so far.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    minimum_people: u32,
    factor: u64,
    known: HashMap<Atom, Known>,
    classes: Vec<Class>,
}

impl Partition {
    /// Without groups. A class must be of that many times k people.
    pub(crate) fn new(minimum_people: u32, factor: u64) -> Self {
        Self { minimum_people, factor, known: HashMap::new(), classes: Vec::new() }
    }

    /// Admits a group of a measure's cells, each listed once, unless a class would be too small.
    pub(crate) fn admit(&mut self, measure: &MeasureRef, group: &[Counted]) -> bool {
        let (parts, fresh) = self.divide(measure, group);
        let admissible =
            self.may_stand_alone(&fresh.tallies) && parts.iter().all(|(class, part)| self.may_split(*class, part));
        if admissible {
            let parts: Vec<(usize, Vec<&Counted>, Tallies)> =
                parts.into_iter().map(|(class, part)| (class, part.atoms, part.tallies)).collect();
            for (class, atoms, tallies) in parts {
                self.split(class, &atoms, tallies, measure);
            }
            self.open_class(&fresh, measure);
        }
        admissible
    }

    /// The group's atoms by the class that they are in, and those that are in none yet.
    fn divide<'g>(&self, measure: &MeasureRef, group: &'g [Counted]) -> (BTreeMap<usize, Part<'g>>, Part<'g>) {
        let (mut parts, mut fresh): (BTreeMap<usize, Part<'g>>, Part<'g>) = Default::default();
        for counted in group {
            let known = self.known.get(&counted.atom);
            let part = known.map_or(&mut fresh, |known| parts.entry(known.class).or_default());
            part.atoms.push(counted);
            for (of, contributions) in known.iter().flat_map(|known| &known.contributions) {
                if of != measure {
                    part.tallies.entry(of.clone()).or_default().add(&counted.atom, contributions);
                }
            }
            part.tallies.entry(measure.clone()).or_default().add(&counted.atom, &counted.contributions);
        }
        (parts, fresh)
    }

    fn may_stand_alone(&self, tallies: &Tallies) -> bool {
        tallies.values().all(|tally| decide::may_stand_alone(&tally.people(), self.minimum_people, self.factor))
    }

    /// Whether both halves of a class could be shown: what lies in the group too, and what does not.
    fn may_split(&self, class: usize, part: &Part<'_>) -> bool {
        let class = &self.classes[class];
        self.may_stand_alone(&part.tallies)
            && (part.atoms.len() == class.atoms || self.may_stand_alone(&rest(class, &part.tallies)))
    }

    fn split(&mut self, class: usize, atoms: &[&Counted], tallies: Tallies, measure: &MeasureRef) {
        let whole = atoms.len() == self.classes[class].atoms;
        let target = if whole { class } else { self.classes.len() };
        if whole {
            self.classes[class].tallies = tallies;
        } else {
            let left = &mut self.classes[class];
            left.tallies = rest(left, &tallies);
            left.atoms -= atoms.len();
            self.classes.push(Class { atoms: atoms.len(), tallies });
        }
        for counted in atoms {
            // Every atom of a part is known: that is how it came into it.
            if let Some(known) = self.known.get_mut(&counted.atom) {
                known.class = target;
                known.contributions.insert(measure.clone(), counted.contributions.clone());
            }
        }
    }

    fn open_class(&mut self, fresh: &Part<'_>, measure: &MeasureRef) {
        if fresh.atoms.is_empty() {
            return;
        }
        let class = self.classes.len();
        self.classes.push(Class { atoms: fresh.atoms.len(), tallies: fresh.tallies.clone() });
        for counted in &fresh.atoms {
            let contributions = BTreeMap::from([(measure.clone(), counted.contributions.clone())]);
            self.known.insert(counted.atom.clone(), Known { class, contributions });
        }
    }
}

/// What is left of a class without a part of it, by the measures that the class is known by.
fn rest(class: &Class, part: &Tallies) -> Tallies {
    let none = Tally::default();
    let left =
        |(measure, tally): (&MeasureRef, &Tally)| (measure.clone(), tally.without(part.get(measure).unwrap_or(&none)));
    class.tallies.iter().map(left).collect()
}

#[cfg(test)]
mod tests;
