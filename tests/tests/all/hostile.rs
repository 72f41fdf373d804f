//! The attacks of the protocol's section 8, by whoever makes them, with real keys against real servers. Each fails, and
//! the test names the check, the problem or the rule that it fails at.
//!
//! What only a prover with other plaintexts can try (two bands, a band bit of 1000, a square of another value, a value
//! outside its band) is tried where that prover is: `zk/src/batch/tests/forgeries.rs`. Every field of a batch, a share
//! and a release is changed in turn in `zk/src/batch/tests/mutations.rs`, `zk/tests/shares.rs` and `tests/tests/all/mutation.rs`.

mod cross_lane;
mod cross_leaks;
mod cross_off;
mod cross_provider;
mod cross_request;
mod custodian;
mod exchange;
mod histories;
mod jurisdiction;
mod operator;
mod provider;
mod regulator;
mod regulator_subtraction;
mod stranger;
mod successor;
mod two_lanes;
mod witness;
