-- Derived from the logs and the bodies. All rows of a chain can be deleted while the exchange is down: it
-- rebuilds them when it opens.

-- How far the other tables of this file have followed each log.
CREATE TABLE applied (
    chain  TEXT    NOT NULL, -- name of the chain
    leaves INTEGER NOT NULL, -- leaves followed: the entries 0 to leaves - 1; 0 if there is no row
    PRIMARY KEY (chain)
) STRICT, WITHOUT ROWID;

-- Where each record stands: what keeps a record from coming twice.
CREATE TABLE record (
    chain     TEXT    NOT NULL, -- name of the chain
    record    BLOB    NOT NULL, -- 32 bytes: the record id
    leaf      INTEGER NOT NULL, -- position of its entry in the log, from 0
    leaf_hash BLOB    NOT NULL, -- 32 bytes: leaf hash of its entry
    batch     BLOB    NOT NULL, -- 32 bytes: digest of the batch that it came in
    PRIMARY KEY (chain, record)
) STRICT, WITHOUT ROWID;

-- Where each seal stands.
CREATE TABLE seal (
    chain  TEXT    NOT NULL, -- name of the chain
    number INTEGER NOT NULL, -- number of the seal, from 1
    leaf   INTEGER NOT NULL, -- position of its entry in the log, from 0
    PRIMARY KEY (chain, number)
) STRICT, WITHOUT ROWID;

-- Where each document stands: what keeps a document from being logged twice.
CREATE TABLE logged_document (
    chain  TEXT    NOT NULL, -- name of the chain
    digest BLOB    NOT NULL, -- 32 bytes: digest of the document
    leaf   INTEGER NOT NULL, -- position of its entry in the log, from 0
    PRIMARY KEY (chain, digest)
) STRICT, WITHOUT ROWID;
