-- Which contributions have words for the cross lane, by measure and month: what a request asks for. Primary, written with
-- the body.
CREATE TABLE cross_value (
    chain     TEXT    NOT NULL, -- name of the chain
    measure   TEXT    NOT NULL, -- with its version
    period    TEXT    NOT NULL, -- the month, 2026-03
    leaf_hash BLOB    NOT NULL, -- 32 bytes: leaf hash of the contribution's entry
    record    BLOB    NOT NULL, -- 32 bytes: the record id
    PRIMARY KEY (chain, measure, period, leaf_hash)
) STRICT, WITHOUT ROWID;
