//! Matching: who has a value of both measures, and which of their values counts.
//!
//! Chains hand over contributions under tokens that name a person for one request. Of a person's values of a measure the
//! latest month's counts; where several chains have that month, the one that stands first in the request. People are
//! ordered by token. So whoever is given the same inputs gets the same people in the same order, and with them the same
//! result to the bit.
//!
//! Inputs are looked at twice, chain by chain: once to choose, once to take what was chosen. So memory holds one chain's
//! inputs, one line a token, and the ciphertexts that count.
//!
//! Errors: [`FheError::Malformed`] for what no honest chain hands over, [`FheError::TooMany`] for what is over the limits.
//! Neither says how many people there are.

use std::collections::BTreeMap;

use nacre_schemas::{
    Digest, Document as _,
    cohort::Period,
    cross::{CrossInput, CrossInputs, CrossRequest, MASK_BYTES},
    id::ChainId,
};

use crate::{
    error::FheError,
    list::Sealed,
    params::{LIST_CONTRIBUTIONS, SLOTS},
    wire,
};

/// The most people that a request matches.
pub const MAX_PEOPLE: usize = 65_535;
/// The most people of whom chains have a value of either measure.
pub const MAX_TOKENS: usize = 1 << 20;
/// The most lists that values which count are of: 256 MB of masks.
pub const MAX_LISTS: usize = 16_384;

/// A contribution's ciphertexts, and where its list's mask stands.
struct Value {
    mask: usize,
    position: usize,
    words: [u64; SLOTS],
}

/// The people of a request, with both of their values, ordered by token.
pub struct People {
    masks: Vec<Vec<u64>>,
    /// Of the rows' measure, then of the other.
    values: Vec<[Value; 2]>,
}

/// Which value of a measure counts.
#[derive(Clone, Copy)]
struct Choice {
    period: Period,
    chain: usize,
    index: usize,
}

/// What is to be taken of a chain's inputs, for whom.
struct Wanted {
    index: usize,
    person: usize,
    measure: usize,
}

impl People {
    /// Matches a request's inputs. They are loaded by the place of their chain in the request, up to twice each.
    pub fn matched<E: From<FheError>>(
        request: &CrossRequest,
        mut load: impl FnMut(usize) -> Result<CrossInputs, E>,
    ) -> Result<Self, E> {
        let digest = request.digest();
        let mut checked = |place: usize, chain: &ChainId| -> Result<CrossInputs, E> {
            let inputs = load(place)?;
            check(&inputs, request, &digest, chain)?;
            Ok(inputs)
        };
        let mut choices: BTreeMap<Digest, [Option<Choice>; 2]> = BTreeMap::new();
        for (chain, span) in request.spans.iter().enumerate() {
            for (index, input) in checked(chain, &span.chain)?.inputs.iter().enumerate() {
                let choice = &mut choices.entry(input.token).or_default()[usize::from(!input.by)];
                if choice.is_none_or(|other| other.period < input.period) {
                    *choice = Some(Choice { period: input.period, chain, index });
                }
            }
            at_most("people of whom there is a value", choices.len(), MAX_TOKENS)?;
        }
        let (wanted, people) = wanted(choices, request.spans.len());
        at_most("people matched", people, MAX_PEOPLE)?;
        let mut taken = Taken::new(people);
        for ((chain, span), wanted) in request.spans.iter().enumerate().zip(wanted) {
            if !wanted.is_empty() {
                taken.take(&checked(chain, &span.chain)?, &wanted)?;
            }
        }
        Ok(taken.finish()?)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A person's value of the rows' measure (0) or of the other (1).
    pub(crate) fn sealed(&self, person: usize, measure: usize) -> Sealed<'_> {
        let value = &self.values[person][measure];
        Sealed { mask: &self.masks[value.mask], bodies: &value.words, position: value.position }
    }
}

