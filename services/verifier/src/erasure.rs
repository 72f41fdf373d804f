//! Erasures: orders of a record's own provider.

use nacre_ledger::signing;
use nacre_schemas::{
    Signed,
    erasure::Erasure,
    id::ChainId,
    membership::{MemberRole, Membership},
};

use crate::{
    failure::{Check, Failure, OrFailure as _, ensure},
    membership,
};

/// Checks that the provider ordered the erasure of a record of its own on this chain. That the record is its own is for
/// whoever has the record's entry or body to see.
pub fn check(signed: &Signed<Erasure>, provider: &Membership, chain: &ChainId) -> Result<(), Failure> {
    let order = &signed.statement;
    let place = format_args!("{} record {}", order.chain, order.record);
    ensure(order.chain == *chain, Check::Erasure, place, format_args!("the order is not for {chain}"))?;
    ensure(order.provider == provider.member, Check::Erasure, place, "another than the provider orders it")?;
    membership::check_role(provider, MemberRole::Provider, chain)?;
    signing::verify(&provider.signing_key, signed).or_failure(Check::Erasure, place)
}
