//! OpenAPI 3.1 of a server, made from its routes.
//!
//! The document is plain JSON. `utoipa` has a type for every part of one, but its own model of schemas, into which those of the
//! types would have to be translated; OpenAPI 3.1 takes JSON Schema 2020-12 as it is.
//!
//! Kept true: what is in a document follows from the routes and their types alone; members are in alphabetical order, so one
//! document has one text. The documents of all servers are checked in, and a test compares.
//!
//! No errors. Cost: some milliseconds a server.

mod answers;
mod schemas;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    Scope, Server,
    parameters::{Parameter, Place},
    problem::ProblemType,
    route::{Access, Described, Facts, Pool},
    server::{Complaint, Group},
    token,
};
use answers::Answers;
use schemas::Schemas;

/// The document of a server.
pub fn document(server: &Server) -> Value {
    let groups = (server.groups)();
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for group in &groups {
        for route in &group.routes {
            let facts = route.facts();
            let item = paths.entry(facts.path.replace("{*", "{")).or_insert_with(|| json!({}));
            item[facts.method.as_str().to_ascii_lowercase()] = operation(server, group, *route, &mut schemas);
        }
    }
    let problems = problems(server, &groups);
    let mut document = json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": server.title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("{}\n\n{}", server.description, table(server, &problems)),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that this document is about." }],
        "tags": groups.iter().map(|group| json!({ "name": group.name, "description": group.summary })).collect::<Value>(),
        "paths": paths,
        "components": {
            "schemas": schemas.finish(server.complaint),
            "examples": examples(server, &problems),
            "securitySchemes": security_schemes(&groups),
        },
    });
    remove_empty_components(&mut document);
    document.sort_all_objects();
    document
}

/// The document as it is checked in.
pub fn text(server: &Server) -> String {
    format!("{:#}\n", document(server))
}

fn remove_empty_components(document: &mut Value) {
    if let Some(components) = document["components"].as_object_mut() {
        components.retain(|_, part| part.as_object().is_none_or(|part| !part.is_empty()));
    }
}

/// Every problem type that a server answers with, by status and word.
pub fn problems(server: &Server, groups: &[Group]) -> Vec<ProblemType> {
    let routes = groups.iter().flat_map(|group| &group.routes);
    let mut all: Vec<ProblemType> = routes.flat_map(|route| of_route(server, *route)).collect();
    all.extend(server.of_none);
    all.sort_by_key(|problem| (problem.status, problem.word));
    all.dedup();
    all
}

/// Every problem type that a route answers with.
pub fn of_route(server: &Server, route: &dyn Described) -> Vec<ProblemType> {
    let facts = route.facts();
    let mut generator = schemars::SchemaGenerator::default();
    let mut all: Vec<ProblemType> = facts.problems.iter().copied().flatten().copied().collect();
    if facts.pool != Pool::Connection {
        all.extend(server.of_all);
    }
    if facts.pool != Pool::Connection && !route.request(&mut generator).0.is_empty() {
        all.extend(server.of_bodies);
    }
    if !route.described_parameters(&mut generator).is_empty() {
        all.extend(server.of_parameters);
    }
    if facts.pool == Pool::Anonymous {
        all.push(crate::problem::TOO_MANY_REQUESTS);
    }
    match facts.access {
        Access::Member(_) => all.extend(crate::problem::OF_MEMBERS),
        Access::Sender => all.push(crate::gateway::NO_TOKEN),
        Access::Anyone => {}
    }
    all.sort_by_key(|problem| (problem.status, problem.word));
    all.dedup();
    all
}

