//! The catalogue: every measure's definition, read from `measures/*.toml`. It is data; nothing else in Nacre
//! knows a measure by name.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{
    Digest,
    canonical::{Document, Item},
    decimal::Decimal,
    document,
    id::{MeasureId, Text},
    limits,
    measure::{Code, Cut, Domain, Measure, MeasureRef, PanelCode, Reduction, UnitFactor},
    structure,
};

structure! {
    /// A definition by its digest.
    pub struct Definition {
        /// Name and version.
        pub measure: MeasureRef,
        /// Digest of the [`Measure`].
        pub digest: Digest,
    }
}

impl Item for Definition {
    const MAX_COUNT: usize = limits::MAX_MEASURES;
}

structure! {
    /// All definitions by digest, in the order of their names: what the trust root's catalogue digest is over.
    pub struct CatalogueIndex {
        /// The definitions.
        pub definitions: Vec<Definition>,
    }
}
document!(CatalogueIndex, b"NcCx", 65_536);

/// All definitions.
#[derive(Clone, Debug)]
pub struct Catalogue {
    measures: Vec<Measure>,
}

/// A definition as people write it: limits in the measure's unit, not in steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Source {
    id: MeasureId,
    version: u16,
    title: Text<128>,
    domain: Domain,
    reduction: Reduction,
    step: Decimal,
    range: [Decimal; 2],
    bands: Vec<Decimal>,
    source: Text<512>,
    code: Vec<SourceCode>,
    unit: Vec<UnitFactor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceCode {
    system: Text<128>,
    code: Text<64>,
    #[serde(default)]
    within: Vec<PanelCode>,
}

impl Source {
    fn steps(&self, limit: Decimal) -> Result<u32, String> {
        let scaled = u128::from(limit.mantissa()) * u128::from(self.step.denominator());
        let step = u128::from(self.step.mantissa()) * u128::from(limit.denominator());
        if step == 0 || scaled % step != 0 {
            return Err(format!("{limit} is not a whole number of steps of {}", self.step));
        }
        u32::try_from(scaled / step).map_err(|_| format!("{limit} is too large"))
    }

    fn measure(self) -> Result<Measure, String> {
        let [lo, hi] = self.range;
        let (lo, hi) = (self.steps(lo)?, self.steps(hi)?);
        let cuts = self.bands.iter().map(|limit| self.steps(*limit).map(Cut)).collect::<Result<_, _>>()?;
        let code = |code: SourceCode| Code { system: code.system, code: code.code, within: code.within };
        let measure = Measure {
            id: self.id,
            version: self.version,
            title: self.title,
            domain: self.domain,
            codes: self.code.into_iter().map(code).collect(),
            units: self.unit,
            step: self.step,
            lo,
            hi,
            reduction: self.reduction,
            cuts,
            source: self.source,
        };
        measure.check()?;
        Ok(measure)
    }
}

static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let sources = [
        include_str!("../measures/systolic-bp.toml"),
        include_str!("../measures/diastolic-bp.toml"),
        include_str!("../measures/bmi.toml"),
        include_str!("../measures/steps.toml"),
    ];
    // Compiled in, and read by this module's tests: it cannot fail at run time.
    Catalogue::from_sources(&sources).expect("the built-in catalogue is well-formed")
});

impl Catalogue {
    /// The catalogue this build carries.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// A catalogue from definitions in TOML. Says which definition is wrong and how.
    pub fn from_sources(sources: &[&str]) -> Result<Self, String> {
        let mut measures = Vec::new();
        for (position, text) in sources.iter().enumerate() {
            let explain = |error: String| format!("definition {position}: {error}");
            let source: Source = toml::from_str(text).map_err(|error| explain(error.to_string()))?;
            measures.push(source.measure().map_err(explain)?);
        }
        measures.sort_by_key(Measure::reference);
        if let Some(pair) = measures.windows(2).find(|pair| pair[0].reference() == pair[1].reference()) {
            return Err(format!("{} is defined twice", pair[0].reference()));
        }
        if measures.len() > limits::MAX_MEASURES {
            return Err(format!("{} measures; at most {}", measures.len(), limits::MAX_MEASURES));
        }
        Ok(Self { measures })
    }

    /// All definitions, by name and version.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The definition of that name and version.
    pub fn find(&self, reference: &MeasureRef) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.reference() == *reference)
    }

    /// The newest version of that name.
    pub fn newest(&self, id: &MeasureId) -> Option<&Measure> {
        self.measures.iter().rfind(|measure| measure.id == *id)
    }

    /// The index the trust root's digest is over.
    pub fn index(&self) -> CatalogueIndex {
        let definition = |measure: &Measure| Definition { measure: measure.reference(), digest: measure.digest() };
        CatalogueIndex { definitions: self.measures.iter().map(definition).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_well_formed() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.measures().len(), 4);
        for measure in catalogue.measures() {
            let bands = measure.bands();
            assert_eq!(bands.first().map(|band| band.lo), Some(measure.lo));
            assert_eq!(bands.last().map(|band| band.hi), Some(measure.hi));
            assert!(bands.windows(2).all(|pair| pair[0].hi + 1 == pair[1].lo), "{} bands partition", measure.id);
            for value in measure.lo..=measure.hi {
                assert!(measure.band_of(value).is_some());
            }
            assert_eq!(Measure::from_canonical(&measure.to_canonical()).as_ref(), Ok(measure));
        }
    }

    #[test]
    fn limits_are_read_in_the_unit_and_kept_in_steps() {
        let bmi = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
        assert_eq!((bmi.lo, bmi.hi), (80, 1000));
        assert_eq!(bmi.cuts, [Cut(185), Cut(240), Cut(280)]);
        let steps = Catalogue::built_in().newest(&"steps".parse().unwrap()).unwrap();
        assert_eq!((steps.lo, steps.hi), (0, 4000));
    }

    #[test]
    fn a_wrong_definition_is_named_with_its_fault() {
        let good = include_str!("../measures/bmi.toml");
        let cases = [
            (r#"range = ["8", "100"]"#, r#"range = ["8", "1000"]"#, "too wide"),
            (r#"range = ["8", "100"]"#, r#"range = ["8.05", "100"]"#, "not a whole number of steps"),
            (r#"bands = ["18.5", "24", "28"]"#, r#"bands = ["24", "18.5", "28"]"#, "do not rise"),
            (r#"bands = ["18.5", "24", "28"]"#, r#"bands = []"#, "bands; there are"),
            ("version = 1", "version = 0", "count from 1"),
        ];
        for (from, to, fault) in cases {
            assert!(good.contains(from), "{from}");
            let error = Catalogue::from_sources(&[&good.replace(from, to)]).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
        let twice = Catalogue::from_sources(&[good, good]).unwrap_err();
        assert!(twice.contains("defined twice"), "{twice}");
    }
}
