//! Honest shares, and shares that are another's, for something else, or changed on the way. What a liar can prove is in
//! `forged`.

mod forged;

use std::collections::BTreeSet;

use nacre_schemas::{
    Blob, Document as _, Point,
    canonical::fields,
    summand::{PublishedSummand, ShareLimbs, SummandId, SummandProof},
};
use proptest::prelude::*;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{
    encoding::Place,
    fixture::rng,
    replicated::{self, Expanded, Summand},
};

/// How far apart digits are.
const DELTA: u128 = 1 << replicated::DIGIT_LOG;

fn id(number: u16) -> SummandId {
    SummandId { jurisdiction: "macao".parse().unwrap(), number }
}

fn holder(number: u16) -> CustodianId {
    CustodianId { jurisdiction: "macao".parse().unwrap(), number }
}

/// A summand, and what its dealer published.
struct Dealt {
    summand: Expanded,
    published: PublishedSummand,
    commitments: SummandCommitments,
}

fn deal(number: u16, summand: Expanded) -> Dealt {
    let published = commit(&summand, id(number)).unwrap();
    let commitments = SummandCommitments::decode(&published).unwrap();
    Dealt { summand, published, commitments }
}

fn expanded(seed: u8, words: usize) -> Expanded {
    Summand::from_seed([seed; 32]).expand(words)
}

fn random(count: usize, seed: u64) -> Vec<u128> {
    let mut rng = rng(seed);
    (0..count).map(|_| rng.r#gen()).collect()
}

fn random_masks(digits: usize, words: usize) -> Masks {
    Masks::new((0..digits).map(|position| random(words, 100 + position as u64)).collect()).unwrap()
}

/// All that shares are of.
struct Case {
    dealt: Dealt,
    request: Digest,
    result: Digest,
    holder: CustodianId,
    masks: Masks,
}

/// What a holder sends.
#[derive(Clone)]
struct Sent {
    shares: Vec<u128>,
    proof: SummandProof,
}

impl Case {
    fn new(summand: Expanded, masks: Masks) -> Self {
        Self { dealt: deal(1, summand), request: Digest([7; 32]), result: Digest([8; 32]), holder: holder(1), masks }
    }

    fn random(digits: usize, words: usize) -> Self {
        Self::new(expanded(1, words), random_masks(digits, words))
    }

    fn context(&self) -> Context<'_> {
        Context { request: &self.request, result: &self.result, holder: &self.holder }
    }

    fn prove(&self) -> Sent {
        self.prove_with(&mut rng(2))
    }

    fn prove_with(&self, rng: &mut ChaCha20Rng) -> Sent {
        let Dealt { summand, commitments, .. } = &self.dealt;
        let (shares, proof) = prove(summand, commitments, &self.context(), &self.masks, rng).unwrap();
        Sent { shares, proof }
    }

    fn answered<'a>(&'a self, sent: &'a Sent) -> Answered<'a> {
        Answered {
            commitments: &self.dealt.commitments,
            context: self.context(),
            masks: &self.masks,
            shares: &sent.shares,
            proof: &sent.proof,
        }
    }

    fn verify(&self, sent: &Sent) -> Result<(), SummandError> {
        verify(&self.answered(sent), &mut rng(3))
    }

    /// What the shares must be.
    fn expected(&self) -> Vec<u128> {
        let share =
            |(mask, position): (&Vec<u128>, u32)| self.dealt.summand.share(mask, &self.result, position).unwrap();
        self.masks.masks().iter().zip(0..).map(share).collect()
    }
}

#[test]
fn honest_shares_are_right_and_verify_however_many() {
    for digits in [1, 3, 16, 17] {
        let case = Case::random(digits, 5);
        let sent = case.prove();
        assert_eq!(sent.shares, case.expected());
        assert_eq!(case.verify(&sent), Ok(()), "{digits} digits");
        assert_eq!(SummandProof::from_canonical(&sent.proof.to_canonical()), Ok(sent.proof));
    }
}

#[test]
fn the_extremes_verify() {
    let greatest = limits::MAX_MASK_WORDS;
    for words in [1, 2, greatest / 2 + 1, greatest] {
        let all = |word| vec![word; words];
        let masks = [0, 1, u128::from(u64::MAX), !u128::from(u64::MAX), u128::MAX];
        let masks = Masks::new(masks.map(all).into()).unwrap();
        for word in [0, u128::MAX] {
            let case = Case::new(Expanded::of_words(all(word), [1; 32]), masks.clone());
            let sent = case.prove();
            assert_eq!(sent.shares, case.expected());
            assert_eq!(case.verify(&sent), Ok(()), "{words} words of {word:x}");
        }
    }
}

