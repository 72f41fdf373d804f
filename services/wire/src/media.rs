//! Media types, each once.
//!
//! Kept true: a type is compared without its parameters and without regard to case (RFC 9110 §8.3.1). No errors.

use nacre_schemas::{
    Document,
    anchor::Anchor,
    batch::Batch,
    cross::{CrossDelivery, CrossOutcome},
    members::MembersPage,
    release::Release,
};

/// JSON.
pub const JSON: &str = "application/json";
/// A problem (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// A form: what the token endpoint takes.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// A FHIR resource as JSON.
pub const FHIR_JSON: &str = "application/fhir+json";
/// What the gateway takes as FHIR: the type itself, and what senders of earlier drafts and plain clients say.
pub const FHIR_JSON_ACCEPTED: &[&str] = &[FHIR_JSON, JSON, "text/json", "application/json+fhir"];
/// Text, UTF-8.
pub const TEXT: &str = "text/plain";
/// Bytes: tiles and bundles.
pub const OCTETS: &str = "application/octet-stream";
/// The size of a tree, in a witness's answer of status 409 (C2SP tlog-witness).
pub const TREE_SIZE: &str = "text/x.tlog.size";

/// The `Content-Type` of a body of that media type: text is said to be UTF-8.
pub const fn content_type(media_type: &'static str) -> &'static str {
    match media_type.as_bytes() {
        b"text/plain" => "text/plain; charset=utf-8",
        _ => media_type,
    }
}

/// A document that is sent in its canonical bytes.
pub trait Canonical: Document {
    /// The media type of the canonical bytes.
    const MEDIA_TYPE: &'static str;
}

macro_rules! canonical {
    ($($document:ty = $word:literal,)*) => {$(
        impl Canonical for $document {
            const MEDIA_TYPE: &'static str = concat!("application/vnd.nacre.", $word);
        }
    )*};
}

canonical! {
    Anchor = "anchor",
    Batch = "batch",
    CrossDelivery = "cross-delivery",
    CrossOutcome = "cross-outcome",
    MembersPage = "members-page",
    Release = "release",
}

/// Whether a `Content-Type` names one of these types.
pub fn is_one_of(content_type: &str, media_types: &[&str]) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    media_types.iter().any(|media_type| essence.eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_matter() {
        assert!(is_one_of("Application/JSON; charset=utf-8", &[JSON]));
        assert!(is_one_of("text/json", FHIR_JSON_ACCEPTED));
        for other in ["", "application/jsonp", "text/plain, application/json"] {
            assert!(!is_one_of(other, &[JSON]), "{other}");
        }
    }
}
