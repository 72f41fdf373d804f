//! Restarts: everything stays; what is derived comes back from the logs and the bodies.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use nacre_schemas::cohort::Sex::{Female, Male};
use nacre_verifier::receipt;
use nacre_wire::exchange::GET_CHAINS;
use sqlx::Row as _;

use super::{
    network::*,
    requests::{ask, fill, log, request},
    seals::{close, database},
};

const DERIVED: [&str; 4] = ["applied", "record", "seal", "logged_document"];

/// All rows of the derived tables.
async fn derived(world: &World) -> Vec<String> {
    let pool = database(world).await;
    let mut rows = Vec::new();
    for query in [
        "SELECT chain || ' ' || leaves FROM applied ORDER BY 1",
        "SELECT chain || ' ' || hex(record) || ' ' || leaf || ' ' || hex(leaf_hash) || hex(batch) FROM record ORDER BY 1",
        "SELECT chain || ' ' || number || ' ' || leaf FROM seal ORDER BY 1",
        "SELECT chain || ' ' || hex(digest) || ' ' || leaf FROM logged_document ORDER BY 1",
    ] {
        rows.extend(sqlx::query(query).fetch_all(&pool).await.unwrap().iter().map(|row| row.get::<String, _>(0)));
    }
    pool.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_receipts_seals_and_answers() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let batch = world.batch("gym", GUANGZHOU, &[(20, "2026-01", Male, 30, 250)]);
    let before = world.post(&running, "gym", GUANGZHOU, &batch).await.unwrap();
    let signed = request(&world, &running, "commission", ["2026-01", "2026-03"], [1, 2]).await;
    let logged = log(&world, &running, "commission", &signed).await.unwrap();
    let answer = ask(&world, &running, "commission", &logged).await.unwrap();
    let chains = world.client(&running, "gym").get(GET_CHAINS, &()).await.unwrap();
    running.stop().await;

    let running = world.start().await;
    let again = world.client(&running, "gym").get(GET_CHAINS, &()).await.unwrap();
    assert_eq!(again, chains);
    let after = world.post(&running, "gym", GUANGZHOU, &batch).await.unwrap();
    assert_eq!(after, before);
    receipt::check(&after, &batch, &world.network).unwrap();
    assert_eq!(ask(&world, &running, "commission", &logged).await.unwrap(), answer);
    let third = close(&world, &running, "operator", GUANGZHOU).await.unwrap();
    assert_eq!((third.number, third.cells), (3, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn derived_tables_come_back_the_same_from_any_earlier_state() {
    let world = World::new();
    let running = world.start().await;
    fill(&world, &running).await;
    let signed = request(&world, &running, "commission", ["2026-01", "2026-03"], [1, 2]).await;
    log(&world, &running, "commission", &signed).await.unwrap();
    running.stop().await;
    let whole = derived(&world).await;
    assert!(whole.len() > 20, "records, seals and admissions are there: {whole:?}");

    let pool = database(&world).await;
    for table in DERIVED {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&pool).await.unwrap();
    }
    world.open().await.unwrap().close().await;
    assert_eq!(derived(&world).await, whole);

    // As after a crash between the append of the second epoch's batch and its last step: the first epoch has 10 leaves.
    sqlx::query("UPDATE applied SET leaves = 10 WHERE chain = $1").bind(GUANGZHOU).execute(&pool).await.unwrap();
    sqlx::query("DELETE FROM record WHERE chain = $1 AND leaf >= 10").bind(GUANGZHOU).execute(&pool).await.unwrap();
    sqlx::query("DELETE FROM seal WHERE number = 2").execute(&pool).await.unwrap();
    world.open().await.unwrap().close().await;
    assert_eq!(derived(&world).await, whole);

    // Followed again over rows that are there already.
    sqlx::query("UPDATE applied SET leaves = 0").execute(&pool).await.unwrap();
    world.open().await.unwrap().close().await;
    assert_eq!(derived(&world).await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_after_a_crash_before_the_last_step_meets_its_own_records() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &[(1, "2026-01", Female, 47, 231)]);
    let receipt = world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    running.stop().await;
    let pool = database(&world).await;
    for table in DERIVED {
        let query = format!("DELETE FROM {table} WHERE chain = '{GUANGZHOU}'");
        sqlx::query(sqlx::AssertSqlSafe(query)).execute(&pool).await.unwrap();
    }
    let running = world.start().await;
    assert_eq!(world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap(), receipt);
    assert_eq!(size(&world, &running, GUANGZHOU).await, 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_does_not_open_over_a_lost_body_or_another_key() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &[(1, "2026-01", Female, 47, 231)]);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    running.stop().await;
    let pool = database(&world).await;
    sqlx::query("DELETE FROM contribution").execute(&pool).await.unwrap();
    sqlx::query("UPDATE applied SET leaves = 0").execute(&pool).await.unwrap();
    let error = world.open().await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("region/440100, leaf 1") && error.contains("gone"), "{error}");

    let (one, other) = (world.folder.path().join("region-440100.hex"), world.folder.path().join("region-440300.hex"));
    fs::copy(&other, &one).unwrap();
    let error = world.open().await.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("region-440100.hex holds the signing key") && error.contains("region/440100 is known by"),
        "{error}"
    );
}

fn modes(path: &Path, found: &mut Vec<(String, u32)>) {
    let metadata = fs::metadata(path).unwrap();
    found.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            modes(&entry.unwrap().path(), found);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_is_its_owners_alone() {
    let world = World::new();
    let running = world.start().await;
    let batch = world.batch("hospital", GUANGZHOU, &[(1, "2026-01", Female, 47, 231)]);
    world.post(&running, "hospital", GUANGZHOU, &batch).await.unwrap();
    let mut found = Vec::new();
    modes(&world.data(), &mut found);
    let database: Vec<_> = found.iter().filter(|(path, _)| path.contains("exchange.sqlite")).collect();
    assert!(database.len() >= 2 && database.iter().all(|(_, mode)| *mode == 0o600), "{found:?}");
    let folders = found
        .iter()
        .filter(|(path, _)| path.ends_with("/data") || path.contains("/chains") && Path::new(path).is_dir());
    assert!(folders.clone().count() == 5 && folders.clone().all(|(_, mode)| *mode == 0o700), "{found:?}");
    running.stop().await;
}
