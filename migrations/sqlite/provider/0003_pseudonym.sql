-- Pseudonyms that custodians helped to, so that each person is asked about once. It may be emptied at any time: the
-- same come again. Without the provider's record key a row says nothing of whose it is.
CREATE TABLE pseudonym (
    person    BLOB NOT NULL PRIMARY KEY CHECK (length(person) = 32),  -- HMAC-SM3 of identity number and pseudonyms' key
    pseudonym BLOB NOT NULL CHECK (length(pseudonym) = 32)            -- as the exchange gets it
) STRICT, WITHOUT ROWID;
