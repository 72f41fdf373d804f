//! The exchange's own tables, in one SQLite file: what is kept here is durable when a call returns.
//!
//! Kept true: every write is one transaction in write-ahead mode with `synchronous = FULL`, so it survives a
//! power failure once [`Store::commit`] is back; there is one writing connection, so writers queue and never meet a
//! lock; readers see the last committed state. The file is created with mode 0600. A write that fails, for want of room or
//! by a failed sync, leaves everything as it was, and the next succeeds once the disk does.
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

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use nacre_schemas::{DecodeError, Digest, id::ChainId};
use sqlx::{
    Connection as _, Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite/exchange");

/// Connections that read at the same time.
const READERS: u32 = 8;
/// How long a call waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);
/// Rows asked for or written by one statement: SQLite binds at most 32,766 values.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be created.
    #[error("the database file: {0}")]
    File(#[from] io::Error),
    /// The database refused or failed.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A stored row is not what was written: the file was changed from outside, or the disk is failing.
    #[error("table {table} holds a broken row: {reason}")]
    BrokenRow {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        reason: String,
    },
    /// A number does not fit the database's 64-bit signed integers.
    #[error("{0} is too large for the database")]
    TooLarge(u64),
}

impl StoreError {
    fn broken(table: &'static str, reason: impl ToString) -> Self {
        Self::BrokenRow { table, reason: reason.to_string() }
    }

    fn undecodable(table: &'static str) -> impl Fn(DecodeError) -> Self {
        move |error| Self::broken(table, error)
    }
}

/// A write transaction: nothing of it is seen, and nothing stays, unless it is committed.
pub(crate) type Writing = Transaction<'static, Sqlite>;

/// The tables.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Store {
    /// Opens the file, creating it and its tables where they are missing.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        // SQLite gives its journals the mode of the file, so it is created here, and not by SQLite.
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is erased is overwritten in the file, not only unlinked.
            .pragma("secure_delete", "ON")
            .busy_timeout(ACQUIRE_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // While one connection stays open, the others go by what it knows of the write-ahead file. A file that is
                // opened by the first is read from its start, where a transaction may stand whose sync failed, and which
                // would then count without being on disk.
                .idle_timeout(None)
                .max_lifetime(None)
        };
        // SQLite may end a transaction by itself when a write fails, and the connection would then take itself to be inside
        // one for ever. It is replaced. The ping waits for the rollback that was queued.
        let writer = pool(1).after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
        let writer = writer.connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await?;
        let reader = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, reader })
    }

    /// Starts a write transaction, after those before it.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Makes a transaction durable.
    pub(crate) async fn commit(&self, writing: Writing) -> Result<(), StoreError> {
        Ok(writing.commit().await?)
    }

    /// Ends the write-ahead file, in which what was overwritten in the database may still stand.
    pub(crate) async fn forget_freed(&self) -> Result<(), StoreError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await?;
        Ok(())
    }

    /// That the tables can be read.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&self.reader).await?;
        Ok(())
    }

    /// What reads go through.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Ends all connections, and with the last one the write-ahead file.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A position or count as SQLite has it.
fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge(number))
}

/// A position or count as it was stored.
fn unsigned(number: i64, table: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::broken(table, "a negative number"))
}

/// A digest as it was stored.
fn digest(bytes: &[u8], table: &'static str) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest).map_err(|_| StoreError::broken(table, format!("a digest of {} bytes", bytes.len())))
}

/// The part of every key that says which chain.
fn name(chain: &ChainId) -> &str {
    chain.as_str()
}
