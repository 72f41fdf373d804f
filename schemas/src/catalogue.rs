//! The catalogue: every measure's definition, read from `measures/*.toml`. It is data; nothing else in Nacre
//! knows a measure by name.
//!
//! Kept true: names are unique; what a measure is derived from is in the catalogue; measures that read the same codes
//! are one [family](Catalogue::family) and under one authority, so one main chain sees all requests on the same records.

mod source;

use std::sync::LazyLock;

use crate::{
    Digest,
    canonical::{Document, Item},
    document,
    id::MeasureId,
    limits,
    measure::{Code, Derivation, Measure, MeasureRef, WorstBand},
    structure,
};
use source::Source;

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

static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let sources = [
        include_str!("../measures/active-energy.toml"),
        include_str!("../measures/blood-pressure-class.toml"),
        include_str!("../measures/bmi-1.toml"),
        include_str!("../measures/bmi-2.toml"),
        include_str!("../measures/body-fat.toml"),
        include_str!("../measures/body-height.toml"),
        include_str!("../measures/body-weight.toml"),
        include_str!("../measures/diastolic-bp.toml"),
        include_str!("../measures/fasting-glucose.toml"),
        include_str!("../measures/glucose.toml"),
        include_str!("../measures/hba1c.toml"),
        include_str!("../measures/heart-rate.toml"),
        include_str!("../measures/mvpa-minutes.toml"),
        include_str!("../measures/resting-heart-rate.toml"),
        include_str!("../measures/sleep-duration.toml"),
        include_str!("../measures/steps.toml"),
        include_str!("../measures/systolic-bp.toml"),
        include_str!("../measures/total-cholesterol.toml"),
        include_str!("../measures/vo2max.toml"),
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
        let catalogue = Self { measures };
        for measure in &catalogue.measures {
            catalogue.check(measure).map_err(|error| format!("{}: {error}", measure.reference()))?;
        }
        Ok(catalogue)
    }

    /// What a definition must be beside the others.
    fn check(&self, measure: &Measure) -> Result<(), String> {
        if let Some(other) = self.family_of(measure).into_iter().find(|other| other.domain != measure.domain) {
            let other_name = other.reference();
            return Err(format!("{other_name} reads the same codes under {}, not {}", other.domain, measure.domain));
        }
        let Some(derivation) = &measure.derivation else { return Ok(()) };
        let mut parts = Vec::new();
        for name in derivation.parts() {
            let part = self.find(name).ok_or_else(|| format!("it is derived from {name}, which is not defined"))?;
            if part.derivation.is_some() {
                return Err(format!("it is derived from {name}, which is derived itself"));
            }
            parts.push(part);
        }
        match derivation {
            Derivation::WorstBand(worst) => check_worst_band(measure, worst, &parts),
            Derivation::Quotient(_) if parts.iter().skip(1).any(|divisor| divisor.lo == 0) => {
                Err("its divisor can be zero".to_owned())
            }
            Derivation::Quotient(_) => Ok(()),
        }
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

    /// The definitions that read the same records as that one, itself included, by name and version: those connected,
    /// directly or through others, by a code that both list. A rule on what groups may be asked about must look at a
    /// family as a whole, or subtracting one measure's answer from another's would undo it. None if it is not defined.
    pub fn family(&self, reference: &MeasureRef) -> Vec<&Measure> {
        self.find(reference).map(|measure| self.family_of(measure)).unwrap_or_default()
    }

    fn family_of<'s>(&'s self, measure: &'s Measure) -> Vec<&'s Measure> {
        let share = |one: &Measure, other: &Measure| {
            one.codes.iter().any(|code| other.codes.iter().any(|known| code.is_shared_with(known)))
        };
        let mut family = vec![measure];
        let mut next = 0;
        while let Some(member) = family.get(next).copied() {
            let strangers = self.measures.iter().filter(|other| share(member, other));
            let found: Vec<&Measure> =
                strangers.filter(|other| family.iter().all(|known| known.reference() != other.reference())).collect();
            family.extend(found);
            next += 1;
        }
        family.sort_by_key(|member| member.reference());
        family
    }

    /// The index the trust root's digest is over.
    pub fn index(&self) -> CatalogueIndex {
        let definition = |measure: &Measure| Definition { measure: measure.reference(), digest: measure.digest() };
        CatalogueIndex { definitions: self.measures.iter().map(definition).collect() }
    }
}

