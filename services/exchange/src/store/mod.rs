//! The exchange's own tables, in one SQLite file: what is kept here is durable when a call returns.
//!
//! Kept true, besides what [`nacre_hosting::sqlite`] promises: every write is one transaction, which survives a power failure
//! once [`Store::commit`] is back; writers queue and never meet a lock; readers see the last committed state.
//!
//! Two kinds of tables: *primary* (`contribution`, `batch`, `cross_list`, `cell`, `document`, `final_checkpoint`, `anchor_body`, `granted`) which nothing can bring back,
//! and *derived* (`applied`, `record`, `seal`, `logged_document`, `anchor`, `erased`, `accessed`) which [`crate::replay`] rebuilds from the logs. Each has a
//! file here; all take the chain's name as the first part of their key, so chains of one file never mix.
//!
//! Errors: [`StoreError`]. None is a client's fault. Cost: a commit is one fsync.

pub(crate) mod anchor;
pub(crate) mod applied;
pub(crate) mod batch;
pub(crate) mod cell;
pub(crate) mod contribution;
pub(crate) mod cross_list;
pub(crate) mod cross_value;
pub(crate) mod document;
pub(crate) mod erased;
pub(crate) mod final_checkpoint;
pub(crate) mod granted;
pub(crate) mod logged_document;
pub(crate) mod record;
pub(crate) mod seal;

use std::{path::Path, time::Duration};

pub use nacre_hosting::sqlite::StoreError;
pub(crate) use nacre_hosting::sqlite::Writing;
use nacre_hosting::sqlite::{Database, OpenError, Usage, digest, signed, sought, unsigned};
use nacre_schemas::id::ChainId;
use sqlx::{SqlitePool, migrate::Migrator};

/// The database, in the data folder.
pub(crate) const FILE: &str = "exchange.sqlite";

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite/exchange");

/// Eight read at the same time.
const USAGE: Usage = Usage { readers: 8, patience: Duration::from_secs(20) };
/// Rows asked for or written by one statement: SQLite binds at most 32,766 values.
const ROWS_PER_STATEMENT: usize = 1_000;

/// The tables.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    /// Opens the file in the data folder, making it and its tables where they are missing.
    pub(crate) async fn open(data: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(&data.join(FILE), &MIGRATIONS, USAGE).await? })
    }

    /// Starts a write transaction, after those before it.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        self.database.begin().await
    }

    /// Makes a transaction durable.
    pub(crate) async fn commit(&self, writing: Writing) -> Result<(), StoreError> {
        Ok(writing.commit().await?)
    }

    /// Ends the write-ahead file, in which what was overwritten in the database may still stand.
    pub(crate) async fn forget_freed(&self) -> Result<(), StoreError> {
        self.database.forget_freed().await
    }

    /// That the tables can be read.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT count(*) FROM sqlite_schema").execute(self.reader()).await?;
        Ok(())
    }

    /// What reads go through.
    pub(crate) fn reader(&self) -> &SqlitePool {
        self.database.reader()
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

/// The part of every key that says which chain.
fn name(chain: &ChainId) -> &str {
    chain.as_str()
}
