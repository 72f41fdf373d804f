//! Sealing: a month's value becomes a contribution that says nothing to who may not know.
//!
//! [`name`] makes the ids that link nothing without the provider's keys, [`payload`] encrypts the record for whom it
//! will be granted to, [`batch`] has the values encrypted and proven, and signs.

pub(crate) mod batch;
pub(crate) mod name;
pub(crate) mod payload;
