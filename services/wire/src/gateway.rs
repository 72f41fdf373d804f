//! The gateway's routes: FHIR R4 from systems of the provider's own network.
//!
//! Kept true: what went wrong is an `OperationOutcome`; a value is never given back. Schemas here are of the shape that is
//! looked at, not of FHIR as a whole.

mod resource;

use crate::{
    Route,
    body::{Json, Nothing},
    operation,
    parameters::parameters,
    problem::ProblemType,
    route::{Answer, Header, Pool, Senders},
    server::{Complaint, Group, Server},
};

pub use resource::{
    Bundle, BundleAnswer, CapabilityStatement, Fhir, Import, ImportManifest, Observation, OperationOutcome, Patient,
    SearchSet,
};

/// A body, in bytes, at most.
pub const MAX_BODY_BYTES: usize = 16 << 20;

macro_rules! problems {
    ($($name:ident: $status:literal $word:literal $title:literal $when:literal $($later:ident)?;)*) => {$(
        #[doc = $when]
        pub const $name: ProblemType = ProblemType::new($status, $word, $title, $when)$(.$later())?;
    )*};
}

problems! {
    BUSY: 503 "busy" "Busy" "As many requests as it takes are at work, or another import is." later;
    CONDITIONAL_UPDATE: 405 "conditional-update" "No conditional update" "A PUT goes to an id.";
    DISK_FULL: 507 "disk-full" "Disk full" "The gateway's disk is full: nothing was taken." later;
    ERASED: 422 "erased" "Erased" "The record of this person, measure and month was erased.";
    FAILED: 500 "failed" "Failed" "The gateway failed: nothing was taken." later;
    ID_FORM: 400 "id-form" "Form of id" "An id is 1 to 64 letters, digits, hyphens and dots.";
    IDENTIFIER_TAKEN: 409 "identifier-taken" "Identifier taken" "Another observation has this identifier.";
    IF_MATCH: 400 "if-match" "If-Match" "The header If-Match is no text, or names no version.";
    IF_NONE_EXIST: 400 "if-none-exist" "If-None-Exist" "The header If-None-Exist is no text, or no identifier.";
    LATE: 422 "late" "Late" "The person's month is sealed, and what was sealed is not changed.";
    MALFORMED: 400 "malformed" "Malformed" "The body is not of the shape that is taken.";
    MANIFEST: 400 "manifest" "Manifest" "The manifest names no inputs, or too many.";
    MEDIA_TYPE: 415 "media-type" "Media type" "Bodies are application/fhir+json.";
    NO_IMPORT: 403 "no-import" "No import" "The gateway has no import folder.";
    NO_ROUTE: 404 "no-route" "No route" "There is nothing at this address.";
    NO_TOKEN: 401 "no-token" "No token" "The gateway asks for its token.";
    NOT_KEPT: 422 "not-kept" "Not kept" "The resource is none that is kept here.";
    NOT_SUPPORTED: 405 "not-supported" "Not supported" "The address does not take this method; nothing is deleted over FHIR.";
    NOT_UTF8: 400 "not-utf8" "No UTF-8" "The body is not UTF-8.";
    NOTHING_TO_WITHDRAW: 404 "nothing-to-withdraw" "Nothing to withdraw" "No observation of this id was taken here.";
    OTHER_CONTENT: 409 "other-content-before" "Other content before" "Another content was taken under this id or identifier.";
    CONTRADICTORY_PATIENT: 409 "contradictory-patient" "Contradictory patient" "The patient contradicts the one that is known.";
    OTHER_ID: 400 "other-id" "Other id" "The resource's id is not the one of its address.";
    OTHER_TYPE: 400 "other-type" "Other type" "The resource's type is not the one of its address.";
    OTHER_VERSION: 412 "other-version" "Other version" "What is here is not of the version that If-Match names.";
    OUTSIDE: 403 "outside" "Outside" "An input is not a file of the import folder.";
    PRECONDITION: 400 "precondition" "Precondition" "Of preconditions If-Match is taken on PUT, and If-None-Exist on POST.";
    REFUSED: 422 "refused" "Refused" "The resource is refused. The reason is one of the catalogue's: its unit, value, date, person or status.";
    SEARCH: 400 "search" "Search" "Observations are found by `_id` or `identifier` alone.";
    STANDS: 422 "stands" "Stands" "The observation's readings stand, and cannot be replaced by these.";
    TOO_LARGE: 413 "too-large" "Too large" "The body is longer than is taken, or it broke off.";
    TOO_MANY_ENTRIES: 413 "too-many-entries" "Too many entries" "The Bundle has more entries than are taken.";
    TOO_SLOW: 408 "too-slow" "Too slow" "The body did not arrive in time." later;
    TOOK_TOO_LONG: 503 "too-slow" "Took too long" "The request took longer than it may." later;
    UNKNOWN: 404 "unknown" "Unknown" "Nothing of this id was taken here.";
}

