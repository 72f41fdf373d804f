//! A generated population, written as the FHIR files its hospitals and gyms would export.
//!
//! Nobody in it exists. The shapes follow published figures for adults of the region (Hong Kong Population Health
//! Survey 2020-22, ages 15-84: hypertension 29.5 %, BMI of 23 and more 54.6 %): systolic pressure rises with age
//! and weight, pressures and weight of one person hang together, activity lowers both a little. Marginals are
//! meant to look right on a table, not to be cited.
//!
//! Kept true: one seed, one population, on every machine; values are written with more digits than a measure keeps,
//! so that rounding is the provider's work; names and numbers are there to be left behind by it.

use std::{
    fs,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use nacre_schemas::{
    cohort::{AgeBand, CellKey, Period, Sex},
    measure::MeasureRef,
    region::Region,
};
use rand::{Rng as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha20Rng;
use serde_json::json;

/// The identifier system that names a person in the files.
pub const PERSON_SYSTEM: &str = "urn:nacre:demo:person";

/// A provider of the demo and where it is.
pub struct Site {
    /// Its name in the network.
    pub member: String,
    /// Its region.
    pub region: Region,
    /// A hospital writes pressures and weights, a gym steps.
    pub hospital: bool,
}

/// One value of one person in one month, as only the generator knows it.
pub struct Truth {
    /// Whose, by number.
    pub person: usize,
    /// The cell it counts in.
    pub key: CellKey,
    /// In steps of the measure.
    pub value: u32,
}

struct Person {
    number: usize,
    id: String,
    family: &'static str,
    given: &'static str,
    sex: Sex,
    birth_year: u16,
    birth_month: u8,
    birth_day: u8,
    systolic: f64,
    diastolic: f64,
    bmi: f64,
    steps: f64,
}

const FAMILIES: &[&str] =
    &["Chan", "Wong", "Lee", "Cheung", "Lam", "Leong", "Ho", "Silva", "Zhang", "Huang", "Liang", "Souza"];
const GIVENS: &[&str] =
    &["Ka Ming", "Siu Ling", "Wai", "João", "Mei", "Jun", "Yan", "Ana", "Hao", "Xin", "Pui Shan", "Rui"];

fn normal(rng: &mut ChaCha20Rng) -> f64 {
    // Irwin-Hall: twelve uniforms have variance 1. Plenty for a demo, and the same digits on every machine.
    (0..12).map(|_| rng.gen_range(0.0..1.0)).sum::<f64>() - 6.0
}

impl Person {
    fn generate(number: usize, rng: &mut ChaCha20Rng, year: u16) -> Self {
        let age = rng.gen_range(18..88_u16);
        let sex = if rng.gen_bool(0.5) { Sex::Female } else { Sex::Male };
        let (constitution, activity) = (normal(rng), normal(rng));
        let bmi = 23.3 + 0.8 * f64::from(u8::from(sex == Sex::Male)) + 3.1 * constitution - 0.5 * activity;
        let older = f64::from(age) - 45.0;
        let systolic = 122.0 + 0.42 * older + 1.1 * (bmi - 23.0) + 11.0 * normal(rng) - 1.5 * activity;
        let diastolic = 76.0 + 0.5 * (bmi - 23.0) + 0.25 * (systolic - 122.0) + 5.0 * normal(rng);
        let steps = (7_600.0 + 2_400.0 * activity - 25.0 * older).max(400.0);
        Self {
            number,
            id: format!("NACRE-DEMO-{number:06}"),
            family: FAMILIES.choose(rng).copied().unwrap_or("Chan"),
            given: GIVENS.choose(rng).copied().unwrap_or("Mei"),
            sex,
            birth_year: year - age,
            birth_month: rng.gen_range(1..=12),
            birth_day: rng.gen_range(1..=28),
            systolic: systolic.clamp(80.0, 230.0),
            diastolic: diastolic.clamp(45.0, 140.0),
            bmi: bmi.clamp(14.0, 55.0),
            steps,
        }
    }

    fn age_band(&self, period: Period, day: u8) -> AgeBand {
        let had_birthday = (period.month(), day) >= (self.birth_month, self.birth_day);
        AgeBand::of_age(u32::from(period.year() - self.birth_year - u16::from(!had_birthday)))
    }

    fn patient(&self) -> serde_json::Value {
        json!({
            "resourceType": "Patient",
            "id": self.id.to_lowercase(),
            "identifier": [{ "system": PERSON_SYSTEM, "value": self.id }],
            "name": [{ "family": self.family, "given": [self.given] }],
            "gender": self.sex.word(),
            "birthDate": format!("{:04}-{:02}-{:02}", self.birth_year, self.birth_month, self.birth_day),
        })
    }
}

fn quantity(value: f64, unit: &str) -> serde_json::Value {
    // Four decimals as exported; the number is parsed back from this text, so no binary fraction gets in.
    let number: serde_json::Value = serde_json::from_str(&format!("{value:.4}")).unwrap_or_default();
    json!({ "value": number, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit })
}

fn loinc(code: &str) -> serde_json::Value {
    json!({ "coding": [{ "system": "http://loinc.org", "code": code }] })
}

/// Four decimals to whole steps of `step_ten_thousandths`, half up, in integers.
fn to_steps(value: f64, step_ten_thousandths: u64) -> u32 {
    let exact: u64 = format!("{value:.4}").replace('.', "").parse().unwrap_or_default();
    ((2 * exact + step_ten_thousandths) / (2 * step_ten_thousandths)) as u32
}

struct Export {
    file: BufWriter<fs::File>,
    written: usize,
}

impl Export {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(fs::File::create(path)?), written: 0 })
    }

    fn write(&mut self, resource: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, resource)?;
        self.written += 1;
        self.file.write_all(b"\n")
    }
}

