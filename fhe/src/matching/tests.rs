use nacre_schemas::{
    Blob,
    catalogue::Catalogue,
    cross::{CrossMeasure, CrossStatistic},
    query::SealSpan,
};

use super::*;

const CHAINS: [&str; 2] = ["region/440100", "region/810000"];

fn request() -> CrossRequest {
    let measure = |code: &str| {
        let definition = Catalogue::built_in().newest(&code.parse().unwrap()).unwrap();
        CrossMeasure { measure: definition.reference(), definition: definition.digest() }
    };
    let span = |chain: &str| SealSpan { chain: chain.parse().unwrap(), first: 1, last: 1, hash: Digest([1; 32]) };
    CrossRequest {
        trust: Digest([0; 32]),
        requester: "commission".parse().unwrap(),
        statistic: CrossStatistic::Table,
        by: measure("bmi"),
        of: measure("hba1c"),
        from: "2026-01".parse().unwrap(),
        to: "2026-03".parse().unwrap(),
        spans: CHAINS.map(span).to_vec(),
        purpose: "a test".parse().unwrap(),
        nonce: Digest([2; 32]),
    }
}

/// An input whose first word is a mark to know it by.
fn input(token: u8, by: bool, month: &str, mask: u32, mark: u64) -> CrossInput {
    let words: Vec<u8> = std::iter::once(mark).chain([0; SLOTS - 1]).flat_map(u64::to_le_bytes).collect();
    CrossInput {
        token: Digest([token; 32]),
        by,
        period: month.parse().unwrap(),
        leaf: mark,
        mask,
        position: 3,
        words: Blob::new(words).unwrap(),
    }
}

fn inputs(chain: usize, masks: usize, inputs: Vec<CrossInput>) -> CrossInputs {
    let masks = (0..masks).map(|mask| Blob::new(vec![mask as u8 + 10 * chain as u8; MASK_BYTES]).unwrap()).collect();
    CrossInputs { request: request().digest(), chain: CHAINS[chain].parse().unwrap(), masks, inputs }
}

/// Two chains: 2 is in both, 3 lacks a value, 4 has its values on different chains.
fn both() -> [CrossInputs; 2] {
    let first = vec![
        input(2, true, "2026-01", 0, 20),
        input(2, false, "2026-02", 0, 21),
        input(3, true, "2026-01", 1, 30),
        input(4, true, "2026-03", 1, 40),
    ];
    let second =
        vec![input(2, true, "2026-02", 0, 22), input(2, false, "2026-02", 1, 23), input(4, false, "2026-01", 1, 41)];
    [inputs(0, 2, first), inputs(1, 2, second)]
}

fn matched(given: &[CrossInputs; 2]) -> Result<People, FheError> {
    People::matched(&request(), |chain| Ok::<_, FheError>(given[chain].clone()))
}

fn marks(people: &People) -> Vec<[u64; 2]> {
    (0..people.len()).map(|person| [0, 1].map(|measure| people.sealed(person, measure).bodies[0])).collect()
}

#[test]
fn the_latest_month_counts_and_of_chains_with_the_same_month_the_first() {
    let people = matched(&both()).unwrap();
    assert_eq!(marks(&people), [[22, 21], [40, 41]]);
    // Each with the mask and place that its chain gave it.
    assert_eq!(people.sealed(0, 0).mask, [u64::from_le_bytes([10; 8]); 2_048]);
    assert_eq!(people.sealed(1, 0).mask, [u64::from_le_bytes([1; 8]); 2_048]);
    assert_eq!(people.sealed(1, 1).mask, [u64::from_le_bytes([11; 8]); 2_048]);
    assert_eq!(people.sealed(1, 1).position, 3);
    assert_eq!(people.masks.len(), 4, "a mask is kept once, however many values it is of");
}

#[test]
fn nobody_with_both_values_is_no_error() {
    let empty = [inputs(0, 0, Vec::new()), inputs(1, 0, Vec::new())];
    assert!(matched(&empty).unwrap().is_empty());
}

#[test]
fn what_no_honest_chain_hands_over_is_refused_and_the_chain_named() {
    let refused = |change: fn(&mut CrossInputs), reason: &str| {
        let mut given = both();
        change(&mut given[1]);
        let Err(error) = matched(&given) else { panic!("{reason}: it was taken") };
        let error = error.to_string();
        assert!(error.contains(reason) && error.contains(CHAINS[1]), "{error}");
    };
    refused(|given| given.request = Digest([9; 32]), "of another request");
    // The name in the message is that of the chain asked.
    refused(|given| given.chain = CHAINS[0].parse().unwrap(), "of another chain");
    refused(|given| given.masks[0] = Blob::new(vec![0; MASK_BYTES - 8]).unwrap(), "another length");
    refused(|given| given.inputs.swap(0, 1), "not in order");
    refused(|given| given.inputs[1] = given.inputs[0].clone(), "not in order");
    refused(|given| given.inputs[0].period = "2025-12".parse().unwrap(), "not asked about");
    refused(|given| given.inputs[0].period = "2026-04".parse().unwrap(), "not asked about");
    refused(|given| given.inputs[0].position = 64, "no such place");
    refused(|given| given.inputs[0].words = Blob::new(vec![0; 112]).unwrap(), "not fifteen");
    refused(|given| given.inputs[0].mask = 1, "first use");
    refused(|given| given.inputs[2].mask = 7, "first use");
    refused(|given| drop(given.masks.pop()), "missing");
    refused(|given| given.masks.push(given.masks[0].clone()), "no use");
}

#[test]
fn inputs_that_change_between_the_two_looks_are_refused() {
    let mut looks = 0;
    let given = both();
    let changing = |chain: usize| {
        looks += 1;
        let mut inputs = given[chain].clone();
        if looks > 2 {
            inputs.inputs.clear();
            inputs.masks.clear();
        }
        Ok::<_, FheError>(inputs)
    };
    assert!(matches!(People::matched(&request(), changing), Err(FheError::Malformed { .. })));
}
