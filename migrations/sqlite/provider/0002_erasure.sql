-- Records can be erased: the row stays, without what tells its value, so that the record is not posted again. SQLite
-- changes no CHECK in place.
CREATE TABLE record_with_erasure (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),           -- HMAC-SM3 of person, measure, month
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),              -- HMAC-SM3 of record, cell, value; zero if erased
    batch       BLOB NOT NULL REFERENCES batch (id),
    state       TEXT NOT NULL CHECK (state IN ('queued', 'posted', 'refused', 'erased')),
    problem     TEXT                                     -- word of the exchange's problem, if refused
) STRICT, WITHOUT ROWID;
INSERT INTO record_with_erasure SELECT id, fingerprint, batch, state, problem FROM record;
DROP TABLE record;
ALTER TABLE record_with_erasure RENAME TO record;
CREATE INDEX record_by_batch ON record (batch);
