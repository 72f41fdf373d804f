//! Whole computations: what they give, opened with the key and held against the truth; what an interruption costs; what
//! another process with another number of threads gives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    env,
    fs::{self, File},
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use nacre_fhe::{
    FheError, arithmetic,
    crosstab::CHUNK,
    job::{Digits, Job, Task},
    keys::{EvaluationKeys, PublicKey, SecretKeys, SeededEvaluationKeys},
    list::Plain,
    matching::People,
    params::{CROSS_1, LIST_CONTRIBUTIONS},
};
use nacre_schemas::{
    Blob, Digest, Document as _,
    catalogue::Catalogue,
    cross::{CrossInput, CrossInputs, CrossMeasure, CrossRequest, CrossResult, CrossStatistic},
    query::SealSpan,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

const CHAIN: &str = "region/440100";
/// Where a process of its own finds what to compute.
const FOLDER: &str = "NACRE_CROSS_JOB_FOLDER";

/// People of that process, and how many it adds at a time: few here, and many in chunks of the real size in the campaign.
fn scale() -> (usize, usize) {
    let full = env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full");
    if full { (2_000, CHUNK) } else { (30, 3) }
}

struct Keys {
    secret: Vec<u128>,
    public: PublicKey,
    evaluation: EvaluationKeys,
    digest: Digest,
    file: PathBuf,
}

/// One set for all tests: generating it takes most of their time.
fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secret = SecretKeys::generate(&CROSS_1).unwrap();
        let public = secret.public_key().unwrap();
        let seeded = secret.evaluation_keys(vec![0; CROSS_1.shared_dimension().0]).unwrap();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("job-evaluation-keys");
        let digest = seeded.write(BufWriter::new(File::create(&file).unwrap())).unwrap();
        Keys { secret: secret.shared(), public, evaluation: seeded.load(), digest, file }
    })
}

fn request(statistic: CrossStatistic) -> CrossRequest {
    let measure = |id: &str| {
        let definition = Catalogue::built_in().newest(&id.parse().unwrap()).unwrap();
        CrossMeasure { measure: definition.reference(), definition: definition.digest() }
    };
    CrossRequest {
        trust: Digest([0; 32]),
        requester: "commission".parse().unwrap(),
        statistic,
        by: measure("mvpa-minutes"),
        of: measure("hba1c"),
        from: "2026-01".parse().unwrap(),
        to: "2026-03".parse().unwrap(),
        spans: vec![SealSpan { chain: CHAIN.parse().unwrap(), first: 1, last: 1, hash: Digest([1; 32]) }],
        purpose: "a test".parse().unwrap(),
        nonce: Digest([2; 32]),
    }
}

/// People: bands of both measures, and a value of the second.
fn population(people: usize, seed: u64) -> Vec<(Plain, Plain)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut plain = || Plain { band: random.gen_range(0..4), value: random.gen_range(0..4_096) };
    (0..people).map(|_| (plain(), plain())).collect()
}

/// What a chain hands over of them: of every 64 people two lists, one a measure.
fn inputs(request: &CrossRequest, people: &[(Plain, Plain)]) -> CrossInputs {
    let mut lists = Vec::new();
    for people in people.chunks(LIST_CONTRIBUTIONS) {
        let (rows, columns): (Vec<Plain>, Vec<Plain>) = people.iter().copied().unzip();
        lists.extend([rows, columns].iter().map(|plain| keys().public.encrypt(plain, b"a test").unwrap()));
    }
    let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut tokens: Vec<(Digest, usize)> =
        (0..people.len()).map(|person| (Digest::of(&person.to_le_bytes()), person)).collect();
    tokens.sort();
    let input = |token: Digest, person: usize, measure: usize| CrossInput {
        token,
        by: measure == 0,
        period: "2026-02".parse().unwrap(),
        leaf: person as u64,
        mask: (2 * (person / LIST_CONTRIBUTIONS) + measure) as u32,
        position: (person % LIST_CONTRIBUTIONS) as u8,
        words: Blob::new(bytes(
            &lists[2 * (person / LIST_CONTRIBUTIONS) + measure].bodies[person % LIST_CONTRIBUTIONS],
        ))
        .unwrap(),
    };
    let inputs = tokens.into_iter().flat_map(|(token, person)| [0, 1].map(|measure| input(token, person, measure)));
    let masks = lists.iter().map(|list| Blob::new(bytes(&list.mask)).unwrap()).collect();
    in_order(CrossInputs { request: request.digest(), chain: CHAIN.parse().unwrap(), masks, inputs: inputs.collect() })
}

