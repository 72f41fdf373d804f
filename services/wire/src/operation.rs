//! Routes that every server has for those who operate it: whether it lives, whether it can do its work, what it is.
//!
//! `GET /metrics` is not among them: it is on a listener of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Route,
    body::{Json, Nothing, Text},
    media,
    route::{Answer, Pool},
    server::Group,
};

/// Why a server cannot do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What is not ready, in a word: `log`, `trust-root`, `witnesses`.
    pub what: String,
    /// Why not, and what its operator can do.
    pub why: String,
}

/// Whether a server can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Why not; none if it can.
    pub reasons: Vec<Reason>,
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The name of the program.
    pub name: String,
    /// Its version, as Semantic Versioning has them.
    pub version: String,
    /// What it serves as: `exchange`, `witness`, `custodian`, `evaluator`, `gateway`.
    pub role: String,
}

/// The longest answer of these routes, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// Whether the server lives.
pub const GET_HEALTH: Route<(), Nothing, Text> =
    Route::get("/healthz", "getHealth", "Says `ok` while the server lives.")
        .pool(Pool::Connection)
        .gives_bytes(MAX_BYTES);

/// Whether the server can do its work.
pub const GET_READINESS: Route<(), Nothing, Json<Readiness>> =
    Route::get("/readyz", "getReadiness", "Says whether the server can do its work, and else why not.")
        .pool(Pool::Connection)
        .gives_bytes(MAX_BYTES)
        .answers(&[Answer {
            status: 503,
            when: "It cannot do its work now, and says why not.",
            media_type: Some(media::JSON),
            schema: Some(|generator| generator.subschema_for::<Readiness>()),
            headers: &[],
        }]);

/// What the server is.
pub const GET_VERSION: Route<(), Nothing, Json<Version>> =
    Route::get("/version", "getVersion", "Says which program serves here, and as what.")
        .pool(Pool::Connection)
        .gives_bytes(MAX_BYTES);

/// These routes.
pub fn group() -> Group {
    Group {
        name: "operation",
        summary: "For those who operate the server.",
        routes: vec![&GET_HEALTH, &GET_READINESS, &GET_VERSION],
    }
}
