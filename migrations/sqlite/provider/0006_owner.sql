-- Whose outbox this is; one row, written when it is first opened with the keys, and compared whenever it is opened.
CREATE TABLE owner (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    network       TEXT NOT NULL,                                          -- of the trust root: its name
    network_key   BLOB NOT NULL CHECK (length(network_key) = 32),         -- and its collective key
    member        TEXT NOT NULL,
    chain         TEXT NOT NULL,
    person_system TEXT NOT NULL,                                          -- of the identifiers that record ids are made from
    record_key    BLOB NOT NULL CHECK (length(record_key) = 32),          -- HMAC of nothing under that key
    pseudonym_key BLOB NOT NULL CHECK (length(pseudonym_key) = 32)        -- the same under that one
) STRICT;
