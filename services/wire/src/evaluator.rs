//! The evaluator's routes.
//!
//! Kept true: a job is its requester's alone, and named by the digest of its request; one request is computed once.

use nacre_schemas::{
    Digest,
    cross::{CrossArithmetic, CrossJob, CrossOutcome, CrossRequest},
    dossier::LoggedRequest,
};

use crate::{
    Route, Scope,
    body::{Canonical, Json, Nothing},
    custodian::{CHAIN_UNAVAILABLE, NOT_THE_REQUESTER},
    operation,
    parameters::parameters,
    problem::{
        BUSY, CHECK_FAILED, INCOMPLETE, INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, OPENING, ProblemType,
        TOO_LARGE, TOO_SLOW, TOOK_TOO_LONG, WRONG_CONTENT_TYPE,
    },
    route::{Members, Pool},
    server::{Complaint, Group, Server},
    token,
};

/// Largest request, in bytes of JSON.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// No such job.
pub const NO_JOB: ProblemType =
    ProblemType::new(404, "no-job", "No such job", "The caller has no job for that request here.");
/// A result that is not there yet.
pub const NOT_DONE: ProblemType = ProblemType::new(409, "not-done", "Not done", "The job is not done yet.").later();
/// Inputs that a chain refuses.
pub const INPUTS_REFUSED: ProblemType = ProblemType::new(
    502,
    "inputs-refused",
    "Inputs refused",
    "The job has failed: a chain does not hand over its inputs, and asking again does not help.",
);
/// Inputs that do not hold.
pub const FALSE_INPUTS: ProblemType = ProblemType::new(
    502,
    "false-inputs",
    "False inputs",
    "The job has failed: a chain handed over other inputs than it should.",
);
/// More than is computed.
pub const TOO_MANY_PEOPLE: ProblemType = ProblemType::new(
    422,
    "too-many-people",
    "Too many people",
    "The job has failed: the request is about more values than are computed at once.",
);

parameters! {
    /// A job.
    pub struct OfJob {
        /// Digest of the job's request.
        path request as "request": Digest,
    }
}

/// What the evaluator computes with.
pub const GET_ARITHMETIC: Route<(), Nothing, Json<CrossArithmetic>> = Route::get(
    "/v1/arithmetic",
    "getArithmetic",
    "Says what the evaluator computes with. Evaluators that differ in it will not confirm one result.",
);

/// A job is begun.
pub const POST_JOB: Route<(), Json<LoggedRequest<CrossRequest>>, Json<CrossJob>, Members> = Route::post(
    "/v1/jobs",
    "postJob",
    "Has a logged request of the cross lane computed. A job that is there already is not begun again.",
)
.scope(Scope::CrossCompute)
.pool(Pool::Own)
.takes_bytes(MAX_REQUEST_BYTES)
.takes_seconds(30)
.problems(&[&[NOT_THE_REQUESTER, CHECK_FAILED]]);

/// How far a job is.
pub const GET_JOB: Route<OfJob, Nothing, Json<CrossJob>, Members> =
    Route::get("/v1/jobs/{request}", "getJob", "Says how far a job is.")
        .scope(Scope::CrossCompute)
        .pool(Pool::Own)
        .problems(&[&[NO_JOB]]);

/// What a job came to.
pub const GET_JOB_RESULT: Route<OfJob, Nothing, Canonical<CrossOutcome>, Members> = Route::get(
    "/v1/jobs/{request}/result",
    "getJobResult",
    "Gives what a job came to, or the problem that it failed with.",
)
.scope(Scope::CrossCompute)
.pool(Pool::Own)
.problems(&[&[NO_JOB, NOT_DONE, CHAIN_UNAVAILABLE, INPUTS_REFUSED, FALSE_INPUTS, TOO_MANY_PEOPLE, CHECK_FAILED]]);

/// A job is cancelled. The answer comes once it has stopped, and matching people is not stopped under way.
pub const DELETE_JOB: Route<OfJob, Nothing, Nothing, Members> =
    Route::delete("/v1/jobs/{request}", "deleteJob", "Cancels a job and removes it, finished or not.")
        .scope(Scope::CrossCompute)
        .pool(Pool::Own)
        .long()
        .status(204)
        .problems(&[&[NO_JOB]]);

/// The evaluator.
pub const SERVER: Server = Server {
    name: "evaluator",
    title: "Nacre evaluator",
    description: "Computes requests of the cross lane on ciphertexts, for the custodians of its jurisdiction.",
    complaint: Complaint::Problem,
    groups,
    of_all: &[OPENING, BUSY, TOOK_TOO_LONG, INTERNAL],
    of_parameters: &[MALFORMED],
    of_bodies: &[MALFORMED, INCOMPLETE, TOO_LARGE, TOO_SLOW, WRONG_CONTENT_TYPE],
    of_none: &[NO_SUCH_ROUTE, METHOD_NOT_ALLOWED],
};

fn groups() -> Vec<Group> {
    let jobs = Group {
        name: "jobs",
        summary: "Requests that are computed.",
        routes: vec![&GET_ARITHMETIC, &POST_JOB, &GET_JOB, &GET_JOB_RESULT, &DELETE_JOB],
    };
    vec![jobs, token::group(), operation::group()]
}
