//! A route: what a server mounts and a client calls.
//!
//! Kept true: all that is known of a route is here, so that neither side has to say it again. A route is a constant; its types
//! are [`Parameters`], the [`Body`] that it takes, and the [`Body`] that it answers with.
//!
//! Errors: [`ParameterError`] where an address cannot be written or read.

use std::{fmt, marker::PhantomData, time::Duration};

use schemars::{Schema, SchemaGenerator};

use crate::{
    Scope,
    body::Body,
    parameters::{self, Parameter, ParameterError, Parameters},
    problem::ProblemType,
};

/// The longest answer, unless a route or its body says otherwise, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 256 << 20;

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Hands something over.
    Post,
    /// Puts something at an id.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which places a request takes while it is at work. A flood of one pool holds up nothing of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// None beyond the connection: health, and access tokens.
    Connection,
    /// Those of readers without a token.
    Anonymous,
    /// Those of members that read.
    Members,
    /// Those of members that write.
    Writes,
    /// Those that the role counts by itself.
    Own,
}

impl Pool {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Anonymous => "anonymous",
            Self::Members => "members",
            Self::Writes => "writes",
            Self::Own => "own",
        }
    }
}

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeLimit {
    /// A minute.
    Short,
    /// Half an hour: cells, details, seals, releases.
    Long,
}

impl TimeLimit {
    /// The time.
    pub const fn duration(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(60),
            Self::Long => Duration::from_secs(1_800),
        }
    }
}

/// A route for anybody.
#[derive(Debug)]
pub enum Anyone {}
/// A route for members with an access token of its scope.
#[derive(Debug)]
pub enum Members {}
/// A route for the gateway's senders.
#[derive(Debug)]
pub enum Senders {}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anyone,
    /// Members with an access token of that scope.
    Member(Scope),
    /// The gateway's senders, as its configuration lets them in: by a token, a certificate, or from the same machine.
    Sender,
}

/// A header of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
}

/// An answer beside the usual one and the problems.
#[derive(Clone, Copy)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// When it is given.
    pub when: &'static str,
    /// The media type of its body, if it has one.
    pub media_type: Option<&'static str>,
    /// The JSON Schema of its body, if it is JSON or text.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Its headers.
    pub headers: &'static [Header],
}

/// What is known of a route beside its types.
#[derive(Clone, Copy)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// The path, with parameters as `{name}`, and `{*name}` for all that is left.
    pub path: &'static str,
    /// Its name in OpenAPI.
    pub operation: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Who may call.
    pub access: Access,
    /// Which places a request takes.
    pub pool: Pool,
    /// How long a request may take.
    pub time_limit: TimeLimit,
    /// The longest body that is taken, in bytes.
    pub max_request_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// Whether a body of any `Content-Type` is taken.
    pub takes_any_type: bool,
    /// The longest answer, in bytes.
    pub max_response_bytes: usize,
    /// The status of the usual answer.
    pub status: u16,
    /// Its headers.
    pub headers: &'static [Header],
    /// Other answers.
    pub answers: &'static [Answer],
    /// The problems that are this route's own; those of all routes of a server are the [`crate::Server`]'s.
    pub problems: &'static [&'static [ProblemType]],
}

impl Facts {
    /// The scope that callers need, if any.
    pub const fn scope(&self) -> Option<Scope> {
        match self.access {
            Access::Member(scope) => Some(scope),
            Access::Anyone | Access::Sender => None,
        }
    }
}

/// A route with the types of its parameters, of what it takes, of what it answers with, and of its callers: [`Anyone`],
/// [`Members`] or [`Senders`].
pub struct Route<P, Q, S, A = Anyone> {
    facts: Facts,
    types: PhantomData<fn(P, Q, A) -> S>,
}

impl<P, Q, S, A> Clone for Route<P, Q, S, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, Q, S, A> Copy for Route<P, Q, S, A> {}

impl<P: Parameters, Q: Body, S: Body> Route<P, Q, S> {
    const fn new(method: Method, path: &'static str, operation: &'static str, summary: &'static str) -> Self {
        let max_request_bytes = match Q::MAX_BYTES {
            Some(bytes) => bytes,
            None => 0,
        };
        let max_response_bytes = match S::MAX_BYTES {
            Some(bytes) => bytes,
            None => MAX_RESPONSE_BYTES,
        };
        let pool = match method {
            Method::Get => Pool::Anonymous,
            Method::Post | Method::Put | Method::Delete => Pool::Writes,
        };
        let facts = Facts {
            method,
            path,
            operation,
            summary,
            access: Access::Anyone,
            pool,
            time_limit: TimeLimit::Short,
            max_request_bytes,
            body_time: TimeLimit::Short.duration(),
            takes_any_type: false,
            max_response_bytes,
            status: 200,
            headers: &[],
            answers: &[],
            problems: &[],
        };
        Self { facts, types: PhantomData }
    }

