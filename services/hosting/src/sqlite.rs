//! A role's tables: one SQLite file, opened so that what it promises holds.
//!
//! What it promises. *Durability*: a change is on disk when its commit returns (write-ahead log, `synchronous = FULL`).
//! *Atomicity*: one connection writes; a transaction stays whole or not at all, also over a crash. *Secrecy*: the file is its
//! owner's alone (0600); what is erased is overwritten in it. *A full disk*: a write that fails, for want of room or by a
//! failed sync, leaves everything as it was, and the next succeeds once the disk does.
//!
//! Two of these take more than settings. SQLite may end a transaction by itself when a write fails, and the connection would
//! then take itself to be inside one for ever: such a connection is replaced. And while one connection stays open, the others
//! go by what it knows of the write-ahead file; a file that is opened by the first is read from its start, where a
//! transaction may stand whose sync failed, and which would then count without being on disk: so readers are kept open.
//!
//! Errors: [`OpenError`] with the file, [`StoreError`] with the table. Cost: a commit is one fsync.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nacre_schemas::{DecodeError, Digest};
use sqlx::{
    Connection as _, Sqlite, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::file::{self, FileError};

/// Why a database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database refuses or fails.
    #[error("{}: {source}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: sqlx::Error,
    },
    /// The tables are of another version than this program, or cannot be brought up to date.
    #[error("the tables of {}: {source}", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: MigrateError,
    },
}

/// Why a table could not be read or written. It is for the store that it comes from to say which file that is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
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
    /// That a row is not what was written.
    pub fn broken(table: &'static str, reason: impl ToString) -> Self {
        Self::BrokenRow { table, reason: reason.to_string() }
    }

    /// The same of a document: for `map_err`.
    pub fn undecodable(table: &'static str) -> impl Fn(DecodeError) -> Self {
        move |error| Self::broken(table, error)
    }
}

/// A write transaction: nothing of it is seen, and nothing stays, unless it is committed.
pub type Writing = Transaction<'static, Sqlite>;

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Connections that read at the same time, one at least.
    pub readers: u32,
    /// How long a call waits for a connection, and a connection for other processes.
    pub patience: Duration,
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Database {
    /// Opens the file, making it and its tables where they are missing.
    pub async fn open(path: &Path, migrations: &Migrator, usage: Usage) -> Result<Self, OpenError> {
        let fault = |source| OpenError::Database { path: path.to_owned(), source };
        // SQLite gives its journals the mode of the file, so it is made here, and not by SQLite.
        file::make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .busy_timeout(usage.patience);
        let pool = |connections| {
            let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(usage.patience);
            pool.idle_timeout(None).max_lifetime(None)
        };
        let writer = pool(1).after_release(|connection, _| {
            Box::pin(async move {
                // Waits for the rollback that was queued.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
        let writer = writer.connect_with(options.clone()).await.map_err(fault)?;
        let migrated = migrations.run(&writer).await;
        migrated.map_err(|source| OpenError::Migration { path: path.to_owned(), source })?;
        let reader = pool(usage.readers).connect_with(options.read_only(true)).await.map_err(fault)?;
        Ok(Self { writer, reader })
    }

    /// Starts a write transaction, after those before it.
    pub async fn begin(&self) -> Result<Writing, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The one connection that writes. What it reads is what was written last.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// What reads go through that no write waits for.
    pub fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Ends the write-ahead file, in which what was overwritten in the database may still stand.
    pub async fn forget_freed(&self) -> Result<(), StoreError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await?;
        Ok(())
    }

    /// Ends all connections, and with the last one the write-ahead file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A position or count as SQLite has it.
pub fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge(number))
}

/// A position or number that is looked for, and that a stranger may have named: one that SQLite cannot hold is after all that it holds.
pub fn sought(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A position or count as it was stored.
pub fn unsigned(number: i64, table: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::broken(table, "a negative number"))
}

/// A digest as it was stored.
pub fn digest(bytes: &[u8], table: &'static str) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest).map_err(|_| StoreError::broken(table, format!("a digest of {} bytes", bytes.len())))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const USAGE: Usage = Usage { readers: 1, patience: Duration::from_secs(5) };

    async fn open(path: &Path) -> Result<Database, OpenError> {
        Database::open(path, &Migrator::DEFAULT, USAGE).await
    }

    #[tokio::test]
    async fn what_was_committed_is_there_and_what_was_not_is_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let database = open(&path).await.unwrap();
        let mut writing = database.begin().await.unwrap();
        sqlx::query("CREATE TABLE one (value INTEGER)").execute(&mut *writing).await.unwrap();
        writing.commit().await.unwrap();
        for (value, is_committed) in [(1, true), (2, false)] {
            let mut writing = database.begin().await.unwrap();
            sqlx::query("INSERT INTO one VALUES ($1)").bind(value).execute(&mut *writing).await.unwrap();
            if is_committed {
                writing.commit().await.unwrap();
            }
        }
        database.close().await;
        let database = open(&path).await.unwrap();
        let values: Vec<i64> = sqlx::query_scalar("SELECT value FROM one").fetch_all(database.reader()).await.unwrap();
        assert_eq!(values, [1]);
        let written = sqlx::query("INSERT INTO one VALUES (3)").execute(database.reader()).await;
        assert!(written.is_err(), "a reader wrote");
        database.close().await;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_connection_whose_transaction_sqlite_ended_by_itself_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let database = open(&path).await.unwrap();
        sqlx::query("CREATE TABLE one (value BLOB)").execute(database.writer()).await.unwrap();
        // No more than some pages: as on a disk that is full, SQLite ends the transaction that wants more.
        sqlx::query("PRAGMA max_page_count = 8").execute(database.writer()).await.unwrap();
        let mut writing = database.begin().await.unwrap();
        let insert = || sqlx::query("INSERT INTO one VALUES (zeroblob(1000000))");
        assert!(insert().execute(&mut *writing).await.is_err());
        drop(writing);
        // The connection that takes its place knows of no such limit.
        let mut writing = database.begin().await.unwrap();
        insert().execute(&mut *writing).await.unwrap();
        writing.commit().await.unwrap();
        database.close().await;
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        fs::write(&path, [b'x'; 4_096]).unwrap();
        let error = open(&path).await.unwrap_err().to_string();
        assert!(error.contains("store.sqlite"), "{error}");
        let error = open(&folder.path().join("nowhere/store.sqlite")).await.unwrap_err();
        assert!(matches!(&error, OpenError::File(_)) && error.to_string().contains("nowhere"), "{error}");
    }
}
