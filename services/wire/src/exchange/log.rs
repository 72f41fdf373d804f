//! Reading a chain's log: checkpoints, proofs, tiles, seals; stretches of it for custodians and full witnesses; trust roots.

use nacre_schemas::{
    Digest,
    dossier::Inclusion,
    log::{ConsistencyProof, HostedChain, LogPage},
    members::MembersPage,
    query::SealProof,
    trust::SignedTrustRoot,
};

use super::{
    MAX_PROOF_BYTES, NO_SEAL, NO_SUCH_SEAL, NOT_ADMITTED, NOT_FINAL, NOT_FOLLOWED, NOT_IN_LOG, OTHER_JURISDICTION,
    OfChain, UNKNOWN_TRUST_ROOT, problems::OF_CHAIN,
};
use crate::{
    Route, Scope,
    body::{Canonical, Json, Nothing, Octets, Text},
    parameters::{ChainSlug, TileName, parameters},
    problem::NO_SUCH_ROUTE,
    route::{Header, Members},
    server::Group,
};

parameters! {
    /// A checkpoint of a chain.
    pub struct WhichCheckpoint {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// A leaf: the first checkpoint that covers it is wanted, else the latest.
        optional covering as "covering": u64,
    }
}

parameters! {
    /// A leaf under the tree of a size.
    pub struct LeafOfTree {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// Position of the entry, from 0.
        query leaf as "leaf": u64,
        /// Size of the tree.
        query size as "size": u64,
    }
}

parameters! {
    /// Two sizes of a tree.
    pub struct TwoSizes {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The smaller size.
        query from as "from": u64,
        /// The larger size.
        query to as "to": u64,
    }
}

parameters! {
    /// A tile or bundle of a chain.
    pub struct OfTile {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The tile in the layout of C2SP tlog-tiles; its slashes are the path's own and are not encoded.
        path name as "path": TileName,
    }
}

parameters! {
    /// A seal by its number.
    pub struct NumberedSeal {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The number of the seal, from 1.
        path number as "number": u64,
    }
}

parameters! {
    /// A stretch of a chain.
    pub struct FromLeaf {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// Position of the first entry.
        query from as "from": u64,
    }
}

parameters! {
    /// A trust root.
    pub struct OfTrustRoot {
        /// Digest of the trust root.
        path digest as "digest": Digest,
    }
}

/// The chains.
pub const GET_CHAINS: Route<(), Nothing, Json<Vec<HostedChain>>> =
    Route::get("/v1/chains", "getChains", "Lists the chains that are hosted here.");

/// A trust root.
pub const GET_TRUST_ROOT: Route<OfTrustRoot, Nothing, Json<SignedTrustRoot>> = Route::get(
    "/v1/trust-roots/{digest}",
    "getTrustRoot",
    "Shows a trust root that the exchange has gone by, for custodians that lack it.",
)
.problems(&[&[UNKNOWN_TRUST_ROOT]]);

/// The chain's own checkpoint.
pub const GET_CHECKPOINT: Route<WhichCheckpoint, Nothing, Text> = Route::get(
    "/v1/chains/{slug}/checkpoint",
    "getCheckpoint",
    "Shows a signed checkpoint: the latest, or the first that covers a leaf.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NOT_IN_LOG]]);

/// A checkpoint that the witnesses made final.
pub const GET_FINAL_CHECKPOINT: Route<WhichCheckpoint, Nothing, Text> = Route::get(
    "/v1/chains/{slug}/checkpoint/final",
    "getFinalCheckpoint",
    "Shows a checkpoint with its witnesses' signatures: the last final one, or the first that covers a leaf.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NOT_IN_LOG, NOT_FINAL]]);

/// A tile or bundle.
pub const GET_TILE: Route<OfTile, Nothing, Octets> = Route::get(
    "/v1/chains/{slug}/tile/{*path}",
    "getTile",
    "Gives a tile of hashes or a bundle of entries (C2SP tlog-tiles, SM3 profile). It never changes.",
)
.headers(&[Header { name: "Cache-Control", description: "It may be kept for ever." }])
.problems(&[OF_CHAIN, &[NO_SUCH_ROUTE, NOT_IN_LOG]]);

/// A proof of inclusion.
pub const GET_INCLUSION: Route<LeafOfTree, Nothing, Json<Inclusion>> = Route::get(
    "/v1/chains/{slug}/proofs/inclusion",
    "getInclusionProof",
    "Proves that a leaf stands in the tree of a size.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NOT_IN_LOG]]);

/// A proof of consistency.
pub const GET_CONSISTENCY: Route<TwoSizes, Nothing, Json<ConsistencyProof>> = Route::get(
    "/v1/chains/{slug}/proofs/consistency",
    "getConsistencyProof",
    "Proves that the tree of one size extends that of another.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NOT_IN_LOG]]);

/// The last seal.
pub const GET_LATEST_SEAL: Route<OfChain, Nothing, Json<SealProof>> = Route::get(
    "/v1/chains/{slug}/seals/latest",
    "getLatestSeal",
    "Shows the last seal and its place under a final checkpoint.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NO_SEAL, NOT_FINAL]]);

/// A seal.
pub const GET_SEAL: Route<NumberedSeal, Nothing, Json<SealProof>> = Route::get(
    "/v1/chains/{slug}/seals/{number}",
    "getSeal",
    "Shows a seal by its number, and its place under a final checkpoint.",
)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[NO_SUCH_SEAL, NOT_FINAL]]);

/// A stretch of a main chain.
pub const GET_ENTRIES: Route<FromLeaf, Nothing, Json<LogPage>, Members> = Route::get(
    "/v1/chains/{slug}/entries",
    "getEntries",
    "Gives a stretch of a main chain, with the requests and admissions that it logs.",
)
.scope(Scope::LogRead)
.problems(&[OF_CHAIN, &[NOT_FOLLOWED, NOT_IN_LOG]]);

/// A stretch of a chain with its bodies.
pub const GET_BODIES: Route<FromLeaf, Nothing, Canonical<MembersPage>, Members> = Route::get(
    "/v1/chains/{slug}/bodies",
    "getBodies",
    "Gives a stretch of a chain with the bodies behind its entries, for its full witnesses.",
)
.scope(Scope::BodiesRead)
.long()
.problems(&[OF_CHAIN, &[OTHER_JURISDICTION, NOT_ADMITTED, NOT_IN_LOG]]);

pub(super) fn group() -> Group {
    Group {
        name: "log",
        summary: "Chains, their checkpoints and proofs.",
        routes: vec![
            &GET_CHAINS,
            &GET_TRUST_ROOT,
            &GET_CHECKPOINT,
            &GET_FINAL_CHECKPOINT,
            &GET_TILE,
            &GET_INCLUSION,
            &GET_CONSISTENCY,
            &GET_LATEST_SEAL,
            &GET_SEAL,
            &GET_ENTRIES,
            &GET_BODIES,
        ],
    }
}
