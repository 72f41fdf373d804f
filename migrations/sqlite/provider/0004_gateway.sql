-- The gateway's spool: what came in over FHIR, until the month it belongs to is reduced, sealed and receipted. Ids are
-- HMAC-SM3 under the provider's record key; what is to be kept from a thief of this file is under SM4-GCM, nonce first, with
-- table and ids authenticated, so that no row opens in another's place. No name, address, text, identifier or time of an
-- answer is here.

-- People, as far as reducing their months takes.
CREATE TABLE person (
    id        BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),          -- HMAC of the identifier of person-system
    pseudonym BLOB NOT NULL CHECK (length(pseudonym) = 32),               -- the provider's own, HMAC under its key
    sealed    BLOB NOT NULL                                               -- sex, birth, death, identity number if it counts
) STRICT, WITHOUT ROWID;

-- Which person a Patient resource is.
CREATE TABLE patient (
    id     BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),             -- HMAC of Patient.id
    person BLOB NOT NULL REFERENCES person (id)
) STRICT, WITHOUT ROWID;

-- Observations, one row each for good: repeats find it.
CREATE TABLE observation (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),         -- HMAC of Observation.id
    identifier BLOB UNIQUE CHECK (length(identifier) = 32),               -- HMAC of the business identifier, if it has one
    content    BLOB NOT NULL CHECK (length(content) = 32),                -- HMAC of person, times, values
    withdrawn  INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),              -- entered in error
    version    INTEGER NOT NULL,                                          -- from 1; meta.versionId
    sealed     BLOB NOT NULL                                              -- status and code
) STRICT, WITHOUT ROWID;

-- Months of people that have readings, until all records that they came to are receipted.
CREATE TABLE month (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),       -- HMAC of person and month
    person    BLOB    NOT NULL REFERENCES person (id),
    version   INTEGER NOT NULL,                                           -- counts changes of its readings
    closes_at INTEGER NOT NULL,                                           -- Unix seconds: when it is reduced
    expected  INTEGER,                                                    -- records it comes to; null if not reduced since it changed
    refusals  INTEGER NOT NULL DEFAULT 0,                                 -- batches refused with a record of it
    problem   TEXT                                                        -- why it is set aside, if it is
) STRICT, WITHOUT ROWID;

CREATE INDEX month_by_close ON month (closes_at);

-- Readings: one value of an observation, for one record.
CREATE TABLE reading (
    observation BLOB NOT NULL REFERENCES observation (id),
    record      BLOB NOT NULL CHECK (length(record) = 32),                -- id of the record that it counts in
    month       BLOB NOT NULL CHECK (length(month) = 32),
    sealed      BLOB,                                                     -- measure, time, value; null once receipted
    PRIMARY KEY (observation, record)
) STRICT, WITHOUT ROWID;

CREATE INDEX reading_by_month ON reading (month);
CREATE INDEX reading_by_record ON reading (record);

ALTER TABLE record ADD COLUMN month BLOB;                                 -- the gateway's month that it came of, if it did
CREATE INDEX record_by_month ON record (month) WHERE month IS NOT NULL;

ALTER TABLE batch ADD COLUMN set_aside TEXT;                              -- why it is not sent, if it is not

-- How posting goes; one row.
CREATE TABLE posting (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    failures        INTEGER NOT NULL DEFAULT 0,                           -- rounds in a row that ended in an error
    last_error      TEXT,
    last_error_at   INTEGER,                                              -- Unix seconds
    next_attempt_at INTEGER,                                              -- Unix seconds; null if nothing holds it up
    sealed_leaves   INTEGER NOT NULL DEFAULT 0                            -- leaves of the chain that a seal covers, as far as seen
) STRICT;
INSERT INTO posting (id) VALUES (1);
