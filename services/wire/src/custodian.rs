//! The custodian's routes.
//!
//! Kept true: what a custodian says of a request it signs and logs before it sends it; only the request's own requester is
//! answered. Every refusal of a whole request is signed and of status 200; problems are for what was not judged.

use nacre_schemas::{
    Signed,
    answer::{Answer, Verdict},
    confirmation::Finding,
    cross::{CrossAnswer, CrossSubmission},
    dossier::Submission,
    limits,
    preview::Preview,
    pseudonym::{Evaluation, EvaluationRequest},
    query::{Request, SignedRequest},
    summand::{SummandDispute, SummandProof},
};

use crate::{
    Route, Scope,
    body::Json,
    operation,
    problem::{
        BUSY, CHECK_FAILED, INCOMPLETE, INTERNAL, LACKS_TRUST_ROOT, MALFORMED, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE,
        OPENING, ProblemType, READ_ONLY, TOO_LARGE, TOO_SLOW, TOOK_TOO_LONG, WRONG_CONTENT_TYPE,
    },
    route::{Members, Pool},
    server::{Complaint, Group, Server},
    token,
};

/// Largest submission, and largest answer to one, in bytes of JSON.
pub const MAX_SUBMISSION_BYTES: usize = 64 << 20;
/// Largest request for pseudonyms, and largest answer to one, in bytes of JSON: 67 a person.
pub const MAX_PSEUDONYMS_BYTES: usize = limits::MAX_BLINDED * 80 + 2_048;

/// Another's request.
pub const NOT_THE_REQUESTER: ProblemType = ProblemType::new(
    403,
    "not-the-requester",
    "Not the requester",
    "What was sent is another member's: only its own requester is answered.",
);
/// Confirmations where none are taken.
pub const UNEXPECTED_CONFIRMATIONS: ProblemType = ProblemType::new(
    400,
    "unexpected-confirmations",
    "Unexpected confirmations",
    "A submission for confirmation has confirmations.",
);
/// Nothing to confirm.
pub const NO_OWN_CHAIN: ProblemType = ProblemType::new(
    422,
    "no-own-chain",
    "No chain of its own",
    "The dossier has no chain of the custodian's jurisdiction.",
);
/// An exchange that cannot be asked.
pub const CHAIN_UNAVAILABLE: ProblemType = ProblemType::new(
    503,
    "chain-unavailable",
    "Chain unavailable",
    "A chain cannot be checked now, and nothing was decided.",
)
.later();
/// A statement that could not be recorded.
pub const UNRECORDED: ProblemType = ProblemType::new(
    500,
    "unrecorded",
    "Not recorded",
    "The custodian cannot record what it would say, so it says nothing.",
);
/// The quota of previews.
pub const TOO_MANY_PREVIEWS: ProblemType = ProblemType::new(
    429,
    "too-many-previews",
    "Too many previews",
    "A requester is told of so many groups a day in previews.",
)
.later();
/// The quota of pseudonyms.
pub const TOO_MANY_PSEUDONYMS: ProblemType = ProblemType::new(
    429,
    "too-many-pseudonyms",
    "Too many pseudonyms",
    "A provider has so many people named a day. It is told to come again unless it asks for more at once than a day has.",
);
/// No part in pseudonyms.
pub const NO_PSEUDONYMS: ProblemType =
    ProblemType::new(404, "no-pseudonyms", "No pseudonyms", "The custodian takes no part in pseudonyms.");
/// Elements that are none.
pub const BAD_REQUEST: ProblemType = ProblemType::new(
    422,
    "bad-request",
    "Bad request for pseudonyms",
    "There are no elements, too many, or one that is no group element; the member `entry` says which.",
);

const OF_REQUESTERS: &[ProblemType] = &[NOT_THE_REQUESTER, CHAIN_UNAVAILABLE, LACKS_TRUST_ROOT, UNRECORDED];

