//! The cross lane, offline: requests, evaluators' confirmations, custodians' shares, releases.
//!
//! Kept true: a network has the lane only if its trust root does ([`lane`]). Without it every check here fails first of all, and
//! by that name.
//!
//! What a release rests on without showing it: that inputs were encrypted as their providers proved (the exchanges' word),
//! and that evaluators computed what they confirm (one a jurisdiction, each by itself). Anyone who holds the inputs and the
//! evaluation keys can compute it again; nobody else can check that part.

use std::collections::BTreeMap;

use nacre_ledger::{note::Finality, signing};
use nacre_schemas::{
    Digest, Document as _, Signed,
    answer::CustodianId,
    catalogue::Catalogue,
    cross::{
        CrossAnswer, CrossCell, CrossDigit, CrossMeasure, CrossRelease, CrossRequest, CrossResult, CrossStatistic,
        CrossSubmission, DIGIT_BYTES, SignedCrossConfirmation,
    },
    dossier::LoggedRequest,
    entry::Entry,
    id::{ChainId, JurisdictionId},
    limits,
    measure::{Domain, Measure, MeasureRef, Scale},
    membership::{MemberRole, Membership},
    query::SignedRequest,
    summand::{PublishedSummands, SummandId, SummandProof},
    trust::{Chain, CrossLane, CrossScope, Jurisdiction},
};
use nacre_zk::{
    replicated,
    summand::{self, Answered, Context, Masks, SummandCommitments},
};
use rand::rngs::OsRng;

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged::{check_inclusion, check_seals},
    membership, note,
};

/// Bits of a digit.
const DIGIT_BITS: u32 = 4;
/// Cells of a table.
const MAX_CELLS: usize = 16;

/// What a cross request is about, looked up.
#[derive(Clone, Copy, Debug)]
pub struct Definitions {
    /// The measure of the rows, or whose bands a mean is by.
    pub by: &'static Measure,
    /// The measure of the columns, or whose mean it is.
    pub of: &'static Measure,
}

impl Definitions {
    /// Bands of the rows, and of the columns; one column for a mean.
    pub fn shape(&self, statistic: CrossStatistic) -> (usize, usize) {
        let columns = match statistic {
            CrossStatistic::Table => self.of.cross_bands().len(),
            CrossStatistic::Mean => 1,
        };
        (self.by.cross_bands().len(), columns)
    }
}

/// The lane of a network, if its trust root has one. It is off by default, because it tells more than it should in four ways
/// that are known (SECURITY.md). Custodians, evaluators, exchanges, providers and regulators ask here before anything else.
///
/// # Errors
/// [`Check::CrossLane`].
pub fn lane(network: &Network) -> Result<&CrossLane, Failure> {
    let off = || Failure::new(Check::CrossLane, &network.root().network, "the trust root has no cross lane");
    network.root().cross.as_ref().ok_or_else(off)
}

/// The chain that every cross request is logged on, whatever its measures: so all of them stand in one order.
pub fn main_chain() -> ChainId {
    Domain::Health.main_chain()
}

fn main(network: &Network) -> Result<&Chain, Failure> {
    note::chain(network, &main_chain())
}

/// Checks a request before it is logged: form, signature, role, and that its chains have the seals it names.
pub fn check_request(
    signed: &SignedRequest<CrossRequest>,
    requester: &Membership,
    network: &Network,
) -> Result<Definitions, Failure> {
    let definitions = check_signed(signed, requester, network)?;
    check_seals(&signed.request.spans, &signed.seals, network)?;
    Ok(definitions)
}

fn check_signed(
    signed: &SignedRequest<CrossRequest>,
    requester: &Membership,
    network: &Network,
) -> Result<Definitions, Failure> {
    let request = &signed.request;
    let definitions = check_form(request, network)?;
    let same = requester.member == request.requester;
    ensure(same, Check::Admission, &request.requester, format_args!("the admission is {}'s", requester.member))?;
    membership::check_role(requester, MemberRole::Regulator, &main_chain())?;
    for span in &request.spans {
        membership::check_role(requester, MemberRole::Regulator, &span.chain)?;
    }
    signing::verify_detached(&requester.signing_key, request, &signed.signature)
        .or_failure(Check::RequestSignature, &request.requester)?;
    Ok(definitions)
}