/// The same with those masks alone that are used, in the order of their first use.
fn in_order(mut inputs: CrossInputs) -> CrossInputs {
    let mut order = Vec::new();
    for input in &mut inputs.inputs {
        let place = order.iter().position(|mask| *mask == input.mask).unwrap_or_else(|| {
            order.push(input.mask);
            order.len() - 1
        });
        input.mask = place as u32;
    }
    inputs.masks = order.iter().map(|mask| inputs.masks[*mask as usize].clone()).collect();
    inputs
}

fn matched(request: &CrossRequest, inputs: &CrossInputs) -> People {
    People::matched(request, |_| Ok::<_, FheError>(inputs.clone())).unwrap()
}

fn run(people: &People, task: Task) -> Digits {
    let mut job = Job::new(&keys().evaluation, people, task, &Digest([7; 32]));
    while job.step() {}
    assert_eq!(job.done(), people.len());
    job.finish(|| true).unwrap()
}

/// The integers of the cells: counts, then sums.
fn open(digits: &Digits, cells: usize) -> (Vec<u64>, Vec<u64>) {
    let words = |bytes: &[u8]| -> Vec<u128> {
        bytes.chunks_exact(16).map(|word| u128::from_le_bytes(word.try_into().unwrap())).collect()
    };
    let opened = digits.digits.iter().map(|digit| {
        let words = words(digit.words.as_bytes());
        let (body, mask) = words.split_last().unwrap();
        let product = mask.iter().zip(&keys().secret).map(|(mask, key)| mask.wrapping_mul(*key));
        let phase = product.fold(*body, |phase, product| phase.wrapping_sub(product));
        (phase.wrapping_add(1 << 122) >> 123) as u64
    });
    let opened: Vec<u64> = opened.collect();
    assert!(opened.iter().all(|digit| *digit < 16));
    let (counts, sums) = opened.split_at(cells * usize::from(digits.count_digits));
    let integers = |digits: &[u64]| -> Vec<u64> {
        (0..cells)
            .map(|cell| digits.iter().skip(cell).step_by(cells).rev().fold(0, |sum, digit| sum * 16 + digit))
            .collect()
    };
    (integers(counts), integers(sums))
}

fn shown(counts: &[u64], of: &[u64], minimum: u32) -> Vec<u64> {
    counts.iter().zip(of).map(|(count, of)| if *count < minimum.into() { 0 } else { *of }).collect()
}

#[test]
fn a_table_holds_the_cells_that_are_not_under_the_minimum_in_whatever_chunks() {
    let (request, population) = (request(CrossStatistic::Table), population(40, 1));
    let people = matched(&request, &inputs(&request, &population));
    let mut counts = [0; 8];
    for (row, column) in &population {
        counts[usize::from(row.band * 2 + column.band % 2)] += 1;
    }
    let minimum = *counts.iter().max().unwrap() as u32;
    assert!(counts.iter().any(|count| *count < minimum.into()), "{counts:?}");
    let task = Task::new(CrossStatistic::Table, (4, 2), minimum).unwrap();
    for task in [task, task.in_chunks_of(7).unwrap()] {
        let digits = run(&people, task);
        assert_eq!((digits.count_digits, digits.sum_digits, digits.digits.len()), (2, 0, 16));
        assert_eq!(open(&digits, 8).0, shown(&counts, &counts, minimum));
    }
}

#[test]
fn a_mean_holds_counts_and_sums_of_the_bands_that_are_not_under_the_minimum() {
    let (request, population) = (request(CrossStatistic::Mean), population(40, 2));
    let people = matched(&request, &inputs(&request, &population));
    let (mut counts, mut sums) = ([0; 4], [0; 4]);
    for (row, column) in &population {
        counts[usize::from(row.band)] += 1;
        sums[usize::from(row.band)] += u64::from(column.value);
    }
    let minimum = *counts.iter().max().unwrap() as u32;
    assert!(counts.iter().any(|count| *count < minimum.into()), "{counts:?}");
    let digits = run(&people, Task::new(CrossStatistic::Mean, (4, 1), minimum).unwrap());
    assert_eq!((digits.count_digits, digits.sum_digits, digits.digits.len()), (2, 5, 28));
    assert_eq!(open(&digits, 4), (shown(&counts, &counts, minimum), shown(&counts, &sums, minimum)));
}