/// A custodian's word on its own chains' sums.
pub const POST_CONFIRMATION: Route<(), Json<Submission>, Json<Finding>, Members> = Route::post(
    "/v1/confirmations",
    "postConfirmation",
    "Compares the signed sums of the custodian's own chains with what they sealed, and confirms them or refuses.",
)
.scope(Scope::AnswersRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_SUBMISSION_BYTES)
.problems(&[OF_REQUESTERS, &[UNEXPECTED_CONFIRMATIONS, NO_OWN_CHAIN]]);

/// A custodian's answer.
pub const POST_ANSWER: Route<(), Json<Submission>, Json<Verdict<Answer>>, Members> = Route::post(
    "/v1/answers",
    "postAnswer",
    "Decides on a request: a share or a rule for each quantity of each group, or a refusal of the whole.",
)
.scope(Scope::AnswersRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_SUBMISSION_BYTES)
.problems(&[OF_REQUESTERS]);

/// A custodian's answer in the cross lane.
pub const POST_CROSS_ANSWER: Route<(), Json<CrossSubmission>, Json<Verdict<CrossAnswer>>, Members> = Route::post(
    "/v1/cross/answers",
    "postCrossAnswer",
    "Decides on a result of the cross lane: the custodian's shares, or a refusal.",
)
.scope(Scope::AnswersRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_SUBMISSION_BYTES)
.problems(&[OF_REQUESTERS]);

/// The proof of a custodian's shares.
pub const POST_CROSS_PROOF: Route<(), Json<SummandDispute>, Json<SummandProof>, Members> = Route::post(
    "/v1/cross/proofs",
    "postCrossProof",
    "Proves the custodian's shares under one summand, where another holder gave others.",
)
.scope(Scope::AnswersRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_SUBMISSION_BYTES)
.problems(&[OF_REQUESTERS, &[CHECK_FAILED]]);

/// What would be withheld.
pub const POST_PREVIEW: Route<(), Json<SignedRequest<Request>>, Json<Signed<Preview>>, Members> = Route::post(
    "/v1/previews",
    "postPreview",
    "Says what would be withheld of a request if it were logged next. Groups are charged to a quota a day.",
)
.scope(Scope::AnswersRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_SUBMISSION_BYTES)
.problems(&[OF_REQUESTERS, &[CHECK_FAILED, TOO_MANY_PREVIEWS]]);

/// A custodian's part of pseudonyms.
pub const POST_PSEUDONYMS: Route<(), Json<EvaluationRequest>, Json<Signed<Evaluation>>, Members> = Route::post(
    "/v1/pseudonyms",
    "postPseudonyms",
    "Gives a provider the custodian's part of the pseudonyms of blinded people. People are charged to a quota a day.",
)
.scope(Scope::PseudonymsRequest)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_PSEUDONYMS_BYTES)
.takes_seconds(30)
.gives_bytes(MAX_PSEUDONYMS_BYTES)
.problems(&[&[NOT_THE_REQUESTER, NO_PSEUDONYMS, BAD_REQUEST, TOO_MANY_PSEUDONYMS, UNRECORDED]]);

/// The custodian.
pub const SERVER: Server = Server {
    name: "custodian",
    title: "Nacre custodian",
    description: "Checks a dossier, decides, and gives its share or a signed refusal. It holds a share of its \
                  jurisdiction's key.",
    complaint: Complaint::Problem,
    groups,
    of_all: &[OPENING, BUSY, TOOK_TOO_LONG, INTERNAL, READ_ONLY],
    of_parameters: &[MALFORMED],
    of_bodies: &[MALFORMED, INCOMPLETE, TOO_LARGE, TOO_SLOW, WRONG_CONTENT_TYPE],
    of_none: &[NO_SUCH_ROUTE, METHOD_NOT_ALLOWED],
};

fn groups() -> Vec<Group> {
    let decisions = Group {
        name: "decisions",
        summary: "What the custodian says of requests.",
        routes: vec![&POST_CONFIRMATION, &POST_ANSWER, &POST_CROSS_ANSWER, &POST_CROSS_PROOF, &POST_PREVIEW],
    };
    let pseudonyms =
        Group { name: "pseudonyms", summary: "Pseudonyms by identity number.", routes: vec![&POST_PSEUDONYMS] };
    vec![decisions, pseudonyms, token::group(), operation::group()]
}