fn check_form(request: &CrossRequest, network: &Network) -> Result<Definitions, Failure> {
    let scope = &lane(network)?.scope;
    let form = |holds: bool, detail: &str| ensure(holds, Check::RequestForm, "request", detail);
    form(request.trust == network.digest(), "it is asked under another trust root")?;
    let definitions = Definitions { by: definition(&request.by)?, of: definition(&request.of)? };
    form(request.by.measure != request.of.measure, "a measure is not crossed with itself")?;
    let (rows, columns) = definitions.shape(request.statistic);
    form(rows * columns <= MAX_CELLS, "the table has more than sixteen cells")?;
    if request.statistic == CrossStatistic::Mean {
        form(definitions.of.scale == Scale::Quantity, "classes have no mean")?;
    }
    let months = request.to.ordinal().checked_sub(request.from.ordinal());
    form(months.is_some_and(|months| months < limits::MAX_PERIODS), "the months are out of order or too many")?;
    form(!request.spans.is_empty(), "it takes one chain at least")?;
    form(request.spans.windows(2).all(|pair| pair[0].chain < pair[1].chain), "chains are listed in order, each once")?;
    for span in &request.spans {
        let chain = note::chain(network, &span.chain)?;
        form(chain.region.is_some(), "a chain of the request holds no records")?;
        let ordered = span.first >= 1 && span.first <= span.last && span.last - span.first < limits::MAX_SEALS as u64;
        form(ordered, "its seals are no span")?;
    }
    check_scope(request, scope)?;
    Ok(definitions)
}

/// The request is about nothing but what the trust root gives to the cross lane, since the tally lane answers about the rest.
fn check_scope(request: &CrossRequest, scope: &CrossScope) -> Result<(), Failure> {
    let within = |holds: bool, detail: &str| ensure(holds, Check::CrossLane, "request", detail);
    let measures = [&request.by, &request.of].map(|asked| &asked.measure.id);
    within(measures.iter().all(|id| scope.measures.contains(id)), "the cross lane does not answer about this measure")?;
    let chains = request.spans.iter().all(|span| scope.chains.contains(&span.chain));
    within(chains, "the cross lane does not answer about this chain")?;
    let detail = format!("the cross lane answers about the months from {} on", scope.from);
    within(request.from >= scope.from, &detail)
}

/// Whether a measure shares codes with one that the cross lane answers about, or is one.
pub fn covers_family(scope: &CrossScope, measure: &MeasureRef) -> bool {
    let family = Catalogue::built_in().family(measure);
    scope.measures.contains(&measure.id) || family.iter().any(|member| scope.measures.contains(&member.id))
}

fn definition(named: &CrossMeasure) -> Result<&'static Measure, Failure> {
    let unknown = || Failure::new(Check::Definition, &named.measure, "the catalogue has no such measure");
    let definition = Catalogue::built_in().find(&named.measure).ok_or_else(unknown)?;
    let same = named.definition == definition.digest();
    ensure(same, Check::Definition, &named.measure, "the request names another definition")?;
    Ok(definition)
}

/// Checks a logged request: all of [`check_request`], and both entries' places in the main chain.
pub fn check(logged: &LoggedRequest<CrossRequest>, network: &Network) -> Result<(Definitions, Finality), Failure> {
    lane(network)?;
    let requester = membership::check(&logged.admission, network)?;
    let definitions = check_request(&logged.request, requester, network)?;
    let main = main(network)?;
    let (checkpoint, finality) = note::check(&logged.checkpoint, main, network)?;
    let admission = Entry::Membership(logged.admission.digest()).leaf_hash();
    check_inclusion(&admission, &logged.admission_inclusion, &checkpoint, Check::AdmissionInclusion, &main.id)?;
    let request = Entry::CrossRequest(logged.request.digest()).leaf_hash();
    check_inclusion(&request, &logged.request_inclusion, &checkpoint, Check::RequestInclusion, &main.id)?;
    Ok((definitions, finality))
}

