-- What a witness has countersigned, and what it mirrors of the chains that it is a full witness of.

-- The last checkpoint of each chain that was countersigned. Primary: what a later one must extend.
CREATE TABLE countersigned (
    chain    TEXT    NOT NULL, -- name of the chain
    size     INTEGER NOT NULL, -- entries
    note     TEXT    NOT NULL, -- the signed note, as the chain sent it
    previous TEXT,             -- the note before it, which the register may still have after a crash; none before the second
    PRIMARY KEY (chain)
) STRICT, WITHOUT ROWID;

-- Chains that signed two checkpoints which cannot both be true. Primary.
CREATE TABLE equivocation (
    chain    TEXT NOT NULL, -- name of the chain
    evidence BLOB NOT NULL, -- canonical Equivocation
    PRIMARY KEY (chain)
) STRICT;

-- How far each chain was checked with its bodies.
CREATE TABLE mirrored (
    chain  TEXT    NOT NULL, -- name of the chain
    leaves INTEGER NOT NULL, -- entries checked: 0 to leaves - 1
    edge   BLOB    NOT NULL, -- roots of the complete subtrees of the tree of that size, 32 bytes each, largest first
    PRIMARY KEY (chain)
) STRICT, WITHOUT ROWID;

-- The entries and their bodies.
CREATE TABLE entry (
    chain TEXT    NOT NULL, -- name of the chain
    leaf  INTEGER NOT NULL, -- position, from 0
    entry BLOB    NOT NULL, -- canonical Entry; at most 1,024 bytes
    body  BLOB    NOT NULL, -- canonical body; empty if there is none, or if it was erased
    PRIMARY KEY (chain, leaf)
) STRICT;

-- Where each record stands: once in the whole chain.
CREATE TABLE record (
    chain  TEXT    NOT NULL, -- name of the chain
    record BLOB    NOT NULL, -- 32 bytes: the record id
    leaf   INTEGER NOT NULL, -- position of its entry
    PRIMARY KEY (chain, record)
) STRICT, WITHOUT ROWID;

-- The last seal of each chain.
CREATE TABLE seal (
    chain  TEXT    NOT NULL, -- name of the chain
    number INTEGER NOT NULL, -- number of the seal, from 1
    leaf   INTEGER NOT NULL, -- position of its entry
    hash   BLOB    NOT NULL, -- 32 bytes: leaf hash of its entry
    ends   INTEGER NOT NULL, -- first leaf that it no longer covers
    PRIMARY KEY (chain)
) STRICT, WITHOUT ROWID;

-- The last anchor of each child.
CREATE TABLE anchor (
    chain TEXT    NOT NULL, -- name of the parent chain
    child TEXT    NOT NULL, -- name of the child chain
    size  INTEGER NOT NULL, -- entries of the child
    root  BLOB    NOT NULL, -- 32 bytes: its root
    PRIMARY KEY (chain, child)
) STRICT, WITHOUT ROWID;

-- Contributions whose bodies were gone before they were seen here, and whose erasure has not been met in the log yet.
-- They were taken on the word of a quorum that had seen them, under a checkpoint of so many entries: their erasure must
-- stand behind it.
CREATE TABLE missing (
    chain   TEXT    NOT NULL, -- name of the chain
    leaf    INTEGER NOT NULL, -- position of the contribution's entry
    vouched INTEGER NOT NULL, -- entries under the final checkpoint that a quorum vouched with
    PRIMARY KEY (chain, leaf)
) STRICT, WITHOUT ROWID;