/// What taking a resource in ends with instead.
const OF_INTAKE: &[ProblemType] = &[
    NOT_UTF8,
    MALFORMED,
    OTHER_TYPE,
    OTHER_ID,
    LATE,
    ERASED,
    STANDS,
    NOT_KEPT,
    REFUSED,
    OTHER_CONTENT,
    IDENTIFIER_TAKEN,
    CONTRADICTORY_PATIENT,
    NOTHING_TO_WITHDRAW,
    DISK_FULL,
];

parameters! {
    /// A resource.
    pub struct OfResource {
        /// The resource's id: 1 to 64 letters, digits, hyphens and dots.
        path id as "id": ResourceId,
    }
}

parameters! {
    /// A search for observations: by one of the two.
    pub struct Search {
        /// The observation's id.
        optional id as "_id": String,
        /// The observation's identifier, as SYSTEM|VALUE.
        optional identifier as "identifier": String,
        /// The format of the answer, which is JSON whatever it says.
        optional format as "_format": String,
    }
}

parameters! {
    /// An import.
    pub struct OfImport {
        /// The import's number.
        path number as "number": u64,
    }
}

crate::parameters::path_text! {
    /// An id of a resource, as FHIR has them.
    pub struct ResourceId: 64 "^[A-Za-z0-9.-]{1,64}$" like "7a3",
    |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

const KEPT: &[Header] = &[
    Header { name: "Location", description: "The resource's address and version." },
    Header { name: "ETag", description: "The resource's version, as `W/\"3\"`." },
];

/// What is answered where a resource is new.
const fn created(schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema) -> Answer {
    Answer {
        status: 201,
        when: "It is kept, and new.",
        media_type: Some(crate::media::FHIR_JSON),
        schema: Some(schema),
        headers: KEPT,
    }
}

/// What the gateway can do.
pub const GET_CAPABILITIES: Route<(), Nothing, Fhir<CapabilityStatement>> =
    Route::get("/metadata", "getCapabilities", "Says what the gateway can do (FHIR R4 CapabilityStatement).")
        .pool(Pool::Connection);

/// A Bundle comes in.
pub const POST_BUNDLE: Route<(), Fhir<Bundle>, Fhir<BundleAnswer>, Senders> =
    Route::post("/", "postBundle", "Takes a Bundle in: a transaction as a whole, a batch entry by entry.")
        .sender()
        .takes_bytes(MAX_BODY_BYTES)
        .problems(&[
            OF_INTAKE,
            &[TOO_MANY_ENTRIES, OTHER_VERSION, ID_FORM, PRECONDITION, IF_MATCH, IF_NONE_EXIST],
            &[NOT_SUPPORTED, CONDITIONAL_UPDATE],
        ]);

/// A patient comes in.
pub const POST_PATIENT: Route<(), Fhir<Patient>, Fhir<Patient>, Senders> =
    Route::post("/Patient", "postPatient", "Takes a patient in, and gives back its id and nothing of the person.")
        .sender()
        .takes_bytes(MAX_BODY_BYTES)
        .headers(KEPT)
        .answers(&[created(|generator| generator.subschema_for::<Patient>())])
        .problems(&[OF_INTAKE, &[PRECONDITION, IF_NONE_EXIST]]);

/// A patient is corrected.
pub const PUT_PATIENT: Route<OfResource, Fhir<Patient>, Fhir<Patient>, Senders> =
    Route::put("/Patient/{id}", "putPatient", "Takes a patient in at an id, or corrects it.")
        .sender()
        .takes_bytes(MAX_BODY_BYTES)
        .headers(KEPT)
        .answers(&[created(|generator| generator.subschema_for::<Patient>())])
        .problems(&[OF_INTAKE, &[PRECONDITION, IF_MATCH, OTHER_VERSION]]);

/// Whether a patient is known.
pub const GET_PATIENT: Route<OfResource, Nothing, Fhir<Patient>, Senders> =
    Route::get("/Patient/{id}", "getPatient", "Says that a patient is known, and nothing of the person.")
        .sender()
        .problems(&[&[UNKNOWN]]);

/// An observation comes in.
pub const POST_OBSERVATION: Route<(), Fhir<Observation>, Fhir<Observation>, Senders> = Route::post(
    "/Observation",
    "postObservation",
    "Takes an observation in, and gives back its id, status, code, and where it stands.",
)
.sender()
.takes_bytes(MAX_BODY_BYTES)
.headers(KEPT)
.answers(&[created(|generator| generator.subschema_for::<Observation>())])
.problems(&[OF_INTAKE, &[PRECONDITION, IF_NONE_EXIST]]);

/// An observation is corrected or withdrawn.
pub const PUT_OBSERVATION: Route<OfResource, Fhir<Observation>, Fhir<Observation>, Senders> = Route::put(
    "/Observation/{id}",
    "putObservation",
    "Takes an observation in at an id, corrects it, or withdraws it as entered in error.",
)
.sender()
.takes_bytes(MAX_BODY_BYTES)
.headers(KEPT)
.answers(&[created(|generator| generator.subschema_for::<Observation>())])
.problems(&[OF_INTAKE, &[PRECONDITION, IF_MATCH, OTHER_VERSION]]);

/// Where an observation stands.
pub const GET_OBSERVATION: Route<OfResource, Nothing, Fhir<Observation>, Senders> =
    Route::get("/Observation/{id}", "getObservation", "Says where an observation stands. Its value is masked.")
        .sender()
        .problems(&[&[UNKNOWN]]);

/// Observations by id or identifier.
pub const GET_OBSERVATIONS: Route<Search, Nothing, Fhir<SearchSet>, Senders> =
    Route::get("/Observation", "getObservations", "Finds the observation of an id or an identifier.")
        .sender()
        .problems(&[&[SEARCH]]);

/// An import is started.
pub const POST_IMPORT: Route<(), Fhir<ImportManifest>, Nothing, Senders> =
    Route::post("/$import", "postImport", "Starts to import files of the import folder, which a manifest names.")
        .sender()
        .takes_bytes(MAX_BODY_BYTES)
        .status(202)
        .headers(&[Header { name: "Content-Location", description: "Where the import's progress is told." }])
        .problems(&[&[NO_IMPORT, NOT_UTF8, MANIFEST, OUTSIDE]]);

/// How an import goes.
pub const GET_IMPORT: Route<OfImport, Nothing, Json<Import>, Senders> =
    Route::get("/$import/{number}", "getImport", "Says how an import went.")
        .sender()
        .answers(&[Answer {
            status: 202,
            when: "The import is at work.",
            media_type: None,
            schema: None,
            headers: &[Header { name: "X-Progress", description: "How many resources were kept and refused so far." }],
        }])
        .problems(&[&[NO_IMPORT, UNKNOWN]]);

/// The gateway.
pub const SERVER: Server = Server {
    name: "gateway",
    title: "Nacre provider gateway",
    description: "Takes FHIR R4 patients and observations in, within the provider's own network. It de-identifies them, keeps what \
                  months need, and seals and posts a month when it closes. Its senders are let in as its configuration says: by \
                  a token, by a certificate (mutual TLS), or on the same machine by neither.",
    complaint: Complaint::OperationOutcome,
    groups,
    of_all: &[BUSY, TOOK_TOO_LONG, FAILED],
    of_parameters: &[ID_FORM],
    of_bodies: &[MEDIA_TYPE, TOO_LARGE, TOO_SLOW],
    of_none: &[NO_ROUTE, NOT_SUPPORTED, CONDITIONAL_UPDATE],
};

fn groups() -> Vec<Group> {
    let fhir = Group {
        name: "fhir",
        summary: "FHIR R4.",
        routes: vec![
            &GET_CAPABILITIES,
            &POST_BUNDLE,
            &POST_PATIENT,
            &PUT_PATIENT,
            &GET_PATIENT,
            &POST_OBSERVATION,
            &PUT_OBSERVATION,
            &GET_OBSERVATION,
            &GET_OBSERVATIONS,
        ],
    };
    let import = Group { name: "import", summary: "Import of files.", routes: vec![&POST_IMPORT, &GET_IMPORT] };
    vec![fhir, import, operation::group()]
}
