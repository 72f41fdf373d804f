//! The answers of a route: the usual one, others, and its problems.
//!
//! Kept true: each status has one answer, with a content for each media type; a header that goes with every problem of a status
//! is required, one that goes with some is not.

use std::collections::BTreeMap;

use nacre_schemas::problem::Retry;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::{
    Server, gateway, media,
    problem::{INSUFFICIENT_SCOPE, ProblemType},
    route::{Described, Header},
    server::Complaint,
};

/// The answers by status.
pub(super) struct Answers(BTreeMap<u16, Value>);

/// The name of a problem's example: its word, and its status, for a word can have two.
pub(super) fn example_name(problem: &ProblemType) -> String {
    format!("{}-{}", problem.status, problem.word)
}

impl Answers {
    pub(super) fn of(server: &Server, route: &dyn Described, schemas: &mut Schemas) -> Self {
        let mut answers = Self(BTreeMap::new());
        let facts = route.facts();
        let (media_types, schema) = route.response(schemas.generator());
        let schema = schema.map(|schema| schemas.plain(schema));
        answers.add(facts.status, "What was asked for.", media_types.first().copied(), schema, facts.headers);
        for answer in facts.answers {
            let schema = answer.schema.map(|schema| schema(schemas.generator()));
            let schema = schema.map(|schema| schemas.plain(schema));
            answers.add(answer.status, answer.when, answer.media_type, schema, answer.headers);
        }
        let mut problems: BTreeMap<u16, Vec<ProblemType>> = BTreeMap::new();
        for problem in super::of_route(server, route) {
            problems.entry(problem.status).or_default().push(problem);
        }
        for (status, problems) in problems {
            answers.add_problems(server.complaint, status, &problems, schemas);
        }
        answers
    }

    pub(super) fn into_json(self) -> Value {
        self.0.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect::<Map<_, _>>().into()
    }

    fn add(&mut self, status: u16, when: &str, media_type: Option<&str>, schema: Option<Value>, headers: &[Header]) {
        let answer = self.0.entry(status).or_insert_with(|| json!({ "description": "" }));
        extend(answer, when);
        if let Some(media_type) = media_type {
            answer["content"][media_type] = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
        }
        for header in headers {
            answer["headers"][header.name] = text_header(header.description, true);
        }
    }

    fn add_problems(&mut self, complaint: Complaint, status: u16, problems: &[ProblemType], schemas: &mut Schemas) {
        let answer = self.0.entry(status).or_insert_with(|| json!({ "description": "" }));
        for problem in problems {
            extend(answer, &format!("`{}`: {}", problem.word, problem.when));
        }
        match complaint {
            Complaint::Problem => {
                let examples: Map<_, _> = problems
                    .iter()
                    .map(|problem| {
                        let name = example_name(problem);
                        (problem.word.to_owned(), json!({ "$ref": format!("#/components/examples/{name}") }))
                    })
                    .collect();
                answer["content"][media::PROBLEM_JSON] =
                    json!({ "schema": schemas.problem(status, problems), "examples": examples });
            }
            Complaint::OperationOutcome => {
                let schema = schemas.of::<gateway::OperationOutcome>();
                answer["content"][media::FHIR_JSON] = json!({ "schema": schema });
            }
            Complaint::Text => answer["content"][media::TEXT] = json!({ "schema": { "type": "string" } }),
        }
        add_headers(answer, complaint, status, problems);
    }
}

/// The headers that go with a status.
fn add_headers(answer: &mut Value, complaint: Complaint, status: u16, problems: &[ProblemType]) {
    if complaint == Complaint::Text {
        return;
    }
    let later = problems.iter().filter(|problem| problem.retry == Retry::Later).count();
    // What a layer in front of the gateway's routes answers with has no header of theirs.
    let tells_when = matches!(status, 429 | 503) || complaint == Complaint::OperationOutcome && status >= 500;
    if later > 0 && tells_when {
        let is_alone = answer["content"].as_object().is_some_and(|content| content.len() == 1);
        answer["headers"]["Retry-After"] = json!({
            "description": "After how many seconds to send the same again.",
            "required": status != 429 && later == problems.len() && is_alone,
            "schema": { "type": "integer", "minimum": 0 },
        });
    }
    if status == 401 {
        answer["headers"]["WWW-Authenticate"] =
            text_header("The scheme, and what is wrong with the token (RFC 6750).", true);
    }
    if complaint == Complaint::Problem && problems.contains(&INSUFFICIENT_SCOPE) {
        let always = problems.len() == 1;
        answer["headers"]["WWW-Authenticate"] = text_header("That the token lacks the scope (RFC 6750).", always);
    }
}

fn text_header(description: &str, is_required: bool) -> Value {
    json!({ "description": description, "required": is_required, "schema": { "type": "string" } })
}

fn extend(answer: &mut Value, line: &str) {
    let known = answer["description"].as_str().unwrap_or_default();
    let text = if known.is_empty() { line.to_owned() } else { format!("{known}\n\n{line}") };
    answer["description"] = text.into();
}
