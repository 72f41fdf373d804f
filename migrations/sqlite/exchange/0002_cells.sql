-- The cells of a chain's seals: primary data, kept for ever, for they survive the erasure of the bodies that
-- they are the sums of. Written before the seal's entry: rows of a number that no seal has are the rest of an
-- attempt that a crash cut short, and the next attempt replaces them.
CREATE TABLE cell (
    chain    TEXT    NOT NULL, -- name of the chain
    seal     INTEGER NOT NULL, -- number of the seal, from 1
    position INTEGER NOT NULL, -- place among the seal's cells in strict key order, from 0
    key      BLOB    NOT NULL, -- canonical encoding of the CellKey; its byte order is not the key order
    cell     BLOB    NOT NULL, -- canonical Cell; at most 1,024 bytes; public
    detail   BLOB    NOT NULL, -- canonical CellDetail; at most 1 MiB; for custodians of the chain's jurisdiction
    PRIMARY KEY (chain, seal, position)
) STRICT;
