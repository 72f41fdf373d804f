//! The proofs of batches that came at about the same time, verified together.
//!
//! Kept true: each batch gets the verdict that it would get alone ([`nacre_zk::batch::verify_all`]); a group has at most
//! [`GROUP_CONTRIBUTIONS`] contributions and one batch more. Cost: 0.36 ms of one core a contribution in large groups;
//! a bad batch among 16 makes its group take half as long again, and 16 of 16 three times as long.

use std::sync::Arc;

use nacre_fhe::keys::PublicKey;
use nacre_schemas::catalogue::Catalogue;
use nacre_verifier::Network;
use nacre_zk::batch::MemberBatch;
use rand::rngs::OsRng;
use rayon::prelude::*;

use super::{Checked, rejected};
use crate::{
    cross,
    refusal::Refusal,
    work::{Place, Together},
};

/// Contributions at which a group takes no further batch. A group of that size keeps two cores busy for 0.2 s, which is
/// how long a batch waits for the group before; larger groups save next to nothing.
const GROUP_CONTRIBUTIONS: usize = 1_024;

/// A batch whose proofs are to be verified, with its place in the queue.
#[derive(Debug)]
pub(crate) struct Unproven {
    pub(super) checked: Checked,
    pub(super) place: Place,
}

/// Where batches gather for it.
pub(crate) type Proofs = Together<Unproven, Verdict>;

/// A batch with what its proofs came to.
type Verdict = (Checked, Result<(), Refusal>);

/// Starts the task that verifies for a network.
pub(crate) fn start(network: Arc<Network>, cross_key: Option<Arc<PublicKey>>) -> Proofs {
    let size = |unproven: &Unproven| unproven.checked.batch.contributions.len();
    Together::start(GROUP_CONTRIBUTIONS, size, move |group: Vec<Unproven>| {
        verify(Arc::clone(&network), cross_key.clone(), group)
    })
}

async fn verify(network: Arc<Network>, cross_key: Option<Arc<PublicKey>>, group: Vec<Unproven>) -> Vec<Verdict> {
    // The places are kept to the end of the work.
    let (checked, places): (Vec<Checked>, Vec<Place>) =
        group.into_iter().map(|unproven| (unproven.checked, unproven.place)).unzip();
    let Some(place) = places.first() else { return Vec::new() };
    let verified = place.run(move || {
        let batches: Vec<_> = checked.iter().map(|checked| MemberBatch::from(&checked.batch)).collect();
        let verdicts = nacre_zk::batch::verify_all(network.key(), Catalogue::built_in(), &batches, &mut OsRng);
        let lists: Vec<_> =
            checked.par_iter().map(|checked| cross::check_list(checked, &network, cross_key.as_deref())).collect();
        let verdicts = verdicts.into_iter().zip(lists).map(|(verdict, list)| verdict.map_err(rejected).and(list));
        checked.into_iter().zip(verdicts).collect()
    });
    // After a panic nobody is answered, and who waits learns of it by that.
    verified.await.unwrap_or_default()
}