/// Nothing ties an input to a contribution on the chain: an exchange hands one person's ciphertext over under eleven names, in a
/// band of its choice, and a mean of eleven equal values is the value. One of the four ways in which the cross lane is known to
/// leak (SECURITY.md); the lane's second edition, in which inputs are the log's, is to turn this test.
#[test]
fn one_ciphertext_under_eleven_names_still_tells_its_value() {
    const FAKES: usize = 11;
    let request = request(CrossStatistic::Mean);
    let mut population = population(21 + FAKES, 5);
    for (number, (row, _)) in population.iter_mut().enumerate() {
        row.band = if number >= 21 { 3 } else { 0 };
    }
    let secret = u64::from(population[0].1.value);
    let mut inputs = inputs(&request, &population);
    let value_of = |inputs: &CrossInputs, person: usize| {
        let token = Digest::of(&person.to_le_bytes());
        inputs.inputs.iter().position(|input| input.token == token && !input.by).unwrap()
    };
    let victim = inputs.inputs[value_of(&inputs, 0)].clone();
    for fake in 21..21 + FAKES {
        let at = value_of(&inputs, fake);
        let input = &mut inputs.inputs[at];
        (input.mask, input.position, input.words) = (victim.mask, victim.position, victim.words.clone());
    }
    let people = matched(&request, &in_order(inputs));
    let (counts, sums) = open(&run(&people, Task::new(CrossStatistic::Mean, (4, 1), 11).unwrap()), 4);
    assert_eq!((counts[3], sums[3]), (FAKES as u64, FAKES as u64 * secret));
}

#[test]
fn of_nobody_every_cell_is_zero_and_looks_like_any_other() {
    let request = request(CrossStatistic::Table);
    let people = matched(&request, &inputs(&request, &[]));
    let digits = run(&people, Task::new(CrossStatistic::Table, (2, 2), 11).unwrap());
    assert_eq!(open(&digits, 4).0, [0; 4]);
    for digit in &digits.digits {
        let (mask, _) = digit.words.as_bytes().split_last_chunk::<16>().unwrap();
        let zeros = mask.chunks_exact(16).filter(|word| *word == [0; 16]).count();
        assert!(zeros < 8, "{zeros} words of the mask are zero");
    }
}

#[test]
fn a_checkpoint_is_taken_by_its_own_computation_whole_and_by_no_other() {
    let request = request(CrossStatistic::Table);
    let people = matched(&request, &inputs(&request, &population(4, 3)));
    let (keys, context) = (&keys().evaluation, Digest([7; 32]));
    let task = Task::new(CrossStatistic::Table, (2, 2), 3).unwrap().in_chunks_of(2).unwrap();
    let mut job = Job::new(keys, &people, task, &context);
    assert!(job.step());
    let checkpoint = job.checkpoint();
    let resumed = Job::resume(keys, &people, task, &context, &checkpoint).unwrap();
    assert_eq!((resumed.done(), resumed.checkpoint() == checkpoint), (2, true));

    let refused = |task: Task, context: &Digest, checkpoint: &[u8], reason: &str| {
        let Err(error) = Job::resume(keys, &people, task, context, checkpoint) else {
            panic!("{reason}: it was taken")
        };
        assert!(error.to_string().contains(reason), "{error}");
    };
    for end in [0, 31, 32, 40, checkpoint.len() - 1] {
        refused(task, &context, &checkpoint[..end], if end < 32 { "short" } else { "damaged" });
    }
    let mut damaged = checkpoint.clone();
    for place in [0, 24, 56, 64, 65, 66, 1_000, checkpoint.len() - 1] {
        damaged[place] ^= 1;
        refused(task, &context, &damaged, "damaged");
        damaged[place] ^= 1;
    }
    // As who can write the file would: with a check that holds.
    let forged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = checkpoint[..checkpoint.len() - 32].to_vec();
        change(&mut bytes);
        let check = Digest::of(&bytes);
        bytes.extend(check.as_bytes());
        bytes
    };
    refused(task, &context, &forged(&|bytes| bytes[0] ^= 1), "it is none");
    refused(task, &context, &forged(&|bytes| bytes[56] = 1), "end with a chunk");
    refused(task, &context, &forged(&|bytes| bytes[56] = 6), "end with a chunk");
    refused(task, &context, &forged(&|bytes| bytes[64] = 5), "cells or digits");
    refused(task, &context, &forged(&|bytes| bytes[65] = 255), "cells or digits");
    refused(task, &context, &forged(&|bytes| bytes.truncate(1_000)), "ends early");
    refused(task, &context, &forged(&|bytes| bytes[67] = 1), "bound");
    refused(task, &context, &forged(&|bytes| bytes.push(0)), "after its end");
    refused(task, &Digest([8; 32]), &checkpoint, "another computation");
    for other in [
        Task::new(CrossStatistic::Table, (2, 2), 4).unwrap().in_chunks_of(2).unwrap(),
        Task::new(CrossStatistic::Table, (2, 2), 3).unwrap().in_chunks_of(1).unwrap(),
        Task::new(CrossStatistic::Table, (2, 4), 3).unwrap().in_chunks_of(2).unwrap(),
        Task::new(CrossStatistic::Mean, (2, 1), 3).unwrap().in_chunks_of(2).unwrap(),
    ] {
        refused(other, &context, &checkpoint, "another computation");
    }
}

