//! Grants: who else may read a record; their revocation, and each access. And the admission of a member, whose key a grant is for.

use nacre_schemas::{
    Signed,
    grant::{Access, Delivery, GrantsPage, NewGrant, Revocation},
    id::MemberId,
    log::Logged,
    membership::Membership,
};

use super::{
    CLOCK_OFF, GRANT_ENDED, GRANT_TIME, NO_READER, OTHER_KEY, OfChain, UNKNOWN_GRANT, UNKNOWN_MEMBER, UNKNOWN_RECORD,
    problems::{OF_CHAIN, OF_LOGGING},
};
use crate::{
    Route, Scope,
    body::{Json, Nothing},
    parameters::{ChainSlug, parameters},
    problem::CHECK_FAILED,
    route::Members,
    server::Group,
};

/// A grant, revocation or access, in bytes of JSON.
pub const MAX_GRANT_BYTES: usize = 4 << 10;

parameters! {
    /// A member.
    pub struct OfMember {
        /// The name that the member was admitted under.
        path member as "member": MemberId,
    }
}

parameters! {
    /// A page of grants.
    pub struct WhichGrants {
        /// The chain's name in one segment.
        path slug as "slug": ChainSlug,
        /// The first leaf; from the beginning if it is absent.
        optional from as "from": u64,
    }
}

/// The admission of a member.
pub const GET_MEMBER: Route<OfMember, Nothing, Json<Signed<Membership>>, Members> =
    Route::get("/v1/members/{member}", "getMember", "Shows the admission of a member, whose key a grant is for.")
        .scope(Scope::GrantsWrite)
        .gives_bytes(2 << 20)
        .problems(&[&[UNKNOWN_MEMBER]]);

/// A grant is logged.
pub const POST_GRANT: Route<OfChain, Json<NewGrant>, Json<Logged>, Members> =
    Route::post("/v1/chains/{slug}/grants", "postGrant", "Logs leave to read a record, and says where it stands.")
        .scope(Scope::GrantsWrite)
        .takes_bytes(MAX_GRANT_BYTES)
        .gives_bytes(2 << 20)
        .problems(&[OF_LOGGING, &[OTHER_KEY, NO_READER, GRANT_TIME, UNKNOWN_MEMBER, UNKNOWN_RECORD, CHECK_FAILED]]);

/// The caller's grants.
pub const GET_GRANTS: Route<WhichGrants, Nothing, Json<GrantsPage>, Members> = Route::get(
    "/v1/chains/{slug}/grants",
    "getGrants",
    "Lists the grants of the chain that the caller gave or was given.",
)
.scope(Scope::GrantsRead)
.gives_bytes(2 << 20)
.problems(&[OF_CHAIN]);

/// A grant is ended.
pub const POST_REVOCATION: Route<OfChain, Json<Signed<Revocation>>, Json<Logged>, Members> = Route::post(
    "/v1/chains/{slug}/revocations",
    "postRevocation",
    "Ends a grant before its time, and says where the revocation stands.",
)
.scope(Scope::GrantsWrite)
.takes_bytes(MAX_GRANT_BYTES)
.gives_bytes(2 << 20)
.problems(&[OF_LOGGING, &[UNKNOWN_GRANT, CHECK_FAILED]]);

/// A granted record is read.
pub const POST_ACCESS: Route<OfChain, Json<Signed<Access>>, Json<Delivery>, Members> = Route::post(
    "/v1/chains/{slug}/accesses",
    "postAccess",
    "Logs that a granted record is read, and hands the record over.",
)
.scope(Scope::GrantsRead)
.takes_bytes(MAX_GRANT_BYTES)
.gives_bytes(2 << 20)
.problems(&[OF_LOGGING, &[CLOCK_OFF, UNKNOWN_GRANT, GRANT_ENDED, UNKNOWN_MEMBER, UNKNOWN_RECORD, CHECK_FAILED]]);

pub(super) fn group() -> Group {
    Group {
        name: "grants",
        summary: "Leave to read records, and members.",
        routes: vec![&GET_MEMBER, &POST_GRANT, &GET_GRANTS, &POST_REVOCATION, &POST_ACCESS],
    }
}
