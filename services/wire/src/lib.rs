//! The wire: every route of every server, once. Servers mount these routes (`nacre_hosting::mount`) and clients call them
//! (`nacre_access::client`); the OpenAPI documents in `openapi/` are made from them.
//!
//! | module | what it has |
//! |---|---|
//! | [`route`] | what a route is: method, path, bodies, scope, pool, time limit, problems |
//! | [`parameters`] | path and query as types: written by clients, read by servers |
//! | [`body`], [`media`] | bodies as types, and their media types |
//! | [`problem`] | problem types: word, status, title, whether to try again |
//! | [`exchange`], [`custodian`], [`evaluator`], [`witness`], [`gateway`] | the routes of each server |
//! | [`operation`], [`token`] | routes that several servers have |
//! | [`openapi`] | OpenAPI 3.1 of a server |
//!
//! ```
//! use nacre_wire::exchange::{self, NumberedSeal};
//!
//! let wanted = NumberedSeal { slug: "region-440100".parse()?, number: 7 };
//! let address = exchange::GET_SEAL.address(&wanted)?;
//! assert_eq!(address, "/v1/chains/region-440100/seals/7");
//! assert_eq!(exchange::GET_SEAL.parameters(&address, None)?, wanted);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Kept true: a path is written and read by one template; a route's schemas are those of the types that its server and its
//! clients decode; a problem's type URI is `urn:nacre:problem:` and its word.
//!
//! Errors: [`parameters::ParameterError`], [`body::BodyError`]. Cost: a route is a constant; an address is one string.

pub mod body;
pub mod custodian;
pub mod evaluator;
pub mod exchange;
pub mod gateway;
pub mod media;
pub mod openapi;
pub mod operation;
pub mod parameters;
pub mod problem;
pub mod route;
mod scope;
pub mod server;
pub mod token;
pub mod witness;

pub use problem::ProblemType;
pub use route::Route;
pub use scope::{Scope, UnknownScope};
pub use server::Server;
