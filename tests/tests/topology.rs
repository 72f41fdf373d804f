//! The 29 chains of the Greater Bay Area on one exchange: records of every region are anchored up to the judicial chain, and
//! the evidence on each verifies from the file and the trust root; what is changed in it is refused; who disputes a record
//! does so there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use nacre::{
    commands::{
        dispute::{Claimant, dispute},
        verify::{self, Proof},
    },
    consortium::Plan,
};
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    anchor::Anchored,
    canonical::{Field, fields},
    catalogue::Catalogue,
    dossier::{Inclusion, Note},
    entry::Entry,
    equivocation::Equivocation,
    erasure::Erasure,
    evidence::{Dispute, ErasureStep, Evidence},
    id::ChainId,
    measure::{Domain, Measure},
    topology::{ChainKind, Topology},
};
use nacre_tests::{
    Running,
    attack::{HOME, MONTH, client_of, forged_checkpoint, read_key},
    plan,
    sender::{Sender, problem},
};
use nacre_verifier::{Check, Network, equivocation, evidence};
use nacre_wire::exchange::{GET_ANCHOR, GET_EVIDENCE, OfChain, OfRecord, POST_DISPUTE, POST_ERASURE, WhichAnchor};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// How long anchoring may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn anchored_often(topology: Topology) -> Plan {
    Plan { topology, anchor_every_ms: 100, ..plan(&[HOME], 2, "urn:nobody") }
}

/// The measure of a domain with the fewest bands: the cheapest to prove.
fn cheapest(domain: Domain) -> &'static Measure {
    let measures = Catalogue::built_in().measures().iter().filter(|measure| measure.domain == domain);
    measures.min_by_key(|measure| measure.bands().len()).unwrap()
}

