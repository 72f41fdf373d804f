-- What witnesses made final, what children anchored here, what was erased.

-- Checkpoints that a quorum of witnesses countersigned. Primary: the countersignatures are theirs. The last is what
-- answers stand on; the others show to whoever replays the chain later that a quorum had seen the bodies erased since.
CREATE TABLE final_checkpoint (
    chain TEXT    NOT NULL, -- name of the chain
    size  INTEGER NOT NULL, -- entries that it covers
    note  TEXT    NOT NULL, -- the signed note with its countersignatures; at most 16,384 bytes
    PRIMARY KEY (chain, size)
) STRICT, WITHOUT ROWID;

-- Bodies of anchors: the child's checkpoint and proof. Primary, written before the entry.
CREATE TABLE anchor_body (
    chain TEXT    NOT NULL, -- name of the parent chain
    child TEXT    NOT NULL, -- name of the child chain
    size  INTEGER NOT NULL, -- entries of the child that the checkpoint covers
    body  BLOB    NOT NULL, -- canonical Anchor; at most 65,536 bytes
    PRIMARY KEY (chain, child, size)
) STRICT;

-- Where each anchor stands. Derived from the log.
CREATE TABLE anchor (
    chain TEXT    NOT NULL, -- name of the parent chain
    child TEXT    NOT NULL, -- name of the child chain
    size  INTEGER NOT NULL, -- entries of the child that the checkpoint covers
    root  BLOB    NOT NULL, -- 32 bytes: root of the child at that size
    leaf  INTEGER NOT NULL, -- position of its entry in the parent's log, from 0
    PRIMARY KEY (chain, child, size)
) STRICT, WITHOUT ROWID;

-- Which contributions were erased, and where that stands. Derived from the log.
CREATE TABLE erased (
    chain TEXT    NOT NULL, -- name of the chain
    leaf  INTEGER NOT NULL, -- position of the contribution's entry, from 0
    entry INTEGER NOT NULL, -- position of the erasure's entry, from 0
    PRIMARY KEY (chain, leaf)
) STRICT, WITHOUT ROWID;