/// Checks an evaluator's word: admitted in that jurisdiction, signed, on this result.
pub fn check_confirmation(
    signed: &SignedCrossConfirmation,
    jurisdiction: &JurisdictionId,
    request: &Digest,
    result: &Digest,
    network: &Network,
) -> Result<(), Failure> {
    let confirmation = &signed.confirmation;
    let place = &confirmation.evaluator;
    let admitted = membership::check(&signed.admission, network)?;
    membership::check_role(admitted, MemberRole::Evaluator, &main_chain())?;
    let holds = |holds: bool, detail: &str| ensure(holds, Check::CrossConfirmation, place, detail);
    holds(admitted.member == confirmation.evaluator, "the admission is another's")?;
    let own = admitted.jurisdiction == *jurisdiction && confirmation.jurisdiction == *jurisdiction;
    holds(own, "it is an evaluator of another jurisdiction")?;
    holds(confirmation.request == *request, "it is about another request")?;
    holds(confirmation.result == *result, "it computed another result")?;
    let key = &admitted.signing_key;
    signing::verify_detached(key, confirmation, &signed.signature).or_failure(Check::CrossConfirmation, place)
}

/// Checks that a result has the form its request gives it, for this network's keys.
pub fn check_result(
    result: &CrossResult,
    request: &CrossRequest,
    definitions: &Definitions,
    network: &Network,
) -> Result<(), Failure> {
    let keys = lane(network)?.keys.evaluation_keys;
    let holds = |holds: bool, detail: &str| ensure(holds, Check::CrossResult, "result", detail);
    holds(result.request == request.digest(), "it is of another request")?;
    holds(keys == result.keys, "it was computed with other keys")?;
    let chains = request.spans.iter().map(|span| &span.chain);
    holds(result.manifests.iter().map(|manifest| &manifest.chain).eq(chains), "its inputs are of other chains")?;
    let of_request = result.manifests.iter().all(|manifest| manifest.request == result.request);
    holds(of_request, "its inputs are of another request")?;
    let (rows, columns) = definitions.shape(request.statistic);
    let digits = usize::from(result.count_digits) + usize::from(result.sum_digits);
    holds(result.digits.len() == rows * columns * digits, "it has another number of digits")?;
    let sums = request.statistic == CrossStatistic::Mean;
    holds(sums == (result.sum_digits > 0) && result.count_digits > 0, "it has no digits of what is asked")?;
    holds(result.digits.iter().all(|digit| digit.words.as_bytes().len() == DIGIT_BYTES), "a digit has another length")
}

/// Checks what custodians decide on: the request, the result's form, and one confirmation of each jurisdiction, in order.
pub fn check_submission(submission: &CrossSubmission, network: &Network) -> Result<Definitions, Failure> {
    let (definitions, _) = check(&submission.logged, network)?;
    let request = &submission.logged.request.request;
    check_result(&submission.result, request, &definitions, network)?;
    let jurisdictions = &network.root().jurisdictions;
    let complete = submission.confirmations.len() == jurisdictions.len();
    ensure(complete, Check::CrossConfirmation, "submission", "there is not one confirmation of each jurisdiction")?;
    let (request, result) = (request.digest(), submission.result.digest());
    for (jurisdiction, confirmation) in jurisdictions.iter().zip(&submission.confirmations) {
        check_confirmation(confirmation, &jurisdiction.id, &request, &result, network)?;
    }
    Ok(definitions)
}

/// Checks a custodian's answer: signed, on this result, a share of every digit under each summand that it holds.
pub fn check_answer(signed: &Signed<CrossAnswer>, result: &CrossResult, network: &Network) -> Result<(), Failure> {
    let answer = &signed.statement;
    let place = &answer.custodian;
    let unknown = || Failure::new(Check::AnswerSignature, place, "the trust root has no such custodian");
    let custodian = network.root().custodian(place).ok_or_else(unknown)?;
    signing::verify(&custodian.signing_key, signed).or_failure(Check::AnswerSignature, place)?;
    let holds = |holds: bool, detail: &str| ensure(holds, Check::AnswerForm, place, detail);
    holds(answer.request == result.request && answer.result == result.digest(), "it is about another result")?;
    let jurisdiction = network.root().jurisdiction(&place.jurisdiction).ok_or_else(unknown)?;
    let held = held_by(jurisdiction, place.number);
    holds(answer.shares.iter().map(|shares| shares.summand).eq(held), "it is not under the summands that it holds")?;
    let bytes = 16 * result.digits.len();
    holds(answer.shares.iter().all(|shares| shares.shares.as_bytes().len() == bytes), "it has another number of shares")
}

