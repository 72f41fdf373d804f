//! Kinds of quantities that are measures of the catalogue, by themselves.
//!
//! Apple's units are those that the telephone shows, and not UCUM: each kind lists what it can be given in. A percentage is
//! written as a fraction of one, a body mass index as a count.

use num_bigint::BigInt;

use super::element::Element;
use crate::{
    codes::{LOINC, NACRE, OPEN_MHEALTH},
    observation::{Known, Measured, Quantity as Amount},
    refusal::Reason,
};

/// Of blood pressure, which stands in correlations.
pub(super) const SYSTOLIC_KIND: &str = "HKQuantityTypeIdentifierBloodPressureSystolic";
/// The same.
pub(super) const DIASTOLIC_KIND: &str = "HKQuantityTypeIdentifierBloodPressureDiastolic";

/// A kind of quantity.
pub(super) struct Quantity {
    kind: &'static str,
    code: Known<'static>,
    /// Apple's units, what each is in UCUM, and what the number is multiplied by.
    units: &'static [(&'static str, &'static str, u32)],
}

const QUANTITIES: &[Quantity] = &[
    Quantity { kind: "HKQuantityTypeIdentifierHeartRate", code: (LOINC, "8867-4"), units: &[("count/min", "/min", 1)] },
    Quantity {
        kind: "HKQuantityTypeIdentifierRestingHeartRate",
        code: (LOINC, "40443-4"),
        units: &[("count/min", "/min", 1)],
    },
    Quantity {
        kind: "HKQuantityTypeIdentifierBodyMass",
        code: (LOINC, "29463-7"),
        units: &[("kg", "kg", 1), ("g", "g", 1), ("lb", "[lb_av]", 1)],
    },
    Quantity {
        kind: "HKQuantityTypeIdentifierHeight",
        code: (LOINC, "8302-2"),
        units: &[("cm", "cm", 1), ("m", "m", 1), ("mm", "mm", 1), ("in", "[in_i]", 1), ("ft", "[ft_i]", 1)],
    },
    Quantity {
        kind: "HKQuantityTypeIdentifierBodyMassIndex",
        code: (LOINC, "39156-5"),
        units: &[("count", "kg/m2", 1)],
    },
    Quantity { kind: "HKQuantityTypeIdentifierBodyFatPercentage", code: (LOINC, "41982-0"), units: &[("%", "%", 100)] },
    Quantity {
        kind: "HKQuantityTypeIdentifierBloodGlucose",
        // LOINC has a code for each unit; Open mHealth's takes both.
        code: (OPEN_MHEALTH, "blood-glucose"),
        units: &[
            ("mg/dL", "mg/dL", 1),
            ("mmol<180.1558800000541>/L", "mmol/L", 1),
            ("mmol<180.15588>/L", "mmol/L", 1),
            ("mmol/L", "mmol/L", 1),
        ],
    },
    Quantity {
        kind: "HKQuantityTypeIdentifierVO2Max",
        code: (NACRE, "vo2max"),
        units: &[("mL/min·kg", "mL/kg/min", 1), ("ml/kg*min", "mL/kg/min", 1)],
    },
];

/// The quantity of that kind, if it is a measure's.
pub(super) fn of(kind: &str) -> Option<&'static Quantity> {
    QUANTITIES.iter().find(|quantity| quantity.kind == kind)
}

impl Quantity {
    /// How much a record says there is of it.
    pub(super) fn measured(&self, record: &Element<'_>) -> Result<Measured<'static>, Reason> {
        let value = record.value.as_deref().ok_or(Reason::NoQuantity)?;
        let unit = record.unit.as_deref().ok_or(Reason::NoUnit)?;
        let (_, ucum, times) = self.units.iter().find(|(known, ..)| *known == unit).ok_or(Reason::OtherUnit)?;
        let amount = Amount::written(value, ucum)?;
        let value = amount.value.map(|value| value * BigInt::from(*times));
        Ok(Measured::of(self.code, Amount { value, ..amount }))
    }
}

#[cfg(test)]
mod tests {
    use nacre_schemas::catalogue::Catalogue;

    use super::*;

    #[test]
    fn each_kind_is_a_code_of_the_catalogue_that_takes_its_units() {
        for quantity in QUANTITIES {
            let (system, code) = quantity.code;
            let named =
                |found: &&nacre_schemas::measure::Code| (found.system.as_str(), found.code.as_str()) == (system, code);
            let measures = Catalogue::built_in().measures().iter();
            let (measure, code) =
                measures.filter_map(|measure| Some((measure, measure.codes.iter().find(named)?))).next().unwrap();
            for (_, ucum, _) in quantity.units {
                let unit = measure.units.iter().find(|unit| unit.code.as_str() == *ucum);
                assert!(unit.is_some_and(|unit| code.takes(unit)), "{} {ucum}", quantity.kind);
            }
        }
    }
}
