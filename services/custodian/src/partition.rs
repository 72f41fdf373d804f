//! The partition rule: what requests say *together* singles out no group that is too small to be shown.
//!
//! Groups overlap. The sum of one less the sum of another is the sum of what only the first holds, and so on for any
//! number of groups: the finest that all of them can tell apart are the *classes*, each the cells that lie in the same of
//! the groups. A class is no sum that was asked for, but a regulator may be able to compute it. So every class has to be
//! a group that could be shown by itself; the cells that no group holds are no class, as nothing was said of them.
//!
//! Kept true: every class of what was admitted passes the rules of [`crate::decide`] at this partition's factor, at the k of
//! the request that made it. A group that would make one that does not is not admitted, and changes nothing. The outcome
//! depends on the groups, their k and their order alone. When k is raised, a class that a request does not split keeps the k it
//! came by: nothing new is said of it.
//!
//! Measures of one family (which share codes) are one partition, and a class is judged by each measure whose contributions it
//! is known by. *Versions* of one measure (`bmi@1`, `bmi@2`) are the same people's values in other bands: where one person
//! has one version only, the sum of the one less the sum of the other is that person's value. So what was admitted of a
//! cell under one version is not given under another, whichever epoch it came in: versions may be posted one after the
//! other. Conservative: not every class can in truth
//! be computed from the sums; to find out which is a hard problem (it is that of the least word of a linear code).
//!
//! Cost: of a group, by its cells. Memory: some 200 bytes a cell that was ever asked about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nacre_schemas::{
    cell::ProviderCount,
    cohort::{AgeBand, CellKey, Period, Sex},
    id::{ChainId, MemberId},
    measure::MeasureRef,
    region::Region,
};

use crate::decide::{self, People};

/// A cell, whichever measure's and epoch's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    chain: ChainId,
    period: Period,
    region: Region,
    sex: Sex,
    age_band: AgeBand,
}

/// A cell of an epoch, whichever measure's: the least that requests can tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Atom {
    place: Place,
    seal: u64,
}

impl Atom {
    pub(crate) fn new(chain: &ChainId, seal: u64, key: &CellKey) -> Self {
        let CellKey { measure: _, period, region, sex, age_band } = key;
        let (period, region, sex, age_band) = (*period, *region, *sex, *age_band);
        Self { place: Place { chain: chain.clone(), period, region, sex, age_band }, seal }
    }

    /// The chain and month that it is of.
    pub(crate) fn chain_and_month(&self) -> (&ChainId, Period) {
        (&self.place.chain, self.place.period)
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
            let sum = self.0.entry((count.provider.clone(), atom.place.period)).or_default();
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

/// How many people a class must be of.
#[derive(Clone, Copy)]
struct Large {
    minimum_people: u32,
    factor: u64,
}

impl Large {
    fn is(self, tally: &Tally) -> bool {
        decide::may_stand_alone(&tally.people(), self.minimum_people, self.factor)
    }

    fn all(self, tallies: &Tallies) -> bool {
        tallies.values().all(|tally| self.is(tally))
    }
}

/// The classes of all groups admitted so far.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    factor: u64,
    known: HashMap<Atom, Known>,
    /// The measures that something of a cell was admitted under, of whichever epoch.
    told: HashMap<Place, BTreeSet<MeasureRef>>,
    classes: Vec<Class>,
}

impl Partition {
    /// Without groups. A class must be of that many times k people.
    pub(crate) fn new(factor: u64) -> Self {
        Self { factor, known: HashMap::new(), told: HashMap::new(), classes: Vec::new() }
    }

    /// Admits a group of a measure's cells, each listed once, unless a class would be too small for this k.
    pub(crate) fn admit(&mut self, measure: &MeasureRef, group: &[Counted], minimum_people: u32) -> bool {
        if group.iter().any(|counted| self.was_told_by_another_version(&counted.atom, measure)) {
            return false;
        }
        let (parts, fresh) = self.divide(measure, group);
        let large = Large { minimum_people, factor: self.factor };
        let admissible =
            large.all(&fresh.tallies) && parts.iter().all(|(class, part)| self.may_split(*class, part, measure, large));
        if admissible {
            self.take(measure, parts, fresh);
        }
        admissible
    }

    /// Counts a group as admitted whatever the rules say of it: it was opened.
    pub(crate) fn count(&mut self, measure: &MeasureRef, group: &[Counted]) {
        let (parts, fresh) = self.divide(measure, group);
        self.take(measure, parts, fresh);
    }

    fn was_told_by_another_version(&self, atom: &Atom, measure: &MeasureRef) -> bool {
        let other = |known: &MeasureRef| known.id == measure.id && known != measure;
        self.told.get(&atom.place).is_some_and(|told| told.iter().any(other))
    }

    fn take(&mut self, measure: &MeasureRef, parts: BTreeMap<usize, Part<'_>>, fresh: Part<'_>) {
        for counted in parts.values().flat_map(|part| &part.atoms).chain(&fresh.atoms) {
            self.told.entry(counted.atom.place.clone()).or_default().insert(measure.clone());
        }
        for (class, part) in parts {
            self.split(class, &part.atoms, part.tallies, measure);
        }
        self.open_class(&fresh, measure);
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

    /// Whether both halves of a class could be shown: what lies in the group too, and what does not. Of a class that is not
    /// split only a measure that it was not known by so far tells anything new.
    fn may_split(&self, class: usize, part: &Part<'_>, measure: &MeasureRef, large: Large) -> bool {
        let class = &self.classes[class];
        if part.atoms.len() == class.atoms {
            return class.tallies.contains_key(measure) || part.tallies.get(measure).is_none_or(|new| large.is(new));
        }
        large.all(&part.tallies) && large.all(&rest(class, &part.tallies))
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
