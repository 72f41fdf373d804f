//! Sigma and range proofs from bytes: verifying a batch does not panic, whatever it holds; and a batch that verifies,
//! changed in any byte but its signature's, does not.

use crate::{BATCH, NETWORK, rng};
use arbitrary::Arbitrary;
use nacre_schemas::{Document, Signature, batch::Batch, catalogue::Catalogue};
use nacre_zk::batch;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Bytes that are changed, by what.
    edits: Vec<(u16, u8)>,
    /// Written over at some place, if there is anything.
    splice: (u16, &'a [u8]),
}

/// One input.
pub fn run(data: &[u8]) {
    if let Some(input) = crate::input(data) {
        check(input);
    }
}

fn check(input: Input<'_>) {
    let good = BATCH.to_canonical();
    let mut bytes = good.clone();
    for (position, change) in input.edits.iter().take(8) {
        let position = usize::from(*position) % bytes.len();
        bytes[position] ^= change;
    }
    let (at, new) = input.splice;
    let at = usize::from(at) % bytes.len();
    for (byte, new) in bytes[at..].iter_mut().zip(new) {
        *byte = *new;
    }
    let Some(mut batch) = crate::one_encoding::<Batch>(&bytes) else { return };
    let verdict = batch::verify(NETWORK.key(), Catalogue::built_in(), &batch, &mut rng(7));
    batch.signature = Signature([0; 64]);
    let same = batch == *BATCH;
    assert_eq!(verdict.is_ok(), same, "a changed batch verifies, or an unchanged one does not");
}
