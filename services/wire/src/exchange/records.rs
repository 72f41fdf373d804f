//! Records: batches in, epochs closed, evidence out, bodies erased, disputes.

use nacre_schemas::{
    Digest, Signed,
    batch::Batch,
    entry::SealEntry,
    erasure::Erasure,
    evidence::{Dispute, Evidence},
    log::Logged,
    receipt::BatchReceipt,
};

use super::{
    BAD_SIGNATURE, MAX_PROOF_BYTES, NO_CROSS_LANE, NO_RECORDS_HERE, NOT_ADMITTED, NOT_FINAL, NOT_JUDICIAL,
    NOTHING_TO_SEAL, OPEN_PERIOD, OTHER_CHAIN, OTHER_PROVIDER, OTHER_REGION, OTHER_SENDER, OfChain, PROOF_REJECTED,
    RECORD_EXISTS, RECORD_REPEATED, UNKNOWN_MEASURE, UNKNOWN_RECORD,
    problems::{OF_CHAIN, OF_LOGGING},
};
use crate::{
    Route, Scope,
    body::{Canonical, Json, Nothing},
    parameters::{ChainSlug, parameters},
    problem::{CHECK_FAILED, READ_ONLY, TOO_LARGE},
    route::Members,
    server::Group,
};

/// A body that nobody reads, in bytes: clients that always send one may send `null` or `{}`.
pub const MAX_IDLE_BODY_BYTES: usize = 64;
/// An order to erase, in bytes of JSON.
pub const MAX_ERASURE_BYTES: usize = 4 << 10;
/// A dispute, in bytes of JSON.
pub const MAX_DISPUTE_BYTES: usize = 16_384;

parameters! {
    /// A record of a chain.
    pub struct OfRecord {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The record's id.
        path record as "record": Digest,
    }
}

/// A batch comes in.
pub const POST_BATCH: Route<OfChain, Canonical<Batch>, Json<BatchReceipt>, Members> = Route::post(
    "/v1/chains/{slug}/batches",
    "postBatch",
    "Takes a batch in, and gives its receipts. The same batch sent again gets the same receipts.",
)
.scope(Scope::BatchesWrite)
.gives_bytes(4 << 20)
.problems(&[
    OF_CHAIN,
    &[NOT_ADMITTED, OTHER_SENDER, OTHER_CHAIN, NO_RECORDS_HERE, BAD_SIGNATURE, NO_CROSS_LANE, READ_ONLY],
    &[OTHER_PROVIDER, OTHER_REGION, UNKNOWN_MEASURE, OPEN_PERIOD, RECORD_REPEATED],
    &[PROOF_REJECTED, RECORD_EXISTS, CHECK_FAILED],
]);

/// An epoch is closed.
pub const POST_SEAL: Route<OfChain, Nothing, Json<SealEntry>, Members> =
    Route::post("/v1/chains/{slug}/seals", "postSeal", "Closes the chain's epoch, for its operator.")
        .scope(Scope::SealsWrite)
        .long()
        .takes_bytes(MAX_IDLE_BODY_BYTES)
        .problems(&[OF_CHAIN, &[NOT_ADMITTED, NOTHING_TO_SEAL, READ_ONLY, TOO_LARGE]]);

/// A record's evidence.
pub const GET_EVIDENCE: Route<OfRecord, Nothing, Json<Evidence>, Members> = Route::get(
    "/v1/chains/{slug}/evidence/{record}",
    "getEvidence",
    "Shows what the chain has on a record, without anchors, to the provider that posted it.",
)
.scope(Scope::EvidenceRead)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_CHAIN, &[UNKNOWN_RECORD, NOT_FINAL]]);

/// A record's body is destroyed.
pub const POST_ERASURE: Route<OfChain, Json<Signed<Erasure>>, Json<Logged>, Members> = Route::post(
    "/v1/chains/{slug}/erasures",
    "postErasure",
    "Destroys the body of a record on its provider's order, and says where the order stands.",
)
.scope(Scope::ErasuresWrite)
.takes_bytes(MAX_ERASURE_BYTES)
.gives_bytes(MAX_PROOF_BYTES)
.problems(&[OF_LOGGING, &[UNKNOWN_RECORD, CHECK_FAILED]]);

/// A dispute is logged.
pub const POST_DISPUTE: Route<OfChain, Json<Signed<Dispute>>, Json<Logged>, Members> =
    Route::post("/v1/chains/{slug}/disputes", "postDispute", "Logs a dispute over a record on the judicial chain.")
        .scope(Scope::DisputesWrite)
        .takes_bytes(MAX_DISPUTE_BYTES)
        .gives_bytes(MAX_PROOF_BYTES)
        .problems(&[OF_LOGGING, &[NOT_JUDICIAL, OTHER_SENDER, CHECK_FAILED]]);

pub(super) fn group() -> Group {
    Group {
        name: "records",
        summary: "Batches, seals, evidence, erasure and disputes.",
        routes: vec![&POST_BATCH, &POST_SEAL, &GET_EVIDENCE, &POST_ERASURE, &POST_DISPUTE],
    }
}
