//! Admissions: who may do what, on the word of a jurisdiction's authority.

use nacre_ledger::signing;
use nacre_schemas::{
    Signed,
    id::ChainId,
    membership::{MemberRole, Membership},
};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
};

/// Checks that the authority of the jurisdiction named admitted the member.
pub fn check<'a>(signed: &'a Signed<Membership>, network: &Network) -> Result<&'a Membership, Failure> {
    let membership = &signed.statement;
    let place = &membership.member;
    let unknown = || Failure::new(Check::Admission, place, "its jurisdiction is not in the trust root");
    let jurisdiction = network.root().jurisdiction(&membership.jurisdiction).ok_or_else(unknown)?;
    signing::verify(&jurisdiction.authority_key, signed).or_failure(Check::Admission, place)?;
    Ok(membership)
}

/// Checks that the member was admitted in this role to this chain.
pub fn check_role(membership: &Membership, role: MemberRole, chain: &ChainId) -> Result<(), Failure> {
    let place = &membership.member;
    let admitted = || format!("it was admitted as {}, not as {role}", membership.role);
    ensure(membership.role == role, Check::Admission, place, admitted())?;
    let elsewhere = || format!("it was not admitted to {chain}");
    ensure(membership.chains.contains(chain), Check::Admission, place, elsewhere())
}
