//! The provider's edge: the only crate that ever holds a plaintext record.
//!
//! Data flows one way, and each step is a module: `file`, `record`, and one for each format (`fhir`, `omh`, `fit`, `apple`,
//! `table`) read, `people`, `codes`, `units` and `select` decide what counts and for whom, `derive` adds what follows from
//! it, `gather` and `reduce` make one integer of a person's month,
//! `pseudonyms` names people to the exchange, `seal` encrypts and proves it, `outbox` keeps what was sealed until the exchange has receipted it, `post` sends. `evidence` asks for what
//! the chains have on a record. `gateway` does all of this for what other systems post over FHIR.
//! `grants` lets others read what was posted, and reads what others granted.
//! [`prepare()`] is the first half, without a key; [`preview()`] tells what the whole would send; [`watch()`] does it again
//! and again.
//!
//! Kept true: no name, identifier, birth date or value is in a log line, an error, the outbox, or anything sent
//! unencrypted; a posted month is never changed; a batch is on disk before it is on the wire.

mod apple;
mod codes;
mod config;
mod derive;
mod erase;
mod evidence;
mod exact;
mod fhir;
mod file;
mod fit;
mod gateway;
mod gather;
mod grants;
mod input;
mod keys;
mod logged;
mod observed;
mod omh;
mod outbox;
mod people;
mod post;
mod prepare;
mod preview;
mod progress;
mod pseudonyms;
mod record;
mod reduce;
mod refusal;
mod register;
mod seal;
mod select;
mod sm4_gcm;
mod summary;
mod table;
mod text;
mod units;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{Config, CustodianAddress, GatewayConfig, PeopleBy, PseudonymConfig, UnnamedConfig, UtcOffset};
pub use erase::{EraseError, Erased, erase};
pub use evidence::{EvidenceError, gather};
pub use file::FileError;
pub use gateway::{Clock, ServeError, SetAside, Status, serve, serve_by, status};
pub use grants::{
    ConsentProblem, ConsentSummary, FetchSummary, Fetched, Given, GrantError, GrantList, GrantTerms, ListedGrant,
    Permission, Unreachable, fetch, grant, grant_by_consent, grants, parse_until, revoke,
};
pub use keys::check_keys;
pub use outbox::{FILE_NAME as OUTBOX_FILE_NAME, OutboxError, posting::Posting, receipt::StoredReceipt};
pub use people::PersonId;
pub use post::{ClockLead, Disagreement, MAX_ATTEMPTS, MAX_IN_FLIGHT, PostError, post, post_at, receipts};
pub use prepare::{PrepareError, Prepared, prepare, prepare_with};
pub use preview::{CiphertextBytes, Encrypted, Preview, PreviewedPseudonym, PreviewedRecord, preview, preview_at};
pub use progress::{Progress, Stage};
pub use pseudonyms::PseudonymsError;
pub use reduce::{Deferred, MonthValue};
pub use refusal::{Origin, Place, Reason, Refused};
pub use register::{HeaderProblem, LineProblem, RegisterError};
pub use seal::{
    batch::SealError,
    payload::{OpenError, PADDING_BYTES, PayloadError, PayloadRecord, open_payload},
};
pub use summary::{CustodianFault, MeasureCounts, Outcome, PostSummary, RefusedAtExchange, Unsettled};
pub use table::description::TableError;
pub use watch::{Pace, Report, WATCH_FILE_NAME, watch};