    /// A route that reads.
    pub const fn get(path: &'static str, operation: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Get, path, operation, summary)
    }

    /// A route that something is handed over to.
    pub const fn post(path: &'static str, operation: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Post, path, operation, summary)
    }

    /// A route that something is put at.
    pub const fn put(path: &'static str, operation: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Put, path, operation, summary)
    }

    /// A route that removes.
    pub const fn delete(path: &'static str, operation: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Delete, path, operation, summary)
    }

    /// The same, for members with that scope.
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Route<P, Q, S, Members> {
        self.facts.access = Access::Member(scope);
        if matches!(self.facts.method, Method::Get) {
            self.facts.pool = Pool::Members;
        }
        Route { facts: self.facts, types: PhantomData }
    }

    /// The same, for the gateway's senders.
    #[must_use]
    pub const fn sender(mut self) -> Route<P, Q, S, Senders> {
        self.facts.access = Access::Sender;
        self.facts.pool = Pool::Own;
        Route { facts: self.facts, types: PhantomData }
    }
}

impl<P: Parameters, Q: Body, S: Body, A> Route<P, Q, S, A> {
    /// The same, with places of that pool.
    #[must_use]
    pub const fn pool(mut self, pool: Pool) -> Self {
        self.facts.pool = pool;
        self
    }

    /// The same, with as much time as reading or writing as much as there is takes.
    #[must_use]
    pub const fn long(mut self) -> Self {
        self.facts.time_limit = TimeLimit::Long;
        self.facts.body_time = TimeLimit::Long.duration();
        self
    }

    /// The same, with bodies of so many bytes at most.
    #[must_use]
    pub const fn takes_bytes(mut self, max_request_bytes: usize) -> Self {
        self.facts.max_request_bytes = max_request_bytes;
        self
    }

    /// The same, with bodies that arrive within so many seconds.
    #[must_use]
    pub const fn takes_seconds(mut self, seconds: u64) -> Self {
        self.facts.body_time = Duration::from_secs(seconds);
        self
    }

    /// The same, with bodies of any `Content-Type`.
    #[must_use]
    pub const fn takes_any_type(mut self) -> Self {
        self.facts.takes_any_type = true;
        self
    }

    /// The same, with answers of so many bytes at most.
    #[must_use]
    pub const fn gives_bytes(mut self, max_response_bytes: usize) -> Self {
        self.facts.max_response_bytes = max_response_bytes;
        self
    }

    /// The same, with another status of the usual answer.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.facts.status = status;
        self
    }

    /// The same, with headers of the usual answer.
    #[must_use]
    pub const fn headers(mut self, headers: &'static [Header]) -> Self {
        self.facts.headers = headers;
        self
    }

    /// The same, with other answers.
    #[must_use]
    pub const fn answers(mut self, answers: &'static [Answer]) -> Self {
        self.facts.answers = answers;
        self
    }

    /// The same, with problems of its own.
    #[must_use]
    pub const fn problems(mut self, problems: &'static [&'static [ProblemType]]) -> Self {
        self.facts.problems = problems;
        self
    }

    /// What is known of it.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The address for these parameters: path and query.
    pub fn address(&self, parameters: &P) -> Result<String, ParameterError> {
        parameters::write(self.facts.path, parameters)
    }

    /// The parameters of a request: its path as it stands in the request's line, and its query.
    pub fn parameters(&self, path: &str, query: Option<&str>) -> Result<P, ParameterError> {
        parameters::read(self.facts.path, path, query)
    }
}

/// A route whatever its types: what documents are made from.
pub trait Described: Sync {
    /// What is known of it.
    fn facts(&self) -> &Facts;
    /// Its parameters.
    fn described_parameters(&self, generator: &mut SchemaGenerator) -> Vec<Parameter>;
    /// The media types that it takes, and the schema of what it takes.
    fn request(&self, generator: &mut SchemaGenerator) -> (&'static [&'static str], Option<Schema>);
    /// The media types that it answers with, and the schema of its answer.
    fn response(&self, generator: &mut SchemaGenerator) -> (&'static [&'static str], Option<Schema>);
    /// An address of the route as its clients write it.
    fn normalized(&self, path: &str, query: Option<&str>) -> Result<String, ParameterError>;
}

impl<P: Parameters, Q: Body, S: Body, A> Described for Route<P, Q, S, A> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn described_parameters(&self, generator: &mut SchemaGenerator) -> Vec<Parameter> {
        P::described(generator)
    }

    fn request(&self, generator: &mut SchemaGenerator) -> (&'static [&'static str], Option<Schema>) {
        (Q::MEDIA_TYPES, Q::schema(generator))
    }

    fn response(&self, generator: &mut SchemaGenerator) -> (&'static [&'static str], Option<Schema>) {
        (S::MEDIA_TYPES, S::schema(generator))
    }

    fn normalized(&self, path: &str, query: Option<&str>) -> Result<String, ParameterError> {
        self.address(&self.parameters(path, query)?)
    }
}