/// What was generated.
pub struct Population {
    /// Each site's folder of files.
    pub folders: Vec<PathBuf>,
    /// Every value, for the table beside the answers.
    pub truths: Vec<Truth>,
}

fn measure(name: &str) -> io::Result<MeasureRef> {
    name.parse().map_err(io::Error::other)
}

/// The class of a pressure: 1 and one more for each limit that the worse of the two reaches (Chinese guidelines 2018).
fn pressure_class(systolic: u32, diastolic: u32) -> u32 {
    let reached = |limits: [u32; 4], value: u32| limits.iter().filter(|limit| **limit <= value).count() as u32;
    1 + reached([120, 140, 160, 180], systolic).max(reached([80, 90, 100, 110], diastolic))
}

struct Month<'a> {
    person: &'a Person,
    region: Region,
    period: Period,
}

impl Month<'_> {
    fn truth(&self, name: &str, day: u8, value: u32) -> io::Result<Truth> {
        let (person, period) = (self.person, self.period);
        let age_band = person.age_band(period, day);
        Ok(Truth {
            person: person.number,
            key: CellKey { measure: measure(name)?, period, region: self.region, sex: person.sex, age_band },
            value,
        })
    }

    fn observation(&self, kind: &str, day: u8) -> serde_json::Value {
        let id = self.person.id.to_lowercase();
        json!({
            "resourceType": "Observation",
            "id": format!("{id}-{kind}-{}-{day:02}", self.period),
            "status": "final",
            "subject": { "reference": format!("Patient/{id}") },
            "effectiveDateTime": format!("{}-{day:02}T09:30:00+08:00", self.period),
        })
    }

    /// A visit: a pressure panel, which also has a class, and a body mass index, counted under both sets of bands.
    fn visit(&self, export: &mut Export, truths: &mut Vec<Truth>, rng: &mut ChaCha20Rng) -> io::Result<()> {
        let (person, day) = (self.person, rng.gen_range(1..=28));
        let systolic = person.systolic + 5.0 * normal(rng);
        let diastolic = person.diastolic + 3.0 * normal(rng);
        let bmi = person.bmi + 0.2 * normal(rng);
        let mut panel = self.observation("bp", day);
        panel["code"] = loinc("85354-9");
        panel["component"] = json!([
            { "code": loinc("8480-6"), "valueQuantity": quantity(systolic, "mm[Hg]") },
            { "code": loinc("8462-4"), "valueQuantity": quantity(diastolic, "mm[Hg]") },
        ]);
        export.write(&panel)?;
        let mut weight = self.observation("bmi", day);
        weight["code"] = loinc("39156-5");
        weight["valueQuantity"] = quantity(bmi, "kg/m2");
        export.write(&weight)?;
        let (systolic, diastolic, bmi) =
            (to_steps(systolic, 10_000), to_steps(diastolic, 10_000), to_steps(bmi, 1_000));
        truths.push(self.truth("systolic-bp@1", day, systolic)?);
        truths.push(self.truth("diastolic-bp@1", day, diastolic)?);
        truths.push(self.truth("blood-pressure-class@1", day, pressure_class(systolic, diastolic))?);
        truths.push(self.truth("bmi@1", day, bmi)?);
        truths.push(self.truth("bmi@2", day, bmi)?);
        Ok(())
    }

    /// Some days of a step counter.
    fn steps(&self, export: &mut Export, truths: &mut Vec<Truth>, rng: &mut ChaCha20Rng) -> io::Result<()> {
        let mut days: Vec<u8> = (1..=28).collect();
        days.shuffle(rng);
        days.truncate(rng.gen_range(3..=6));
        days.sort_unstable();
        let mut sum = 0;
        for day in &days {
            let count = (self.person.steps * (1.0 + 0.25 * normal(rng))).max(150.0) as u64;
            sum += count;
            let mut counter = self.observation("steps", *day);
            counter["code"] = loinc("41950-7");
            counter["valueQuantity"] = json!({
                "value": count, "unit": "steps", "system": "http://unitsofmeasure.org", "code": "{steps}/d",
            });
            export.write(&counter)?;
        }
        // Mean of days to steps of 50, half up: (sum/n)/50 = sum/(50n).
        let (count, last) = (days.len() as u64, days.last().copied().unwrap_or(1));
        truths.push(self.truth("steps@1", last, ((2 * sum + 50 * count) / (100 * count)) as u32)?);
        Ok(())
    }
}

