//! The outbox: what was sealed, on disk until the exchange has receipted it. SQLite, one file a provider.
//!
//! What it promises. *Durability*: a change is on disk when its call returns (write-ahead log, `synchronous=FULL`).
//! *Atomicity*: a batch and its records come, are receipted and are refused in one transaction each; after a crash
//! at any point a batch is queued with all its records, or settled with all of them. *Concurrency*: one run posts
//! at a time ([`Outbox::lock`]); reading receipts beside it is fine. *Secrecy*: the file is its owner's alone
//! (0600) and holds nothing of a person in the clear; who takes it learns how many months were
//! posted and how many people were named, and no more. *A full disk*: a call fails and leaves everything as it was; once
//! there is room again, the next succeeds.
//!
//! *Ownership*: it opens for the one member that it is of alone ([`owner`]), and is otherwise left as it is.
//!
//! One file a table: [`batch`], [`record`], [`receipt`], [`granted`], [`pseudonym`]; [`posting`] says how sending goes; [`person`],
//! [`observation`] (with its readings) and [`month`] are the gateway's spool, whose rows [`crate::gateway`] encrypts.

pub(crate) mod batch;
pub(crate) mod granted;
pub(crate) mod month;
pub(crate) mod observation;
pub(crate) mod owner;
pub(crate) mod person;
pub(crate) mod posting;
pub(crate) mod pseudonym;
pub(crate) mod receipt;
pub(crate) mod record;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use nacre_hosting::{
    file::{self, FileError},
    folder,
};
use nacre_schemas::{DecodeError, Digest};
use sqlx::{
    Connection as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use self::owner::Owner;

/// The database's name in the provider's data folder.
pub const FILE_NAME: &str = "outbox.sqlite";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite/provider");

/// Why the outbox cannot be used. All are this machine's.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file system refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another run is posting.
    #[error("{} is locked: another run is posting from this outbox", .0.display())]
    InUse(PathBuf),
    /// It is another's.
    #[error(
        "{} is the data folder of another configuration: {detail}. Give each provider and chain a `data` folder of its own, or put the \
         setting right; nothing was sealed, sent or changed",
        folder.display()
    )]
    OtherOwner {
        /// The folder.
        folder: PathBuf,
        /// Which setting differs from what was written down.
        detail: String,
    },
    /// The database refuses.
    #[error("the outbox's database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database is of another version than this program.
    #[error("the outbox's tables: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What was read back is not what was written.
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
}

impl OutboxError {
    /// Whether it is for want of room on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        // SQLITE_FULL, and SQLITE_IOERR_WRITE as systems report a quota that is used up.
        matches!(self.code().as_deref(), Some("13" | "778"))
    }

    /// Whether others had the database for longer than is waited for.
    pub(crate) fn is_busy(&self) -> bool {
        // SQLITE_BUSY with its extended codes; the pool's only connection.
        matches!(self, Self::Database(sqlx::Error::PoolTimedOut))
            || matches!(self.code().as_deref(), Some("5" | "261" | "517" | "773"))
    }

    /// SQLite's code for it.
    fn code(&self) -> Option<String> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().map(|code| code.into_owned()),
            _ => None,
        }
    }
}

impl From<DecodeError> for OutboxError {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// An open outbox.
pub(crate) struct Outbox {
    pool: SqlitePool,
    /// Kept open and never used. While one connection stays open, the others go by what it knows of the write-ahead file. A
    /// file that is opened by the first is read from its start, where a transaction may stand whose sync failed, and which
    /// would then count without being on disk.
    keeper: SqlitePool,
    folder: PathBuf,
}

/// Held by the one run that posts.
pub(crate) struct Lock {
    // The lock goes when the file is closed, also by a crash.
    _file: File,
}

impl Outbox {
    /// Opens the outbox in that folder, made if there is none, unless it is another's.
    pub(crate) async fn open(folder: &Path, owner: &Owner) -> Result<Self, OutboxError> {
        folder::make_private(folder)?;
        let path = folder.join(FILE_NAME);
        // SQLite gives its side files the mode of the database, so the database must have it before it is opened.
        file::make_private(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is erased is overwritten in the file, not only unlinked.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(10));
        // One connection: its thread is the one that waits for the disk, and transactions cannot meet.
        let one = || SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let keeper = one().connect_with(options.clone()).await?;
        let pool = one()
            // SQLite ends a transaction by itself when the disk is full; the connection would then take itself to be inside
            // one for ever. It is replaced. The ping waits for the rollback that was queued.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&pool).await?;
        let outbox = Self { pool, keeper, folder: folder.to_owned() };
        match outbox.belongs_to(owner).await {
            Ok(()) => Ok(outbox),
            Err(error) => {
                outbox.close().await;
                Err(error)
            }
        }
    }

    /// Takes the right to post, or says that another run has it.
    pub(crate) fn lock(&self) -> Result<Lock, OutboxError> {
        let path = self.folder.join("outbox.lock");
        file::make_private(&path)?;
        let file = File::open(&path).map_err(FileError::at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OutboxError::InUse(path)),
            Err(TryLockError::Error(source)) => Err(FileError::at(&path)(source).into()),
        }
    }

    /// Writes out the log.
    pub(crate) async fn checkpoint(&self) -> Result<(), OutboxError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        Ok(())
    }

    /// Writes out the log and closes the database.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        self.keeper.close().await;
    }
}

/// A digest as it was stored.
fn digest(bytes: &[u8]) -> Result<Digest, OutboxError> {
    bytes.try_into().map(Digest).map_err(|_| OutboxError::Damaged("an id has not 32 bytes".to_owned()))
}

#[cfg(test)]
mod tests;
