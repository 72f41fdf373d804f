//! Proving and verifying batches by size, beside their peers, all in processor time of one core: the verifier of the `bulletproofs`
//! library, which takes one batch at a time and checks ranges only; and Prio3, whose two servers hold the shares of one
//! value each and talk to each other, and which proves nothing to anyone else. Our measure has five bands and its square.

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use curve25519_dalek::{ristretto::CompressedRistretto, scalar::Scalar};
use merlin::Transcript;
use nacre_benches::{Provider, processor::ProcessorTime};
use nacre_schemas::{batch::Batch, catalogue::Catalogue};
use nacre_zk::batch::{self, MemberBatch};
use prio::vdaf::{
    Aggregator, Client, VerifyTransition,
    prio3::{Prio3Histogram, Prio3Sum},
};
use rand::rngs::OsRng;
use rayon::ThreadPool;

/// Contributions of a full batch.
const FULL: usize = 64;
/// Bits of a range-proven value.
const BITS: usize = 16;

/// Rayon with one thread, so that all peers have one core.
fn one_core() -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread")
}

fn prove(criterion: &mut Criterion<ProcessorTime>) {
    let (provider, core) = (Provider::new(), one_core());
    let mut group = criterion.benchmark_group("prove");
    group.sample_size(10);
    for size in [1, 8, FULL] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("contributions", size), |bencher| {
            bencher.iter(|| core.install(|| provider.prove(size)));
        });
    }
    prio3_shard(&mut group);
    group.finish();
}

