//! Requests: logged once, answered from sealed cells, with details only to custodians of the jurisdiction.

use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Document as _, Point,
    catalogue::Catalogue,
    cell::ChainDetails,
    cohort::{
        AgeBand,
        Sex::{self, Female, Male},
    },
    dossier::{ChainAnswer, ChainNumbers, LoggedRequest, NumbersRequest},
    entry::Entry,
    log::LogPage,
    query::{Attribute, Predicate, Quantity, Request, SealProof, SealSpan, SignedRequest, Statistic},
};
use nacre_verifier::{Check, cells, logged, numbers};
use nacre_zk::tally::{key_of, sum_points};

use nacre_wire::exchange::{
    FromLeaf, GET_ENTRIES, GET_SEAL, NumberedSeal, POST_CELLS, POST_DETAILS, POST_NUMBERS, POST_REQUEST,
};

use super::{network::*, seals::close};

/// A request for everybody's mean in those months, by sex.
pub(crate) async fn request(
    world: &World,
    running: &Running,
    requester: &str,
    months: [&str; 2],
    seals: [u64; 2],
) -> SignedRequest<Request> {
    let proof = proof_of(world, running, seals[1]).await;
    let hash = proof.as_ref().map_or(Digest([8; 32]), |proof| proof.seal.leaf_hash());
    let request = Request {
        trust: world.network.digest(),
        requester: requester.parse().unwrap(),
        measure: bmi().reference(),
        definition: bmi().digest(),
        statistics: vec![Statistic::Count, Statistic::Mean],
        predicate: Predicate {
            regions: vec!["440100".parse().unwrap()],
            from: months[0].parse().unwrap(),
            to: months[1].parse().unwrap(),
            sexes: Sex::ALL.to_vec(),
            youngest: AgeBand::of_age(0),
            oldest: AgeBand::TOP,
        },
        group_by: vec![Attribute::Sex],
        spans: vec![SealSpan { chain: GUANGZHOU.parse().unwrap(), first: seals[0], last: seals[1], hash }],
        purpose: "a test".parse().unwrap(),
        nonce: Digest([7; 32]),
    };
    sign(world, request, proof.into_iter().collect())
}

/// Where the chain's seal of that number stands, if there is one.
async fn proof_of(world: &World, running: &Running, seal: u64) -> Option<SealProof> {
    world
        .client(running, "commission")
        .get(GET_SEAL, &NumberedSeal { slug: of(GUANGZHOU).slug, number: seal })
        .await
        .ok()
}

pub(crate) fn sign(world: &World, request: Request, seals: Vec<SealProof>) -> SignedRequest<Request> {
    let key = &world.member(request.requester.as_str()).signing;
    let signature = key.sign_detached(&request);
    SignedRequest { request, seals, signature }
}

pub(crate) async fn log(
    world: &World,
    running: &Running,
    caller: &str,
    signed: &SignedRequest<Request>,
) -> Answer<LoggedRequest<Request>> {
    world.client(running, caller).call(POST_REQUEST, &of(MAIN), signed).await
}

pub(crate) async fn ask(
    world: &World,
    running: &Running,
    caller: &str,
    logged: &LoggedRequest<Request>,
) -> Answer<ChainAnswer> {
    world.client(running, caller).call(POST_CELLS, &of(GUANGZHOU), logged).await
}

async fn details(
    world: &World,
    running: &Running,
    caller: &str,
    logged: &LoggedRequest<Request>,
) -> Answer<ChainDetails> {
    world.client(running, caller).call(POST_DETAILS, &of(GUANGZHOU), logged).await
}

