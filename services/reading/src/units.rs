//! Units: which UCUM code a spelling stands for that people and devices use and UCUM does not have.
//!
//! Kept true: a spelling stands in the table `units.toml` beside this file letter for letter, and never one that UCUM itself
//! has for something else, so no unit that is right is read as another. Factors are no business of this table: a
//! measure lists its units with theirs in the catalogue, exactly, and takes no others.
//!
//! Why no library of UCUM: a measure takes a handful of units that its definition names, and the definition is what is
//! proven. A parser of all of UCUM would take more than that, and those there are (`octofhir-ucum`, `ucum`) compute in binary
//! or bounded decimal floating point, where a value at a band's edge may fall on the wrong side.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    unit: Vec<Unit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    /// The UCUM code, case-sensitive.
    ucum: String,
    /// Other ways to write it.
    spellings: Vec<String>,
}

static UCUM: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("units.toml")).expect("the table is built in, and a test reads it");
    let each = |unit: Unit| unit.spellings.into_iter().map(move |spelling| (spelling, unit.ucum.clone()));
    table.unit.into_iter().flat_map(each).collect()
});

/// The UCUM code that a spelling stands for which is not UCUM's.
pub(crate) fn ucum(spelling: &str) -> Option<&'static str> {
    UCUM.get(spelling.trim()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use nacre_schemas::catalogue::Catalogue;

    use super::*;

    fn table() -> Table {
        toml::from_str(include_str!("units.toml")).unwrap()
    }

    #[test]
    fn each_spelling_stands_once_in_the_table_and_is_no_unit_of_the_catalogue() {
        assert_eq!(table().unit.iter().map(|unit| unit.spellings.len()).sum::<usize>(), UCUM.len());
        let known = |code: &str| {
            let units = Catalogue::built_in().measures().iter().flat_map(|measure| &measure.units);
            units.map(|unit| unit.code.as_str()).any(|unit| unit == code)
        };
        for unit in table().unit {
            assert!(known(&unit.ucum), "{} is no unit of any measure", unit.ucum);
            for spelling in &unit.spellings {
                assert!(!known(spelling), "{spelling} is UCUM's own");
            }
        }
    }

    #[test]
    fn what_devices_and_people_write_is_understood_and_nothing_else() {
        for (spelling, code) in [
            ("mmHg", "mm[Hg]"),
            ("bpm", "/min"),
            ("count/min", "/min"),
            ("kgs", "kg"),
            (" lb ", "[lb_av]"),
            ("毫摩尔/升", "mmol/L"),
            ("mL/min·kg", "mL/kg/min"),
        ] {
            assert_eq!(ucum(spelling), Some(code), "{spelling}");
        }
        for spelling in ["Mg/dL", "MMOL/L", "kg", "", "count"] {
            assert_eq!(ucum(spelling), None, "{spelling}");
        }
    }
}
