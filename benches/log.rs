//! Durable appends by number of callers: entries of 256 bytes, fsync on, group commit.

use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nacre_ledger::{
    log::{Log, LogOptions},
    signing::SigningKey,
};

/// Appends of each caller in one measurement.
const APPENDS: u64 = 32;

fn appends(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10);
    for callers in [1_u64, 8, 64] {
        // A fresh log a size, in the working directory: a temporary folder may lie in memory, where fsync is free.
        let folder = tempfile::tempdir_in(".").expect("a folder");
        let key = SigningKey::generate().expect("randomness");
        let log = Log::open(folder.path(), "bench.nacre/region/820000", key, LogOptions::default()).expect("a log");
        group.throughput(Throughput::Elements(callers * APPENDS));
        group.bench_with_input(BenchmarkId::new("callers", callers), &callers, |bencher, callers| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    for _ in 0..*callers {
                        scope.spawn(|| {
                            for _ in 0..APPENDS {
                                log.blocking_append(vec![vec![7; 256]]).expect("an append");
                            }
                        });
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, appends);
criterion_main!(benches);
