-- When a month's grace is over: a wait that a wrong clock made too long is cut to what it should be, and not below this.
ALTER TABLE month ADD COLUMN ends_at INTEGER NOT NULL DEFAULT 0;         -- Unix seconds
UPDATE month SET ends_at = closes_at;
-- By how much this machine's clock was ahead of the exchange's when that was last asked, in seconds; null if it never was.
ALTER TABLE posting ADD COLUMN clock_lead_s INTEGER;