/// The summands of a jurisdiction, by who lacks them.
fn summands(jurisdiction: &Jurisdiction) -> Vec<Vec<u16>> {
    replicated::subsets(jurisdiction.custodians.len() as u16, jurisdiction.threshold.saturating_sub(1))
}

fn held_by(jurisdiction: &Jurisdiction, custodian: u16) -> impl Iterator<Item = u16> {
    let held = move |(index, lacking): (usize, Vec<u16>)| (!lacking.contains(&custodian)).then_some(index as u16);
    summands(jurisdiction).into_iter().enumerate().filter_map(held)
}

/// Opens a result with answers that were checked: what each cell that is shown holds.
///
/// # Errors
/// Holders of a summand that differ are both named ([`disputed`] goes on from there); a summand that nobody answered under names its jurisdiction.
pub fn open(
    request: &CrossRequest,
    definitions: &Definitions,
    result: &CrossResult,
    answers: &[Signed<CrossAnswer>],
    network: &Network,
) -> Result<Vec<CrossCell>, Failure> {
    let shares = agreed_shares(result, answers, network)?;
    let mut digits = Vec::with_capacity(result.digits.len());
    for (position, digit) in result.digits.iter().enumerate() {
        let body = word(digit.words.as_bytes(), DIGIT_BYTES / 16 - 1);
        let digit = replicated::combine(body, shares.iter().map(|shares| word(shares, position)));
        digits.push(digit.or_failure(Check::Combination, format_args!("digit {position}"))?);
    }
    Ok(cells(request, definitions, result, &digits))
}

/// A summand whose holders gave different shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disputed {
    /// Which.
    pub summand: SummandId,
    /// Those who answered under it.
    pub holders: Vec<CustodianId>,
}

/// A holder's shares under a summand.
struct Given<'a> {
    holder: &'a CustodianId,
    shares: &'a [u8],
}

/// The summands on which holders who answered differ: each holder is to prove its shares ([`check_proof`]).
pub fn disputed(answers: &[Signed<CrossAnswer>]) -> Vec<Disputed> {
    let mut given: BTreeMap<(&JurisdictionId, u16), Vec<Given<'_>>> = BTreeMap::new();
    for Signed { statement: answer, .. } in answers {
        for shares in &answer.shares {
            let key = (&answer.custodian.jurisdiction, shares.summand);
            given.entry(key).or_default().push(Given { holder: &answer.custodian, shares: shares.shares.as_bytes() });
        }
    }
    let differing =
        given.into_iter().filter(|(_, given)| given.windows(2).any(|pair| pair[0].shares != pair[1].shares));
    let disputed = differing.map(|((jurisdiction, number), given)| Disputed {
        summand: SummandId { jurisdiction: jurisdiction.clone(), number },
        holders: given.into_iter().map(|given| given.holder.clone()).collect(),
    });
    disputed.collect()
}

/// Checks that the commitments are those that the trust root names, and finds a summand's.
pub fn commitments(
    published: &PublishedSummands,
    wanted: &SummandId,
    network: &Network,
) -> Result<SummandCommitments, Failure> {
    let same = lane(network)?.keys.summands == published.digest();
    ensure(same, Check::TrustRoot, "summands", "the commitments are not those that the trust root names")?;
    let place = format_args!("{} summand {}", wanted.jurisdiction, wanted.number);
    let found = published.summands.iter().find(|published| published.summand == *wanted);
    let found = found.ok_or_else(|| Failure::new(Check::TrustRoot, place, "there is no commitment to it"))?;
    SummandCommitments::decode(found).or_failure(Check::TrustRoot, place)
}

