//! The cross lane at a custodian: shares of a result that an evaluator of every jurisdiction, its own among them, computed.
//!
//! Kept true: shares are given only of a result under a request that is logged, by the requester it names, for which no
//! request logged before asks something else about the same people's values; the same result always gets the same shares.
//!
//! *Why so strict.* Two tables over almost the same people differ by those who are not in both, and a margin less what is
//! shown of its cells is what was withheld. So of the requests that share a measure, a chain and a month the first counts, and
//! whatever asks another question is refused. It is a function of the main chain's log alone.
//!
//! Errors: a [`Fault`]. Cost: an inner product of 4,096 words a digit and summand (some 10 µs), and hashing the result.

use std::path::Path;

use nacre_hosting::secret::{self, SecretError};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Document as _, Signed,
    answer::CustodianId,
    catalogue::Catalogue,
    cross::{CrossAnswer, CrossRequest, CrossResult, SummandShares},
    measure::MeasureRef,
    summand::{SummandId, SummandProof},
    trust::Jurisdiction,
};
use nacre_zk::{
    replicated::{self, Expanded, Summand},
    summand::{self, Context, Masks, SummandCommitments, SummandError},
};
use rand::rngs::OsRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::fault::Fault;

/// Words of the key that squashed results are decrypted with.
const KEY_WORDS: usize = 4_096;
/// What a file of summands begins with.
const LABEL: &str = "nacre cross share v1";

/// Why a file of summands cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShareFileError {
    /// The file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What is in it. It never says what the file holds.
    #[error("{path} holds no share of the cross lane's key: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a custodian gives shares of cross results with: the summands that it holds, by number.
pub(crate) struct CrossShare {
    summands: Vec<(u16, Expanded)>,
}

/// The text of a file of summands: a line each, its number in its jurisdiction and its seed in hex.
pub fn share_file(summands: &[(u16, &Summand)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!("{LABEL}\n"));
    for (number, summand) in summands {
        let seed = Zeroizing::new(hex::encode(summand.seed()));
        text.push_str(&Zeroizing::new(format!("{number} {}\n", *seed)));
    }
    text
}

impl CrossShare {
    /// Reads the file, and expands the summands. They are those that the custodian holds by its jurisdiction's structure.
    pub(crate) fn read(path: &Path, jurisdiction: &Jurisdiction, custodian: u16) -> Result<Self, ShareFileError> {
        let text = secret::read_text(path)?;
        let malformed =
            |reason: &str| ShareFileError::Malformed { path: path.display().to_string(), reason: reason.to_owned() };
        let mut lines = text.lines();
        if lines.next() != Some(LABEL) {
            return Err(malformed("it does not begin as one"));
        }
        let mut summands = Vec::new();
        for line in lines {
            let parsed = line.split_once(' ').and_then(|(number, seed)| {
                let mut bytes = Zeroizing::new([0; 32]);
                hex::decode_to_slice(seed, &mut *bytes).ok()?;
                Some((number.parse::<u16>().ok()?, Summand::from_seed(*bytes)))
            });
            summands.push(parsed.ok_or_else(|| malformed("a line is not a number and a seed"))?);
        }
        let lacking =
            replicated::subsets(jurisdiction.custodians.len() as u16, jurisdiction.threshold.saturating_sub(1));
        let held = lacking.iter().zip(0u16..).filter(|(lacking, _)| !lacking.contains(&custodian));
        if !held.map(|(_, number)| number).eq(summands.iter().map(|(number, _)| *number)) {
            return Err(malformed("its summands are not those that this custodian holds"));
        }
        let expand = |(number, summand): (u16, Summand)| (number, summand.expand(KEY_WORDS));
        Ok(Self { summands: summands.into_iter().map(expand).collect() })
    }

    /// Its shares of every digit of a result, signed. The result has the form that its request gives it.
    pub(crate) fn answer(
        &self,
        custodian: &CustodianId,
        signing_key: &SigningKey,
        result: &CrossResult,
    ) -> Result<Signed<CrossAnswer>, Fault> {
        let digest = result.digest();
        let masks: Vec<Vec<u128>> = result.digits.iter().map(|digit| mask(digit.words.as_bytes())).collect();
        let shares = |(number, summand): &(u16, Expanded)| {
            let share = |(position, mask): (usize, &Vec<u128>)| summand.share(mask, &digest, position as u32);
            let shares = masks.par_iter().enumerate().map(share).collect::<Result<Vec<u128>, _>>();
            let shares = shares.map_err(|error| Fault::CrossDigit(error.to_string()))?;
            let bytes = shares.iter().flat_map(|share| share.to_le_bytes()).collect();
            let shares = Blob::new(bytes).map_err(|error| Fault::CrossDigit(error.to_string()))?;
            Ok(SummandShares { summand: *number, shares })
        };
        let shares = self.summands.iter().map(shares).collect::<Result<_, Fault>>()?;
        let answer = CrossAnswer { request: result.request, result: digest, custodian: custodian.clone(), shares };
        Ok(signing_key.sign(answer))
    }

