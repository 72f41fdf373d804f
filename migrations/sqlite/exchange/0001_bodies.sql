-- Bodies: primary data. The log commits to them by hash; nothing else can bring them back.
-- They are written before the log's entry, so a row without an entry is the rest of an intake that a crash
-- cut short: the provider's resend finds it in place, and until then it only takes space.

-- The members' and the exchange's part of one contribution.
CREATE TABLE contribution (
    chain      TEXT NOT NULL, -- name of the chain, as region/440100
    leaf_hash  BLOB NOT NULL, -- 32 bytes: RFC 6962 leaf hash (SM3) of the contribution's entry
    record     BLOB NOT NULL, -- 32 bytes: the record id; stays when openings are erased, so no record comes twice
    openings   BLOB NOT NULL, -- canonical Openings; at most 8,192 bytes
    restricted BLOB NOT NULL, -- canonical Restricted; at most 8,192 bytes; leaves the exchange under no route
    PRIMARY KEY (chain, leaf_hash)
) STRICT;

-- What a provider signed for a batch: ordered leaf hashes, range proof, signature.
CREATE TABLE batch (
    chain  TEXT NOT NULL, -- name of the chain
    digest BLOB NOT NULL, -- 32 bytes: digest of the body, as the batch's entry has it
    batch  BLOB NOT NULL, -- 32 bytes: digest of the whole batch as it was posted, which receipts name
    body   BLOB NOT NULL, -- canonical BatchBody; at most 528,384 bytes
    PRIMARY KEY (chain, digest)
) STRICT;
