//! Proven shares of the cross lane: what it costs a holder to answer for digits under a key of 4,096 words, and whoever
//! verifies to check answers, by number of digits and of answers, all in processor time. Peers: the same share without a
//! proof, and the `bulletproofs` library's verifier on as many ranges, one proof at a time.

use std::hint::black_box;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use nacre_benches::processor::ProcessorTime;
use nacre_schemas::{
    Digest, Document as _,
    answer::CustodianId,
    summand::{SummandId, SummandProof},
};
use nacre_zk::{
    replicated::{Expanded, Summand},
    summand::{self, Answered, Context, Masks, SummandCommitments},
};
use rand::{Rng as _, rngs::OsRng};

const WORDS: usize = 4_096;
/// Digits of a full result: sixteen cells of three.
const DIGITS: usize = 48;
/// Summands of three jurisdictions whose custodians decrypt two of three.
const SUMMANDS: u16 = 9;
const HOLDERS: u16 = 2;
/// Limbs that one range proof of the library's is about.
const LIMBS: usize = 128;
const REQUEST: Digest = Digest([7; 32]);
const RESULT: Digest = Digest([8; 32]);

fn words() -> Vec<u128> {
    (0..WORDS).map(|_| OsRng.r#gen()).collect()
}

fn masks(digits: usize) -> Masks {
    Masks::new((0..digits).map(|_| words()).collect()).expect("no more than there may be")
}

fn id(number: u16) -> SummandId {
    SummandId { jurisdiction: "macao".parse().expect("a name"), number }
}

fn deal(number: u16) -> (Expanded, SummandCommitments) {
    let summand = Summand::from_seed(OsRng.r#gen()).expand(WORDS);
    let published = summand::commit(&summand, id(number)).expect("no more words than there may be");
    (summand, SummandCommitments::decode(&published).expect("points"))
}

fn holder(number: u16) -> CustodianId {
    CustodianId { jurisdiction: "macao".parse().expect("a name"), number }
}

fn context(holder: &CustodianId) -> Context<'_> {
    Context { request: &REQUEST, result: &RESULT, holder }
}

/// One holder's shares by one summand.
struct Answer<'a> {
    commitments: &'a SummandCommitments,
    holder: CustodianId,
    masks: &'a Masks,
    shares: Vec<u128>,
    proof: SummandProof,
}

impl<'a> Answer<'a> {
    fn new((summand, commitments): &'a (Expanded, SummandCommitments), number: u16, masks: &'a Masks) -> Self {
        let holder = holder(number);
        let (shares, proof) =
            summand::prove(summand, commitments, &context(&holder), masks, &mut OsRng).expect("it fits");
        Self { commitments, holder, masks, shares, proof }
    }

    fn as_answered(&self) -> Answered<'_> {
        let Self { commitments, holder, masks, shares, proof } = self;
        Answered { commitments, context: context(holder), masks, shares, proof }
    }
}

fn give(criterion: &mut Criterion<ProcessorTime>) {
    let dealt = deal(1);
    let mut group = criterion.benchmark_group("summand");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("commit", |bencher| bencher.iter(|| summand::commit(&dealt.0, id(1))));
    let published = summand::commit(&dealt.0, id(1)).expect("no more words than there may be");
    println!("commitments: {} bytes", published.to_canonical().len());
    group.bench_function("decode", |bencher| bencher.iter(|| SummandCommitments::decode(&published)));
    for digits in [1, 16, DIGITS] {
        let masks = masks(digits);
        group.bench_function(BenchmarkId::new("prove, digits", digits), |bencher| {
            bencher.iter(|| Answer::new(&dealt, 1, &masks));
        });
        println!("{digits} digits: {} bytes of proof", Answer::new(&dealt, 1, &masks).proof.to_canonical().len());
    }
    let mask = words();
    group.bench_function("peer, a share without a proof", |bencher| {
        bencher.iter(|| dealt.0.share(black_box(&mask), &RESULT, 0));
    });
    group.finish();
}

fn check(criterion: &mut Criterion<ProcessorTime>) {
    let dealt: Vec<_> = (1..=SUMMANDS).map(deal).collect();
    let mut group = criterion.benchmark_group("summand");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for digits in [1, 16, DIGITS] {
        let masks = masks(digits);
        let answer = Answer::new(&dealt[0], 1, &masks);
        group.bench_function(BenchmarkId::new("verify, digits", digits), |bencher| {
            bencher.iter(|| summand::verify(&answer.as_answered(), &mut OsRng).expect("it holds"));
        });
    }
    let masks = masks(DIGITS);
    let by_both = |dealt| (1..=HOLDERS).map(move |number| (dealt, number));
    let all = dealt.iter().flat_map(by_both).map(|(dealt, number)| Answer::new(dealt, number, &masks));
    let mut answers: Vec<Answer<'_>> = all.collect();
    let refused = |answers: &[Answer<'_>]| {
        let answered: Vec<_> = answers.iter().map(Answer::as_answered).collect();
        summand::verify_all(&answered, &mut OsRng).into_iter().filter(Result::is_err).count()
    };
    group.bench_function(BenchmarkId::new("verify, answers of 48", answers.len()), |bencher| {
        bencher.iter(|| assert_eq!(refused(&answers), 0));
    });
    answers[5].shares.swap(0, 1);
    group.bench_function(BenchmarkId::new("verify, one of them false", answers.len()), |bencher| {
        bencher.iter(|| assert_eq!(refused(&answers), 1));
    });
    group.finish();
}

/// As many ranges as an answer of 48 has, in three proofs of 128 limbs.
fn library(criterion: &mut Criterion<ProcessorTime>) {
    let (generators, bases) = (BulletproofGens::new(64, LIMBS), PedersenGens::default());
    let blindings: Vec<Scalar> = (0..LIMBS).map(|_| Scalar::random(&mut OsRng)).collect();
    let values: Vec<u64> = (0..LIMBS).map(|_| OsRng.r#gen()).collect();
    let (proof, commitments) =
        RangeProof::prove_multiple(&generators, &bases, &mut Transcript::new(b"peer"), &values, &blindings, 64)
            .expect("64 bits");
    let mut group = criterion.benchmark_group("summand");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("peer, the library's verifier, ranges of 48", |bencher| {
        bencher.iter(|| {
            for _ in 0..DIGITS * 8 / LIMBS {
                let transcript = &mut Transcript::new(b"peer");
                proof.verify_multiple(&generators, &bases, transcript, &commitments, 64).expect("it holds");
            }
        });
    });
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = give, check, library
);
criterion_main!(benches);
