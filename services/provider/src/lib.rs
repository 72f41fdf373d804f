//! The provider's edge: the only crate that holds keys beside a plaintext record.
//!
//! Data flows one way. [`nacre_reading`] makes one integer of a person's month; then each step is a module here: `pseudonyms` names
//! people to the exchange, `seal` encrypts and proves, `outbox` keeps what was sealed until the exchange has receipted it, `post`
//! sends. `evidence` asks for what the chains have on a record. `gateway` does all of this for what other systems post over FHIR.
//! `grants` lets others read what was posted, and reads what others granted. [`preview()`] tells what the whole would send;
//! [`watch()`] does it again and again.
//!
//! Kept true: no name, identifier, birth date or value is in a log line, an error, the outbox, or anything sent
//! unencrypted; a posted month is never changed; a batch is on disk before it is on the wire.

mod config;
mod erase;
mod evidence;
mod gateway;
mod grants;
mod keys;
mod logged;
mod outbox;
mod post;
mod preview;
mod pseudonyms;
mod seal;
mod sm4_gcm;
mod summary;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{Config, CustodianAddress, GatewayConfig, PseudonymConfig};
pub use erase::{EraseError, Erased, erase};
pub use evidence::{EvidenceError, gather};
pub use gateway::{Clock, ServeError, SetAside, Status, serve, serve_by, status};
pub use grants::{
    ConsentProblem, ConsentSummary, FetchSummary, Fetched, Given, GrantError, GrantList, GrantTerms, ListedGrant,
    Permission, Unreachable, fetch, grant, grant_by_consent, grants, parse_until, revoke,
};
pub use keys::check_keys;
pub use outbox::{FILE_NAME as OUTBOX_FILE_NAME, OutboxError, posting::Posting, receipt::StoredReceipt};
pub use post::{ClockLead, Disagreement, MAX_ATTEMPTS, MAX_IN_FLIGHT, PostError, post, post_at, receipts};
pub use preview::{CiphertextBytes, Encrypted, Preview, PreviewedPseudonym, PreviewedRecord, preview, preview_at};
pub use pseudonyms::PseudonymsError;
pub use seal::{
    batch::SealError,
    payload::{OpenError, PADDING_BYTES, PayloadError, PayloadRecord, open_payload},
};
pub use summary::{CustodianFault, MeasureCounts, Outcome, PostSummary, RefusedAtExchange, Unsettled};
pub use watch::{Pace, Report, WATCH_FILE_NAME, watch};
