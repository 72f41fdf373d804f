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
    fhir::resource::{CodeableConcept, Coding, Observation},
    position::MeasurePosition,
};

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

    /// The measures that an observation's own code names.
    pub(crate) fn of_observation(&self, concept: &CodeableConcept) -> Vec<Named<'c>> {
        self.named(concept, |code| code.within.is_empty())
    }

    /// The measures that a component's code names within that panel.
    pub(crate) fn of_component(&self, concept: &CodeableConcept, panel: &CodeableConcept) -> Vec<Named<'c>> {
        self.named(concept, |code| is_within(code, panel))
    }

    /// Each measure once, however many of the concept's codes name it.
    fn named(&self, concept: &CodeableConcept, counts: impl Fn(&Code) -> bool) -> Vec<Named<'c>> {
        let mut found: Vec<Named<'_>> = Vec::new();
        for coding in &concept.coding {
            let (Some(system), Some(code)) = (&coding.system, &coding.code) else { continue };
            for (measure, code) in self.by_code.get(&(system.as_str(), code.as_str())).into_iter().flatten() {
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
        let components = observation.component.iter().map(|component| &component.code);
        let mut codings = components.chain([&observation.code]).flat_map(|concept| &concept.coding);
        codings.any(|coding| self.is_almost(coding))
    }

    fn is_almost(&self, coding: &Coding) -> bool {
        let Some(code) = &coding.code else { return false };
        let (exact, trimmed) = (self.texts.contains(code.as_str()), self.texts.contains(code.trim()));
        trimmed && !(exact && coding.system.as_deref().is_some_and(|system| self.is_system(system)))
    }

    fn is_system(&self, system: &str) -> bool {
        self.by_code.keys().any(|(known, _)| *known == system)
    }
}

/// Whether the panel carries one of the codes that the component's code belongs in.
fn is_within(code: &Code, panel: &CodeableConcept) -> bool {
    let is_panel = |coding: &Coding| {
        coding.system.as_deref() == Some(code.system.as_str())
            && code.within.iter().any(|within| coding.code.as_deref() == Some(within.0.as_str()))
    };
    panel.coding.iter().any(is_panel)
}
