-- Grants: whose key of a payload the exchange holds for whom. Primary, written before the grant's entry; a row without an
-- entry only takes space. The grant itself is in `document`.
CREATE TABLE granted (
    chain     TEXT    NOT NULL, -- name of the chain
    digest    BLOB    NOT NULL, -- 32 bytes: digest of the SignedGrant
    leaf_hash BLOB    NOT NULL, -- 32 bytes: leaf hash of the record's entry
    provider  TEXT    NOT NULL, -- who grants
    grantee   TEXT    NOT NULL, -- to whom
    until     INTEGER NOT NULL, -- Unix seconds, exclusive
    key       BLOB    NOT NULL, -- the payload's key, SM2-encrypted to the grantee; empty once the grant ended
    revoked   INTEGER,          -- leaf of the revocation; null if there is none. Derived
    PRIMARY KEY (chain, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX granted_by_record ON granted (chain, leaf_hash);
CREATE INDEX granted_by_end ON granted (until) WHERE length(key) > 0;

-- Which grant each access was by. Derived.
CREATE TABLE accessed (
    chain  TEXT    NOT NULL, -- name of the chain
    digest BLOB    NOT NULL, -- 32 bytes: digest of the SignedGrant
    leaf   INTEGER NOT NULL, -- leaf of the access
    PRIMARY KEY (chain, digest, leaf)
) STRICT, WITHOUT ROWID;
