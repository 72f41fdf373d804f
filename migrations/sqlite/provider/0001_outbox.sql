-- The provider's outbox: what was sealed, until the exchange has receipted it. No column holds anything of a person
-- in the clear: ids and fingerprints are HMACs under the provider's record key, bodies are proofs and ciphertexts.

-- Batches, byte for byte as they were or will be posted. A batch is here before it is first sent, so a crash at any
-- point sends the same bytes again, which the exchange answers with the same receipts.
CREATE TABLE batch (
    position INTEGER PRIMARY KEY,                        -- order of sealing, which is the order of posting
    id       BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),  -- SM3 of the bytes
    bytes    BLOB    NOT NULL,                           -- canonical Batch
    state    TEXT    NOT NULL CHECK (state IN ('queued', 'posted', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,                 -- times it was sent
    problem  TEXT                                        -- word of the exchange's problem, if refused
) STRICT;

CREATE INDEX batch_by_state ON batch (state, position);

-- Records: which month of which person and measure was sealed with which value, as far as the provider must know
-- to recognise it. A record whose batch was refused for another reason than the record itself has no row: it is
-- nowhere, and is sealed anew when its source is read again.
CREATE TABLE record (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),           -- HMAC-SM3 of person, measure, month
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),              -- HMAC-SM3 of record, cell, value
    batch       BLOB NOT NULL REFERENCES batch (id),
    state       TEXT NOT NULL CHECK (state IN ('queued', 'posted', 'refused')),
    problem     TEXT                                     -- word of the exchange's problem, if refused
) STRICT, WITHOUT ROWID;

CREATE INDEX record_by_batch ON record (batch);

-- Receipts, one a batch, checked against the trust root before they are stored.
CREATE TABLE receipt (
    batch BLOB NOT NULL PRIMARY KEY REFERENCES batch (id),
    bytes BLOB NOT NULL                                  -- canonical BatchReceipt
) STRICT, WITHOUT ROWID;