/// By chain, what is wanted of those who have both values; and how many they are.
fn wanted(choices: BTreeMap<Digest, [Option<Choice>; 2]>, chains: usize) -> (Vec<Vec<Wanted>>, usize) {
    let mut wanted: Vec<Vec<Wanted>> = (0..chains).map(|_| Vec::new()).collect();
    let both = choices.into_values().filter_map(|[row, column]| Some([row?, column?]));
    let mut people = 0;
    for pair in both {
        for (measure, Choice { chain, index, .. }) in pair.into_iter().enumerate() {
            wanted[chain].push(Wanted { index, person: people, measure });
        }
        people += 1;
    }
    (wanted, people)
}

/// People whose values are being taken.
struct Taken {
    masks: Vec<Vec<u64>>,
    values: Vec<[Option<Value>; 2]>,
}

impl Taken {
    fn new(people: usize) -> Self {
        Self { masks: Vec::new(), values: (0..people).map(|_| [None, None]).collect() }
    }

    fn take(&mut self, inputs: &CrossInputs, wanted: &[Wanted]) -> Result<(), FheError> {
        let mut places: BTreeMap<u32, usize> = BTreeMap::new();
        for Wanted { index, person, measure } in wanted {
            let input = inputs.inputs.get(*index).ok_or_else(changed)?;
            let mask = match places.get(&input.mask) {
                Some(place) => *place,
                None => {
                    let mask = inputs.masks.get(input.mask as usize).ok_or_else(changed)?;
                    self.masks.push(wire::words(mask.as_bytes())?);
                    at_most("lists", self.masks.len(), MAX_LISTS)?;
                    places.insert(input.mask, self.masks.len() - 1);
                    self.masks.len() - 1
                }
            };
            let words = wire::slots(input.words.as_bytes())?;
            self.values[*person][*measure] = Some(Value { mask, position: input.position.into(), words });
        }
        Ok(())
    }

    fn finish(self) -> Result<People, FheError> {
        let both = |[row, column]: [Option<Value>; 2]| Some([row?, column?]);
        let values = self.values.into_iter().map(|pair| both(pair).ok_or_else(changed)).collect::<Result<_, _>>()?;
        Ok(People { masks: self.masks, values })
    }
}

/// Checks that inputs have the one form that a chain gives them: of this request, in order, each once, every mask used.
pub fn check(inputs: &CrossInputs, request: &CrossRequest, digest: &Digest, chain: &ChainId) -> Result<(), FheError> {
    let holds = |holds: bool, reason: &str| if holds { Ok(()) } else { Err(malformed(chain, reason)) };
    holds(inputs.request == *digest, "they are of another request")?;
    holds(inputs.chain == *chain, "they are of another chain")?;
    let whole = inputs.masks.iter().all(|mask| mask.as_bytes().len() == MASK_BYTES);
    holds(whole, "a mask has another length")?;
    let order = |input: &CrossInput| (input.token, !input.by);
    let rising = inputs.inputs.windows(2).all(|pair| order(&pair[0]) < order(&pair[1]));
    holds(rising, "they are not in order, each person once a measure")?;
    let mut used = 0;
    for input in &inputs.inputs {
        holds((request.from..=request.to).contains(&input.period), "a month is not asked about")?;
        holds(usize::from(input.position) < LIST_CONTRIBUTIONS, "a list has no such place")?;
        holds(input.words.as_bytes().len() == 8 * SLOTS, "a contribution's words are not fifteen")?;
        holds(input.mask <= used, "masks are not in the order of their first use")?;
        used = used.max(input.mask + 1);
    }
    holds(used as usize == inputs.masks.len(), "a mask is missing, or of no use")
}

fn malformed(chain: &ChainId, reason: &str) -> FheError {
    FheError::malformed("inputs", format!("{chain}: {reason}"))
}

fn changed() -> FheError {
    FheError::malformed("inputs", "they changed while they were read")
}

fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), FheError> {
    if found <= max { Ok(()) } else { Err(FheError::TooMany { what, max }) }
}

#[cfg(test)]
mod tests;
