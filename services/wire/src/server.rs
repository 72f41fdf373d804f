//! A server: its routes, and what holds for all of them.
//!
//! Kept true: [`ALL`] has every server. No errors.

use crate::{problem::ProblemType, route::Described};

/// How a server says what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A problem (RFC 9457).
    Problem,
    /// A FHIR `OperationOutcome` with the word as its reason.
    OperationOutcome,
    /// A line of text.
    Text,
}

/// Routes that belong together.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// Its routes.
    pub routes: Vec<&'static dyn Described>,
}

/// A server.
pub struct Server {
    /// Its name: that of its document.
    pub name: &'static str,
    /// Its name, for people.
    pub title: &'static str,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// How it says what went wrong.
    pub complaint: Complaint,
    /// Its routes.
    pub groups: fn() -> Vec<Group>,
    /// What every route answers with, those without a pool apart.
    pub of_all: &'static [ProblemType],
    /// What routes with parameters answer with.
    pub of_parameters: &'static [ProblemType],
    /// What routes that take a body answer with.
    pub of_bodies: &'static [ProblemType],
    /// What it answers with where it has no route.
    pub of_none: &'static [ProblemType],
}

/// Every server.
pub const ALL: &[Server] = &[
    crate::exchange::SERVER,
    crate::witness::SERVER,
    crate::custodian::SERVER,
    crate::evaluator::SERVER,
    crate::gateway::SERVER,
];
