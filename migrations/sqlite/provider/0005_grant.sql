-- Grants that the provider gave: each is here before it is sent, so that a crash sends the same again. Gone with the record,
-- when that is erased.
CREATE TABLE granted (
    digest  BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),      -- of the SignedGrant
    record  BLOB NOT NULL REFERENCES record (id),
    terms   BLOB NOT NULL CHECK (length(terms) = 32),                   -- digest of the Terms
    bytes   BLOB NOT NULL,                                              -- canonical NewGrant; empty once revoked
    state   TEXT NOT NULL CHECK (state IN ('queued', 'logged', 'revoked')),
    consent BLOB CHECK (length(consent) = 32)                           -- HMAC of the FHIR Consent that it follows from, if one
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX granted_once ON granted (terms) WHERE state != 'revoked';
CREATE INDEX granted_by_consent ON granted (consent) WHERE consent IS NOT NULL;
CREATE INDEX granted_by_record ON granted (record);

-- Keys of payloads whose batch is gone, because another record of it was erased: encrypted under the provider's payload key, as
-- they stood in the batch.
CREATE TABLE payload_key (
    record  BLOB NOT NULL PRIMARY KEY REFERENCES record (id),
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
