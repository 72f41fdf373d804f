//! What the generator of a population knows, against what a release says. Panics with the group and quantity that differ.

use std::collections::BTreeMap;

use nacre::demo::population::Truth;
use nacre_schemas::{
    query::{GroupKey, Quantity},
    release::{Outcome, Release},
};

/// Every group there should be is there, and every integer that was opened is the right one.
pub fn assert_true(release: &Release, truths: &[Truth]) {
    let request = &release.dossier.logged.request.request;
    let mut groups: BTreeMap<GroupKey, Vec<u32>> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| request.holds(&truth.key)) {
        groups.entry(request.group_of(&truth.key)).or_default().push(truth.value);
    }
    assert!(release.figures.iter().map(|figures| &figures.group).eq(groups.keys()), "the groups are those there are");
    for figures in &release.figures {
        let values = &groups[&figures.group];
        for result in &figures.results {
            let Outcome::Value(value) = result.outcome else { continue };
            let expected: u64 = match result.quantity {
                Quantity::Count => values.len() as u64,
                Quantity::Sum => values.iter().map(|value| u64::from(*value)).sum(),
                Quantity::Squares => values.iter().map(|value| u64::from(*value).pow(2)).sum(),
                Quantity::Band(band) => {
                    let inside = |value: &&u32| release.definition.band_of(**value) == Some(usize::from(band));
                    values.iter().filter(inside).count() as u64
                }
            };
            assert_eq!(value, expected, "{} {}", figures.group, result.quantity);
        }
    }
}

/// How many quantities were opened.
pub fn opened(release: &Release) -> usize {
    let results = release.figures.iter().flat_map(|figures| &figures.results);
    results.filter(|result| matches!(result.outcome, Outcome::Value(_))).count()
}