#[test]
fn holders_give_the_same_shares_and_proofs_of_their_own() {
    let mut case = Case::random(2, 4);
    let first = case.prove();
    case.holder = holder(2);
    let second = case.prove();
    assert_eq!(first.shares, second.shares);
    assert_eq!((case.verify(&first), case.verify(&second)), (Err(SummandError::Proof), Ok(())));
}

#[test]
fn a_repeated_random_stream_repeats_no_blinding() {
    let case = Case::random(2, 4);
    let other = Case { request: Digest([9; 32]), ..Case::random(2, 4) };
    let points = |sent: Sent| {
        let of_digit =
            |limbs: &ShareLimbs| [&[limbs.rest][..], &limbs.quotient, &limbs.flooding, &limbs.carry].concat();
        sent.proof.limbs.iter().flat_map(of_digit).collect::<Vec<Point>>()
    };
    let distinct: BTreeSet<Point> = [case.prove(), other.prove()].map(points).concat().into_iter().collect();
    assert_eq!(distinct.len(), 2 * 2 * limits::SHARE_LIMBS);
}

#[test]
fn a_proof_holds_for_its_request_its_summand_and_its_masks() {
    let sent = Case::random(2, 4).prove();
    let verdict = |change: fn(&mut Case)| {
        let mut changed = Case::random(2, 4);
        change(&mut changed);
        changed.verify(&sent)
    };
    assert_eq!(verdict(|_| ()), Ok(()));
    let changes: [fn(&mut Case); 9] = [
        |case| case.request.0[31] ^= 1,
        |case| case.result.0[0] ^= 1,
        |case| case.holder.number = 3,
        |case| case.holder.jurisdiction = "guangdong".parse().unwrap(),
        // The same words with other blindings; another word; another number; another summand.
        |case| case.dealt = deal(1, Expanded::of_words(case.dealt.summand.words().to_vec(), [9; 32])),
        |case| {
            let mut words = case.dealt.summand.words().to_vec();
            words[2] ^= 1;
            case.dealt = deal(1, Expanded::of_words(words, [1; 32]));
        },
        |case| case.dealt = deal(2, expanded(1, 4)),
        |case| case.dealt = deal(1, expanded(2, 4)),
        |case| {
            let mut masks = case.masks.masks().to_vec();
            masks[1][3] ^= 1 << 127;
            case.masks = Masks::new(masks).unwrap();
        },
    ];
    for (position, change) in changes.into_iter().enumerate() {
        assert_eq!(verdict(change), Err(SummandError::Proof), "change {position}");
    }
    let turned = |case: &mut Case| case.masks = Masks::new(case.masks.masks().iter().rev().cloned().collect()).unwrap();
    assert_eq!(verdict(turned), Err(SummandError::Proof));
}

#[test]
fn a_share_that_is_off_is_refused() {
    let case = Case::random(2, 4);
    let honest = case.prove();
    for error in [1, 1 << 64, 1 << 110, 1 << 112, DELTA, 3 * DELTA, 1 << 127, u128::MAX] {
        for position in [0, 1] {
            let mut sent = honest.clone();
            sent.shares[position] = sent.shares[position].wrapping_add(error);
            assert_eq!(case.verify(&sent), Err(SummandError::Proof), "{error:x}");
        }
    }
    let mut swapped = honest;
    swapped.shares.swap(0, 1);
    assert_eq!(case.verify(&swapped), Err(SummandError::Proof));
    swapped.proof.limbs.swap(0, 1);
    assert_eq!(case.verify(&swapped), Err(SummandError::Proof));
}

#[test]
fn no_field_can_be_changed() {
    let case = Case::random(2, 3);
    let honest = case.prove();
    let other = case.prove_with(&mut rng(4)).proof.to_canonical();
    let (bytes, fields) = fields(&honest.proof);
    assert_eq!(fields.len(), 1 + 2 * limits::SHARE_LIMBS + 2);
    for field in &fields {
        let mut flipped = bytes.clone();
        flipped[field.bytes.end - 1] ^= 1;
        let mut replaced = bytes.clone();
        replaced[field.bytes.clone()].copy_from_slice(&other[field.bytes.clone()]);
        for changed in [flipped, replaced] {
            let proof = SummandProof::from_canonical(&changed);
            let accepted = proof.is_ok_and(|proof| case.verify(&Sent { proof, ..honest.clone() }).is_ok());
            assert_eq!(accepted, changed == bytes, "{}", field.path);
        }
    }
}

