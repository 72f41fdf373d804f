//! The outbox: what was sealed, on disk until the exchange has receipted it. SQLite, one file a provider.
//!
//! What it promises, besides what [`nacre_hosting::sqlite`] does. *Durability*: a change is on disk when its call returns.
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
    sqlite::{self, Database, StoreError, Usage},
};
use nacre_schemas::{DecodeError, Digest};
use sqlx::sqlite::SqlitePool;

use self::owner::Owner;

/// The database's name in the provider's data folder.
pub const FILE_NAME: &str = "outbox.sqlite";

/// Everything goes through the connection that writes.
const USAGE: Usage = Usage { readers: 1, patience: Duration::from_secs(30) };

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
    /// The database does not open.
    #[error(transparent)]
    Unopened(#[from] sqlite::OpenError),
    /// The database refuses.
    #[error("{FILE_NAME}: {0}")]
    Database(#[from] sqlx::Error),
    /// What was read back is not what was written.
    #[error("{FILE_NAME} is damaged: {0}")]
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

impl From<StoreError> for OutboxError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            broken => Self::Damaged(broken.to_string()),
        }
    }
}

/// An open outbox.
pub(crate) struct Outbox {
    database: Database,
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
        let database = Database::open(&folder.join(FILE_NAME), &MIGRATIONS, USAGE).await?;
        let outbox = Self { database, folder: folder.to_owned() };
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

    /// The one connection: transactions cannot meet.
    fn connection(&self) -> &SqlitePool {
        self.database.writer()
    }

    /// Writes out the log.
    pub(crate) async fn checkpoint(&self) -> Result<(), OutboxError> {
        Ok(self.database.forget_freed().await?)
    }

    /// Writes out the log and closes the database.
    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}

/// A digest as it was stored.
fn digest(bytes: &[u8], table: &'static str) -> Result<Digest, OutboxError> {
    Ok(sqlite::digest(bytes, table)?)
}

#[cfg(test)]
mod tests;
