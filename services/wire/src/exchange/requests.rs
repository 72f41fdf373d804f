//! Requests: logged on main chains, answered with cells, details and numbers, and released; those of the cross lane too.

use nacre_schemas::{
    cell::ChainDetails,
    cross::{CrossDelivery, CrossRequest},
    dossier::{ChainAnswer, ChainNumbers, LoggedRequest, NumbersRequest},
    limits,
    log::Logged,
    query::{Request, SignedRequest},
    release::Release,
};

use super::{
    ADMISSION_NOT_LOGGED, CHAIN_NOT_ASKED, NOT_ADMITTED, OTHER_CHAIN, OTHER_JURISDICTION, OTHER_SEAL, OTHER_SENDER,
    OfChain, UNKNOWN_MEASURE, UNSEALED_EPOCH,
    problems::{OF_CHAIN, OF_LOGGING, OF_SEALS},
};
use crate::{
    Route, Scope,
    body::{Canonical, Json},
    problem::CHECK_FAILED,
    route::{Members, Pool},
    server::Group,
};

/// A signed request, in bytes of JSON: hex takes twice what the canonical form takes.
pub const MAX_SIGNED_REQUEST_BYTES: usize = 2 * limits::MAX_SIGNED_REQUEST_BYTES;
/// A logged request, in bytes of JSON.
pub const MAX_LOGGED_REQUEST_BYTES: usize = MAX_SIGNED_REQUEST_BYTES + (128 << 10);

/// A request is logged.
pub const POST_REQUEST: Route<OfChain, Json<SignedRequest<Request>>, Json<LoggedRequest<Request>>, Members> =
    Route::post(
        "/v1/chains/{slug}/requests",
        "postRequest",
        "Logs a request on the main chain of its measure, and shows where it stands.",
    )
    .scope(Scope::LogWrite)
    .takes_bytes(MAX_SIGNED_REQUEST_BYTES)
    .problems(&[OF_LOGGING, &[OTHER_SENDER, UNKNOWN_MEASURE, OTHER_CHAIN, CHECK_FAILED, ADMISSION_NOT_LOGGED]]);

/// A release is published.
pub const POST_RELEASE: Route<OfChain, Canonical<Release>, Json<Logged>, Members> = Route::post(
    "/v1/chains/{slug}/releases",
    "postRelease",
    "Publishes a release on the main chain of its measure, and says where it stands.",
)
.scope(Scope::LogWrite)
.long()
.problems(&[OF_LOGGING, &[OTHER_SENDER, OTHER_CHAIN, CHECK_FAILED]]);

/// The cells of a request.
pub const POST_CELLS: Route<OfChain, Json<LoggedRequest<Request>>, Json<ChainAnswer>, Members> = Route::post(
    "/v1/chains/{slug}/cells",
    "postCells",
    "Shows the requester of a logged request its cells with their proofs, and the sums of its groups.",
)
.scope(Scope::CellsRead)
.pool(Pool::Members)
.long()
.takes_bytes(MAX_LOGGED_REQUEST_BYTES)
.problems(&[OF_SEALS, &[OTHER_SENDER, NOT_ADMITTED, CHECK_FAILED]]);

/// The details of a request's cells.
pub const POST_DETAILS: Route<OfChain, Json<LoggedRequest<Request>>, Json<ChainDetails>, Members> = Route::post(
    "/v1/chains/{slug}/details",
    "postDetails",
    "Shows custodians of the chain's own jurisdiction what the cells of a logged request are made of.",
)
.scope(Scope::DetailsRead)
.pool(Pool::Members)
.long()
.takes_bytes(MAX_LOGGED_REQUEST_BYTES)
.problems(&[OF_SEALS, &[OTHER_JURISDICTION, NOT_ADMITTED, CHECK_FAILED]]);

/// The numbers behind a request's cells.
pub const POST_NUMBERS: Route<OfChain, Json<NumbersRequest>, Json<ChainNumbers>, Members> = Route::post(
    "/v1/chains/{slug}/numbers",
    "postNumbers",
    "Shows custodians of every jurisdiction how many contributions the cells of a request hold, by provider.",
)
.scope(Scope::NumbersRead)
.pool(Pool::Members)
.long()
.takes_bytes(MAX_LOGGED_REQUEST_BYTES)
.problems(&[OF_SEALS, &[CHECK_FAILED]]);

/// A request of the cross lane is logged.
pub const POST_CROSS_REQUEST: Route<
    OfChain,
    Json<SignedRequest<CrossRequest>>,
    Json<LoggedRequest<CrossRequest>>,
    Members,
> = Route::post(
    "/v1/chains/{slug}/cross/requests",
    "postCrossRequest",
    "Logs a request of the cross lane on its main chain, and shows where it stands.",
)
.scope(Scope::LogWrite)
.takes_bytes(MAX_SIGNED_REQUEST_BYTES)
.problems(&[OF_LOGGING, &[OTHER_SENDER, OTHER_CHAIN, CHECK_FAILED, ADMISSION_NOT_LOGGED]]);

/// The inputs of a request of the cross lane.
pub const POST_CROSS_INPUTS: Route<OfChain, Json<LoggedRequest<CrossRequest>>, Canonical<CrossDelivery>, Members> =
    Route::post(
        "/v1/chains/{slug}/cross/inputs",
        "postCrossInputs",
        "Hands an evaluator what the chain has for a logged request of the cross lane.",
    )
    .scope(Scope::CrossRead)
    .pool(Pool::Members)
    .long()
    .takes_bytes(MAX_LOGGED_REQUEST_BYTES)
    .problems(&[OF_CHAIN, &[NOT_ADMITTED, CHECK_FAILED, CHAIN_NOT_ASKED, UNSEALED_EPOCH, OTHER_SEAL]]);

pub(super) fn group() -> Group {
    Group {
        name: "requests",
        summary: "Requests, what chains answer to them, and releases.",
        routes: vec![
            &POST_REQUEST,
            &POST_RELEASE,
            &POST_CELLS,
            &POST_DETAILS,
            &POST_NUMBERS,
            &POST_CROSS_REQUEST,
            &POST_CROSS_INPUTS,
        ],
    }
}
