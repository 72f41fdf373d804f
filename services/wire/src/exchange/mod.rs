//! The exchange's routes, a file for each group.
//!
//! Kept true: a body is read only after its token was checked, and never beyond the route's cap; every refusal is a problem.

mod anchors;
mod grants;
mod log;
mod problems;
mod records;
mod requests;

use crate::{
    operation,
    parameters::{ChainSlug, parameters},
    problem::{
        BUSY, INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, OPENING, TOO_LARGE, TOO_SLOW, TOOK_TOO_LONG,
        WRONG_CONTENT_TYPE,
    },
    server::{Complaint, Group, Server},
    token,
};

pub use anchors::*;
pub use grants::*;
pub use log::*;
pub use problems::*;
pub use records::*;
pub use requests::*;

parameters! {
    /// A chain.
    pub struct OfChain {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
    }
}

impl OfChain {
    /// The chain of that name.
    pub fn new(chain: &nacre_schemas::id::ChainId) -> Self {
        Self { slug: chain.into() }
    }
}

/// The longest answer of a checkpoint, and of what is proven under one, in bytes.
pub const MAX_PROOF_BYTES: usize = 1 << 20;

/// The exchange.
pub const SERVER: Server = Server {
    name: "exchange",
    title: "Nacre exchange",
    description: "Takes batches of contributions in, seals epochs, and serves cells. It hosts chains, each an append-only log \
                  with its own key and witnesses.",
    complaint: Complaint::Problem,
    groups,
    of_all: &[OPENING, BUSY, TOOK_TOO_LONG, STORAGE_UNAVAILABLE, INTERNAL],
    of_parameters: &[MALFORMED],
    of_bodies: &[MALFORMED, crate::problem::INCOMPLETE, TOO_LARGE, TOO_SLOW, WRONG_CONTENT_TYPE],
    of_none: &[NO_SUCH_ROUTE, METHOD_NOT_ALLOWED],
};

fn groups() -> Vec<Group> {
    vec![
        log::group(),
        records::group(),
        requests::group(),
        anchors::group(),
        grants::group(),
        token::group(),
        operation::group(),
    ]
}
