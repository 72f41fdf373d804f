use nacre_schemas::{
    Digest, Document as _, Point,
    cell::{CellDetail, ProviderCount, SealDetails},
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Commitments, EphemeralKeys},
    dossier::{CellRun, Inclusion, SealEvidence},
    entry::SealEntry,
    query::{Attribute, Predicate, SealSpan, Statistic},
};
use nacre_zk::share::SecretShare;

use super::*;

const BANDS: usize = 2;

/// `number·B`.
fn point(number: u8) -> Point {
    let mut scalar = [0; 32];
    scalar[0] = number;
    SecretShare::from_bytes(&scalar).unwrap().verifying_share()
}

fn sum(numbers: &[u8]) -> Point {
    point(numbers.iter().sum())
}

fn request() -> Request {
    Request {
        trust: Digest([1; 32]),
        requester: "regulator".parse().unwrap(),
        measure: "bmi@1".parse().unwrap(),
        definition: Digest([2; 32]),
        statistics: vec![Statistic::Mean],
        predicate: Predicate {
            regions: vec!["440100".parse().unwrap()],
            from: "2026-01".parse().unwrap(),
            to: "2026-02".parse().unwrap(),
            sexes: Sex::ALL.to_vec(),
            youngest: AgeBand::of_age(20),
            oldest: AgeBand::of_age(60),
        },
        group_by: vec![Attribute::Sex],
        spans: vec![SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 2, hash: Digest([8; 32]) }],
        purpose: "a test".parse().unwrap(),
        nonce: Digest([3; 32]),
    }
}

fn key(period: &str, sex: Sex, age: u32) -> CellKey {
    let (period, region) = (period.parse().unwrap(), "440100".parse().unwrap());
    CellKey { measure: "bmi@1".parse().unwrap(), period, region, sex, age_band: AgeBand::of_age(age) }
}

/// A cell whose keys are `number·B` for the value, and twice and three times that for the bands.
fn cell(key: CellKey, number: u8, providers: &[(&str, u64)]) -> (Cell, CellDetail) {
    let count = |(provider, contributions): &(&str, u64)| ProviderCount {
        provider: provider.parse().unwrap(),
        contributions: *contributions,
    };
    let keys = EphemeralKeys {
        value: point(number),
        square: point(100 + number),
        bands: vec![point(2 * number), point(3 * number)],
    };
    let detail = CellDetail { contributions: providers.iter().map(count).collect(), keys };
    let sums = Commitments { value: point(1), square: point(1), bands: vec![point(1); BANDS] };
    (Cell { key, sums, numbers: detail.numbers().digest() }, detail)
}

/// Two seals: the second adds to the women of the first's January, and has a neighbour that is not asked about.
fn chain() -> (ChainEvidence, ChainDetails) {
    let outside = cell(key("2026-03", Sex::Female, 30), 9, &[("clinic", 5)]);
    let seals = [
        vec![
            cell(key("2026-01", Sex::Female, 30), 1, &[("clinic", 4), ("gym", 7)]),
            cell(key("2026-01", Sex::Female, 40), 2, &[("clinic", 3)]),
            cell(key("2026-01", Sex::Male, 30), 3, &[("gym", 2)]),
            cell(key("2026-02", Sex::Female, 30), 4, &[("clinic", 6)]),
        ],
        vec![cell(key("2026-01", Sex::Female, 30), 5, &[("clinic", 2)]), outside.clone()],
    ];
    let mut evidence = Vec::new();
    let mut details = Vec::new();
    for (number, cells) in (1..).zip(seals) {
        let (cells, shown): (Vec<Cell>, Vec<CellDetail>) = cells.into_iter().unzip();
        let entry =
            SealEntry { number, previous: None, from: 0, to: 0, cells: cells.len() as u32, root: Digest([0; 32]) };
        let run = CellRun { first: 0, cells, proof: Vec::new() };
        evidence.push(SealEvidence { seal: entry, inclusion: Inclusion { leaf: number, proof: Vec::new() }, run });
        details.push(SealDetails { number, details: shown });
    }
    details[1].details.pop();
    let checkpoint = "not looked at here".parse().unwrap();
    (
        ChainEvidence { chain: "region/440100".parse().unwrap(), checkpoint, seals: evidence },
        ChainDetails { seals: details },
    )
}

