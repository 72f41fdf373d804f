//! Anchors: checkpoints of child chains in their parents.

use nacre_schemas::anchor::{Anchor, Anchored};

use super::{MAX_PROOF_BYTES, NOT_ADMITTED, NOT_ANCHORED, OfChain, problems::OF_CHAIN};
use crate::{
    Route, Scope,
    body::{Canonical, Json, Nothing},
    parameters::{ChainSlug, parameters},
    problem::{CHECK_FAILED, READ_ONLY},
    route::Members,
    server::Group,
};

parameters! {
    /// An anchor of a child chain.
    pub struct WhichAnchor {
        /// The parent chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The child chain's name in one segment.
        path child as "child": ChainSlug,
        /// A leaf of the child: the first anchor that covers it is wanted, else the latest.
        optional covering as "covering": u64,
    }
}

/// A checkpoint is anchored.
pub const POST_ANCHOR: Route<OfChain, Canonical<Anchor>, Json<Anchored>, Members> =
    Route::post("/v1/chains/{slug}/anchors", "postAnchor", "Anchors a checkpoint of a child chain, for its operator.")
        .scope(Scope::AnchorsWrite)
        .gives_bytes(MAX_PROOF_BYTES)
        .problems(&[OF_CHAIN, &[NOT_ADMITTED, CHECK_FAILED, READ_ONLY]]);

/// An anchor.
pub const GET_ANCHOR: Route<WhichAnchor, Nothing, Json<Anchored>> = Route::get(
    "/v1/chains/{slug}/anchors/{child}",
    "getAnchor",
    "Shows the latest anchor of a child chain, or the first that covers a leaf of it.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NOT_ANCHORED]]);

pub(super) fn group() -> Group {
    Group {
        name: "anchors",
        summary: "Checkpoints of child chains in their parents.",
        routes: vec![&POST_ANCHOR, &GET_ANCHOR],
    }
}