    /// The proof of its shares of a result under one summand that it holds.
    pub(crate) fn prove(
        &self,
        custodian: &CustodianId,
        result: &CrossResult,
        summand: u16,
    ) -> Result<SummandProof, Fault> {
        let held = self.summands.iter().find(|(number, _)| *number == summand);
        let (_, expanded) = held.ok_or_else(|| Fault::CrossDigit(format!("summand {summand} is not held here")))?;
        let masks = result.digits.iter().map(|digit| mask(digit.words.as_bytes())).collect();
        let id = SummandId { jurisdiction: custodian.jurisdiction.clone(), number: summand };
        let digest = result.digest();
        let context = Context { request: &result.request, result: &digest, holder: custodian };
        let prove = || {
            let commitments = SummandCommitments::decode(&summand::commit(expanded, id)?)?;
            let (_, proof) = summand::prove(expanded, &commitments, &context, &Masks::new(masks)?, &mut OsRng)?;
            Ok::<_, SummandError>(proof)
        };
        prove().map_err(|error| Fault::CrossDigit(error.to_string()))
    }
}

/// The mask of a digit: all of its words but the last.
fn mask(bytes: &[u8]) -> Vec<u128> {
    let words = bytes.as_chunks::<16>().0;
    let mask = &words[..words.len().saturating_sub(1)];
    mask.iter().map(|word| u128::from_le_bytes(*word)).collect()
}

/// Whether two requests ask different questions about values that are in part the same.
pub(crate) fn conflict(one: &CrossRequest, other: &CrossRequest) -> bool {
    shares_values(one, other) && !same_question(one, other)
}

fn shares_values(one: &CrossRequest, other: &CrossRequest) -> bool {
    let measures = |request: &CrossRequest| [&request.by.measure, &request.of.measure].map(family).concat();
    let (of_one, of_other) = (measures(one), measures(other));
    let measure = of_one.iter().any(|measure| of_other.contains(measure));
    let chain = one.spans.iter().any(|span| other.spans.iter().any(|known| known.chain == span.chain));
    measure && chain && one.from <= other.to && other.from <= one.to
}

fn same_question(one: &CrossRequest, other: &CrossRequest) -> bool {
    one.statistic == other.statistic
        && one.by == other.by
        && one.of == other.of
        && (one.from, one.to) == (other.from, other.to)
        && one.spans == other.spans
}

/// The measures that share codes with one, itself among them; itself, if the catalogue has no such measure any more.
fn family(measure: &MeasureRef) -> Vec<MeasureRef> {
    let family = Catalogue::built_in().family(measure);
    if family.is_empty() {
        vec![measure.clone()]
    } else {
        family.into_iter().map(|measure| measure.reference()).collect()
    }
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{
        Digest,
        cross::{CrossMeasure, CrossStatistic},
        query::SealSpan,
    };

    use super::*;

    fn request(by: &str, of: &str, months: (&str, &str), chains: &[&str]) -> CrossRequest {
        let measure = |name: &str| {
            let definition = Catalogue::built_in().find(&name.parse().unwrap()).unwrap();
            CrossMeasure { measure: definition.reference(), definition: definition.digest() }
        };
        let span = |chain: &&str| SealSpan { chain: chain.parse().unwrap(), first: 1, last: 1, hash: Digest([1; 32]) };
        CrossRequest {
            trust: Digest([0; 32]),
            requester: "commission".parse().unwrap(),
            statistic: CrossStatistic::Table,
            by: measure(by),
            of: measure(of),
            from: months.0.parse().unwrap(),
            to: months.1.parse().unwrap(),
            spans: chains.iter().map(span).collect(),
            purpose: "test".parse().unwrap(),
            nonce: Digest([2; 32]),
        }
    }

    #[test]
    fn of_requests_on_the_same_values_only_the_same_question_passes() {
        let year = ("2025-01", "2025-12");
        let first = request("mvpa-minutes@1", "hba1c@1", year, &["region/440100"]);
        let again = CrossRequest { nonce: Digest([3; 32]), purpose: "again".parse().unwrap(), ..first.clone() };
        assert!(!conflict(&first, &again));
        let chains = &["region/440100"];
        let mean = CrossRequest { statistic: CrossStatistic::Mean, ..first.clone() };
        let mut later = first.clone();
        later.spans[0].last = 2;
        let differing = [
            ("another statistic", mean),
            ("turned round", request("hba1c@1", "mvpa-minutes@1", year, chains)),
            ("one more month", request("mvpa-minutes@1", "hba1c@1", ("2025-01", "2026-01"), chains)),
            ("one chain more", request("mvpa-minutes@1", "hba1c@1", year, &["region/440100", "region/810000"])),
            ("one measure in common", request("mvpa-minutes@1", "systolic-bp@1", year, chains)),
            ("later seals", later),
        ];
        for (what, other) in differing {
            assert!(conflict(&first, &other) && conflict(&other, &first), "{what}");
        }
        let apart = [
            request("steps@1", "systolic-bp@1", year, chains),
            request("mvpa-minutes@1", "hba1c@1", ("2024-01", "2024-12"), chains),
            request("mvpa-minutes@1", "hba1c@1", year, &["region/810000"]),
        ];
        assert!(apart.iter().all(|other| !conflict(&first, other)));
        // Versions of one measure read the same codes.
        let (one, two) = (request("bmi@1", "hba1c@1", year, chains), request("bmi@2", "steps@1", year, chains));
        assert!(conflict(&one, &two));
    }
}