/// Two epochs: bmi of the months 1 to 3, and another measure on each side of it in key order.
pub(crate) async fn fill(world: &World, running: &Running) {
    let diastolic = Catalogue::built_in().newest(&"diastolic-bp".parse().unwrap()).unwrap();
    let steps = Catalogue::built_in().newest(&"steps".parse().unwrap()).unwrap();
    let batches = [
        world.batch(
            "hospital",
            GUANGZHOU,
            &[
                (1, "2026-01", Female, 47, 231),
                (2, "2026-02", Female, 47, 231),
                (3, "2026-02", Female, 52, 240),
                (4, "2026-02", Male, 47, 300),
                (5, "2026-03", Female, 47, 231),
            ],
        ),
        world.batch_of(diastolic, "hospital", GUANGZHOU, &[(6, "2026-02", Female, 47, 80)]),
        world.batch_of(steps, "gym", GUANGZHOU, &[(7, "2026-02", Female, 47, 100)]),
    ];
    for batch in &batches {
        world.post(running, batch.provider.as_str(), GUANGZHOU, batch).await.unwrap();
    }
    close(world, running, "operator", GUANGZHOU).await.unwrap();
    let late = world.batch("gym", GUANGZHOU, &[(8, "2026-02", Female, 47, 199), (9, "2026-03", Female, 47, 199)]);
    world.post(running, "gym", GUANGZHOU, &late).await.unwrap();
    close(world, running, "operator", GUANGZHOU).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_logged_once_with_its_requesters_admission() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    assert_eq!(size(&world, &running, MAIN).await, 8, "the admissions, each once");
    let signed = request(&world, &running, "commission", ["2026-01", "2026-03"], [1, 2]).await;
    let first = log(&world, &running, "commission", &signed).await.unwrap();
    logged::check(&first, &world.network, bmi()).unwrap();
    let (again, once_more) =
        tokio::join!(log(&world, &running, "commission", &signed), log(&world, &running, "commission", &signed));
    for other in [again.unwrap(), once_more.unwrap()] {
        assert_eq!(other.request_inclusion.leaf, first.request_inclusion.leaf);
    }
    assert_eq!(size(&world, &running, MAIN).await, 9);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_hold_is_not_logged() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let good = request(&world, &running, "commission", ["2026-01", "2026-03"], [1, 2]).await;
    let changed = |change: fn(&mut Request)| {
        let mut request = good.request.clone();
        change(&mut request);
        sign(&world, request, good.seals.clone())
    };
    let mut blind = good.clone();
    blind.seals.clear();
    let mut misplaced = good.clone();
    misplaced.seals[0].inclusion.leaf += 1;
    let mut unsigned = good.clone();
    unsigned.signature.0[40] ^= 1;
    for (word, check, signed) in [
        ("check-failed", Some("request-signature"), unsigned),
        ("check-failed", Some("seal-inclusion"), blind),
        ("check-failed", Some("seal-inclusion"), misplaced),
        ("check-failed", Some("seal-sequence"), changed(|request| request.spans[0].last = 1)),
        ("check-failed", Some("seal-sequence"), changed(|request| request.spans[0].hash.0[0] ^= 1)),
        ("check-failed", Some("request-form"), changed(|request| request.trust.0[0] ^= 1)),
        ("check-failed", Some("request-form"), changed(|request| request.trust = EARLIER)),
        ("check-failed", Some("definition"), changed(|request| request.definition.0[0] ^= 1)),
        ("check-failed", Some("request-form"), changed(|request| request.spans[0].first = 0)),
        ("unknown-measure", None, changed(|request| request.measure = "mood@1".parse().unwrap())),
        ("other-chain", None, changed(|request| request.measure = "steps@1".parse().unwrap())),
        ("other-sender", None, changed(|request| request.requester = "bureau".parse().unwrap())),
    ] {
        let refused = problem(log(&world, &running, "commission", &signed).await);
        assert_eq!((refused.word(), refused.check.as_deref()), (word, check), "{}", refused.detail);
    }
    let mean_of_a_class = changed(|request| {
        let class = Catalogue::built_in().find(&"blood-pressure-class@1".parse().unwrap()).unwrap();
        (request.measure, request.definition) = (class.reference(), class.digest());
    });
    let refused = problem(log(&world, &running, "commission", &mean_of_a_class).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("request-form")));
    assert!(refused.detail.contains("mean has no meaning"), "{}", refused.detail);
    let elsewhere = world.client(&running, "commission").call(POST_REQUEST, &of(GUANGZHOU), &good).await;
    assert_eq!(problem(elsewhere).word(), "other-chain");
    assert_eq!(size(&world, &running, MAIN).await, 8);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_come_with_their_neighbours_and_sums_that_are_those_of_the_details() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let signed = request(&world, &running, "commission", ["2026-02", "2026-02"], [1, 2]).await;
    let logged = log(&world, &running, "commission", &signed).await.unwrap();
    let answer = ask(&world, &running, "commission", &logged).await.unwrap();
    let span = &signed.request.spans[0];
    cells::check(&answer.evidence, span, &signed.request, &world.network, bmi()).unwrap();
    let months = |seal: usize| {
        let cells = &answer.evidence.seals[seal].run.cells;
        cells.iter().map(|cell| format!("{} {}", cell.key.measure, cell.key.period)).collect::<Vec<_>>()
    };
    let of = |month: &str| format!("{} {month}", bmi().reference());
    let (before, asked, after) = (of("2026-01"), of("2026-02"), of("2026-03"));
    assert_eq!(months(0), [before, asked.clone(), asked.clone(), asked.clone(), after.clone()]);
    assert_eq!(months(1), [asked, after], "the first cell of the seal has no neighbour to its left");

    let sums = &answer.sums.statement;
    let chain = world.network.root().chain(&sums.chain).unwrap();
    signing::verify(&chain.signing_key, &answer.sums).unwrap();
    assert_eq!(sums.request, signed.request.digest());
    let shown = details(&world, &running, "custodian", &logged).await.unwrap();
    let of_women = [&shown.seals[0].details[0], &shown.seals[0].details[1], &shown.seals[1].details[0]];
    let of_men = [&shown.seals[0].details[2]];
    for (group, of) in [(0, of_women.as_slice()), (1, of_men.as_slice())] {
        let group = &sums.groups[group];
        let keys: Vec<Quantity> = group.keys.iter().map(|key| key.quantity).collect();
        assert_eq!(keys, [Quantity::Count, Quantity::Sum]);
        for key in &group.keys {
            let points: Vec<Point> = of.iter().map(|detail| key_of(&detail.keys, key.quantity).unwrap()).collect();
            assert_eq!(key.key, sum_points(&points).unwrap());
        }
    }
    for (seal, details) in answer.evidence.seals.iter().zip(&shown.seals) {
        let matching = seal.run.cells.iter().filter(|cell| signed.request.holds(&cell.key));
        assert!(matching.zip(&details.details).all(|(cell, detail)| cell.commits_to(detail)));
        assert_eq!(details.number, seal.seal.number);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_without_a_matching_cell_shows_the_neighbours_of_the_gap() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    for (months, shown) in [(["2025-01", "2025-12"], 1), (["2026-04", "2026-12"], 2)] {
        let signed = request(&world, &running, "commission", months, [1, 1]).await;
        let logged = log(&world, &running, "commission", &signed).await.unwrap();
        let answer = ask(&world, &running, "commission", &logged).await.unwrap();
        let span = &signed.request.spans[0];
        cells::check(&answer.evidence, span, &signed.request, &world.network, bmi()).unwrap();
        assert_eq!(answer.evidence.seals[0].run.cells.len(), shown);
        assert!(answer.sums.statement.groups.is_empty());
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_and_details_go_to_whom_they_are_due() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let signed = request(&world, &running, "commission", ["2026-02", "2026-02"], [1, 2]).await;
    let logged = log(&world, &running, "commission", &signed).await.unwrap();
    assert_eq!(problem(ask(&world, &running, "bureau", &logged).await).word(), "other-sender");
    assert_eq!(problem(details(&world, &running, "stranger", &logged).await).word(), "other-jurisdiction");
    details(&world, &running, "commission", &logged).await.unwrap_err();

    let mut forged = logged.clone();
    forged.request_inclusion.leaf = 0;
    let refused = problem(ask(&world, &running, "commission", &forged).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("request-inclusion")));

    let early = request(&world, &running, "commission", ["2026-02", "2026-02"], [2, 3]).await;
    let refused = problem(log(&world, &running, "commission", &early).await);
    assert_eq!(
        (refused.word(), refused.check.as_deref()),
        ("check-failed", Some("seal-inclusion")),
        "no such seal yet"
    );
    let elsewhere = world.client(&running, "commission").call(POST_CELLS, &of(SHENZHEN), &logged).await;
    assert_eq!(problem(elsewhere).word(), "chain-not-asked");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custodians_of_every_jurisdiction_see_the_numbers_that_were_sealed_and_no_others_do() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let request = request(&world, &running, "commission", ["2026-02", "2026-02"], [1, 2]).await;
    let wanted = |request: &SignedRequest<Request>| NumbersRequest {
        request: request.clone(),
        admission: world.admission(request.request.requester.as_str()),
    };
    let ask = async |caller: &str, wanted: &NumbersRequest| -> Answer<ChainNumbers> {
        world.client(&running, caller).call(POST_NUMBERS, &of(GUANGZHOU), wanted).await
    };
    for custodian in ["custodian", "stranger"] {
        let shown = ask(custodian, &wanted(&request)).await.unwrap();
        let span = &request.request.spans[0];
        let counted = numbers::check(&shown, span, &request.request, &world.network, bmi()).unwrap();
        let counted: Vec<(u64, Vec<(&str, u64)>)> = counted
            .iter()
            .map(|cell| {
                let counts = cell.contributions.iter();
                (cell.seal, counts.map(|count| (count.provider.as_str(), count.contributions)).collect())
            })
            .collect();
        let one = |provider| vec![(provider, 1)];
        let expected = [(1, one("hospital")), (1, one("hospital")), (1, one("hospital")), (2, one("gym"))];
        assert_eq!(counted, expected);

        let mut more = shown.clone();
        more.seals[0].cells[1].contributions[0].contributions = 2;
        let failure = numbers::check(&more, span, &request.request, &world.network, bmi()).unwrap_err();
        assert_eq!(failure.check, Check::ChainNumbers);
        let mut fewer = shown;
        fewer.seals[0].cells.pop();
        let failure = numbers::check(&fewer, span, &request.request, &world.network, bmi()).unwrap_err();
        assert_eq!(failure.check, Check::ChainNumbers);
    }
    ask("commission", &wanted(&request)).await.unwrap_err();
    let mut unsigned = wanted(&request);
    unsigned.request.request.nonce.0[0] ^= 1;
    let refused = problem(ask("custodian", &unsigned).await);
    assert_eq!((refused.word(), refused.check.as_deref()), ("check-failed", Some("request-signature")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_main_chain_is_followed_with_the_requests_and_admissions_it_logs_and_a_regional_one_is_not() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let signed = request(&world, &running, "commission", ["2026-02", "2026-02"], [1, 2]).await;
    let logged = log(&world, &running, "commission", &signed).await.unwrap();
    let entries = async |caller: &str, chain: &str, from: u64| -> Answer<LogPage> {
        world.client(&running, caller).get(GET_ENTRIES, &FromLeaf { slug: of(chain).slug, from }).await
    };
    let page = entries("stranger", MAIN, 0).await.unwrap();
    assert_eq!(page.entries.len() as u64, logged.request_inclusion.leaf + 1);
    for (position, shown) in page.entries.iter().enumerate() {
        match Entry::from_canonical(shown.entry.as_bytes()).unwrap() {
            Entry::Membership(digest) => assert_eq!(shown.admission.as_ref().unwrap().digest(), digest),
            Entry::Request(digest) => {
                assert_eq!(position as u64, logged.request_inclusion.leaf);
                assert_eq!((shown.request.as_ref().unwrap(), signed.digest()), (&signed, digest));
            }
            other => panic!("{other:?}"),
        }
    }
    let last = entries("custodian", MAIN, logged.request_inclusion.leaf).await.unwrap();
    assert_eq!(last.entries, page.entries[page.entries.len() - 1..]);
    assert_eq!(problem(entries("custodian", MAIN, 1_000).await).word(), "not-in-log");
    assert_eq!(problem(entries("custodian", GUANGZHOU, 0).await).word(), "not-followed");
    entries("commission", MAIN, 0).await.unwrap_err();
    running.stop().await;
}