fn verify(criterion: &mut Criterion<ProcessorTime>) {
    let (provider, core) = (Provider::new(), one_core());
    let mut group = criterion.benchmark_group("verify");
    group.sample_size(10);
    let full: Vec<Batch> = (0..8).map(|_| provider.prove(FULL)).collect();
    let singles: Vec<Batch> = (0..FULL).map(|_| provider.prove(1)).collect();
    let eight = [provider.prove(8)];
    let cases: [(&str, usize, &[Batch]); 5] = [
        ("one batch", 1, &singles[..1]),
        ("one batch", 8, &eight),
        ("one batch", FULL, &full[..1]),
        ("batches of one", FULL, &singles),
        ("full batches", 8 * FULL, &full),
    ];
    for (what, contributions, batches) in cases {
        let batches: Vec<MemberBatch<'_>> = batches.iter().map(MemberBatch::from).collect();
        group.throughput(Throughput::Elements(contributions as u64));
        group.bench_function(BenchmarkId::new(what, contributions), |bencher| {
            let verify = || {
                batch::verify_all(&provider.key, Catalogue::built_in(), &batches, &mut OsRng).iter().all(Result::is_ok)
            };
            bencher.iter(|| assert!(core.install(verify)));
        });
    }
    let mut forged = full.clone();
    let response = forged[3].contributions[0].openings.proof.r;
    forged[3].contributions[40].openings.proof.v = response;
    let forged: Vec<MemberBatch<'_>> = forged.iter().map(MemberBatch::from).collect();
    group.bench_function(BenchmarkId::new("full batches, one forged", 8 * FULL), |bencher| {
        let verify = || batch::verify_all(&provider.key, Catalogue::built_in(), &forged, &mut OsRng);
        bencher.iter(|| assert_eq!(core.install(verify).iter().filter(|verdict| verdict.is_err()).count(), 1));
    });
    for size in [1, 8, FULL] {
        group.throughput(Throughput::Elements(size as u64));
        bulletproofs_ranges(&mut group, size);
    }
    prio3_verify(&mut group);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, ProcessorTime>;

/// The library's verifier on the range proof alone: two values a contribution, no sigma proofs.
fn bulletproofs_ranges(group: &mut Group<'_>, contributions: usize) {
    let values: Vec<u64> = (0..2 * contributions as u64).collect();
    let blindings: Vec<Scalar> = values.iter().map(|_| Scalar::random(&mut OsRng)).collect();
    let (generators, bases) = (BulletproofGens::new(BITS, 2 * FULL), PedersenGens::default());
    let transcript = || Transcript::new(b"bench");
    let (proof, commitments): (RangeProof, Vec<CompressedRistretto>) = RangeProof::prove_multiple_with_rng(
        &generators,
        &bases,
        &mut transcript(),
        &values,
        &blindings,
        BITS,
        &mut OsRng,
    )
    .expect("values in range");
    group.bench_function(BenchmarkId::new("bulletproofs library, ranges only", contributions), |bencher| {
        bencher.iter(|| {
            let verified =
                proof.verify_multiple_with_rng(&generators, &bases, &mut transcript(), &commitments, BITS, &mut OsRng);
            assert!(verified.is_ok());
        });
    });
}

/// Prio3's chunk length for this many buckets: the root, as its authors advise.
const HISTOGRAM: (usize, usize) = (16, 4);
/// The largest value that Prio3 sums: 12 bits, as our measures' ranges have.
const SUM_MAX: u64 = (1 << 12) - 1;
const CONTEXT: &[u8] = b"bench";
const NONCE: [u8; 16] = [7; 16];
const VERIFY_KEY: [u8; 32] = [9; 32];

fn histogram() -> Prio3Histogram {
    Prio3Histogram::new_histogram(2, HISTOGRAM.0, HISTOGRAM.1).expect("sound parameters")
}

fn sum() -> Prio3Sum {
    Prio3Sum::new_sum(2, SUM_MAX).expect("sound parameters")
}

fn prio3_shard(group: &mut Group<'_>) {
    group.throughput(Throughput::Elements(1));
    let (histogram, sum) = (histogram(), sum());
    group.bench_function("Prio3Histogram, 16 buckets", |bencher| {
        bencher.iter(|| histogram.shard(CONTEXT, &5, &NONCE).expect("a bucket"));
    });
    group.bench_function("Prio3Sum, 12 bits", |bencher| {
        bencher.iter(|| sum.shard(CONTEXT, &1_234, &NONCE).expect("a value in range"));
    });
}

/// What both servers compute to verify one value, one after the other.
fn verify_prio3<V>(vdaf: &V, public: &V::PublicShare, shares: &[V::InputShare]) -> [V::OutputShare; 2]
where
    V: Aggregator<32, 16, AggregationParam = ()>,
{
    let init = |server: usize| {
        vdaf.verify_init(&VERIFY_KEY, CONTEXT, server, &(), &NONCE, public, &shares[server]).expect("an input share")
    };
    let ((first, first_share), (second, second_share)) = (init(0), init(1));
    let message = vdaf.verifier_shares_to_message(CONTEXT, &(), [first_share, second_share]).expect("it verifies");
    [first, second].map(|state| match vdaf.verify_next(CONTEXT, state, message.clone()).expect("it verifies") {
        VerifyTransition::Finish(share) => share,
        VerifyTransition::Continue(..) => unreachable!("Prio3 takes one round"),
    })
}

fn prio3_verify(group: &mut Group<'_>) {
    group.throughput(Throughput::Elements(1));
    let (histogram, sum) = (histogram(), sum());
    let (public, shares) = histogram.shard(CONTEXT, &5, &NONCE).expect("a bucket");
    group.bench_function("Prio3Histogram, 16 buckets, both servers", |bencher| {
        bencher.iter(|| verify_prio3(&histogram, &public, &shares));
    });
    let (public, shares) = sum.shard(CONTEXT, &1_234, &NONCE).expect("a value in range");
    group.bench_function("Prio3Sum, 12 bits, both servers", |bencher| {
        bencher.iter(|| verify_prio3(&sum, &public, &shares));
    });
}

criterion_group!(name = benches; config = Criterion::default().with_measurement(ProcessorTime); targets = prove, verify);
criterion_main!(benches);
