//! Proving and verifying batches by size, and the discrete logarithm by width. A measure has five bands and its square.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nacre_benches::Provider;
use nacre_schemas::{Digest, answer::CustodianId, catalogue::Catalogue};
use nacre_zk::{batch, custody, share};
use rand::rngs::OsRng;

fn batches(criterion: &mut Criterion) {
    let provider = Provider::new();
    let mut group = criterion.benchmark_group("batch");
    group.sample_size(10);
    for size in [1_usize, 8, 64] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("prove", size), &size, |bencher, size| {
            bencher.iter(|| provider.prove(*size));
        });
        let proven = provider.prove(size);
        group.bench_with_input(BenchmarkId::new("verify", size), &proven, |bencher, proven| {
            bencher.iter(|| batch::verify(&provider.key, Catalogue::built_in(), proven, &mut OsRng));
        });
    }
    group.finish();
}

fn shares(criterion: &mut Criterion) {
    let jurisdiction = "macao".parse().expect("a jurisdiction's name");
    let generated = custody::generate(&jurisdiction, 2, 3, &mut OsRng).expect("a key for three");
    let secret = generated[0].secret();
    let custodian = CustodianId { jurisdiction, number: 1 };
    let request = Digest([9; 32]);
    // Any proper point will do for an ephemeral key.
    let key = generated[1].secret().verifying_share();
    let answer = || share::answer(secret, &request, &custodian, &key, &mut OsRng).expect("a proper key");
    criterion.bench_function("share/answer", |bencher| bencher.iter(answer));
    let answered = answer();
    let public = secret.verifying_share();
    criterion.bench_function("share/verify", |bencher| {
        bencher.iter(|| share::verify(&answered, &request, &custodian, &public));
    });
}

criterion_group!(benches, batches, shares);
criterion_main!(benches);
