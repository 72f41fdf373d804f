//! What a database does with the same appends: a row with the next number and the bytes, durable when the call returns.
//!
//! Callers share one writer, as both databases have; grouped rows show what batching by the caller would buy.

use std::{path::Path, sync::Mutex};

use redb::{Database, TableDefinition};
use rusqlite::Connection;

use super::row;

/// Rows of one transaction where they are grouped.
const GROUP: usize = 64;
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

pub(super) fn sqlite(folder: &Path) {
    let open = |name: &str| {
        let connection = Connection::open(folder.join(name)).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        connection.execute("CREATE TABLE entry (place INTEGER PRIMARY KEY, bytes BLOB NOT NULL)", []).unwrap();
        Mutex::new(connection)
    };
    for callers in [1, 8, 64] {
        let connection = open(&format!("{callers}.sqlite"));
        row("SQLite, an insert a transaction", callers, 1, || {
            |entry: Vec<u8>| {
                let connection = connection.lock().unwrap();
                connection.prepare_cached("INSERT INTO entry (bytes) VALUES (?)").unwrap().execute([entry]).unwrap();
            }
        });
    }
    let connection = open("grouped.sqlite");
    row(&format!("SQLite, {GROUP} inserts a transaction"), 1, GROUP, || {
        |entry: Vec<u8>| {
            let mut connection = connection.lock().unwrap();
            let transaction = connection.transaction().unwrap();
            for _ in 0..GROUP {
                transaction.prepare_cached("INSERT INTO entry (bytes) VALUES (?)").unwrap().execute([&entry]).unwrap();
            }
            transaction.commit().unwrap();
        }
    });
}

pub(super) fn redb(folder: &Path) {
    let insert = |database: &Database, next: &mut u64, entry: &[u8], count: usize| {
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(ENTRIES).unwrap();
            for _ in 0..count {
                table.insert(*next, entry).unwrap();
                *next += 1;
            }
        }
        transaction.commit().unwrap();
    };
    for callers in [1, 8, 64] {
        let database = Database::create(folder.join(format!("{callers}.redb"))).unwrap();
        let next = Mutex::new(0);
        row("redb, an insert a transaction", callers, 1, || {
            |entry: Vec<u8>| insert(&database, &mut next.lock().unwrap(), &entry, 1)
        });
    }
    let database = Database::create(folder.join("grouped.redb")).unwrap();
    let next = Mutex::new(0);
    row(&format!("redb, {GROUP} inserts a transaction"), 1, GROUP, || {
        |entry: Vec<u8>| {
            insert(&database, &mut next.lock().unwrap(), &entry, GROUP);
        }
    });
}
