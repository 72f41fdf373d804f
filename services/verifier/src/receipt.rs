//! Receipts: what a provider checks before it takes a record for posted.

use nacre_schemas::{batch::Batch, receipt::BatchReceipt};

use crate::{
    Network,
    failure::{Check, Failure, ensure},
    logged::check_inclusion,
    note,
};

/// Checks that the chain's signed checkpoint holds every contribution of the batch.
pub fn check(receipt: &BatchReceipt, batch: &Batch, network: &Network) -> Result<(), Failure> {
    let place = &batch.chain;
    ensure(receipt.chain == batch.chain, Check::Receipt, place, "the receipt is another chain's")?;
    ensure(receipt.batch == batch.id(), Check::Receipt, place, "the receipt is for another batch")?;
    let complete = receipt.receipts.len() == batch.contributions.len();
    ensure(complete, Check::Receipt, place, "there is not one receipt for each contribution")?;
    let chain = note::chain(network, &batch.chain)?;
    // A receipt is given when the chain has signed; that witnesses have too comes later, and is asked of evidence.
    let checkpoint = note::check_signed(&receipt.checkpoint, chain, network)?;
    let checkpoint = checkpoint.unverified();
    for (position, (receipt, contribution)) in receipt.receipts.iter().zip(&batch.contributions).enumerate() {
        let place = format_args!("{place} contribution {position}");
        let entry = contribution.entry().leaf_hash();
        let named = receipt.record == contribution.openings.header.record && receipt.entry == entry;
        ensure(named, Check::Receipt, place, "the receipt is for another record")?;
        check_inclusion(&entry, &receipt.inclusion, checkpoint, Check::Receipt, place)?;
    }
    Ok(())
}