#[test]
fn no_element_of_a_range_proof_can_be_changed() {
    let case = Case::random(1, 3);
    let honest = case.prove();
    let bytes = honest.proof.range_proofs[0].as_bytes().to_vec();
    let other = case.prove_with(&mut rng(4)).proof.range_proofs[0].as_bytes().to_vec();
    assert_eq!(bytes.len(), 27 * 32);
    for element in 0..27 {
        let place = element * 32..(element + 1) * 32;
        let mut changed = bytes.clone();
        changed[place.clone()].copy_from_slice(&other[place]);
        let mut sent = honest.clone();
        sent.proof.range_proofs = vec![Blob::new(changed).unwrap()];
        assert_eq!(case.verify(&sent), Err(SummandError::Proof), "element {element}");
    }
}

#[test]
fn what_is_not_well_formed_is_named() {
    let case = Case::random(17, 2);
    let honest = case.prove();
    let refused = |change: &dyn Fn(&mut Sent)| {
        let mut sent = honest.clone();
        change(&mut sent);
        case.verify(&sent).unwrap_err()
    };
    let shares = |found| SummandError::Shares { expected: 17, found };
    assert_eq!(refused(&|sent| sent.shares.truncate(16)), shares(16));
    assert_eq!(refused(&|sent| sent.shares.push(0)), shares(18));
    assert_eq!(refused(&|sent| sent.proof.limbs.clear()), shares(0));
    let range_proofs = |found| SummandError::RangeProofs { expected: 2, found };
    assert_eq!(refused(&|sent| sent.proof.range_proofs.truncate(1)), range_proofs(1));
    assert_eq!(refused(&|sent| sent.proof.range_proofs.push(sent.proof.range_proofs[0].clone())), range_proofs(3));
    let source = RangeProofError::Length { expected: 35 * 32, found: 27 * 32 };
    let swapped = SummandError::RangeProof { position: 0, source };
    assert_eq!(refused(&|sent| sent.proof.range_proofs.swap(0, 1)), swapped);

    let limb = |source| SummandError::Limb { digit: 16, source };
    let rest = EncodingError::Point(Place::of("the rest"));
    assert_eq!(refused(&|sent| sent.proof.limbs[16].rest = Point([0xff; 32])), limb(rest));
    let identity = |field, position| limb(EncodingError::Identity(Place::at(field, position)));
    let point = Point([0; 32]);
    for position in 0..3 {
        let change = |sent: &mut Sent| sent.proof.limbs[16].quotient[position] = point;
        assert_eq!(refused(&change), identity("quotient", position));
    }
    for position in 0..2 {
        let change = |sent: &mut Sent| sent.proof.limbs[16].flooding[position] = point;
        assert_eq!(refused(&change), identity("flooding", position));
        let change = |sent: &mut Sent| sent.proof.limbs[16].carry[position] = point;
        assert_eq!(refused(&change), identity("carry", position));
    }
}

#[test]
fn numbers_of_words_and_digits_are_capped_and_compared() {
    let (too_many, other) = (limits::MAX_MASK_WORDS + 1, SummandError::OtherLength { expected: 2, found: 3 });
    let refused = |masks| Masks::new(masks).unwrap_err();
    assert_eq!(refused(Vec::new()), SummandError::Digits(0));
    assert_eq!(refused(vec![vec![0]; MAX_DIGITS + 1]), SummandError::Digits(MAX_DIGITS + 1));
    assert_eq!(refused(vec![Vec::new()]), SummandError::Words(0));
    assert_eq!(refused(vec![vec![0; too_many]]), SummandError::Words(too_many));
    assert_eq!(refused(vec![vec![0; 2], vec![0; 3]]), other);
    assert_eq!(commit(&expanded(1, 0), id(1)).unwrap_err(), SummandError::Words(0));
    assert_eq!(commit(&expanded(1, too_many), id(1)).unwrap_err(), SummandError::Words(too_many));

    let case = Case::random(1, 2);
    let sent = case.prove();
    let (wide, Dealt { summand, commitments, .. }) = (random_masks(1, 3), &case.dealt);
    assert_eq!(prove(summand, commitments, &case.context(), &wide, &mut rng(1)).unwrap_err(), other);
    assert_eq!(verify(&Answered { masks: &wide, ..case.answered(&sent) }, &mut rng(1)), Err(other.clone()));
    let wide = expanded(1, 3);
    assert_eq!(prove(&wide, commitments, &case.context(), &case.masks, &mut rng(1)).unwrap_err(), other);
}