/// A class is told from its parts' codes, and there is one for each band that a part can fall in.
fn check_worst_band(measure: &Measure, worst: &WorstBand, parts: &[&Measure]) -> Result<(), String> {
    let classes = parts.iter().map(|part| part.cuts.len() + 1).max().unwrap_or(0);
    if u32::try_from(classes) != Ok(measure.hi) {
        return Err(format!("its parts have up to {classes} bands, so the classes are 1 to {classes}"));
    }
    let known = |code: &Code| measure.codes.contains(&Code { units: Vec::new(), ..code.clone() });
    let of_parts = || parts.iter().flat_map(|part| &part.codes);
    if !of_parts().all(known) || measure.codes.len() != of_parts().count() {
        return Err("its codes are not those of its parts".to_owned());
    }
    if of_parts().any(|code| code.within.is_empty()) {
        return Err("a code of its parts can stand outside a panel".to_owned());
    }
    if (1..worst.of.len()).any(|position| worst.of[..position].contains(&worst.of[position])) {
        return Err("it names a part twice".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decimal::Decimal,
        measure::{Cut, Reduction, Scale},
    };

    fn measure(name: &str) -> &'static Measure {
        Catalogue::built_in().find(&name.parse().unwrap()).unwrap()
    }

    fn partition(measure: &Measure, bands: &[crate::measure::Band]) {
        assert_eq!(bands.first().map(|band| band.lo), Some(measure.lo));
        assert_eq!(bands.last().map(|band| band.hi), Some(measure.hi));
        assert!(bands.windows(2).all(|pair| pair[0].hi + 1 == pair[1].lo), "{} bands partition", measure.id);
    }

    #[test]
    fn the_built_in_catalogue_is_well_formed() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.measures().len(), 19);
        for measure in catalogue.measures() {
            partition(measure, &measure.bands());
            partition(measure, &measure.cross_bands());
            assert!([2, 4, 8].contains(&measure.cross_bands().len()));
            for value in measure.lo..=measure.hi {
                assert!(measure.band_of(value).is_some());
            }
            assert_eq!(Measure::from_canonical(&measure.to_canonical()).as_ref(), Ok(measure));
            let json = serde_json::to_string(measure).unwrap();
            assert_eq!(serde_json::from_str::<Measure>(&json).unwrap(), *measure);
        }
    }

    #[test]
    fn every_part_of_a_definition_is_in_its_digest() {
        type Change = fn(&mut Measure);
        let changes: [Change; 8] = [
            |measure| measure.codes[0].units.clear(),
            |measure| measure.units[1].plus = Decimal::ONE,
            |measure| measure.reduction = Reduction::MeanOfNights,
            |measure| measure.scale = Scale::Ordinal,
            |measure| measure.derivation = measure_derivation("bmi@1"),
            |measure| measure.derivation = measure_derivation("blood-pressure-class@1"),
            |measure| measure.cross_cuts = vec![Cut(65)],
            |measure| measure.cuts = vec![Cut(57)],
        ];
        let mut digests = std::collections::BTreeSet::from([measure("hba1c@1").digest()]);
        for change in changes {
            let mut changed = measure("hba1c@1").clone();
            change(&mut changed);
            assert!(digests.insert(changed.digest()), "{changed:?}");
        }
    }

    fn measure_derivation(name: &str) -> Option<Derivation> {
        measure(name).derivation.clone()
    }

    #[test]
    fn limits_are_read_in_the_unit_and_kept_in_steps() {
        let bmi = measure("bmi@1");
        assert_eq!((bmi.lo, bmi.hi), (80, 1000));
        assert_eq!(bmi.cuts, [Cut(185), Cut(240), Cut(280)]);
        assert_eq!((measure("steps@1").lo, measure("steps@1").hi), (0, 4000));
        assert_eq!((measure("body-weight@1").lo, measure("body-weight@1").hi), (5, 4000));
    }

    #[test]
    fn a_code_takes_the_units_of_its_kind_of_quantity() {
        let cases = [
            ("glucose@1", "2339-0", "mg/dL", "mmol/L"),
            ("glucose@1", "15074-8", "mmol/L", "mg/dL"),
            ("fasting-glucose@1", "1558-6", "mg/dL", "mmol/L"),
            ("fasting-glucose@1", "14771-0", "mmol/L", "mg/dL"),
            ("total-cholesterol@1", "2093-3", "mg/dL", "mmol/L"),
            ("total-cholesterol@1", "14647-2", "mmol/L", "mg/dL"),
            ("hba1c@1", "4548-4", "%", "mmol/mol"),
            ("hba1c@1", "59261-8", "mmol/mol", "%"),
        ];
        for (name, code, taken, refused) in cases {
            let code = measure(name).codes.iter().find(|known| known.code.as_str() == code).unwrap();
            let takes = |unit: &str| {
                let unit = measure(name).units.iter().find(|known| known.code.as_str() == unit).unwrap();
                code.takes(unit)
            };
            assert!(takes(taken) && !takes(refused), "{name} {}", code.code);
        }
    }

    #[test]
    fn a_family_reads_the_same_codes() {
        let family = |name: &str| -> Vec<String> {
            let family = Catalogue::built_in().family(&name.parse().unwrap());
            family.iter().map(|member| member.reference().to_string()).collect()
        };
        let pressures = ["blood-pressure-class@1", "diastolic-bp@1", "systolic-bp@1"];
        for member in pressures {
            assert_eq!(family(member), pressures);
        }
        assert_eq!(family("bmi@2"), ["bmi@1", "bmi@2"]);
        assert_eq!(family("hba1c@1"), ["hba1c@1"]);
        assert!(family("hba1c@9").is_empty());
    }

    #[test]
    fn a_class_offers_no_mean() {
        use crate::query::Statistic::{Bands, Count, Mean, Sd};
        let class = measure("blood-pressure-class@1");
        assert_eq!(class.check_statistics(&[Count, Bands]), Ok(()));
        for statistic in [Mean, Sd] {
            let error = class.check_statistics(&[Count, statistic]).unwrap_err();
            assert!(error.contains(statistic.word()), "{error}");
            assert_eq!(measure("bmi@2").check_statistics(&[statistic]), Ok(()));
        }
    }

    #[test]
    fn a_wrong_definition_is_named_with_its_fault() {
        let good = include_str!("../measures/hba1c.toml");
        let cases = [
            (r#"range = ["3", "20"]"#, r#"range = ["3", "1000"]"#, "too wide"),
            (r#"range = ["3", "20"]"#, r#"range = ["3.05", "20"]"#, "not a whole number of steps"),
            ("\nbands = [\"5.7\", \"6.5\"", "\nbands = [\"6.5\", \"5.7\"", "do not rise"),
            ("\nbands = [\"5.7\", \"6.5\", \"8\"]", "\nbands = []", "bands; there are"),
            (r#"cross-bands = ["5.7", "#, "cross-bands = [", "3 cross bands"),
            (r#"cross-bands = ["5.7", "#, r#"cross-bands = ["5.8", "#, "where no band begins"),
            (r#"cross-bands = ["5.7", "6.5""#, r#"cross-bands = ["6.5", "5.7""#, "do not rise"),
            ("version = 1", "version = 0", "count from 1"),
            (r#"units = ["mmol/mol"]"#, r#"units = ["mmol/L"]"#, "no unit of the measure"),
            (r#"code = "4549-2""#, r#"code = "4548-4""#, "listed twice"),
            (r#"code = "mmol/mol""#, r#"code = "%""#, "listed twice"),
            (r#"code = "%""#, "code = \"%\"\ntimes = \"2\"", "not converted"),
            (r#"times = "0.09148""#, r#"times = "0""#, "zero"),
            (r#"reduction = "latest""#, "reduction = \"mean-of-days\"\nscale = \"ordinal\"", "no mean"),
        ];
        for (from, to, fault) in cases {
            assert!(good.contains(from), "{from}");
            let error = Catalogue::from_sources(&[&good.replacen(from, to, 1)]).unwrap_err();
            assert!(error.contains(fault), "{error}, not {fault}");
        }
        let twice = Catalogue::from_sources(&[good, good]).unwrap_err();
        assert!(twice.contains("defined twice"), "{twice}");
    }

    #[test]
    fn a_definition_that_does_not_fit_the_others_is_named_with_its_fault() {
        let [class, systolic, diastolic] = [
            include_str!("../measures/blood-pressure-class.toml"),
            include_str!("../measures/systolic-bp.toml"),
            include_str!("../measures/diastolic-bp.toml"),
        ];
        assert!(Catalogue::from_sources(&[class, systolic, diastolic]).is_ok());
        let fault_of =
            |class: &str, systolic: &str| Catalogue::from_sources(&[class, systolic, diastolic]).unwrap_err();
        let cases = [
            (class.replace("systolic-bp@1", "systolic-bp@2"), systolic.to_owned(), "not defined"),
            (class.replace("systolic-bp@1", "diastolic-bp@1"), systolic.to_owned(), "a part twice"),
            (class.replace("8480-6", "8480-7"), systolic.to_owned(), "not those of its parts"),
            (class.to_owned(), systolic.replace("\nwithin = [\"85354-9\", \"55284-4\"]", ""), "not those of its parts"),
            (class.replace("[\"1\", \"5\"]", "[\"1\", \"6\"]"), systolic.to_owned(), "classes are 1 to 5"),
            (class.replace("\"ordinal\"", "\"quantity\""), systolic.to_owned(), "ordinal class"),
            (class.replace("\"health\"", "\"sport\""), systolic.to_owned(), "the same codes under"),
            (class.to_owned(), systolic.replace("\"health\"", "\"sport\""), "the same codes under"),
        ];
        for (class, systolic, fault) in cases {
            let error = fault_of(&class, &systolic);
            assert!(error.contains(fault), "{error}, not {fault}");
        }
        let [weight, height] =
            [include_str!("../measures/body-weight.toml"), include_str!("../measures/body-height.toml")];
        let flat = height.replace("[\"30\", ", "[\"0\", ");
        let flat = Catalogue::from_sources(&[include_str!("../measures/bmi-1.toml"), weight, &flat]).unwrap_err();
        assert!(flat.contains("can be zero"), "{flat}");
        let alone = Catalogue::from_sources(&[include_str!("../measures/bmi-1.toml")]).unwrap_err();
        assert!(alone.contains("body-weight@1, which is not defined"), "{alone}");
    }
}
