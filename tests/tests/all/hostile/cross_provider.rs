//! A provider with a patched program, in the cross lane: whatever its list holds beside bits encrypted to the network's key
//! and proven for this batch is refused at intake. (Slots that hold more than bits only a prover with another program than
//! ours makes; they are tried where that prover is, `fhe/src/tests/malformed.rs`, and so is what unchecked lists would do.)
//!
//! What it *can* do: encrypt another value here than in the tally lane. That is its word, as the value itself is, and
//! moves one person to another cell.

use std::{fs::File, io::BufReader};

use nacre::{consortium::CrossPlan, demo::population::PERSON_SYSTEM};
use nacre_fhe::{
    keys::{PublicKey, SecretKeys},
    list::Plain,
    params::CROSS_1,
    wire,
};
use nacre_schemas::{
    Blob, Digest, Document as _,
    batch::Batch,
    contribution::Header,
    cross::{CrossList, CrossWords, MASK_BYTES, WORDS_BYTES},
};
use nacre_tests::{
    Running,
    attack::{MONTH, definition},
    plan,
    sender::{Sender, restricted},
};
use nacre_verifier::Check;
use rand::{RngCore as _, rngs::OsRng};

const REGION: &str = "440100";
const VALUES: [u32; 2] = [231, 287];

/// A list, and the words of each contribution if it has any.
type Sealed = (Option<CrossList>, Vec<Option<CrossWords>>);

fn headers(sender: &Sender, numbers: [u32; 2]) -> Vec<Header> {
    numbers.map(|number| sender.header(definition(), number, MONTH)).into()
}

/// An honest list of those records.
fn sealed(sender: &Sender, key: &PublicKey, headers: &[Header]) -> Sealed {
    let plain = [Plain { band: 1, value: 31 }, Plain { band: 3, value: 87 }];
    let contributions: Vec<_> = headers.iter().zip(plain).collect();
    let (list, words) = wire::seal(key, &sender.config.chain, &sender.config.member, &contributions).unwrap();
    (Some(list), words.into_iter().map(Some).collect())
}

/// A batch with that list and those words, in every other respect right.
fn batch(sender: &Sender, headers: Vec<Header>, (list, words): Sealed) -> Batch {
    let with = |(header, cross)| {
        let mut restricted = restricted();
        restricted.cross = cross;
        (header, restricted)
    };
    sender.prove_with(definition(), headers.into_iter().zip(words).map(with).collect(), &VALUES, list)
}

fn random<const MAX: usize>(bytes: usize) -> Blob<MAX> {
    let mut random = vec![0; bytes];
    OsRng.fill_bytes(&mut random);
    Blob::new(random).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_proven_bits_of_this_batch_for_this_key_is_refused() {
    let mut plan = plan(&[REGION], 2, PERSON_SYSTEM);
    plan.cross = Some(CrossPlan::default());
    let running = Running::start(&plan).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    let gym = Sender::of(&running, "gym-440100");
    let file = File::open(hospital.config.cross_key.as_ref().unwrap()).unwrap();
    let (key, digest) = PublicKey::read(BufReader::new(file)).unwrap();
    let ours = headers(&hospital, [1, 2]);

    type Change = fn(&mut CrossList, &mut [Option<CrossWords>]);
    let changes: [(&str, Change); 7] = [
        ("random words", |_, words| words[0].as_mut().unwrap().words = random(WORDS_BYTES)),
        ("a random mask", |list, _| list.mask = random(MASK_BYTES)),
        ("a random proof", |list, _| list.proof = random(list.proof.as_bytes().len())),
        ("no proof", |list, _| list.proof = random(0)),
        ("two contributions' words exchanged", |_, words| {
            let (one, other) = words.split_at_mut(1);
            let (one, other) = (one[0].as_mut().unwrap(), other[0].as_mut().unwrap());
            std::mem::swap(&mut one.words, &mut other.words);
        }),
        ("two contributions' places exchanged", |_, words| {
            words[0].as_mut().unwrap().position = 1;
            words[1].as_mut().unwrap().position = 0;
        }),
        ("a contribution's words left out", |_, words| words[1] = None),
    ];
    let mut attacks = Vec::new();
    for (what, change) in changes {
        let (list, mut words) = sealed(&hospital, &key, &ours);
        let mut list = list.unwrap();
        change(&mut list, &mut words);
        words.iter_mut().flatten().for_each(|words| words.list = list.digest());
        attacks.push((what, batch(&hospital, ours.clone(), (Some(list), words))));
    }
    let (list, words) = sealed(&hospital, &key, &ours);
    attacks.push(("words without a list", batch(&hospital, ours.clone(), (None, words.clone()))));
    attacks.push(("a list without words", batch(&hospital, ours.clone(), (list.clone(), vec![None, None]))));
    let mut elsewhere = words;
    elsewhere[1].as_mut().unwrap().list = Digest([3; 32]);
    attacks.push(("words of another list", batch(&hospital, ours.clone(), (list, elsewhere))));
    let others = sealed(&hospital, &key, &headers(&hospital, [3, 4]));
    attacks.push(("a proof for other records", batch(&hospital, ours.clone(), others)));
    let other_key = SecretKeys::generate(&CROSS_1).unwrap().public_key().unwrap();
    let (list, words) = sealed(&hospital, &other_key, &ours);
    attacks.push(("another key", batch(&hospital, ours.clone(), (list.clone(), words.clone()))));
    let (mut list, mut words) = (list.unwrap(), words);
    list.key = digest;
    words.iter_mut().flatten().for_each(|words| words.list = list.digest());
    attacks.push(("another key, under the network's name", batch(&hospital, ours.clone(), (Some(list), words))));

    for (what, attack) in &attacks {
        let refused = hospital.refused(attack).await;
        assert_eq!((refused.word(), refused.check.as_deref()), ("proof-rejected", Some("cross-list")), "{what}");
    }
    // What the hospital posted, the gym cannot post as its own.
    let honest = batch(&hospital, ours.clone(), sealed(&hospital, &key, &ours));
    hospital.post(&honest).await.unwrap();
    let words = honest.contributions.iter().map(|one| one.restricted.cross.clone()).collect();
    let copied = batch(&gym, headers(&gym, [1, 2]), (honest.cross.clone(), words));
    let refused = gym.refused(&copied).await;
    assert_eq!((refused.word(), refused.check.as_deref()), ("proof-rejected", Some("cross-list")), "another's list");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_network_has_no_cross_lane_no_list_is_taken() {
    let running = Running::start(&plan(&[REGION], 2, PERSON_SYSTEM)).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    let ours = headers(&hospital, [1, 2]);
    let list = CrossList { key: Digest([1; 32]), mask: random(MASK_BYTES), proof: random(100) };
    let words = |position| CrossWords { list: list.digest(), position, words: random(WORDS_BYTES) };
    let words = vec![Some(words(0)), Some(words(1))];
    for sealed in [(Some(list.clone()), words.clone()), (None, words), (Some(list), vec![None, None])] {
        let refused = hospital.refused(&batch(&hospital, ours.clone(), sealed)).await;
        assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some(Check::CrossLane.word())));
    }
    hospital.post(&hospital.batch(&[(1, 231), (2, 287)])).await.unwrap();
}