/// The problem types as a table for people.
fn table(server: &Server, problems: &[ProblemType]) -> String {
    let (head, name): (&str, fn(&ProblemType) -> String) = match server.complaint {
        Complaint::Problem => {
            ("What goes wrong is a problem (RFC 9457) of one of these types.", |problem| problem.uri())
        }
        Complaint::OperationOutcome => (
            "What goes wrong is a FHIR OperationOutcome with a reason of the system `urn:nacre:reason`. Reasons of the catalogue \
             are further ones.",
            |problem| problem.word.to_owned(),
        ),
        Complaint::Text => ("What goes wrong is said in a line of text.", |problem| problem.word.to_owned()),
    };
    let mut text = format!("{head}\n\n| type | status | when | sending again |\n|---|---|---|---|\n");
    for problem in problems {
        let (name, status, when) = (name(problem), problem.status, problem.when);
        let again = serde_json::to_value(problem.retry).unwrap_or_default();
        text.push_str(&format!("| `{name}` | {status} | {when} | {} |\n", again.as_str().unwrap_or_default()));
    }
    text
}

/// An example of each problem.
fn examples(server: &Server, problems: &[ProblemType]) -> Value {
    let example = |problem: &ProblemType| {
        let value = serde_json::to_value(problem.problem(problem.when)).unwrap_or_default();
        (answers::example_name(problem), json!({ "summary": problem.title, "value": value }))
    };
    match server.complaint {
        Complaint::Problem => problems.iter().map(example).collect::<Map<_, _>>().into(),
        Complaint::OperationOutcome | Complaint::Text => json!({}),
    }
}

fn security_schemes(groups: &[Group]) -> Value {
    let accesses = groups.iter().flat_map(|group| &group.routes).map(|route| route.facts().access);
    let scopes: BTreeSet<Scope> = accesses
        .clone()
        .filter_map(|access| match access {
            Access::Member(scope) => Some(scope),
            Access::Anyone | Access::Sender => None,
        })
        .collect();
    let mut schemes = json!({});
    if !scopes.is_empty() {
        let scopes: Map<_, _> = scopes.iter().map(|scope| (scope.to_string(), scope.summary().into())).collect();
        schemes["member"] = json!({
            "type": "oauth2",
            "description": "Client credentials with a signed assertion (RFC 7523, `private_key_jwt`, ES384).",
            "flows": { "clientCredentials": { "tokenUrl": token::PATH, "scopes": scopes } },
        });
    }
    if accesses.clone().any(|access| access == Access::Sender) {
        schemes["token"] = json!({ "type": "http", "scheme": "bearer", "description": "The gateway's token." });
        schemes["certificate"] =
            json!({ "type": "mutualTLS", "description": "A certificate of the authority that is configured." });
    }
    schemes
}

fn security(access: Access) -> Value {
    match access {
        Access::Anyone => json!([]),
        Access::Member(scope) => json!([{ "member": [scope.as_str()] }]),
        Access::Sender => json!([{ "token": [] }, { "certificate": [] }, {}]),
    }
}

fn operation(server: &Server, group: &Group, route: &dyn Described, schemas: &mut Schemas) -> Value {
    let facts = route.facts();
    let mut operation = json!({
        "operationId": facts.operation,
        "summary": facts.summary,
        "tags": [group.name],
        "security": security(facts.access),
        "responses": Answers::of(server, route, schemas).into_json(),
        "x-pool": facts.pool.as_str(),
        "x-time-limit-seconds": facts.time_limit.duration().as_secs(),
    });
    let parameters = route.described_parameters(schemas.generator());
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into_iter().map(|one| parameter(one, schemas)).collect();
    }
    if let Some(body) = request_body(route, facts, schemas) {
        operation["requestBody"] = body;
    }
    if facts.max_request_bytes > 0 {
        operation["x-max-request-bytes"] = facts.max_request_bytes.into();
    }
    operation
}

fn parameter(parameter: Parameter, schemas: &mut Schemas) -> Value {
    json!({
        "name": parameter.name,
        "in": match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
        },
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": schemas.plain(parameter.schema),
    })
}

fn request_body(route: &dyn Described, facts: &Facts, schemas: &mut Schemas) -> Option<Value> {
    let (media_types, schema) = route.request(schemas.generator());
    if media_types.is_empty() {
        return None;
    }
    let content = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schemas.plain(schema) }));
    let contents: Map<_, _> = media_types.iter().map(|one| ((*one).to_owned(), content.clone())).collect();
    let description = format!("At most {} bytes.", facts.max_request_bytes);
    Some(json!({ "required": true, "description": description, "content": contents }))
}