#[test]
fn a_holder_sees_whether_it_was_dealt_what_was_published() {
    let dealt = deal(1, expanded(1, 6));
    assert_eq!(commit(&expanded(1, 6), id(1)).unwrap(), dealt.published);
    assert_ne!(commit(&expanded(2, 6), id(1)).unwrap(), dealt.published);
    let mut words = dealt.summand.words().to_vec();
    words[5] ^= 1 << 127;
    assert_ne!(commit(&Expanded::of_words(words, [1; 32]), id(1)).unwrap(), dealt.published);
    // Whoever does not look is found out by its own proofs.
    let mut other = Case::random(1, 6);
    other.dealt.summand = expanded(2, 6);
    assert_eq!(other.verify(&other.prove()), Err(SummandError::Proof));
}

#[test]
fn malformed_commitments_are_named() {
    let dealt = deal(1, expanded(1, 3));
    let decode = |change: fn(&mut Vec<u8>)| {
        let mut bytes = dealt.published.commitments.as_bytes().to_vec();
        change(&mut bytes);
        let published = PublishedSummand { commitments: Blob::new(bytes).unwrap(), ..dealt.published.clone() };
        SummandCommitments::decode(&published).map(|_| ())
    };
    let place = |position| Place::at("commitment", position);
    assert_eq!(decode(|_| ()), Ok(()));
    let identity = SummandError::Commitment(EncodingError::Identity(place(1)));
    assert_eq!(decode(|bytes| bytes[32..64].fill(0)), Err(identity));
    let none = SummandError::Commitment(EncodingError::Point(place(2)));
    assert_eq!(decode(|bytes| bytes[64..].fill(0xff)), Err(none));
    assert_eq!(decode(|bytes| bytes.truncate(95)), Err(SummandError::Bytes(95)));
    assert_eq!(decode(|bytes| bytes.clear()), Err(SummandError::Words(0)));
}

#[test]
fn those_who_lie_are_found_among_those_who_do_not() {
    let masks = random_masks(3, 4);
    let of = |(number, by): (u8, u16)| Case {
        dealt: deal(number.into(), expanded(number, 4)),
        holder: holder(by),
        ..Case::new(expanded(1, 4), masks.clone())
    };
    let cases: Vec<Case> = (1..=3).flat_map(|number| [(number, 1), (number, 2)]).map(of).collect();
    let mut sent: Vec<Sent> = cases.iter().map(Case::prove).collect();
    let verdicts = |sent: &[Sent]| {
        let answers: Vec<_> = cases.iter().zip(sent).map(|(case, sent)| case.answered(sent)).collect();
        verify_all(&answers, &mut rng(5))
    };
    assert_eq!(verdicts(&sent), [const { Ok(()) }; 6]);
    assert_eq!(verify_all(&[], &mut rng(5)), []);
    sent[1].shares[2] ^= DELTA;
    sent[2].proof.range_proofs.clear();
    sent[5].proof.limbs[0].carry = sent[4].proof.limbs[0].carry;
    let expected = [
        Ok(()),
        Err(SummandError::Proof),
        Err(SummandError::RangeProofs { expected: 1, found: 0 }),
        Ok(()),
        Ok(()),
        Err(SummandError::Proof),
    ];
    assert_eq!(verdicts(&sent), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn shares_of_any_summand_and_masks_verify_until_a_bit_changes(
        seed: u64, words in 1..6_usize, digits in 1..3_usize, narrow: [bool; 2], bit in 0..128_u32,
    ) {
        let mut random = rng(seed);
        let mut draw = |narrow: bool| random.r#gen::<u128>() >> if narrow { random.gen_range(0..128) } else { 0 };
        let summand = Expanded::of_words((0..words).map(|_| draw(narrow[0])).collect(), [1; 32]);
        let masks = (0..digits).map(|_| (0..words).map(|_| draw(narrow[1])).collect()).collect();
        let case = Case::new(summand, Masks::new(masks).unwrap());
        let mut sent = case.prove();
        prop_assert_eq!(&sent.shares, &case.expected());
        prop_assert_eq!(case.verify(&sent), Ok(()));
        sent.shares[0] ^= 1 << bit;
        prop_assert_eq!(case.verify(&sent), Err(SummandError::Proof));
    }
}