/// What a chain holds of a child.
async fn latest(sender: &Sender, parent: &ChainId, child: &ChainId) -> Anchored {
    let latest = WhichAnchor { slug: parent.into(), child: child.into(), covering: None };
    sender.client.get(GET_ANCHOR, &latest).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_all_regions_are_anchored_up_to_the_judicial_chain() {
    let full = std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full");
    let of_each: u32 = if full { 435 } else { 22 };
    let topology = Topology::gba().on_one_server("all");
    let running = Running::start(&anchored_often(topology.clone())).await.unwrap();
    let mut rng = StdRng::seed_from_u64(29);

    let mut chosen: BTreeMap<String, (Digest, ChainId)> = BTreeMap::new();
    let mut posted = 0;
    for (region, domain) in topology.regions().zip(Domain::ALL.iter().cycle()) {
        let (member, measure) = (format!("hospital-{region}"), cheapest(*domain));
        let sender = Sender::of(&running, &member);
        let people: Vec<(u32, u32)> = (0..of_each).map(|number| (number, measure.bands()[0].lo)).collect();
        let mut records = Vec::new();
        for people in people.chunks(64) {
            let batch = sender.batch_of(measure, MONTH, people);
            let receipt = sender.post(&batch).await.unwrap();
            records.extend(receipt.receipts.into_iter().map(|receipt| receipt.record));
        }
        posted += records.len();
        chosen.insert(member, (records[rng.gen_range(0..records.len())], domain.main_chain()));
    }
    println!("{posted} contributions in {} regions", chosen.len());
    assert_eq!(chosen.len(), 23);

    let network = running.network().unwrap();
    for (member, (record, main)) in &chosen {
        let config = running.provider(member).unwrap();
        let found = nacre_provider::gather(&config, *record, PATIENCE).await.unwrap();
        let file = running.folder().join(format!("{member}.json"));
        fs::write(&file, serde_json::to_vec(&found).unwrap()).unwrap();
        let Proof::Evidence(read) = verify::read(&file).unwrap() else { panic!("{member}: no evidence") };
        assert_eq!(*read, found);
        let report = evidence::check(&read, &network).unwrap();
        let way: Vec<&ChainId> = read.anchors.iter().map(|step| &step.chain).collect();
        assert_eq!(
            (way[0], way[1].as_str(), way.len()),
            (main, "judicial", 2),
            "the domain's main chain is the way up"
        );
        assert_eq!((report.record, report.erased), (*record, false));
    }

    // Not by the records asked about alone: it comes to rest when every chain that has entries is anchored whole.
    let sender = Sender::of(&running, "hospital-440100");
    let deadline = Instant::now() + PATIENCE;
    while let Some(behind) = behind(&sender, &topology).await {
        assert!(Instant::now() < deadline, "{behind} is not anchored whole");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A chain that has entries which a parent of it has not anchored.
async fn behind(sender: &Sender, topology: &Topology) -> Option<ChainId> {
    let hosted = sender.hosted().await;
    assert_eq!(hosted.len(), topology.chains().len());
    let mut anchors = 0;
    for chain in topology.chains().iter().filter(|chain| chain.id.kind() != Some(ChainKind::Scene)) {
        let found = hosted.iter().find(|hosted| hosted.id == chain.id).unwrap();
        for parent in &chain.parents {
            anchors += 1;
            if latest(sender, parent, &chain.id).await.anchor.size != found.size {
                return Some(chain.id.clone());
            }
        }
    }
    assert_eq!(anchors, 23 * 2 + 2);
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_away_holds_nothing_up_and_catches_up_when_it_is_back() {
    let (mut running, network, before, _) = some_evidence().await;
    running.servers.stop("main").await.unwrap();
    let sender = Sender::of(&running, "hospital-440100");
    let receipt = sender.post(&sender.batch(&[(3, 300)])).await.unwrap();
    let record = receipt.receipts[0].record;
    let refused = nacre_provider::gather(&sender.config, record, Duration::ZERO).await.unwrap_err().to_string();
    assert!(refused.contains("main/health, looking for an anchor"), "{refused}");

    let address = running.addresses["main"].clone();
    running.servers.restart(&running.places, "main", &address).await.unwrap();
    let after = nacre_provider::gather(&sender.config, record, PATIENCE).await.unwrap();
    evidence::check(&after, &network).unwrap();
    let size = |file: &Evidence| file.anchors[0].anchor.size;
    assert!(size(&after) > size(&before));

    // The child's exchange asks the parent how far it has got, and goes on from there.
    let address = running.addresses[HOME].clone();
    running.servers.stop(HOME).await.unwrap();
    running.servers.restart(&running.places, HOME, &address).await.unwrap();
    let receipt = sender.post(&sender.batch(&[(4, 310)])).await.unwrap();
    let last = nacre_provider::gather(&sender.config, receipt.receipts[0].record, PATIENCE).await.unwrap();
    assert!(size(&last) > size(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_files_apart_by_what_they_hold() {
    let (running, network, honest, _) = some_evidence().await;
    let file = running.folder().join("file");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        verify::read(&file)
    };
    let [older, newer] = [1, 2].map(|root| forged_checkpoint(&running, HOME, 3, Digest([root; 32])));
    let forked = Equivocation { chain: honest.chain.clone(), older, newer, root: Digest([2; 32]), proof: Vec::new() };
    equivocation::check(&forked, &network).unwrap();
    for bytes in [forked.to_canonical(), serde_json::to_vec(&forked).unwrap()] {
        assert!(matches!(read(&bytes).unwrap(), Proof::Equivocation(found) if *found == forked));
    }
    for bytes in [honest.to_canonical(), serde_json::to_vec_pretty(&honest).unwrap()] {
        assert!(matches!(read(&bytes).unwrap(), Proof::Evidence(found) if *found == honest));
    }
    for bytes in [&b"{}"[..], b"", b"NcEv", br#"{"anchors": [], "older": ""}"#, br#"{"dossier": 1}"#, b"[]"] {
        assert!(read(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

/// A network, and the evidence on one of its records; another record beside it.
async fn some_evidence() -> (Running, Network, Evidence, Evidence) {
    let running = Running::start(&anchored_often(plan(&[HOME, "810000"], 2, "urn:nobody").topology)).await.unwrap();
    let network = running.network().unwrap();
    let sender = Sender::of(&running, "hospital-440100");
    let gather = async |value: (u32, u32)| {
        let receipt = sender.post(&sender.batch(&[value])).await.unwrap();
        let found = nacre_provider::gather(&sender.config, receipt.receipts[0].record, PATIENCE).await.unwrap();
        evidence::check(&found, &network).unwrap();
        found
    };
    let (first, second) = (gather((1, 200)).await, gather((2, 250)).await);
    (running, network, first, second)
}

/// The checks that may refuse a change of the field.
fn expected(field: &Field) -> &'static [Check] {
    use Check::*;
    let rules: &[(&str, &[Check])] = &[
        ("chain", &[Checkpoint]),
        ("record", &[Evidence]),
        ("entry", &[Evidence]),
        ("contribution", &[Evidence]),
        ("batch.statement.leaves", &[Batch, Evidence]),
        ("batch", &[Batch]),
        ("provider", &[Admission]),
        ("inclusion", &[Evidence]),
        ("checkpoint", &[Checkpoint]),
        ("anchors.count", &[Anchor]),
        ("anchors[0].checkpoint", &[Checkpoint]),
        ("anchors[1].checkpoint", &[Checkpoint]),
        ("anchors", &[Anchor, Checkpoint]),
    ];
    rules.iter().find(|(prefix, _)| field.path.starts_with(prefix)).map_or(&[], |(_, checks)| checks)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_evidence_is_checked_by_the_right_check() {
    let (_running, network, honest, _) = some_evidence().await;
    let (bytes, fields) = fields(&honest);
    let covered: usize = fields.iter().map(|field| field.bytes.len()).sum();
    assert_eq!(covered + 5, bytes.len(), "the fields cover the encoding but for tag and version");
    let (mut refused, mut surprises): (BTreeMap<&str, usize>, _) = (BTreeMap::new(), Vec::new());
    for field in &fields {
        for place in [field.bytes.start, field.bytes.end - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let Ok(changed) = Evidence::from_canonical(&changed) else {
                *refused.entry("decoding").or_default() += 1;
                continue;
            };
            let failure = evidence::check(&changed, &network).expect_err(&field.path);
            if !expected(field).contains(&failure.check) {
                surprises.push(format!("{}: {failure}", field.path));
            }
            *refused.entry(failure.check.word()).or_default() += 1;
        }
    }
    assert!(surprises.is_empty(), "refused by another check than expected:\n{}", surprises.join("\n"));
    println!("{} fields, refused by: {refused:?}", fields.len());
    for check in ["evidence", "batch", "admission", "checkpoint", "anchor"] {
        assert!(refused.contains_key(check), "no change met {check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_borrowed_left_out_or_made_up_in_evidence_is_refused() {
    let (running, network, honest, other) = some_evidence().await;
    let refused = |name: &str, change: &dyn Fn(&mut Evidence), check: Check, words: &str| {
        let mut changed = honest.clone();
        change(&mut changed);
        let failure = evidence::check(&changed, &network).expect_err(name);
        assert_eq!(failure.check, check, "{name}: {failure}");
        assert!(failure.detail.contains(words), "{name}: {failure}");
    };
    let evidence = Check::Evidence;
    refused("another record's batch", &|file| file.batch = other.batch.clone(), evidence, "does not hold it");
    refused("another record's body", &|file| file.contribution = other.contribution.clone(), evidence, "another body");
    refused("another record's entry", &|file| file.entry = other.entry.clone(), evidence, "does not hold it");
    refused("another record's place", &|file| file.inclusion.leaf = other.inclusion.leaf, evidence, "");
    refused("no body", &|file| file.contribution = None, evidence, "nor that it was erased");
    let seal = Blob::new(Entry::Request(Digest([1; 32])).to_canonical()).unwrap();
    refused("an entry of another kind", &|file| file.entry = seal.clone(), evidence, "a request");
    let gym = fs::read(running.folder().join("network/members/gym-440100.json")).unwrap();
    let gym = serde_json::from_slice::<nacre_schemas::Signed<nacre_schemas::membership::Membership>>(&gym).unwrap();
    refused("another provider's admission", &|file| file.provider = gym.clone(), Check::Batch, "not of gym-440100");

    let anchor = Check::Anchor;
    refused("no anchors", &|file| file.anchors.clear(), anchor, "its anchors end here");
    refused("the last anchor is missing", &|file| drop(file.anchors.pop()), anchor, "its anchors end here");
    refused("the first anchor is missing", &|file| drop(file.anchors.remove(0)), anchor, "does not anchor it there");
    refused("a wrong parent", &|file| file.anchors[0].chain = "main/sport".parse().unwrap(), Check::Checkpoint, "");
    refused(
        "an anchor of a later checkpoint",
        &|file| file.anchors[0].anchor.size += 1,
        anchor,
        "another checkpoint than the one below",
    );
    refused(
        "a checkpoint later than the one anchored",
        &|file| {
            file.checkpoint = other.checkpoint.clone();
            file.inclusion = honest.inclusion.clone();
        },
        evidence,
        "",
    );

    // Whoever has a chain's key, and those of its witnesses, can sign what is anchored nowhere.
    let anchored = &honest.anchors[0].anchor;
    let fork = forged_checkpoint(&running, HOME, anchored.size, Digest([9; 32]));
    refused("a fork", &|file| file.checkpoint = fork.clone(), evidence, "");
    // The root of a tree of one leaf is the leaf.
    let leaf = Entry::from_canonical(honest.entry.as_bytes()).unwrap().leaf_hash();
    let alone = forged_checkpoint(&running, HOME, 1, leaf);
    let change = |file: &mut Evidence| {
        file.inclusion = Inclusion { leaf: 0, proof: Vec::new() };
        file.checkpoint = alone.clone();
    };
    refused("a history of its own", &change, anchor, "another checkpoint than the one below");
    let own_word = |note: &Note| {
        let text = note.as_str();
        let end = text.match_indices("\n— ").nth(1).unwrap().0;
        text[..=end].parse::<Note>().unwrap()
    };
    let checkpoint = Check::Checkpoint;
    refused("no witness of its chain", &|file| file.checkpoint = own_word(&file.checkpoint), checkpoint, "");
    refused(
        "no witness of a parent",
        &|file| file.anchors[1].checkpoint = own_word(&file.anchors[1].checkpoint),
        checkpoint,
        "",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_erase_stands_in_place_of_a_body_only_if_the_chain_holds_it() {
    let (running, network, honest, other) = some_evidence().await;
    let key = read_key(&running.provider("hospital-440100").unwrap().signing_key);
    let entry = Entry::from_canonical(honest.entry.as_bytes()).unwrap().leaf_hash();
    let order = |record, entry| {
        let provider = honest.provider.statement.member.clone();
        let erasure = Erasure { chain: honest.chain.clone(), record, entry, provider };
        Some(ErasureStep { order: key.sign(erasure), inclusion: honest.inclusion.clone() })
    };
    let mut erased = Evidence { contribution: None, erasure: order(honest.record, entry), ..honest.clone() };
    let failure = evidence::check(&erased, &network).unwrap_err();
    assert_eq!(failure.check, Check::Erasure, "the chain holds no such order: {failure}");
    erased.erasure = order(other.record, entry);
    let failure = evidence::check(&erased, &network).unwrap_err();
    assert!(failure.detail.contains("about another record"), "{failure}");
    erased = Evidence { erasure: order(honest.record, entry), ..honest.clone() };
    let failure = evidence::check(&erased, &network).unwrap_err();
    assert!(failure.detail.contains("its body is shown"), "{failure}");

    // Ordered for true, and gathered anew.
    let sender = Sender::of(&running, "hospital-440100");
    let order = order(honest.record, entry).unwrap().order;
    sender.client.call(POST_ERASURE, &OfChain::new(&sender.config.chain), &order).await.unwrap();
    let gathered = nacre_provider::gather(&sender.config, honest.record, PATIENCE).await.unwrap();
    assert_eq!(gathered.contribution, None);
    assert!(evidence::check(&gathered, &network).unwrap().erased);
    let mut elsewhere = gathered.clone();
    elsewhere.erasure.as_mut().unwrap().inclusion.leaf += 1;
    assert_eq!(evidence::check(&elsewhere, &network).unwrap_err().check, Check::Erasure);
}

#[tokio::test(flavor = "multi_thread")]
async fn disputes_are_logged_on_the_judicial_chain_in_ones_own_name() {
    let (running, _network, honest, _) = some_evidence().await;
    let grounds = "the person never was there".parse().unwrap();
    for config in [&running.places.providers["hospital-810000"], &running.places.regulator] {
        let claimant = Claimant::read(config).unwrap();
        let logged = dispute(&claimant, &honest, &grounds).await.unwrap();
        assert_eq!((logged.chain.as_str(), logged.evidence), ("judicial", honest.digest()));
        let again = dispute(&claimant, &honest, &grounds).await.unwrap();
        assert_eq!(again.leaf, logged.leaf, "the same again is logged once");
    }

    // The judicial chain is on the server of the main chains.
    let sender = Sender::of(&running, "hospital-440100");
    let client = client_of(&running, "hospital-440100", "main");
    let key = read_key(&sender.config.signing_key);
    let signed = |claimant: &str| {
        let dispute = Dispute {
            evidence: honest.digest(),
            chain: honest.chain.clone(),
            record: honest.record,
            claimant: claimant.parse().unwrap(),
            grounds: grounds.clone(),
        };
        key.sign(dispute)
    };
    let post = async |chain: &str, signed: &Signed<Dispute>| {
        client.call(POST_DISPUTE, &OfChain { slug: chain.parse().unwrap() }, signed).await
    };
    assert!(post("judicial", &signed("hospital-440100")).await.is_ok());
    assert_eq!(problem(post("judicial", &signed("gym-440100")).await).word(), "other-sender");
    assert_eq!(problem(post("main-health", &signed("hospital-440100")).await).word(), "not-judicial");
    let mut changed = signed("hospital-440100");
    changed.statement.grounds = "the person was there".parse().unwrap();
    assert_eq!(problem(post("judicial", &changed).await).check.as_deref(), Some("dispute"));
    let mut elsewhere = signed("hospital-440100");
    elsewhere.statement.chain = "region/440300".parse().unwrap();
    assert_eq!(problem(post("judicial", &elsewhere).await).check.as_deref(), Some("dispute"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_shown_to_its_own_provider_only() {
    let (running, _network, honest, _) = some_evidence().await;
    let wanted = OfRecord { slug: "region-440100".parse().unwrap(), record: honest.record };
    let read = async |member: &str| {
        let client = running.provider_client(member).unwrap();
        client.get(GET_EVIDENCE, &wanted).await
    };
    assert_eq!(read("hospital-440100").await.unwrap().entry, honest.entry);
    assert_eq!(problem(read("gym-440100").await).word(), "unknown-record");
}
