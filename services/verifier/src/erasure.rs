//! Erasures: orders of a record's own provider.

use nacre_ledger::signing::{self, Role};
use nacre_schemas::{
    Document as _,
    erasure::SignedErasure,
    id::ChainId,
    membership::{MemberRole, Membership},
};

use crate::{
    failure::{Check, Failure, OrFailure as _, ensure},
    membership,
};

/// Checks that the provider ordered the erasure of a record of its own on this chain. That the record is its own is for
/// whoever has the record's entry or body to see.
pub fn check(signed: &SignedErasure, provider: &Membership, chain: &ChainId) -> Result<(), Failure> {
    let order = &signed.erasure;
    let place = format_args!("{} record {}", order.chain, order.record);
    ensure(order.chain == *chain, Check::Erasure, place, format_args!("the order is not for {chain}"))?;
    ensure(order.provider == provider.member, Check::Erasure, place, "another than the provider orders it")?;
    membership::check_role(provider, MemberRole::Provider, chain)?;
    signing::verify(&provider.signing_key, Role::Erasure, &order.to_canonical(), &signed.signature)
        .or_failure(Check::Erasure, place)
}
