//! Problem types (RFC 9457): the words that programs go by, with what each means. Those that several servers have are here.
//!
//! Kept true: a word has one meaning. Its status can differ: `too-slow` is 408 of a body, and 503 of the work.
//!
//! No errors. Cost: a constant each.

use nacre_schemas::problem::{Problem, Retry};

/// What can go wrong, in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// HTTP status.
    pub status: u16,
    /// The end of its URI.
    pub word: &'static str,
    /// What kind of problem it is, for people.
    pub title: &'static str,
    /// When it arises.
    pub when: &'static str,
    /// Whether sending the same again can help.
    pub retry: Retry,
}

impl ProblemType {
    /// One that sending the same again does not solve.
    pub const fn new(status: u16, word: &'static str, title: &'static str, when: &'static str) -> Self {
        Self { status, word, title, when, retry: Retry::No }
    }

    /// The same, but solved by sending the same again later.
    #[must_use]
    pub const fn later(self) -> Self {
        Self { retry: Retry::Later, ..self }
    }

    /// The same, but solved by a new access token.
    #[must_use]
    pub const fn with_new_token(self) -> Self {
        Self { retry: Retry::WithNewToken, ..self }
    }

    /// Its URI, the `type` of a problem.
    pub fn uri(&self) -> String {
        format!("{}{}", Problem::TYPE_PREFIX, self.word)
    }

    /// A problem of this type.
    pub fn problem(&self, detail: impl ToString) -> Problem {
        Problem::new(self.status, self.word, self.title, detail).retry(self.retry)
    }
}

/// No access token.
pub const NO_TOKEN: ProblemType =
    ProblemType::new(401, "no-token", "No access token", "The request has no `Authorization: Bearer` header.")
        .with_new_token();
/// A token of another server or process, or of nobody.
pub const INVALID_TOKEN: ProblemType = ProblemType::new(
    401,
    "invalid-token",
    "The access token does not count",
    "The server did not issue the token since it started, or its member is not admitted any more.",
)
.with_new_token();
/// A token whose time is over.
pub const EXPIRED_TOKEN: ProblemType =
    ProblemType::new(401, "expired-token", "The access token has expired", "The token's five minutes are over.")
        .with_new_token();
/// A token of other scopes.
pub const INSUFFICIENT_SCOPE: ProblemType = ProblemType::new(
    403,
    "insufficient-scope",
    "The access token does not cover this",
    "The token does not have the scope that the route takes.",
);
/// No such address.
pub const NO_SUCH_ROUTE: ProblemType =
    ProblemType::new(404, "no-such-route", "No such address", "The server has nothing at the address.");
/// No such method.
pub const METHOD_NOT_ALLOWED: ProblemType =
    ProblemType::new(405, "method-not-allowed", "Method not allowed", "The address takes other methods.");
/// Another content type.
pub const WRONG_CONTENT_TYPE: ProblemType =
    ProblemType::new(415, "wrong-content-type", "Wrong content type", "The body is of another media type.");
/// Too many bytes.
pub const TOO_LARGE: ProblemType =
    ProblemType::new(413, "too-large", "Too large", "The body has more bytes than the route takes.");
/// Not what is taken.
pub const MALFORMED: ProblemType = ProblemType::new(
    400,
    "malformed",
    "Malformed",
    "The body, or a parameter of the address, is not what the route takes.",
);
/// A body that ended early.
pub const INCOMPLETE: ProblemType =
    ProblemType::new(400, "incomplete", "Incomplete", "The body did not arrive whole.").later();
/// A body that is too long under way.
pub const TOO_SLOW: ProblemType =
    ProblemType::new(408, "too-slow", "Too slow", "The body did not arrive in time.").later();
/// All places are taken.
pub const BUSY: ProblemType =
    ProblemType::new(503, "busy", "Busy", "The server has as much to do as it takes at once.").later();
/// Too many calls.
pub const TOO_MANY_REQUESTS: ProblemType = ProblemType::new(
    429,
    "too-many-requests",
    "Too many requests",
    "Calls without a token are answered so many times a second.",
)
.later();
/// Not yet.
pub const OPENING: ProblemType =
    ProblemType::new(503, "opening", "Opening", "The server is being opened; its routes are served once it is.")
        .later();
/// Work that is too long.
pub const TOOK_TOO_LONG: ProblemType =
    ProblemType::new(503, "too-slow", "Took too long", "It took longer than the route gives a request.").later();
/// Our fault.
pub const INTERNAL: ProblemType =
    ProblemType::new(500, "internal", "Internal error", "The server failed. Its operator finds the cause in its log.")
        .later();
/// A log that takes nothing.
pub const READ_ONLY: ProblemType = ProblemType::new(
    503,
    "read-only",
    "Read only",
    "The log is damaged or was put back to an older state, and takes nothing until its operator has seen to it.",
)
.later();
/// A check that failed.
pub const CHECK_FAILED: ProblemType = ProblemType::new(
    422,
    "check-failed",
    "Check failed",
    "A check of what was sent failed; the member `check` names it.",
);
/// A trust root that is not there.
pub const LACKS_TRUST_ROOT: ProblemType = ProblemType::new(
    503,
    "lacks-trust-root",
    "An earlier trust root is not kept",
    "A request was asked under an earlier trust root, and the server does not have that yet.",
)
.later();

/// What a route of members answers to callers that it does not let in.
pub const OF_MEMBERS: &[ProblemType] = &[NO_TOKEN, INVALID_TOKEN, EXPIRED_TOKEN, INSUFFICIENT_SCOPE];
