-- Bodies of the entries that hold only a digest: memberships, requests, releases. Primary data, written before
-- the entry; a row without an entry only takes space.
CREATE TABLE document (
    digest BLOB NOT NULL, -- 32 bytes: SM3 of the body
    kind   TEXT NOT NULL, -- membership, request or release
    body   BLOB NOT NULL, -- canonical SignedMembership, SignedRequest or Release; at most 256 MiB
    PRIMARY KEY (digest)
) STRICT;