#[test]
fn shapes_that_there_are_not_are_refused() {
    for (statistic, shape) in [
        (CrossStatistic::Table, (8, 4)),
        (CrossStatistic::Table, (3, 4)),
        (CrossStatistic::Table, (4, 1)),
        (CrossStatistic::Mean, (16, 1)),
        (CrossStatistic::Mean, (4, 4)),
    ] {
        assert!(Task::new(statistic, shape, 11).is_err(), "{statistic} {shape:?}");
    }
    let task = Task::new(CrossStatistic::Table, (4, 4), 11).unwrap();
    assert!(task.in_chunks_of(0).is_err() && task.in_chunks_of(256).is_err());
}

fn task() -> Task {
    Task::new(CrossStatistic::Table, (2, 2), 3).unwrap().in_chunks_of(scale().1).unwrap()
}

fn result(digits: Digits, request: &CrossRequest, keys: Digest) -> CrossResult {
    digits.into_result(request.digest(), keys, arithmetic::fingerprint(&CROSS_1), Vec::new())
}

/// A process of its own that goes on from a checkpoint, if there is one: only when the test below starts it.
#[test]
fn child_that_computes() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join("unfinished"), bytes).unwrap();
        fs::rename(folder.join("unfinished"), folder.join(name)).unwrap();
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("job-evaluation-keys");
    let (seeded, digest) = SeededEvaluationKeys::read(BufReader::new(File::open(file).unwrap())).unwrap();
    let keys = seeded.load();
    let request = CrossRequest::from_canonical(&read("request")).unwrap();
    let people = matched(&request, &CrossInputs::from_canonical(&read("inputs")).unwrap());
    let mut job = match fs::read(folder.join("checkpoint")) {
        Ok(checkpoint) => Job::resume(&keys, &people, task(), &digest, &checkpoint).unwrap(),
        Err(_) => Job::new(&keys, &people, task(), &digest),
    };
    let mut steps = 0u8;
    while job.step() {
        steps += 1;
        write("checkpoint", &job.checkpoint());
    }
    write("steps", &[steps]);
    write("result", &result(job.finish(|| true).unwrap(), &request, digest).to_canonical());
}

fn start(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_that_computes"])
        .env(FOLDER, folder)
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_that_is_killed_loses_one_chunk_and_another_goes_on_to_the_same_bytes() {
    let (people, chunk) = scale();
    let (request, population) = (request(CrossStatistic::Table), population(people, 4));
    let inputs = inputs(&request, &population);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("request"), request.to_canonical()).unwrap();
    fs::write(folder.path().join("inputs"), inputs.to_canonical()).unwrap();
    let done = || {
        let checkpoint = fs::read(folder.path().join("checkpoint")).ok()?;
        Some(u64::from_le_bytes(checkpoint[56..64].try_into().unwrap()) as usize)
    };

    let mut first = start(folder.path());
    while done().is_none_or(|done| done < 3 * chunk) {
        assert!(first.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let done = done().unwrap();
    assert!(done < population.len(), "it was killed too late to show anything");
    assert!(start(folder.path()).wait().unwrap().success());

    let steps = fs::read(folder.path().join("steps")).unwrap()[0];
    assert_eq!(usize::from(steps), (population.len() - done).div_ceil(chunk), "chunks under the checkpoint are kept");
    // Here: never interrupted, on three threads.
    let people = matched(&request, &inputs);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let digits = threads.install(|| run(&people, task()));
    let expected = result(digits, &request, keys().digest);
    assert!(fs::read(folder.path().join("result")).unwrap() == expected.to_canonical(), "the bytes differ");
    assert!(keys().file.exists());
}
