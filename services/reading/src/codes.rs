//! Which measures a code names, by the catalogue.
//!
//! Kept true: code and system must both be the catalogue's, letter for letter; a code that belongs within a panel
//! counts within it alone. A code that only looks like one of the catalogue's names nothing, but is told from one
//! that is none of our business, so that whoever wrote it can be told.

use std::collections::{HashMap, HashSet};

use nacre_schemas::{
    catalogue::Catalogue,
    measure::{Code, Derivation},
};

use crate::{
    observation::{self, Known, Observation},
    position::MeasurePosition,
};

/// The system of LOINC's codes.
pub(crate) const LOINC: &str = "http://loinc.org";
/// The system of Open mHealth's.
pub(crate) const OPEN_MHEALTH: &str = "https://w3id.org/openmhealth";
/// The system of the catalogue's own.
pub(crate) const NACRE: &str = "urn:nacre:code";
/// The code of a panel of blood pressures, and those of what stands in it.
pub(crate) const BLOOD_PRESSURE: Known<'_> = (LOINC, "85354-9");
pub(crate) const SYSTOLIC: Known<'_> = (LOINC, "8480-6");
pub(crate) const DIASTOLIC: Known<'_> = (LOINC, "8462-4");

/// A measure that a concept names, with the codes that name it.
pub(crate) type Named<'c> = (MeasurePosition, Vec<&'c Code>);

/// The catalogue's codes.
pub(crate) struct Codes<'c> {
    by_code: HashMap<(&'c str, &'c str), Vec<(MeasurePosition, &'c Code)>>,
    /// Codes and panels' codes, whatever their systems.
    texts: HashSet<&'c str>,
}

impl<'c> Codes<'c> {
    /// Those of that catalogue. A class is told from its parts, so its codes name the parts alone.
    pub(crate) fn of(catalogue: &'c Catalogue) -> Self {
        let mut codes = Self { by_code: HashMap::new(), texts: HashSet::new() };
        for (position, measure) in MeasurePosition::each(catalogue) {
            if matches!(measure.derivation, Some(Derivation::WorstBand(_))) {
                continue;
            }
            for code in &measure.codes {
                let known = codes.by_code.entry((code.system.as_str(), code.code.as_str())).or_default();
                known.push((position, code));
                codes.texts.insert(code.code.as_str());
                codes.texts.extend(code.within.iter().map(|panel| panel.0.as_str()));
            }
        }
        codes
    }

    /// The measures that an observation's own codes name.
    pub(crate) fn of_observation(&self, codes: &[observation::Code<'_>]) -> Vec<Named<'c>> {
        self.named(codes, |code| code.within.is_empty())
    }

    /// The measures that a part's codes name within that panel.
    pub(crate) fn of_part(&self, codes: &[observation::Code<'_>], panel: &[observation::Code<'_>]) -> Vec<Named<'c>> {
        self.named(codes, |code| is_within(code, panel))
    }

    /// Each measure once, however many of the codes name it.
    fn named(&self, codes: &[observation::Code<'_>], counts: impl Fn(&Code) -> bool) -> Vec<Named<'c>> {
        let mut found: Vec<Named<'_>> = Vec::new();
        for observation::Code { system, code } in codes {
            let Some(system) = system else { continue };
            for (measure, code) in self.by_code.get(&(&**system, &**code)).into_iter().flatten() {
                match found.iter_mut().find(|(known, _)| known == measure) {
                    _ if !counts(code) => {}
                    Some((_, codes)) => codes.push(code),
                    None => found.push((*measure, vec![*code])),
                }
            }
        }
        found
    }

    /// Whether a code of the observation is the catalogue's but for its system or for space around it.
    pub(crate) fn resembles(&self, observation: &Observation<'_>) -> bool {
        let mut codes = observation.parts.iter().chain([&observation.own]).flat_map(|measured| &measured.codes);
        codes.any(|code| self.is_almost(code))
    }

    fn is_almost(&self, observation::Code { system, code }: &observation::Code<'_>) -> bool {
        let (exact, trimmed) = (self.texts.contains(&**code), self.texts.contains(code.trim()));
        trimmed && !(exact && system.as_deref().is_some_and(|system| self.is_system(system)))
    }

    fn is_system(&self, system: &str) -> bool {
        self.by_code.keys().any(|(known, _)| *known == system)
    }
}

/// Whether the panel carries one of the codes that the part's code belongs in.
fn is_within(code: &Code, panel: &[observation::Code<'_>]) -> bool {
    let is_panel = |found: &observation::Code<'_>| {
        found.system.as_deref() == Some(code.system.as_str())
            && code.within.iter().any(|within| found.code == within.0.as_str())
    };
    panel.iter().any(is_panel)
}
