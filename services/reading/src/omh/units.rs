//! Open mHealth's own vocabulary of units, as UCUM: the table `units.toml` beside this file.

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
    /// In Open mHealth.
    name: String,
    /// The UCUM code, case-sensitive.
    ucum: String,
    /// The schemas that have it.
    #[expect(dead_code, reason = "it is there for people")]
    source: String,
}

static UCUM: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("units.toml")).expect("the table is built in, and a test reads it");
    table.unit.into_iter().map(|unit| (unit.name, unit.ucum)).collect()
});

/// The UCUM code of a unit of Open mHealth's.
pub(super) fn ucum(unit: &str) -> Option<&'static str> {
    UCUM.get(unit).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_stands_once_in_the_table() {
        let table: Table = toml::from_str(include_str!("units.toml")).unwrap();
        assert_eq!(table.unit.len(), UCUM.len());
    }

    #[test]
    fn units_are_those_of_the_vocabulary_and_no_others() {
        for (unit, code) in [("mmHg", "mm[Hg]"), ("beats/min", "/min"), ("lb", "[lb_av]"), ("sec", "s"), ("yr", "a")] {
            assert_eq!(ucum(unit), Some(code));
        }
        for unit in ["mm[Hg]", "beat/min", "s", "Kg", ""] {
            assert_eq!(ucum(unit), None, "{unit}");
        }
    }
}