fn group(sex: Sex) -> GroupKey {
    GroupKey { region: None, sex: Some(sex), age_band: None, period: None }
}

fn group_sums(sex: Sex, count: Point, value: Point) -> GroupSums {
    let keys = vec![
        QuantityKey { quantity: Quantity::Count, key: count },
        QuantityKey { quantity: Quantity::Sum, key: value },
    ];
    GroupSums { group: group(sex), keys }
}

/// What an honest chain signs.
fn honest() -> ChainSums {
    let women = group_sums(Sex::Female, sum(&[5, 10, 20, 25]), sum(&[1, 2, 4, 5]));
    let men = group_sums(Sex::Male, sum(&[15]), sum(&[3]));
    let chain = "region/440100".parse().unwrap();
    ChainSums { chain, request: request().digest(), groups: vec![women, men] }
}

fn outcome(evidence: &ChainEvidence, details: &ChainDetails, signed: &ChainSums) -> Result<(), String> {
    check(&request(), BANDS, evidence, details, signed).map_err(|fault| fault.to_string())
}

fn refused(evidence: &ChainEvidence, details: &ChainDetails, signed: &ChainSums, with: &str) {
    let error = outcome(evidence, details, signed).unwrap_err();
    assert!(error.starts_with("region/440100") && error.contains(with), "{error}");
}

#[test]
fn an_honest_chains_sums_are_those_of_its_sealed_cells() {
    let (evidence, details) = chain();
    assert_eq!(outcome(&evidence, &details, &honest()), Ok(()));
}

#[test]
fn every_key_of_the_signed_sums_is_compared() {
    let (evidence, details) = chain();
    type Change = fn(&mut ChainSums);
    let changes: [Change; 4] = [
        |sums| sums.groups[1].keys[0].key = point(99),
        |sums| sums.groups[1].keys[1].key = point(99),
        |sums| sums.groups[1].keys[1].quantity = Quantity::Squares,
        |sums| drop(sums.groups.pop()),
    ];
    for change in changes {
        let mut signed = honest();
        change(&mut signed);
        refused(&evidence, &details, &signed, "in the group male");
    }
}

#[test]
fn a_group_that_no_cell_makes_is_refused() {
    let (evidence, details) = chain();
    let mut signed = honest();
    signed.groups.push(group_sums(Sex::Unknown, point(1), point(1)));
    refused(&evidence, &details, &signed, "in the group unknown");
}

#[test]
fn a_detail_that_the_cell_does_not_commit_to_names_the_cell() {
    let (evidence, mut details) = chain();
    details.seals[0].details[2].contributions[0].contributions = 40;
    refused(&evidence, &details, &honest(), "seal 1: the detail shown is not the one sealed in the cell bmi@1 2026-01");
}

#[test]
fn a_seal_shown_short_twice_or_under_another_number_is_named() {
    let (evidence, details) = chain();
    let mut short = details.clone();
    short.seals[1].details.clear();
    refused(&evidence, &short, &honest(), "from seal 2 on");
    let mut missing = details.clone();
    missing.seals.remove(0);
    refused(&evidence, &missing, &honest(), "from seal 1 on");
    let mut extra = details.clone();
    extra.seals.push(SealDetails { number: 3, details: Vec::new() });
    refused(&evidence, &extra, &honest(), "from seal 3 on");
    let mut uncalled = details;
    uncalled.seals[1].details.push(cell(key("2026-03", Sex::Female, 30), 9, &[("clinic", 5)]).1);
    refused(&evidence, &uncalled, &honest(), "from seal 2 on");
}

#[test]
fn a_sealed_key_that_is_no_point_names_its_cell() {
    let (mut evidence, mut details) = chain();
    let detail = &mut details.seals[0].details[0];
    detail.keys.value = Point([0xff; 32]);
    evidence.seals[0].run.cells[0].numbers = detail.numbers().digest();
    refused(&evidence, &details, &honest(), "seal 1: the cell bmi@1 2026-01 440100 female 30-34 cannot be added up");
}
