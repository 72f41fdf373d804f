//! A definition as people write it in TOML: limits in the measure's unit, not in steps; what is usual left out.

use serde::Deserialize;

use crate::{
    decimal::Decimal,
    id::{MeasureId, Text},
    measure::{Code, Cut, Derivation, Domain, Measure, PanelCode, Reduction, Scale, UnitCode, UnitFactor},
};

/// A definition as people write it: limits in the measure's unit, not in steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Source {
    id: MeasureId,
    version: u16,
    title: Text<128>,
    domain: Domain,
    reduction: Reduction,
    #[serde(default = "quantity")]
    scale: Scale,
    derivation: Option<Derivation>,
    step: Decimal,
    range: [Decimal; 2],
    bands: Vec<Decimal>,
    cross_bands: Vec<Decimal>,
    source: Text<512>,
    code: Vec<SourceCode>,
    unit: Vec<SourceUnit>,
}

fn quantity() -> Scale {
    Scale::Quantity
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceCode {
    system: Text<128>,
    code: Text<64>,
    #[serde(default)]
    within: Vec<PanelCode>,
    #[serde(default)]
    units: Vec<UnitCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceUnit {
    code: Text<32>,
    times: Option<Decimal>,
    over: Option<Decimal>,
    plus: Option<Decimal>,
}

impl SourceUnit {
    fn factor(self) -> UnitFactor {
        let Self { code, times, over, plus } = self;
        UnitFactor {
            code,
            times: times.unwrap_or(Decimal::ONE),
            over: over.unwrap_or(Decimal::ONE),
            plus: plus.unwrap_or(Decimal::ZERO),
        }
    }
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

    /// The definition, checked as far as it can be by itself.
    pub(super) fn measure(self) -> Result<Measure, String> {
        let [lo, hi] = self.range;
        let (lo, hi) = (self.steps(lo)?, self.steps(hi)?);
        let cuts = |limits: &[Decimal]| -> Result<Vec<Cut>, String> {
            limits.iter().map(|limit| self.steps(*limit).map(Cut)).collect()
        };
        let (cuts, cross_cuts) = (cuts(&self.bands)?, cuts(&self.cross_bands)?);
        let code = |SourceCode { system, code, within, units }| Code { system, code, within, units };
        let measure = Measure {
            id: self.id,
            version: self.version,
            title: self.title,
            domain: self.domain,
            codes: self.code.into_iter().map(code).collect(),
            units: self.unit.into_iter().map(SourceUnit::factor).collect(),
            step: self.step,
            lo,
            hi,
            reduction: self.reduction,
            derivation: self.derivation,
            scale: self.scale,
            cuts,
            cross_cuts,
            source: self.source,
        };
        measure.check()?;
        Ok(measure)
    }
}
