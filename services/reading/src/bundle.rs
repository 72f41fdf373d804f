//! Taking apart: the resources of a Bundle, and of those the ones that a pass over the files is for.

use crate::{
    fhir::{
        observation,
        resource::{Bundle, BundleEntry},
    },
    found::{Found, Spot, Wanted},
    refusal::{Place, Reason},
};

/// Hands each resource of a Bundle to the visitor, in order, with the `fullUrl` of its entry.
pub(crate) fn visit(text: &str, visitor: &mut dyn FnMut(Spot<'_>, Result<&str, Reason>)) {
    let Ok(bundle) = serde_json::from_str::<Bundle<'_>>(text) else {
        return visitor(Spot { place: Place::File, full_url: None }, Err(Reason::Malformed));
    };
    for (position, entry) in (0_u64..).zip(bundle.entry.unwrap_or_default()) {
        let place = Place::Entry(position);
        match serde_json::from_str::<BundleEntry<'_>>(entry.get()) {
            Ok(BundleEntry { full_url, resource: Some(inside) }) => {
                visitor(Spot { place, full_url: full_url.as_deref() }, Ok(inside.get()));
            }
            // A deletion or a response carries none.
            Ok(_) => {}
            Err(_) => visitor(Spot { place, full_url: None }, Err(Reason::Malformed)),
        }
    }
}

/// The resource of that type that the text is, if the pass is for it.
pub(crate) fn resource<'a>(resource_type: &str, text: &'a str, wanted: Wanted) -> Found<'a> {
    match (resource_type, wanted) {
        ("Patient", Wanted::Patients) => serde_json::from_str(text).map_or(Found::Malformed, Found::Patient),
        ("Observation", Wanted::Observations) => {
            observation(text).map_or(Found::Malformed, |found| Found::Observation(Box::new(found)))
        }
        _ if !is_type_name(resource_type) => Found::Unreadable(Reason::NoSuchType),
        _ => Found::Other,
    }
}

/// Whether it is written as FHIR writes types: letters, the first a capital. Which types there are, versions differ on.
fn is_type_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}
