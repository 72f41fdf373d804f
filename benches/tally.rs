//! A figure's way by what it costs to add: summing the records of an epoch when it is sealed, which is done once, and summing
//! the sealed cells when somebody asks, which depends on cells only; the discrete logarithm at the end; a custodian's
//! share; and checking a whole release by its number of cells.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use nacre_benches::{Provider, network::Network, processor::ProcessorTime, region};
use nacre_hosting::trust;
use nacre_regulator::{Outcome, Question};
use nacre_schemas::{
    Digest,
    answer::CustodianId,
    cohort::{AgeBand, Sex},
    contribution::Commitments,
    limits,
    pseudonym::{Evaluation, EvaluationRequest},
    query::{Quantity, Statistic},
    release::Release,
};
use nacre_zk::{
    MessagePoint,
    custody::{self, KeyShare},
    dlog,
    pseudonym::{self, Blinding, Checked, Keys},
    share,
    tally::{self, CommitmentSums},
};
use rand::rngs::OsRng;

/// Contributions that records are taken from, over and over: their points are no easier to decode for that.
const DISTINCT: usize = 64;
/// Cells of a year of 23 regions: one sex and age band each.
const YEAR_CELLS: usize = 12 * 23;

fn commitments(provider: &Provider) -> Vec<Commitments> {
    provider.prove(DISTINCT).contributions.into_iter().map(|contribution| contribution.commitments).collect()
}

fn sums(criterion: &mut Criterion<ProcessorTime>) {
    let commitments = commitments(&Provider::new());
    let bands = commitments[0].bands.len();
    let mut group = criterion.benchmark_group("sum");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for records in [10_000, 100_000_usize] {
        group.throughput(Throughput::Elements(records as u64));
        group.bench_function(BenchmarkId::new("records, when an epoch is sealed", records), |bencher| {
            bencher.iter(|| {
                let mut sum = CommitmentSums::new(bands);
                for commitments in commitments.iter().cycle().take(records) {
                    sum.add(commitments).expect("proper points");
                }
                black_box(sum.finish())
            });
        });
    }
    for cells in [YEAR_CELLS, 36 * YEAR_CELLS] {
        group.throughput(Throughput::Elements(cells as u64));
        group.bench_function(BenchmarkId::new("cells, of any number of records, count and mean", cells), |bencher| {
            bencher.iter(|| {
                let cells = || commitments.iter().cycle().take(cells);
                [Quantity::Count, Quantity::Sum].map(|quantity| {
                    let points: Vec<_> =
                        cells().map(|cell| tally::commitment_of(cell, quantity).expect("proper points")).collect();
                    tally::sum_points(&points).expect("proper points")
                })
            });
        });
    }
    group.finish();
}

fn discrete_logarithm(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("dlog");
    group.sample_size(10);
    for bits in [20_u32, 30, 36, 40] {
        let last = 1_u64 << bits;
        let point = MessagePoint::of(last - last / 7);
        group.bench_function(BenchmarkId::new("bits", bits), |bencher| {
            bencher.iter(|| dlog::solve(&point, 0..=last).expect("it is in the range"));
        });
    }
    group.finish();
}

