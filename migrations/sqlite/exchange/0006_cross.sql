-- The cross lane: what the contributions of a batch share. Primary data; a contribution's own words are in its restricted
-- part, and refer to this by digest.
CREATE TABLE cross_list (
    chain  TEXT NOT NULL, -- name of the chain
    digest BLOB NOT NULL, -- 32 bytes: digest of the list
    list   BLOB NOT NULL, -- canonical CrossList: mask and proof; at most 33,024 bytes
    PRIMARY KEY (chain, digest)
) STRICT;