/// Generates `people` people around the sites, with three months of records, into `folder/<member>/`.
pub fn generate(folder: &Path, sites: &[Site], people: usize, seed: u64, months: &[Period]) -> io::Result<Population> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut population = Population { folders: Vec::new(), truths: Vec::new() };
    let mut exports = Vec::new();
    for site in sites {
        let folder = folder.join(&site.member);
        fs::create_dir_all(&folder)?;
        exports.push((
            Export::create(&folder.join("Patient.ndjson"))?,
            Export::create(&folder.join("Observation.ndjson"))?,
        ));
        population.folders.push(folder);
    }
    let mut regions: Vec<Region> = sites.iter().map(|site| site.region).collect();
    regions.dedup();
    let year = months.first().map_or(2026, |month| month.year());
    for number in 0..people {
        let person = Person::generate(number, &mut rng, year);
        let Some(region) = regions.choose(&mut rng).copied() else { break };
        for (site, (patients, observations)) in sites.iter().zip(&mut exports) {
            if site.region != region {
                continue;
            }
            let before = observations.written;
            for period in months {
                let month = Month { person: &person, region, period: *period };
                if site.hospital && rng.gen_bool(0.6) {
                    month.visit(observations, &mut population.truths, &mut rng)?;
                }
                if !site.hospital && rng.gen_bool(0.5) {
                    month.steps(observations, &mut population.truths, &mut rng)?;
                }
            }
            if observations.written > before {
                patients.write(&person.patient())?;
            }
        }
    }
    for (mut patients, mut observations) in exports {
        patients.file.flush()?;
        observations.file.flush()?;
    }
    Ok(population)
}