fn shares(criterion: &mut Criterion<ProcessorTime>) {
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

/// What naming people costs, a request of as many as one takes.
fn pseudonyms(criterion: &mut Criterion<ProcessorTime>) {
    let dealt = ["guangdong", "hongkong", "macao"].map(|name| {
        let jurisdiction = name.parse().expect("a jurisdiction's name");
        custody::generate(&jurisdiction, 2, 3, &mut OsRng).expect("a key for three")
    });
    let keys = Keys::of_groups(dealt.iter().map(|shares| shares[0].keys().clone()));
    let provider = "hospital".parse().expect("a name");
    let people: Vec<_> = (0..limits::MAX_BLINDED as u64).map(|person| person.to_be_bytes().to_vec().into()).collect();
    let blind = || Blinding::new(&provider, people.clone(), &mut OsRng).expect("as many as a request takes");
    let evaluate = |share: &KeyShare, request: &EvaluationRequest| {
        pseudonym::evaluate(share.secret(), request, &share.custodian(), &mut OsRng).expect("proper points")
    };
    let check = |share: &KeyShare, request: &EvaluationRequest, part: &Evaluation| {
        keys.check(request, &share.custodian(), part).expect("its own part")
    };
    let (first, request) = (&dealt[0][0], blind().request().clone());
    let part = evaluate(first, &request);
    let answered = || {
        let blinding = blind();
        let present = dealt.iter().flat_map(|shares| &shares[..2]);
        let part = |share: &KeyShare| check(share, blinding.request(), &evaluate(share, blinding.request()));
        let parts: Vec<_> = present.map(part).collect();
        (blinding, parts)
    };
    let mut group = criterion.benchmark_group("pseudonym");
    group.sample_size(10).throughput(Throughput::Elements(limits::MAX_BLINDED as u64));
    group.bench_function("blind", |bencher| bencher.iter(blind));
    group.bench_function("evaluate", |bencher| bencher.iter(|| evaluate(first, &request)));
    group.bench_function("check a part", |bencher| bencher.iter(|| check(first, &request, &part)));
    group.bench_function("finish, six parts", |bencher| {
        let finish =
            |(blinding, parts): (Blinding, Vec<Checked>)| blinding.finish(&keys, &parts).expect("enough parts");
        bencher.iter_batched(answered, finish, BatchSize::PerIteration);
    });
    group.finish();
}

/// A release over so many cells: a contribution in each, posted, sealed, asked for and opened on a network of its own.
async fn release(cells: usize) -> anyhow::Result<(Release, nacre_verifier::Network)> {
    let network = Network::start(&[region()]).await?;
    let hospital = &network.hospitals[0];
    let client = hospital.client()?;
    let ages = (0..18).flat_map(|band| [Sex::Female, Sex::Male].map(|sex| (sex, 5 * band)));
    let all: Vec<(String, Sex, u32)> = (0..)
        .flat_map(|month| {
            let period = format!("{}-{:02}", 2020 + month / 12, month % 12 + 1);
            ages.clone().map(move |(sex, age)| (period.clone(), sex, age))
        })
        .take(cells)
        .collect();
    for cells in all.chunks(64) {
        let batch = hospital.sign(hospital.provider.prove_cells(cells));
        hospital.post(&client, batch).await?;
    }
    network.seal().await?;
    let last = &all[all.len() - 1].0;
    let question = Question {
        measure: nacre_benches::measure().id.clone(),
        version: None,
        regions: Vec::new(),
        from: "2020-01".parse().map_err(anyhow::Error::msg)?,
        to: last.parse().map_err(anyhow::Error::msg)?,
        sexes: Vec::new(),
        youngest: AgeBand::of_age(0),
        oldest: AgeBand::TOP,
        group_by: Vec::new(),
        statistics: vec![Statistic::Count, Statistic::Mean],
        through: std::collections::BTreeMap::new(),
        purpose: "a benchmark".parse().map_err(anyhow::Error::msg)?,
    };
    let config = nacre_regulator::Config::read(&network.places.regulator)?;
    let Outcome { release, .. } = nacre_regulator::query(&config, &question, &()).await?;
    let trust = trust::read(&network.places.trust)?;
    network.stop().await?;
    Ok((release, trust))
}

fn verify_release(criterion: &mut Criterion<ProcessorTime>) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let mut group = criterion.benchmark_group("release");
    group.sample_size(10);
    for cells in [36, 36 * 8] {
        let (release, network) = runtime.block_on(release(cells)).expect("an answer");
        group.throughput(Throughput::Elements(cells as u64));
        group.bench_function(BenchmarkId::new("verify, cells", cells), |bencher| {
            bencher.iter(|| nacre_verifier::release::check(&release, &network).expect("it holds"));
        });
    }
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = sums, discrete_logarithm, shares, pseudonyms, verify_release
);
criterion_main!(benches);
