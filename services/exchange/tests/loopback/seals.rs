//! Sealing: what the cells of an epoch hold, and who may close it.

use std::collections::{BTreeMap, BTreeSet};

use nacre_ledger::seal;
use nacre_schemas::{
    Document as _, Point,
    batch::Batch,
    cell::{Cell, CellDetail},
    cohort::{
        CellKey,
        Sex::{Female, Male},
    },
    contribution::Contribution,
    entry::{PreviousSeal, SealEntry},
};
use nacre_wire::exchange::{GET_LATEST_SEAL, POST_SEAL};
use nacre_zk::tally::sum_points;
use sqlx::{
    Row as _,
    sqlite::{SqliteConnectOptions, SqlitePool},
};

use super::network::*;

pub(crate) async fn close(world: &World, running: &Running, operator: &str, chain: &str) -> Answer<SealEntry> {
    world.client(running, operator).get(POST_SEAL, &of(chain)).await
}

pub(crate) async fn database(world: &World) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(world.data().join("exchange.sqlite"));
    SqlitePool::connect_with(options).await.unwrap()
}

async fn cells(world: &World, number: i64) -> Vec<(Cell, CellDetail)> {
    let rows = sqlx::query("SELECT cell, detail FROM cell WHERE chain = $1 AND seal = $2 ORDER BY position")
        .bind(GUANGZHOU)
        .bind(number)
        .fetch_all(&database(world).await)
        .await
        .unwrap();
    rows.iter()
        .map(|row| (Cell::from_canonical(row.get(0)).unwrap(), CellDetail::from_canonical(row.get(1)).unwrap()))
        .collect()
}

/// The sum over contributions of one of their points.
fn sum(of: &[&Contribution], point: impl Fn(&Contribution) -> Point) -> Point {
    let points: Vec<Point> = of.iter().map(|contribution| point(contribution)).collect();
    sum_points(&points).unwrap()
}

fn check_cells(cells: &[(Cell, CellDetail)], batches: &[&Batch]) {
    let mut expected: BTreeMap<CellKey, Vec<&Contribution>> = BTreeMap::new();
    for contribution in batches.iter().flat_map(|batch| &batch.contributions) {
        expected.entry(contribution.openings.header.cell.clone()).or_default().push(contribution);
    }
    assert!(cells.iter().map(|(cell, _)| &cell.key).eq(expected.keys()), "in key order, each once");
    for ((cell, detail), of) in cells.iter().zip(expected.values()) {
        assert!(cell.commits_to(detail));
        assert_eq!(cell.sums.value, sum(of, |contribution| contribution.commitments.value));
        assert_eq!(cell.sums.square, sum(of, |contribution| contribution.commitments.square));
        assert_eq!(detail.keys.value, sum(of, |contribution| contribution.openings.keys.value));
        assert_eq!(detail.keys.square, sum(of, |contribution| contribution.openings.keys.square));
        for band in 0..cell.sums.bands.len() {
            assert_eq!(cell.sums.bands[band], sum(of, |contribution| contribution.commitments.bands[band]));
            assert_eq!(detail.keys.bands[band], sum(of, |contribution| contribution.openings.keys.bands[band]));
        }
        let providers: BTreeSet<_> = of.iter().map(|one| &one.openings.header.provider).collect();
        assert!(detail.contributions.iter().map(|count| &count.provider).eq(providers));
        let counted: u64 = detail.contributions.iter().map(|count| count.contributions).sum();
        assert_eq!(counted, of.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_commits_to_the_sums_of_its_epoch_and_the_next_begins_where_it_ends() {
    let world = World::new();
    let running = world.start().await;
    let hospital = world.batch(
        "hospital",
        GUANGZHOU,
        &[(1, "2026-02", Female, 47, 231), (2, "2026-01", Male, 62, 287), (3, "2026-01", Male, 63, 190)],
    );
    let gym = world.batch("gym", GUANGZHOU, &[(4, "2026-01", Male, 60, 240), (5, "2026-01", Female, 60, 240)]);
    world.post(&running, "hospital", GUANGZHOU, &hospital).await.unwrap();
    world.post(&running, "gym", GUANGZHOU, &gym).await.unwrap();
    // The rest of an attempt that ended before its entry was appended.
    sqlx::query("INSERT INTO cell VALUES ($1, 1, 700, x'00', x'00', x'00')")
        .bind(GUANGZHOU)
        .execute(&database(&world).await)
        .await
        .unwrap();

    let first = close(&world, &running, "operator", GUANGZHOU).await.unwrap();
    assert_eq!((first.number, &first.previous, first.from, first.to, first.cells), (1, &None, 0, 7, 3));
    let sealed = cells(&world, 1).await;
    check_cells(&sealed, &[&hospital, &gym]);
    let public: Vec<Cell> = sealed.into_iter().map(|(cell, _)| cell).collect();
    assert_eq!(seal::cells_root(&public).unwrap(), first.root);
    let latest = world.client(&running, "gym").get(GET_LATEST_SEAL, &of(GUANGZHOU)).await.unwrap();
    assert_eq!((&latest.seal, latest.inclusion.leaf), (&first, 7));

    let refused = problem(close(&world, &running, "operator", GUANGZHOU).await);
    assert_eq!((refused.status, refused.word()), (409, "nothing-to-seal"));
    let late = world.batch("gym", GUANGZHOU, &[(6, "2026-01", Male, 60, 250)]);
    world.post(&running, "gym", GUANGZHOU, &late).await.unwrap();
    let second = close(&world, &running, "operator", GUANGZHOU).await.unwrap();
    let previous = Some(PreviousSeal { leaf: 7, hash: first.leaf_hash() });
    assert_eq!((second.number, second.previous, second.from, second.to), (2, previous, 7, 10));
    check_cells(&cells(&world, 2).await, &[&late]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_of_the_chain_closes_its_epochs() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &[(1, "2026-02", Female, 47, 231)]);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    let refused = problem(close(&world, &running, "neighbour", GUANGZHOU).await);
    assert_eq!((refused.status, refused.word()), (403, "not-admitted"));
    close(&world, &running, "hospital", GUANGZHOU).await.unwrap_err();
    assert_eq!(size(&world, &running, GUANGZHOU).await, 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_closed_at_once_and_batches_meanwhile_leave_no_record_out() {
    let world = World::new();
    let running = world.start().await;
    let batches: Vec<Batch> =
        (0..6).map(|number| world.batch("gym", GUANGZHOU, &[(number, "2026-01", Male, 60, 240)])).collect();
    let post = |batch| world.post(&running, "gym", GUANGZHOU, batch);
    let seal = || close(&world, &running, "operator", GUANGZHOU);
    post(&batches[0]).await.unwrap();
    let (posted, first, second) = tokio::join!(
        async {
            for batch in &batches[1..] {
                post(batch).await.unwrap();
            }
        },
        seal(),
        seal(),
    );
    let () = posted;
    let mut seals: Vec<SealEntry> = [first, second, seal().await].into_iter().filter_map(Result::ok).collect();
    seals.sort_by_key(|seal| seal.number);
    assert_eq!((seals[0].number, seals[0].from), (1, 0));
    assert!(seals.windows(2).all(|pair| pair[1].from == pair[0].to && pair[1].number == pair[0].number + 1));
    let mut counted = 0;
    for seal in &seals {
        let details = cells(&world, seal.number as i64).await;
        counted +=
            details.iter().flat_map(|(_, detail)| &detail.contributions).map(|one| one.contributions).sum::<u64>();
    }
    assert_eq!(counted, 6);
    running.stop().await;
}
