//! The witness's routes. The first is that of <https://c2sp.org/tlog-witness>, under the profile of `nacre-ledger`: SM2 and SM3.
//!
//! Kept true: nobody needs a token, for nothing is believed that is not signed. What went wrong is said in a line of text, as
//! that document has it.

use nacre_schemas::{equivocation::Equivocation, limits};

use crate::{
    Route,
    body::{Json, Nothing, Text},
    media, operation,
    parameters::{ChainSlug, parameters},
    problem::{
        BUSY, INCOMPLETE, MALFORMED, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, OPENING, ProblemType, TOO_LARGE, TOOK_TOO_LONG,
    },
    route::{Answer, Pool},
    server::{Complaint, Group, Server},
};

/// Longest submission, in bytes: a note, and a consistency proof of 63 hashes in base64.
pub const MAX_SUBMISSION_BYTES: usize = limits::MAX_NOTE_BYTES + 63 * 45 + 32;

/// No chain of that name is witnessed here.
pub const UNKNOWN_ORIGIN: ProblemType =
    ProblemType::new(404, "unknown-origin", "Unknown origin", "No chain of the checkpoint's origin is witnessed here.");
/// A checkpoint that the chain did not sign, or of a chain that signed two histories.
pub const FORBIDDEN: ProblemType = ProblemType::new(
    403,
    "forbidden",
    "Forbidden",
    "The chain did not sign the checkpoint, or it has signed two histories.",
);
/// A proof or contents that do not hold.
pub const REFUSED: ProblemType = ProblemType::new(
    422,
    "refused",
    "Refused",
    "The consistency proof does not hold, or a full witness's check of the entries failed.",
);
/// Not now.
pub const LATER: ProblemType = ProblemType::new(503, "later", "Later", "The checkpoint cannot be checked now.").later();
/// Not until its operator has acted.
pub const ALARM: ProblemType = ProblemType::new(
    503,
    "alarm",
    "Alarm",
    "The chain is not countersigned until the witness's operator has seen to an alarm.",
);
/// A submission that does not arrive.
pub const TOO_SLOW: ProblemType = crate::problem::TOO_SLOW;
/// No evidence.
pub const NO_EVIDENCE: ProblemType =
    ProblemType::new(404, "no-evidence", "No evidence", "There is no evidence against a chain of that name.");
/// Our fault.
pub const FAILED: ProblemType = crate::problem::INTERNAL;

parameters! {
    /// A chain that is witnessed.
    pub struct OfWitnessed {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
    }
}

/// A checkpoint is countersigned.
pub const ADD_CHECKPOINT: Route<(), Text, Text> = Route::post(
    "/add-checkpoint",
    "addCheckpoint",
    "Countersigns a checkpoint that extends what was countersigned before (C2SP tlog-witness). It answers with signature lines.",
)
.pool(Pool::Own)
.long()
.takes_bytes(MAX_SUBMISSION_BYTES)
.takes_seconds(10)
.takes_any_type()
.gives_bytes(64 << 10)
.answers(&[Answer {
    status: 409,
    when: "The proof is from another size than was countersigned last, which the body says in decimal.",
    media_type: Some(media::TREE_SIZE),
    schema: Some(|_| schemars::json_schema!({ "type": "string", "pattern": "^(0|[1-9][0-9]*)\n$" })),
    headers: &[],
}])
.problems(&[&[UNKNOWN_ORIGIN, FORBIDDEN, REFUSED, LATER, ALARM]]);

/// The evidence that a chain equivocated.
pub const GET_EQUIVOCATION: Route<OfWitnessed, Nothing, Json<Equivocation>> = Route::get(
    "/evidence/{slug}",
    "getEquivocation",
    "Shows two checkpoints that the chain signed and that cannot both be true.",
)
.gives_bytes(1 << 20)
.problems(&[&[NO_EVIDENCE, LATER]]);

/// The witness.
pub const SERVER: Server = Server {
    name: "witness",
    title: "Nacre witness",
    description: "Countersigns checkpoints of chains: that they extend what it countersigned before, and as a full witness \
                  that every entry holds.",
    complaint: Complaint::Text,
    groups,
    of_all: &[OPENING, BUSY, TOOK_TOO_LONG, FAILED],
    of_parameters: &[MALFORMED],
    of_bodies: &[MALFORMED, INCOMPLETE, TOO_LARGE, TOO_SLOW],
    of_none: &[NO_SUCH_ROUTE, METHOD_NOT_ALLOWED],
};

fn groups() -> Vec<Group> {
    let witness = Group {
        name: "witness",
        summary: "Checkpoints, and evidence against chains.",
        routes: vec![&ADD_CHECKPOINT, &GET_EQUIVOCATION],
    };
    vec![witness, operation::group()]
}