/// Checks a holder's proof of its shares under a summand: a failure names the holder.
pub fn check_proof(
    signed: &Signed<CrossAnswer>,
    commitments: &SummandCommitments,
    proof: &SummandProof,
    result: &CrossResult,
) -> Result<(), Failure> {
    let answer = &signed.statement;
    let place = &answer.custodian;
    let given = answer.shares.iter().find(|shares| shares.summand == commitments.summand().number);
    let given = given.ok_or_else(|| Failure::new(Check::Share, place, "it gave no share under this summand"))?;
    let shares: Vec<u128> =
        given.shares.as_bytes().as_chunks::<16>().0.iter().map(|word| u128::from_le_bytes(*word)).collect();
    let mask = |digit: &CrossDigit| {
        let words = digit.words.as_bytes().as_chunks::<16>().0;
        words[..words.len().saturating_sub(1)].iter().map(|word| u128::from_le_bytes(*word)).collect()
    };
    let masks = Masks::new(result.digits.iter().map(mask).collect()).or_failure(Check::CrossResult, "result")?;
    let context = Context { request: &answer.request, result: &answer.result, holder: place };
    let answered = Answered { commitments, context, masks: &masks, shares: &shares, proof };
    summand::verify(&answered, &mut OsRng).or_failure(Check::Share, place)
}

/// The shares under every summand of every jurisdiction, on which all holders who answered agree.
fn agreed_shares<'a>(
    result: &CrossResult,
    answers: &'a [Signed<CrossAnswer>],
    network: &Network,
) -> Result<Vec<&'a [u8]>, Failure> {
    let mut found: BTreeMap<(&JurisdictionId, u16), (u16, &[u8])> = BTreeMap::new();
    for signed in answers {
        check_answer(signed, result, network)?;
        let custodian = &signed.statement.custodian;
        for shares in &signed.statement.shares {
            let bytes = shares.shares.as_bytes();
            let (other, agreed) =
                *found.entry((&custodian.jurisdiction, shares.summand)).or_insert((custodian.number, bytes));
            let place = format_args!("{} custodians {other} and {}", custodian.jurisdiction, custodian.number);
            ensure(agreed == bytes, Check::Share, place, "they hold the same summand and give different shares")?;
        }
    }
    let mut shares = Vec::new();
    for jurisdiction in &network.root().jurisdictions {
        for index in 0..summands(jurisdiction).len() as u16 {
            let missing = || {
                let threshold = jurisdiction.threshold;
                let detail = format!("not all of its summands were answered under; it takes {threshold} custodians");
                Failure::new(Check::Threshold, &jurisdiction.id, detail)
            };
            shares.push(found.get(&(&jurisdiction.id, index)).ok_or_else(missing)?.1);
        }
    }
    Ok(shares)
}

fn word(bytes: &[u8], index: usize) -> u128 {
    bytes.as_chunks::<16>().0.get(index).map_or(0, |word| u128::from_le_bytes(*word))
}

fn cells(request: &CrossRequest, definitions: &Definitions, result: &CrossResult, digits: &[u8]) -> Vec<CrossCell> {
    let (rows, columns) = definitions.shape(request.statistic);
    let cells = rows * columns;
    let (counts, sums) = digits.split_at(cells * usize::from(result.count_digits));
    let number = |digits: &[u8], cell: usize| {
        let of_cell = digits.iter().skip(cell).step_by(cells);
        of_cell.zip(0u32..).map(|(digit, place)| u64::from(*digit) << (DIGIT_BITS * place)).sum::<u64>()
    };
    let shown = |cell: usize| {
        let people = number(counts, cell);
        // The lower limit was taken off every value.
        let sum = || number(sums, cell) + people * u64::from(definitions.of.lo);
        let sum = (request.statistic == CrossStatistic::Mean).then(sum);
        let (by, of) = ((cell / columns) as u8, (cell % columns) as u8);
        (people > 0).then_some(CrossCell { by, of, people, sum })
    };
    (0..cells).filter_map(shown).collect()
}

/// Checks a release: the submission, the shares, and that they open the result to the cells shown, none under the minimum.
pub fn check_release(release: &CrossRelease, network: &Network) -> Result<Definitions, Failure> {
    let submission = &release.submission;
    let definitions = check_submission(submission, network)?;
    let request = &submission.logged.request.request;
    let opened = open(request, &definitions, &submission.result, &release.answers, network)?;
    ensure(opened == release.cells, Check::Figures, "cells", "the shares open the result to other cells")?;
    let minimum = u64::from(network.root().disclosure.minimum_people);
    let shown = release.cells.iter().all(|cell| cell.people >= minimum);
    ensure(shown, Check::Disclosure, "cells", format_args!("a cell of fewer than {minimum} people is shown"))?;
    Ok(definitions)
}
