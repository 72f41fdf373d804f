//! Erasure: a record is destroyed everywhere it is kept; what was published before still verifies, what comes after goes on,
//! and a full witness that starts over replays the chain.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nacre::demo::population::{self, PERSON_SYSTEM, Site};
use nacre_provider::EraseError;
use nacre_schemas::{Digest, query::Statistic};
use nacre_tests::{Running, files_below, plan, question};
use nacre_verifier::release;
use sqlx::{
    Row as _,
    sqlite::{SqliteConnectOptions, SqlitePool},
};

const REGION: &str = "820000";
const HOSPITAL: &str = "hospital-820000";

fn site() -> Site {
    Site { member: HOSPITAL.to_owned(), region: REGION.parse().unwrap(), hospital: true }
}

async fn post(running: &Running, folder: &str, people: usize, seed: u64) {
    let month = "2026-01".parse().unwrap();
    let population = population::generate(&running.folder().join(folder), &[site()], people, seed, &[month]).unwrap();
    running.post(HOSPITAL, &population.folders).await.unwrap();
}

/// Pieces of what is to vanish: the end of the openings, the payload's ciphertext, its wrapped key.
async fn pieces(running: &Running, record: &Digest) -> Vec<Vec<u8>> {
    let data = nacre_exchange::Config::read(&running.places.exchanges[REGION]).unwrap().data;
    let options = SqliteConnectOptions::new().filename(data.join("exchange.sqlite")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let row = sqlx::query("SELECT openings, restricted FROM contribution WHERE record = $1")
        .bind(record.0.to_vec())
        .fetch_one(&pool)
        .await
        .unwrap();
    let (openings, restricted): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
    pool.close().await;
    let end = |bytes: &[u8], length: usize| bytes[bytes.len() - length..].to_vec();
    vec![end(&openings, 32), end(&restricted, 24), restricted[restricted.len() / 2..][..24].to_vec()]
}

/// The databases in which any of the pieces stands.
fn holding(running: &Running, pieces: &[Vec<u8>]) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| pieces.iter().any(|piece| bytes.windows(piece.len()).any(|window| window == piece));
    let files = files_below(&running.folder().join("network")).unwrap();
    files.into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

fn names(paths: &[PathBuf]) -> Vec<&str> {
    // What was written last stands in a database's write-ahead file.
    fn name(path: &Path) -> Option<&str> {
        let name = path.file_name()?.to_str()?;
        Some(name.strip_suffix("-wal").unwrap_or(name))
    }
    let mut names: Vec<&str> = paths.iter().filter_map(|path| name(path)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_destroyed_everywhere_and_everything_else_goes_on() {
    let mut running = Running::start(&plan(&[REGION], 3, PERSON_SYSTEM)).await.unwrap();
    post(&running, "first", 30, 9).await;
    running.seal().await.unwrap();
    let asked = question("bmi", "2026-01", "2026-01", &[], Statistic::ALL);
    let before = running.ask(&asked).await.unwrap().unwrap().release;

    let config = running.provider(HOSPITAL).unwrap();
    let receipts = nacre_provider::receipts(&config).await.unwrap();
    let (sealed, kept) = (receipts[3].record, receipts[4].record);
    let (gone, stays) = (pieces(&running, &sealed).await, pieces(&running, &kept).await);
    let everywhere = ["exchange.sqlite", "outbox.sqlite", "witness.sqlite"];
    assert_eq!(names(&holding(&running, &gone)), everywhere, "it is kept in these");
    let erased = nacre_provider::erase(&config, sealed).await.unwrap();
    assert_eq!(nacre_provider::erase(&config, sealed).await.unwrap(), erased, "again it says the same");
    let unknown = nacre_provider::erase(&config, Digest([7; 32])).await;
    assert!(matches!(unknown, Err(EraseError::Unknown(_))));

    // A record of the open epoch: it is never counted.
    post(&running, "second", 30, 10).await;
    let open = nacre_provider::receipts(&config).await.unwrap().last().unwrap().record;
    let early = pieces(&running, &open).await;
    nacre_provider::erase(&config, open).await.unwrap();
    running.seal().await.unwrap();
    let after = running.ask(&asked).await.unwrap().unwrap().release;
    release::check(&before, &running.network().unwrap()).unwrap();
    release::check(&after, &running.network().unwrap()).unwrap();

    for pieces in [&gone, &early] {
        assert_eq!(holding(&running, pieces), Vec::<PathBuf>::new(), "nothing of it is left");
    }
    assert!(names(&holding(&running, &stays)).contains(&"exchange.sqlite"), "the others are there");
    // Its source does not bring it back.
    post(&running, "first", 30, 9).await;
    assert_eq!(holding(&running, &gone), Vec::<PathBuf>::new());

    // A full witness that starts over, its register too, has the quorum's word for what it cannot see.
    let (witness, address) = ("witness-macao", running.addresses["witness-macao"].clone());
    running.servers.stop(witness).await.unwrap();
    let config = nacre_witness::Config::read(&running.places.witnesses[witness]).unwrap();
    fs::remove_dir_all(&config.data).unwrap();
    fs::remove_dir_all(config.registers()).unwrap();
    running.servers.restart(&running.places, witness, &address).await.unwrap();
    post(&running, "third", 30, 11).await;
    running.seal().await.unwrap();
    let last = running.ask(&asked).await.unwrap().unwrap().release;
    release::check(&last, &running.network().unwrap()).unwrap();
}
